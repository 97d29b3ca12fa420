package ftpsession

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sluice-gateway/sluice/actors/backend"
	"github.com/sluice-gateway/sluice/actors/stage"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/protocols/ftp"
	"github.com/sluice-gateway/sluice/runtime/sockets"
)

// lineWriter is the only way onto a control connection: every line is encoded
// by the codec, which refuses CR, LF and NUL inside, and written at once under
// a deadline.
type lineWriter struct {
	conn  net.Conn
	tcp   *sockets.Writer // nil: conn is no plain TCP connection
	share *Services
	until time.Time // the write deadline that is set
	now   time.Time // of the event that is being answered; zero: look at the clock

	failed bool // a write did: what TLS would write after it is of no use
}

func newLineWriter(conn net.Conn, share *Services) lineWriter {
	w := lineWriter{conn: conn, share: share}
	if tcp, ok := conn.(*net.TCPConn); ok {
		// An error means that it is closed, which the first write will tell.
		w.tcp, _ = sockets.NewWriter(tcp)
	}
	return w
}

func (w *lineWriter) reply(r ftp.Reply) error {
	buf := w.borrow()
	defer w.share.scratch.Put(buf)
	*buf = r.Append((*buf)[:0])
	return w.write(*buf)
}

func (w *lineWriter) command(c ftp.Command) error {
	if w.conn == nil {
		return net.ErrClosed
	}
	buf := w.borrow()
	defer w.share.scratch.Put(buf)
	line, err := c.Append((*buf)[:0])
	if err != nil {
		return fmt.Errorf("encoding %s for the backend: %w", c.Verb, err)
	}
	*buf = line
	return w.write(line)
}

// abort sends ABOR the way RFC 959 §4.1.3 wants it: the Telnet interrupt as
// urgent data, so that a server that is busy sending takes notice.
func (w *lineWriter) abort() error {
	tcp, ok := w.conn.(*net.TCPConn)
	if !ok {
		return w.command(ftp.Command{Verb: ftp.ABOR})
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	w.refresh()
	var serr error
	err = raw.Write(func(fd uintptr) bool {
		serr = unix.Send(int(fd), []byte(ftp.AbortUrgent), unix.MSG_OOB|unix.MSG_NOSIGNAL)
		return serr != unix.EAGAIN
	})
	if err == nil {
		err = serr
	}
	if err != nil {
		return fmt.Errorf("sending the urgent part of ABOR: %w", err)
	}
	return w.write([]byte(ftp.AbortLine))
}

func (w *lineWriter) borrow() *[]byte {
	if b, ok := w.share.scratch.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, 0, 512)
	return &b
}

func (w *lineWriter) write(b []byte) error {
	w.refresh()
	if w.tcp != nil {
		return w.tcp.Write(b)
	}
	_, err := w.conn.Write(b)
	w.failed = w.failed || err != nil
	return err
}

// part says the proper end of TLS, if that is what is written to.
func (w *lineWriter) part() {
	if c, ok := w.conn.(*stage.Conn); ok && !w.failed {
		_ = c.CloseNotify() // a peer that is gone need not know
	}
}

// refresh keeps a write deadline ahead of now. Moving it costs a lock, so it is
// moved only when half of it is used up.
func (w *lineWriter) refresh() {
	now, limit := w.now, w.share.waits().write
	if now.IsZero() {
		now = time.Now()
	}
	if w.until.Sub(now) < limit/2 {
		w.until = now.Add(limit)
		_ = w.conn.SetWriteDeadline(w.until) // fails only on a closed one, and so will the write
	}
}

// link is the session's side of the backend's control connection.
type link struct {
	attempt uint32
	lease   messages.LeaseID
	cancel  context.CancelFunc
	writer  lineWriter
	local   netip.AddrPort
	remote  netip.AddrPort

	actor *backend.Link
	url   backendurl.URL
	visit *stage.Visit // nil: no handshake was wanted yet
}

func (l *link) take(ev messages.BackendConnected, share *Services) {
	if ev.Attempt != l.attempt {
		return
	}
	l.writer = newLineWriter(ev.Conn, share)
	l.local, l.remote = ev.Local, ev.Remote
}

func (l *link) secured(ev messages.BackendSecured, share *Services) {
	if ev.Attempt == l.attempt {
		l.writer = newLineWriter(ev.Conn, share)
	}
}

// part says goodbye to a backend in TLS.
func (l *link) part() { l.writer.part() }

// drop ends the link's actor, which closes the connection.
func (l *link) drop() {
	if l.cancel != nil {
		l.cancel()
	}
	l.writer, l.visit = lineWriter{}, nil
	l.local, l.remote = netip.AddrPort{}, netip.AddrPort{}
}

// closeClient closes the client's connection. Input that was never read would
// make the kernel reset it and take the last reply with it, so that is read
// away first, for a moment.
func (s *Session) closeClient() {
	defer s.conn.Close()
	if s.secrecy.handshake { // nothing was said that could be lost
		return
	}
	s.writer.part()
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return
	}
	unread := 0
	if err := raw.Control(func(fd uintptr) { unread, _ = unix.IoctlGetInt(int(fd), inputQueue) }); err != nil || unread == 0 {
		return
	}
	if err := s.conn.CloseWrite(); err != nil {
		return
	}
	_ = s.conn.SetReadDeadline(time.Now().Add(farewellTime))
	buf := make([]byte, 4<<10)
	for range farewellReads {
		if _, err := s.conn.Read(buf); err != nil {
			return
		}
	}
}

// How long and how much a client that keeps talking is listened to at the end.
const (
	farewellTime  = 500 * time.Millisecond
	farewellReads = 64
)
