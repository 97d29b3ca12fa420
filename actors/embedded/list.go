package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// batch is how many entries of a directory are held at a time. A directory
// with more is sorted only within each batch.
const batch = 1024

// listing is a directory, or one file, on its way to the client.
type listing struct {
	root *os.Root
	name string
	dir  *os.File // nil: only the file
	line func(b []byte, info fs.FileInfo, name string) []byte
}

// move sends one write for each batch.
func (l *listing) move(conn *net.TCPConn, stalled time.Duration) error {
	return l.each(func(b []byte) error {
		if len(b) == 0 {
			return nil
		}
		return write(conn, b, stalled)
	})
}

// each hands over the lines of one batch after the other.
func (l *listing) each(send func([]byte) error) error {
	if l.dir == nil {
		info, err := l.root.Stat(l.name)
		if err != nil {
			return fmt.Errorf("%w: %w", errLocal, err)
		}
		return send(append(l.line(nil, info, path.Base(l.name)), "\r\n"...))
	}
	for {
		names, err := l.dir.Readdirnames(batch)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errLocal, err)
		}
		slices.Sort(names)
		var b []byte
		for _, name := range names {
			b = l.entry(b, name)
		}
		if err := send(b); err != nil {
			return err
		}
	}
}

// entry appends the line of one entry, as what it leads to. Left out are files
// that are still arriving, those that went meanwhile or lead out of the root,
// and names that no line can hold.
func (l *listing) entry(b []byte, name string) []byte {
	if strings.HasPrefix(name, unfinished) || strings.ContainsAny(name, "\r\n") {
		return b
	}
	info, err := l.root.Stat(path.Join(l.name, name))
	if err != nil {
		return b
	}
	return append(l.line(b, info, name), "\r\n"...)
}

func (l *listing) settle() error { return nil }

func (l *listing) release() {
	if l.dir != nil {
		_ = l.dir.Close() // it was only read
	}
}

// longLine looks like `ls -l`, which is what clients expect of LIST.
func longLine(b []byte, info fs.FileInfo, name string) []byte {
	mode, links := info.Mode().Perm().String(), 1
	if info.IsDir() {
		mode, links = "d"+mode[1:], 2
	}
	when := "Jan _2 15:04"
	if age := time.Since(info.ModTime()); age > 180*24*time.Hour || age < -24*time.Hour {
		when = "Jan _2  2006"
	}
	return fmt.Appendf(b, "%s %3d ftp      ftp      %12d %s %s", mode, links, info.Size(), info.ModTime().UTC().Format(when), name)
}

// factLine writes the facts that the client wants at this moment.
func (s *session) factLine() func(b []byte, info fs.FileInfo, name string) []byte {
	facts := s.facts
	return func(b []byte, info fs.FileInfo, name string) []byte {
		return appendFacts(b, facts, info, kindOf(info), name)
	}
}

// look opens what a list command names.
func (s *session) look(arg string) (*listing, error) {
	name, ok := s.resolve(arg)
	if !ok {
		return nil, fs.ErrNotExist
	}
	info, err := s.root.Stat(name)
	if err != nil {
		return nil, err
	}
	l := &listing{root: s.root, name: name}
	if info.IsDir() {
		l.dir, err = s.root.Open(name)
	}
	return l, err
}

func (s *session) list(ctx context.Context, c ftp.Command, l *listing, err error) {
	if err != nil {
		s.reply(ftp.NewReply(550, c.Arg+": "+reason(err)))
		return
	}
	s.begin(ctx, &transfer{
		verb:  c.Verb,
		hello: ftp.NewReply(150, "Opening ASCII mode data connection for the list"),
		done:  complete(),
		cargo: l,
	})
}

func (s *session) cmdList(ctx context.Context, c ftp.Command) {
	c.Arg = withoutOptions(c.Arg)
	l, err := s.look(c.Arg)
	if err == nil {
		l.line = longLine
	}
	s.list(ctx, c, l, err)
}

// cmdNlst answers with names that can be given back as they are (RFC 1123
// §4.1.2.7): with the directory, if one was named.
func (s *session) cmdNlst(ctx context.Context, c ftp.Command) {
	c.Arg = withoutOptions(c.Arg)
	l, err := s.look(c.Arg)
	if err == nil {
		l.line = func(b []byte, _ fs.FileInfo, name string) []byte {
			switch {
			case l.dir == nil:
				return append(b, c.Arg...)
			case c.Arg != "":
				b = append(b, strings.TrimSuffix(c.Arg, "/")+"/"...)
			}
			return append(b, name...)
		}
	}
	s.list(ctx, c, l, err)
}

func (s *session) cmdMlsd(ctx context.Context, c ftp.Command) {
	l, err := s.look(c.Arg)
	if err == nil && l.dir == nil {
		s.reply(ftp.NewReply(501, c.Arg+": Not a directory"))
		return
	}
	if err == nil {
		l.line = s.factLine()
	}
	s.list(ctx, c, l, err)
}

// withoutOptions drops the "-la" that many clients send along.
func withoutOptions(arg string) string {
	for strings.HasPrefix(arg, "-") {
		_, arg, _ = strings.Cut(arg, " ")
		arg = strings.TrimLeft(arg, " ")
	}
	return arg
}
