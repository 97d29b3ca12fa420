package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/logfile"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
)

// maxFinish bounds how many times Config.Longest a journal goes on reading after it was told to stop.
const maxFinish = 10

// Config tunes a Journal. Zero values mean the defaults.
type Config struct {
	Capacity int           // messages that may wait; 0 means 1024, negative means none
	Longest  time.Duration // longest time that a line waits for others while messages keep coming; 0 means 200 ms
	Retry    time.Duration // pause between attempts at a file that does not work; 0 means 2 s
	Backlog  int           // bytes that may wait for one such file; 0 means 4 MiB, about 30,000 lines

	// Files are logs that are open already, usually because only root may open them. The journal
	// closes them, and those that it opens itself, when Close is called.
	Files []*logfile.File
	// Open opens a log that is not among Files; nil means logfile.Open without any exemption.
	Open func(path string) (*logfile.File, error)
	// Others are reopened along with these logs; they belong to somebody else.
	Others []*logfile.File
}

func (c Config) withDefaults() Config {
	if c.Capacity == 0 {
		c.Capacity = 1024
	}
	if c.Longest == 0 {
		c.Longest = 200 * time.Millisecond
	}
	if c.Retry == 0 {
		c.Retry = 2 * time.Second
	}
	if c.Backlog == 0 {
		c.Backlog = 4 << 20
	}
	if c.Open == nil {
		c.Open = func(path string) (*logfile.File, error) { return logfile.Open(path, logfile.Rules{}) }
	}
	return c
}

// Journal is the actor. Its state outlives a crash of Run, so that a restart loses no line that was
// accepted.
type Journal struct {
	// immutable
	cfg   Config
	log   zerolog.Logger
	inbox mailbox.Mailbox[messages.ToJournal]

	// owned by Run
	books map[string]*book
}

// New makes a journal; nothing happens before Run.
func New(cfg Config, log zerolog.Logger) *Journal {
	cfg = cfg.withDefaults()
	j := &Journal{
		cfg:   cfg,
		log:   log.With().Str("actor", "journal").Logger(),
		inbox: mailbox.New[messages.ToJournal](cfg.Capacity),
		books: make(map[string]*book),
	}
	for _, file := range cfg.Files {
		j.books[file.Path()] = &book{path: file.Path(), file: file}
	}
	return j
}

// String names the actor.
func (j *Journal) String() string { return "journal" }

// Mailbox is where to send messages. Retire it when the journal will not run again.
func (j *Journal) Mailbox() mailbox.Mailbox[messages.ToJournal] { return j.inbox }

// Run records until ctx ends, then writes what is queued and returns.
func (j *Journal) Run(ctx context.Context) error {
	retry := time.NewTicker(j.cfg.Retry)
	defer retry.Stop()
	for {
		select {
		case m := <-j.inbox.C():
			j.handle(m)
			j.gather()
			_ = j.flush() // its errors are reported where they happen
		case <-retry.C:
			j.retryFailing()
		case <-ctx.Done():
			j.finish()
			return nil
		}
	}
}

// gather handles what waits in the mailbox, until that is empty or Longest has passed, and says whether
// it stopped for the latter.
func (j *Journal) gather() (more bool) {
	since := time.Now()
	for {
		select {
		case m := <-j.inbox.C():
			j.handle(m)
		default:
			return false
		}
		if time.Since(since) >= j.cfg.Longest {
			return true
		}
	}
}

func (j *Journal) handle(m messages.ToJournal) {
	switch m := m.(type) {
	case messages.RecordTransfer:
		j.record(m)
	case messages.RecordCommand:
		j.recordCommand(&m)
	case messages.OpenTransferLog:
		m.Reply <- messages.TransferLogOpened{Log: m.Log, Err: j.openAhead(m.Log)}
	case messages.ReopenLogs:
		err := j.reopen()
		if m.Reply != nil {
			m.Reply <- messages.LogsReopened{Err: err}
		}
	case messages.FlushLogs:
		m.Reply <- messages.LogsFlushed{Err: j.flush()}
	}
}

