//go:build unix

// Package backend is the FTP server that every target of the proving ground stands before. It keeps
// nothing: a file's name is its size (RETR 4g sends 4 GiB), what is stored is discarded, every login is
// right. It must never be what limits a measurement, so its sessions share one event loop for each
// worker, file bytes stay in the kernel, and a session opens one passive listener and keeps it.
//
// A second port speaks no FTP but raw streams, for peers that can relay bytes but not FTP's data
// connections: a line "RETR <name>" is answered by that many bytes and the end of the stream, a line
// "STOR" and bytes up to the end of the stream by "226 <count>".
//
// With a certificate, a third port speaks FTP over explicit TLS.
package backend

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/sluice-gateway/sluice/bench/bulk"
	"github.com/sluice-gateway/sluice/bench/reactor"
	"github.com/sluice-gateway/sluice/bench/wire"
)

// backlog is the listen queue of the control and the raw port; more than the clients of any scenario.
const backlog = 4096

// Addresses say where a backend listens.
type Addresses struct {
	Control netip.AddrPort `json:"control"`
	Raw     netip.AddrPort `json:"raw"`
	Secure  netip.AddrPort `json:"secure"` // explicit TLS; not valid without a certificate

	More []netip.AddrPort `json:"more,omitempty"` // further control ports: to a gateway, further backends
}

// Controls lists all control ports.
func (a Addresses) Controls() []netip.AddrPort { return append([]netip.AddrPort{a.Control}, a.More...) }

// Server is an open backend that does not serve yet.
type Server struct {
	Addresses
	control, raw int // listeners
	more         []int
	source       *bulk.Source
	tls          *secure // nil without a certificate
}

// Listen opens a backend on free ports of host (IPv4).
func Listen(host netip.Addr) (*Server, error) {
	s := &Server{control: -1, raw: -1}
	var err error
	if s.source, err = bulk.NewSource(); err != nil {
		return nil, err
	}
	at := netip.AddrPortFrom(host, 0)
	s.control, s.Control, err = wire.Listen(at, backlog)
	if err == nil {
		s.raw, s.Raw, err = wire.Listen(at, backlog)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// Multiply opens further control ports, so that there are n in all. They are ports of one address, since not
// every system has more than one on its loopback.
func (s *Server) Multiply(n int) error {
	for len(s.More)+1 < n {
		fd, at, err := wire.Listen(netip.AddrPortFrom(s.Control.Addr(), 0), backlog)
		if err != nil {
			return fmt.Errorf("open port %d of %d: %w", len(s.More)+2, n, err)
		}
		s.more, s.More = append(s.more, fd), append(s.More, at)
	}
	return nil
}

// Serve answers clients on the given number of threads until ctx ends, then closes everything. It
// returns nil at such an end.
func (s *Server) Serve(ctx context.Context, workers int) error {
	defer s.close()
	group, running := errgroup.WithContext(ctx)
	for range max(workers, 1) {
		w, err := newWorker(s)
		if err != nil {
			return errors.Join(err, group.Wait())
		}
		group.Go(func() error { return w.serve(running) })
	}
	if s.tls != nil {
		group.Go(func() error { return s.tls.serve(running) })
	}
	err := group.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (s *Server) close() {
	wire.Close(&s.control)
	wire.Close(&s.raw)
	for i := range s.more {
		wire.Close(&s.more[i])
	}
	if s.tls != nil {
		s.tls.close()
	}
	if s.source != nil {
		s.source.Close()
		s.source = nil
	}
}

// peer is one connection of a worker.
type peer interface {
	reactor.Handler
	end()
}

// worker is one event loop with the connections it accepted. All workers watch the same listeners.
type worker struct {
	server *Server
	loop   *reactor.Loop
	sink   *bulk.Sink
	verbs  map[string]verb
	peers  map[peer]struct{}
	out    []byte // scratch for replies
}

func newWorker(s *Server) (*worker, error) {
	loop, err := reactor.New()
	if err != nil {
		return nil, err
	}
	w := &worker{server: s, loop: loop, sink: bulk.NewSink(), verbs: allVerbs(), peers: map[peer]struct{}{}}
	greet := func(at netip.AddrPort) func(int) peer {
		welcome := fmt.Sprintf("230 Logged in at port %d.", at.Port()) // which backend it is, for whoever asks
		return func(fd int) peer { return newSession(w, fd, welcome) }
	}
	err = errors.Join(
		loop.Watch(s.control, reactor.Readable, &door{w: w, listener: s.control, open: greet(s.Control)}),
		loop.Watch(s.raw, reactor.Readable, &door{w: w, listener: s.raw, open: func(fd int) peer { return newStream(w, fd) }}),
	)
	for i, fd := range s.more {
		err = errors.Join(err, loop.Watch(fd, reactor.Readable, &door{w: w, listener: fd, open: greet(s.More[i])}))
	}
	if err != nil {
		loop.Close()
		return nil, err
	}
	return w, nil
}

func (w *worker) serve(ctx context.Context) error {
	defer w.loop.Close()
	defer func() {
		for p := range w.peers {
			p.end()
		}
	}()
	return w.loop.Run(ctx, time.Time{})
}

// door accepts on one listener.
type door struct {
	w        *worker
	listener int
	open     func(fd int) peer
}

// Ready takes one connection; level-triggered polling brings the next.
func (d *door) Ready() error {
	fd, err := wire.Accept(d.listener)
	if wire.Again(err) || errors.Is(err, unix.ECONNABORTED) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("accept a client: %w", err)
	}
	p := d.open(fd)
	d.w.peers[p] = struct{}{}
	return nil
}
