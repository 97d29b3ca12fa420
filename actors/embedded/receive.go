package embedded

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// unfinished begins the names of files that are still arriving. Clients cannot
// see or name them.
const unfinished = ".sluice-upload-"

// incoming is a file that arrives under a temporary name beside its own.
type incoming struct {
	root      *os.Root
	temporary string
	name      string
	file      *os.File
	ascii     bool
	heldCR    bool // ASCII: a CR was read whose LF may follow
}

// receive makes the temporary file, beginning with the first keep bytes of the
// file of that name (APPE: all of them, REST: those before the restart).
func (s *session) receive(name string, keep int64) (*incoming, error) {
	in := &incoming{root: s.root, name: name, ascii: s.ascii, temporary: path.Join(path.Dir(name), unfinished+rand.Text())}
	var err error
	if in.file, err = s.root.OpenFile(in.temporary, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666); err != nil {
		return nil, err
	}
	if keep > 0 {
		if err := in.preload(keep); err != nil {
			in.release()
			return nil, err
		}
	}
	return in, nil
}

func (in *incoming) preload(keep int64) error {
	old, err := in.root.Open(in.name)
	if err != nil {
		return err
	}
	defer func() { _ = old.Close() }() // it was only read
	_, err = io.CopyN(in.file, old, keep)
	return err
}

// move lets the kernel copy from socket to file where it can.
func (in *incoming) move(conn *net.TCPConn, stalled time.Duration) error {
	if in.ascii {
		return in.moveLines(conn, stalled)
	}
	for {
		if err := conn.SetDeadline(time.Now().Add(stalled)); err != nil {
			return err
		}
		n, err := in.file.ReadFrom(&io.LimitedReader{R: conn, N: step})
		if err != nil {
			return sinkFault(err)
		}
		if n < step {
			return nil // the client closed, properly
		}
	}
}

// moveLines turns CRLF into LF, also where a read parts the two.
func (in *incoming) moveLines(conn *net.TCPConn, stalled time.Duration) error {
	buf := make([]byte, 32<<10)
	for {
		if err := conn.SetDeadline(time.Now().Add(stalled)); err != nil {
			return err
		}
		n, rerr := conn.Read(buf)
		ended := errors.Is(rerr, io.EOF)
		if _, err := in.file.Write(in.unixLines(buf[:n], ended)); err != nil {
			return fmt.Errorf("%w: %w", errLocal, err)
		}
		switch {
		case ended:
			return nil
		case rerr != nil:
			return rerr
		}
	}
}

func (in *incoming) unixLines(b []byte, last bool) []byte {
	if in.heldCR {
		b = append([]byte{'\r'}, b...)
	}
	if in.heldCR = !last && bytes.HasSuffix(b, []byte{'\r'}); in.heldCR {
		b = b[:len(b)-1]
	}
	return bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))
}

// sinkFault tells the network's errors from the file's, which may wrap them
// when the kernel copies.
func sinkFault(err error) error {
	for _, network := range []error{os.ErrDeadlineExceeded, net.ErrClosed, syscall.ECONNRESET, syscall.ETIMEDOUT, syscall.EPIPE} {
		if errors.Is(err, network) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", errLocal, err)
}

// settle gives the file its name: now, and all at once, it is there.
func (in *incoming) settle() error {
	err := in.file.Close()
	in.file = nil
	if err == nil {
		err = in.root.Rename(in.temporary, in.name)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errLocal, err)
	}
	in.temporary = ""
	return nil
}

// release removes what was not settled.
func (in *incoming) release() {
	if in.file != nil {
		_ = in.file.Close() // it goes anyway
	}
	if in.temporary != "" {
		_ = in.root.Remove(in.temporary) // invisible, if it cannot be
	}
}

func (s *session) cmdStor(ctx context.Context, c ftp.Command) {
	s.upload(ctx, c, c.Arg, s.restart, complete())
}

func (s *session) cmdAppe(ctx context.Context, c ftp.Command) {
	s.upload(ctx, c, c.Arg, wholeFile, complete())
}

// cmdStou chooses the name and tells it as RFC 1123 §4.1.2.9 wants.
func (s *session) cmdStou(ctx context.Context, c ftp.Command) {
	base := c.Arg
	if base == "" || strings.Contains(base, "/") {
		base = "upload"
	}
	name := base + "." + strings.ToLower(rand.Text()[:10])
	s.upload(ctx, c, name, 0, ftp.NewReply(226, "Transfer complete (unique file name: "+name+")"))
}

// wholeFile keeps everything that the file holds.
const wholeFile = -1

func (s *session) upload(ctx context.Context, c ftp.Command, arg string, keep int64, done ftp.Reply) {
	name, ok := s.resolve(arg)
	if !ok || name == "." {
		s.reply(ftp.NewReply(553, arg+": File name not allowed"))
		return
	}
	var size int64
	switch info, err := s.root.Stat(name); {
	case err == nil && !info.Mode().IsRegular():
		s.reply(ftp.NewReply(553, arg+": Not a regular file"))
		return
	case err == nil:
		size = info.Size()
	case !errors.Is(err, fs.ErrNotExist):
		s.reply(ftp.NewReply(553, arg+": Permission denied"))
		return
	}
	if keep == wholeFile {
		keep = size
	}
	if keep > size {
		s.reply(ftp.NewReply(554, "REST is beyond the end of the file"))
		return
	}
	in, err := s.receive(name, keep)
	if err != nil {
		s.reply(ftp.NewReply(553, arg+": "+reason(err)))
		return
	}
	hello := fmt.Sprintf("Opening %s mode data connection for %s", s.mode(), arg)
	if c.Verb == ftp.STOU {
		hello = "FILE: " + arg
	}
	s.begin(ctx, &transfer{verb: c.Verb, hello: ftp.NewReply(150, hello), done: done, cargo: in})
}