// record adds the line of a transfer to its book.
func (j *Journal) record(r messages.RecordTransfer) {
	b := j.book(r.Log)
	if j.overflows(b) {
		j.spill(r.Log, appendXferlog(nil, r))
		return
	}
	b.pending = appendXferlog(b.pending, r)
	j.writeMuch(b)
}

// overflows says that a book does not work and is full, so that lines go to the system log.
func (j *Journal) overflows(b *book) bool { return b.trouble != nil && len(b.pending) >= j.cfg.Backlog }

// writeMuch writes a book that has gathered enough.
func (j *Journal) writeMuch(b *book) {
	if len(b.pending) >= maxWrite && b.trouble == nil {
		j.write(b)
	}
}

// book is the book of a path; its file is opened with the first write.
func (j *Journal) book(path string) *book {
	b := j.books[path]
	if b == nil {
		b = &book{path: path}
		j.books[path] = b
	}
	return b
}

// openAhead opens a book's file before there is anything to write.
func (j *Journal) openAhead(path string) error {
	b := j.book(path)
	if b.file != nil {
		return nil
	}
	file, err := j.open(path)
	switch {
	case err == nil:
		b.file = file
	case len(b.pending) == 0:
		delete(j.books, path) // nobody may ever use it
	}
	return err
}

// open opens what a path names. A nil file in an interface would be none, so errors come without it.
func (j *Journal) open(path string) (target, error) {
	if strings.HasPrefix(path, logfile.SyslogPrefix) {
		s, err := logfile.OpenSyslog(path)
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	file, err := j.cfg.Open(path)
	if err != nil {
		return nil, err
	}
	return file, nil
}

// flush writes every book that works and returns the errors of those that do not.
func (j *Journal) flush() error {
	var problems []error
	for _, b := range j.sorted() {
		if b.trouble == nil {
			j.write(b)
		}
		if b.trouble != nil && len(b.pending) > 0 {
			problems = append(problems, b.trouble)
		}
	}
	return errors.Join(problems...)
}

// retryFailing gives the books that did not work another chance.
func (j *Journal) retryFailing() {
	for _, b := range j.sorted() {
		if b.trouble != nil {
			j.write(b)
		}
	}
}

// reopen writes what waits to the old files and opens all of them anew. A file that did not work gets
// its chance in the new one.
func (j *Journal) reopen() error {
	_ = j.flush() // its errors are reported where they happen
	var problems []error
	for _, b := range j.sorted() {
		if b.file == nil {
			continue
		}
		if err := b.reopen(); err != nil {
			problems = append(problems, err)
			continue
		}
		j.write(b)
	}
	for _, file := range j.cfg.Others {
		if err := file.Reopen(); err != nil {
			problems = append(problems, err)
		}
	}
	err := errors.Join(problems...)
	if err != nil {
		j.log.Error().Err(err).Msg("some logs could not be reopened")
	}
	return err
}

// finish is the end of Run: everything that was sent is written, or at least not lost. Who still sends
// by now should have been stopped before; a stream that does not end is cut after a while.
func (j *Journal) finish() {
	for rounds := 0; j.gather() && rounds < maxFinish; rounds++ {
		_ = j.flush() // its errors are reported where they happen
	}
	_ = j.flush()
	j.retryFailing()
	for _, b := range j.sorted() {
		j.spillBook(b)
	}
}

// Close closes the logs. Call it after Run has ended for good.
func (j *Journal) Close() error {
	var problems []error
	for _, b := range j.sorted() {
		if b.file != nil {
			problems = append(problems, b.file.Close())
		}
	}
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("closing logs: %w", err)
	}
	return nil
}

// sorted lists the books by path, so that reports come in the same order every time.
func (j *Journal) sorted() []*book {
	books := make([]*book, 0, len(j.books))
	for _, b := range j.books {
		books = append(books, b)
	}
	slices.SortFunc(books, byPath)
	return books
}
