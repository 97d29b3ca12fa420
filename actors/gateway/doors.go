package gateway

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/sluice-gateway/sluice/actors/listener"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
	"github.com/sluice-gateway/sluice/runtime/supervise"
)

// doors is the actor that runs the listeners, each under its own supervision: a
// socket that goes wrong does not close the others.
type doors struct {
	log       zerolog.Logger
	inbox     mailbox.Mailbox[messages.ToDoors]
	reception mailbox.Mailbox[messages.ToReception]

	// owned by Run
	kids *supervise.Group
	hung map[string]*door
}

type door struct {
	socket *net.TCPListener
	stop   context.CancelFunc
}

func newDoors(log zerolog.Logger, reception mailbox.Mailbox[messages.ToReception]) *doors {
	return &doors{log: log, reception: reception, inbox: mailbox.New[messages.ToDoors](1), hung: map[string]*door{}}
}

func (d *doors) String() string { return "doors" }

// Run keeps the listeners going until ctx ends. If it falls its sockets stay
// open for its next life.
func (d *doors) Run(ctx context.Context) error {
	life, end := context.WithCancel(ctx)
	d.kids = supervise.NewGroup(16)
	defer func() { // third
		if ctx.Err() != nil {
			closeSockets(d.sockets())
		}
	}()
	defer d.kids.Wait()           // second
	defer end()                   // first: tells the listeners
	for name, h := range d.hung { // from before a restart of this actor
		d.start(life, name, h)
	}
	for {
		select {
		case m := <-d.inbox.C():
			if m, ok := m.(messages.HangDoors); ok {
				d.hang(life, m)
			}
		case exit := <-d.kids.Exits():
			if exit.Err != nil {
				d.log.Error().Err(exit.Err).Stringer("actor", exit.Actor).Msg("listener ended by a fault")
			}
		case <-ctx.Done():
			return nil
		}
	}
}

func (d *doors) hang(ctx context.Context, m messages.HangDoors) {
	wanted := map[string]bool{}
	for _, s := range m.Sockets {
		wanted[s.Name] = true
		if _, ok := d.hung[s.Name]; ok && s.Socket != nil {
			_ = s.Socket.Close() // one door of a name is enough, and it may have clients waiting
			continue
		} else if ok || s.Socket == nil {
			continue // it stays
		}
		h := &door{socket: s.Socket}
		d.hung[s.Name] = h
		d.start(ctx, s.Name, h)
	}
	for name, h := range d.hung {
		if !wanted[name] {
			h.stop()
			_ = h.socket.Close() // clients in its backlog are refused, as on a removed address
			delete(d.hung, name)
			d.log.Info().Str("listener", name).Msg("listener closed")
		}
	}
	m.Done <- struct{}{}
}

// start runs one listener under a tree of its own.
func (d *doors) start(ctx context.Context, name string, h *door) {
	ctx, h.stop = context.WithCancel(ctx)
	l := listener.New(name, h.socket, d.reception, d.log)
	// Never given up: a socket without a listener would let clients wait for ever.
	tree := supervise.NewTree(l.String(), supervise.Options{Budget: supervise.Budget{Limit: math.Inf(1)}, Observe: func(e supervise.Event) {
		if e.Kind == supervise.Restarting {
			d.log.Warn().Err(e.Err).Str("actor", e.Child).Stringer("pause", e.Pause.Round(time.Millisecond)).Msg("listener restarting")
		}
	}})
	tree.Add(supervise.Child{Actor: l})
	d.kids.Go(ctx, tree) // ends by stop
}

// sockets lists what is hung; only for Run and after its end.
func (d *doors) sockets() []messages.OpenSocket {
	var all []messages.OpenSocket
	for name, h := range d.hung {
		all = append(all, messages.OpenSocket{Name: name, Socket: h.socket})
	}
	return all
}

// address is a listening address.
type address struct {
	name    string // as shown and compared
	network string // tcp, tcp4 or tcp6
	host    string // empty: every address
	port    uint16
}

// openSockets binds those of the addresses that are not open yet. On an error
// nothing that it opened stays open.
func openSockets(ctx context.Context, wanted []address, open map[string]bool) (fresh []messages.OpenSocket, err error) {
	for _, a := range wanted {
		if open[a.name] {
			continue
		}
		s, err := bind(ctx, a)
		if err != nil {
			closeSockets(fresh)
			return nil, err
		}
		fresh = append(fresh, messages.OpenSocket{Name: a.name, Socket: s})
	}
	return fresh, nil
}

func closeSockets(sockets []messages.OpenSocket) {
	for _, s := range sockets {
		_ = s.Socket.Close() // a listening socket holds nothing that could be lost
	}
}

func bind(ctx context.Context, a address) (*net.TCPListener, error) {
	lc := net.ListenConfig{KeepAlive: -1, Control: inherit}
	lc.SetMultipathTCP(false)
	ln, err := lc.Listen(ctx, a.network, net.JoinHostPort(a.host, fmt.Sprint(a.port)))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("listening on %s: the address is in use, stop the other server or change Port: %w", a.name, err)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("listening on %s: ports below 1024 need root or CAP_NET_BIND_SERVICE: %w", a.name, err)
	case err != nil:
		return nil, fmt.Errorf("listening on %s: %w", a.name, err)
	}
	tcp, ok := ln.(*net.TCPListener)
	if !ok {
		_ = ln.Close()
		return nil, fmt.Errorf("listening on %s: %T is no TCP listener", a.name, ln)
	}
	return tcp, nil
}

// inherit sets on the listening socket what every accepted one takes over, so
// that accepting costs no further system calls: keep-alive, and urgent bytes
// left where they stand in the stream, as ABOR comes with them (RFC 959
// §4.1.3).
func inherit(_, _ string, c syscall.RawConn) error {
	var serr error
	err := c.Control(func(fd uintptr) {
		for _, opt := range []int{unix.SO_KEEPALIVE, unix.SO_OOBINLINE} {
			if e := unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, opt, 1); e != nil {
				serr = e
			}
		}
	})
	return errors.Join(err, serr)
}
