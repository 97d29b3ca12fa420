package journal

import (
	"bytes"
	"cmp"
	"os"

	"github.com/sluice-gateway/sluice/runtime/logfile"
)

// maxWrite is the most that is gathered for one write.
const maxWrite = 256 << 10

// target is where the lines of a book go: a file, or the system's own log.
type target interface {
	Write(p []byte) (n int, err error)
	Reopen() error
	Close() error
}

// book is one log: its file and the lines that wait to be written to it.
type book struct {
	path    string
	file    target // nil: not opened yet
	pending []byte // lines, but for the part of the first one that is in torn
	torn    []byte // beginning of the first pending line, which the file has already
	trouble error  // why the last attempt failed; nil while all is well
}

func byPath(a, b *book) int { return cmp.Compare(a.path, b.path) }

// write hands the pending lines to the file and keeps what it does not take. Trouble is reported when it
// begins and when it ends, not with every attempt.
func (j *Journal) write(b *book) {
	if len(b.pending) == 0 && b.trouble == nil {
		return
	}
	if b.file == nil {
		file, err := j.open(b.path)
		if err != nil {
			j.report(b, err)
			return
		}
		b.file = file
	}
	n, err := b.file.Write(b.pending)
	b.taken(min(n, len(b.pending)))
	if err != nil {
		j.report(b, err)
		return
	}
	if b.trouble != nil {
		j.log.Info().Str("log", b.path).Msg("log can be written again")
		b.trouble = nil
	}
}

// taken notes that the file has the first n pending bytes.
func (b *book) taken(n int) {
	written := b.pending[:n]
	if end := bytes.LastIndexByte(written, '\n'); end >= 0 {
		b.torn = b.torn[:0]
		written = written[end+1:]
	}
	b.torn = append(b.torn, written...)
	b.pending = append(b.pending[:0], b.pending[n:]...)
	if len(b.pending) == 0 && cap(b.pending) > 2*maxWrite {
		b.pending = nil // a long backlog is over
	}
}

// reopen opens the book's file anew. A line that the old file has only the beginning of is written whole
// if that brings another file.
func (b *book) reopen() error {
	file, ok := b.file.(*logfile.File)
	if !ok {
		return b.file.Reopen()
	}
	before, err := file.Stat()
	if err != nil {
		return err
	}
	if err := file.Reopen(); err != nil {
		return err
	}
	after, err := file.Stat()
	if err == nil && !os.SameFile(before, after) {
		b.startOver()
	}
	return err
}

// startOver makes the first line whole again, for a new file that has not its beginning.
func (b *book) startOver() {
	b.pending = append(b.torn, b.pending...)
	b.torn = nil
}

// report says that a book does not work, once for each time that it stops working.
func (j *Journal) report(b *book, err error) {
	if b.trouble == nil {
		j.log.Error().Err(err).Str("log", b.path).
			Msg("log cannot be written; its lines are kept and tried again: free space, or correct TransferLog or ExtendedLog")
	}
	b.trouble = err
}

// spillBook moves the pending lines of a book to the system log. Should the file work again after all,
// a line of which it has the beginning is ended there, so that the next one stands alone.
func (j *Journal) spillBook(b *book) {
	if len(b.pending) == 0 {
		return
	}
	torn := len(b.torn) > 0
	b.startOver()
	j.spill(b.path, b.pending)
	b.pending = b.pending[:0]
	if torn {
		b.pending = append(b.pending, '\n')
	}
}

// spill puts lines into the system log, each as it would have been in its own.
func (j *Journal) spill(path string, lines []byte) {
	for line := range bytes.Lines(lines) {
		if line[0] == '\n' {
			continue // ends a line that was spilled before
		}
		j.log.Warn().Str("log", path).Bytes("line", bytes.TrimSuffix(line, []byte("\n"))).
			Msg("line not in its log")
	}
}
