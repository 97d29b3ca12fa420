package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"time"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// step is how much moves under one deadline.
const step = 256 << 10

// outgoing is a file on its way to the client.
type outgoing struct {
	file  *os.File
	ascii bool
}

// move lets the kernel copy from file to socket: both ends stay what they are,
// behind nothing but a limit.
func (o *outgoing) move(conn *net.TCPConn, stalled time.Duration) error {
	if o.ascii {
		return o.moveLines(conn, stalled)
	}
	for {
		if err := conn.SetDeadline(time.Now().Add(stalled)); err != nil {
			return err
		}
		n, err := conn.ReadFrom(&io.LimitedReader{R: o.file, N: step})
		if err != nil {
			return sourceFault(err)
		}
		if n < step {
			return nil // the end of the file
		}
	}
}

// moveLines ends each line with CRLF (RFC 959 §3.1.1.1).
func (o *outgoing) moveLines(conn *net.TCPConn, stalled time.Duration) error {
	buf := make([]byte, 32<<10)
	out := make([]byte, 0, 2*len(buf))
	var before byte
	for {
		n, rerr := o.file.Read(buf)
		out, before = appendNetLines(out[:0], buf[:n], before)
		if len(out) > 0 {
			if err := write(conn, out, stalled); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(rerr, io.EOF):
			return nil
		case rerr != nil:
			return fmt.Errorf("%w: %w", errLocal, rerr)
		}
	}
}

// appendNetLines puts a CR before every LF that has none. before is the byte
// that came ahead of b; the last one is returned.
func appendNetLines(out, b []byte, before byte) ([]byte, byte) {
	for _, c := range b {
		if c == '\n' && before != '\r' {
			out = append(out, '\r')
		}
		out = append(out, c)
		before = c
	}
	return out, before
}

func write(conn *net.TCPConn, b []byte, stalled time.Duration) error {
	if err := conn.SetDeadline(time.Now().Add(stalled)); err != nil {
		return err
	}
	_, err := conn.Write(b)
	return err
}

func (o *outgoing) settle() error { return nil }
func (o *outgoing) release()      { _ = o.file.Close() } // it was only read

// sourceFault tells the file's errors from the network's.
func sourceFault(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return fmt.Errorf("%w: %w", errLocal, err)
	}
	return err
}

func (s *session) cmdRetr(ctx context.Context, c ftp.Command) {
	name, ok := s.resolve(c.Arg)
	info, err := s.root.Stat(name)
	switch {
	case !ok || err != nil:
		s.reply(missing(c))
		return
	case !info.Mode().IsRegular():
		s.reply(ftp.NewReply(550, c.Arg+": Not a regular file"))
		return
	case s.restart > info.Size():
		s.reply(ftp.NewReply(554, "REST is beyond the end of the file"))
		return
	}
	file, err := s.root.Open(name)
	if err != nil {
		s.reply(ftp.NewReply(550, c.Arg+": Permission denied"))
		return
	}
	if _, err := file.Seek(s.restart, io.SeekStart); err != nil {
		_ = file.Close()
		s.reply(ftp.Failed(451, c.Verb, "Local error in processing"))
		return
	}
	s.begin(ctx, &transfer{
		verb:  c.Verb,
		hello: ftp.NewReply(150, fmt.Sprintf("Opening %s mode data connection for %s (%d bytes)", s.mode(), c.Arg, info.Size()-s.restart)),
		done:  complete(),
		cargo: &outgoing{file: file, ascii: s.ascii},
	})
}

func (s *session) mode() string {
	if s.ascii {
		return "ASCII"
	}
	return "BINARY"
}

func complete() ftp.Reply { return ftp.NewReply(226, "Transfer complete") }
