// Package backend is the actor of a backend's control connection: it connects,
// then turns bytes into replies and tells the session. It never writes commands;
// of TLS, which needs both directions, it does the handshake. It owns the
// connection and closes it when it ends.
package backend

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/ftp"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
	"github.com/sluice-gateway/sluice/runtime/readiness"
	"github.com/sluice-gateway/sluice/runtime/sockets"
)

// Config is what one attempt needs.
type Config struct {
	Attempt   uint32
	Endpoints []netip.AddrPort // in the order to try (race.go)
	Source    sockets.Source   // ProxySourceAddress
	Timeout   time.Duration    // for all of them (ProxyTimeoutConnect); 0: none
	Header    []byte           // sent ahead of everything else (PROXY protocol); nil: nothing
	Implicit  Secure           // the handshake of a backend that begins in TLS; nil: it does not
	Buffers   *readiness.Buffers
	Tell      mailbox.Mailbox[messages.ToSession]
}

// Link is the actor of one attempt and the connection it leads to.
type Link struct {
	cfg  Config
	tcp  *net.TCPConn
	in   *readiness.Reader
	hold atomic.Bool // stand still behind the next final reply
	nods chan Secure // how to go on from there; nil: in clear

	headStart time.Duration // of an endpoint over the next one
}

// New returns a link that Run brings to life.
func New(cfg Config) *Link { return &Link{cfg: cfg, nods: make(chan Secure, 1), headStart: headStart} }

func (l *Link) String() string { return fmt.Sprintf("backend link %d", l.cfg.Attempt) }

// Run connects and reads until the connection or ctx ends.
func (l *Link) Run(ctx context.Context) error {
	conn, info, err := l.connectAside(ctx)
	if l.tcp != nil {
		defer l.tcp.Close() // all that mattered was written and answered by now
	}
	if err == nil {
		err = l.readFrom(conn)
	}
	if err != nil {
		return l.say(ctx, messages.BackendUnreachable{Attempt: l.cfg.Attempt, Err: err})
	}
	defer func() { l.in.Release() }()
	stop := context.AfterFunc(ctx, func() { _ = l.tcp.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()

	connected := messages.BackendConnected{
		Attempt: l.cfg.Attempt, Conn: conn, TLS: info,
		Local: addrPort(conn.LocalAddr()), Remote: addrPort(conn.RemoteAddr()),
	}
	if l.cfg.Tell.Send(ctx, connected) != nil {
		return nil // the session ended, and with it the use of a connection
	}
	return l.say(ctx, messages.BackendLost{Attempt: l.cfg.Attempt, Err: l.read(ctx)})
}

// read passes replies on until it cannot.
func (l *Link) read(ctx context.Context) error {
	var decode ftp.ReplyDecoder
	for {
		b, err := l.in.Read()
		if err != nil {
			return err
		}
		decode.Feed(b)
		for {
			r, ok, err := decode.Next()
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			// Looked at before the session hears of the reply: it may ask to
			// hold because of that, and mean the next one.
			held := !r.Preliminary() && l.hold.CompareAndSwap(true, false)
			if err := l.cfg.Tell.Send(ctx, messages.ReplyReceived{Attempt: l.cfg.Attempt, Reply: r}); err != nil {
				return err
			}
			if held {
				if err := l.standStill(ctx, decode.Buffered()); err != nil {
					return err
				}
			}
		}
		l.in.Release()
	}
}

// say tells the session, unless it no longer listens. What its context has ended
// is no news to it: told all the same, it might pass for a loss.
func (l *Link) say(ctx context.Context, m messages.ToSession) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // as said above
	}
	err := l.cfg.Tell.Send(ctx, m)
	if ctx.Err() != nil || errors.Is(err, mailbox.ErrGone) {
		return nil //nolint:nilerr // as said above
	}
	return err
}

// connectAside connects on a goroutine that ends with it: a dial needs a deep
// stack, and the one of this actor should stay small for its long wait.
//
//go:noinline
func (l *Link) connectAside(ctx context.Context) (conn net.Conn, info messages.TLSInfo, err error) {
	var wg conc.WaitGroup
	wg.Go(func() { // bounded by the connect's timeout, the handshake's limit and ctx
		if l.tcp, err = l.connect(ctx); err != nil {
			return
		}
		if err = l.announce(); err != nil {
			return
		}
		if conn = l.tcp; l.cfg.Implicit == nil {
			return
		}
		if conn, info, err = l.cfg.Implicit(ctx, l.tcp); err != nil {
			err = fmt.Errorf("error enabling TLS on control connection to backend server: %w", err)
		}
	})
	wg.Wait()
	return conn, info, err
}

// announceTime is far more than a header takes: a new connection's buffer has room
// for it.
const announceTime = 5 * time.Second

// announce sends the header, in one write. Without it the backend would take the
// client for the gateway, if it took it at all: that is no connection.
func (l *Link) announce() error {
	if len(l.cfg.Header) == 0 {
		return nil
	}
	err := l.tcp.SetWriteDeadline(time.Now().Add(announceTime))
	if err == nil {
		_, err = l.tcp.Write(l.cfg.Header)
	}
	if err == nil {
		err = l.tcp.SetWriteDeadline(time.Time{})
	}
	if err != nil {
		return fmt.Errorf("sending the PROXY header: %w", err)
	}
	return nil
}

func addrPort(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		ap := t.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}
