// Package listener is the accept loop of one address. It asks the reception to
// admit each client and waits for the nod before it accepts the next: that is
// how a full house is felt at the door instead of inside.
package listener

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
)

// Listener is the actor. The socket is opened by whoever assembles the gateway,
// who may have needed privileges for it, and outlives restarts of the actor.
type Listener struct {
	name   string
	ln     *net.TCPListener
	admit  mailbox.Mailbox[messages.ToReception]
	log    zerolog.Logger
	nod    chan struct{}
	owed   bool // an AdmitClient was sent whose nod did not come yet
	paused time.Duration
	limit  time.Duration // for the nod
}

// New returns the listener of an open socket. name is its configured address.
func New(name string, ln *net.TCPListener, reception mailbox.Mailbox[messages.ToReception], log zerolog.Logger) *Listener {
	return &Listener{name: name, ln: ln, admit: reception, log: log, nod: make(chan struct{}, 1), limit: nodTimeout}
}

func (l *Listener) String() string { return "listener " + l.name }

// Run accepts until ctx ends. Running out of descriptors is weathered with
// growing pauses: clients wait in the backlog meanwhile.
func (l *Listener) Run(ctx context.Context) error {
	if err := l.ln.SetDeadline(time.Time{}); err != nil {
		return fmt.Errorf("accepting on %s: %w", l.name, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = l.ln.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	for {
		conn, err := l.ln.AcceptTCP()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = conn.Close() // came in the instant of closing time
			}
			return nil
		case err == nil:
			l.paused = 0
		case temporary(err):
			if !l.pause(ctx, err) {
				return nil
			}
			continue
		default:
			return fmt.Errorf("accepting on %s: %w", l.name, err)
		}
		if err := l.hand(ctx, conn); err != nil {
			_ = conn.Close() // nobody took it over
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("handing a client to the reception: %w", err)
		}
	}
}

// hand passes a client on and waits for the nod.
func (l *Listener) hand(ctx context.Context, conn *net.TCPConn) error {
	if l.owed { // from before a crash of the reception: it may come late or never
		select {
		case <-l.nod:
		default:
		}
	}
	err := l.admit.Send(ctx, messages.AdmitClient{
		Conn: conn, Listener: l.name, Local: addrPort(conn.LocalAddr()), Remote: addrPort(conn.RemoteAddr()), Nod: l.nod,
	})
	if err != nil {
		return err
	}
	l.owed = true
	timer := time.NewTimer(l.limit)
	defer timer.Stop()
	select {
	case <-l.nod:
		l.owed = false
	case <-timer.C:
		l.log.Error().Str("listener", l.name).Msg("the reception does not nod, accepting all the same")
	case <-ctx.Done():
	}
	return nil
}

// nodTimeout is how long a reception may take that is being restarted.
const nodTimeout = 10 * time.Second

// temporary reports whether the socket is well although no client came of it.
// accept(2) hands on the errors of a connection that broke before it was
// accepted, and those of a firewall.
func temporary(err error) bool {
	var no syscall.Errno
	if !errors.As(err, &no) {
		return false
	}
	switch no {
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM: // this machine's
		return true
	case syscall.ECONNABORTED, syscall.EPROTO, syscall.EPERM, syscall.EOPNOTSUPP, syscall.ENOPROTOOPT,
		syscall.ENETDOWN, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.EHOSTUNREACH: // that connection's
		return true
	}
	return false
}

// pause waits a little longer each time; false means that ctx ended.
func (l *Listener) pause(ctx context.Context, err error) bool {
	if l.paused == 0 {
		l.log.Warn().Str("listener", l.name).Err(err).Msg("cannot accept, pausing")
	}
	l.paused = min(max(2*l.paused, 5*time.Millisecond), time.Second)
	timer := time.NewTimer(l.paused)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func addrPort(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		ap := t.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}
