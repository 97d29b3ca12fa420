// Package embedded is a small FTP server over one directory: the backend of
// `sluice demo` and of tests that want a real server without installing one.
// It is honest rather than large: a file is visible under its name only once
// all of it has arrived, and nothing outside the directory can be reached.
//
//	server     accepts, counts and supervises the sessions
//	└ session  owns the control connection and what the dialogue remembers
//	  ├ reader    turns bytes into commands
//	  └ transfer  at most one: opens a data connection and moves one cargo
package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/protocols/ftp"
	"github.com/sluice-gateway/sluice/runtime/supervise"
)

// Config says what is served to whom. Zero durations and counts mean defaults.
type Config struct {
	Name     string            // greets the client and names the actor
	Dir      string            // served as "/"; links that lead out of it do not work
	Address  string            // to listen at; empty: a free port of 127.0.0.1
	Accounts map[string]string // passwords by user; nil: every user, any password

	MaxSessions int           // clients at one time; 0: 64
	Idle        time.Duration // a session without commands ends; 0: 5 min
	Login       time.Duration // time from accept to login; 0: 1 min
	Stalled     time.Duration // for each 256 KiB of a transfer, and for opening it; 0: 1 min

	Log zerolog.Logger
}

func (c Config) withDefaults() Config {
	if c.Address == "" {
		c.Address = "127.0.0.1:0"
	}
	if c.MaxSessions == 0 {
		c.MaxSessions = 64
	}
	if c.Idle == 0 {
		c.Idle = 5 * time.Minute
	}
	if c.Login == 0 {
		c.Login = time.Minute
	}
	if c.Stalled == 0 {
		c.Stalled = time.Minute
	}
	return c
}

// Server is the actor. It listens from New on; clients are served in Run.
type Server struct {
	cfg   Config
	root  *os.Root
	ln    *net.TCPListener
	verbs map[string]verb

	// owned by Run
	kids    *supervise.Group
	clients int // sessions that run
}

// New opens the directory and the listening socket. Run must follow, or Close.
func New(ctx context.Context, cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	root, err := os.OpenRoot(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("opening the directory to serve: %w", err)
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", cfg.Address)
	if err != nil {
		_ = root.Close() // the error that counts is the other one
		return nil, fmt.Errorf("listening for %q: %w", cfg.Name, err)
	}
	tcp, ok := ln.(*net.TCPListener)
	if !ok {
		return nil, errors.Join(fmt.Errorf("listening on %s: %T is no TCP listener", cfg.Address, ln), ln.Close(), root.Close())
	}
	return &Server{cfg: cfg, root: root, ln: tcp, verbs: verbTable()}, nil
}

// Addr is where the server listens.
func (s *Server) Addr() netip.AddrPort { return addrPort(s.ln.Addr()) }

func (s *Server) String() string { return "embedded server " + s.cfg.Name }

// Close gives back what New opened. Run does so by itself.
func (s *Server) Close() error {
	err := s.ln.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	return errors.Join(err, s.root.Close())
}

// Run serves until ctx ends, then says goodbye to its clients and waits for
// their sessions.
func (s *Server) Run(ctx context.Context) error {
	defer func() { _ = s.root.Close() }() // second: sessions need it to tidy up
	s.kids = supervise.NewGroup(16)
	defer s.kids.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	arrived := make(chan *net.TCPConn)
	door := supervise.Func("acceptor", func(ctx context.Context) error { return s.accept(ctx, arrived) })
	s.kids.Go(ctx, door) // ends when the listener closes
	defer func() { _ = s.ln.Close() }()
	for {
		select {
		case conn := <-arrived:
			s.admit(ctx, conn)
		case exit := <-s.kids.Exits():
			if exit.Actor == door {
				return exit.Err
			}
			s.clients--
			if exit.Err != nil {
				s.cfg.Log.Error().Err(exit.Err).Stringer("actor", exit.Actor).Msg("session broke off")
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// accept hands clients to Run one by one.
func (s *Server) accept(ctx context.Context, arrived chan<- *net.TCPConn) error {
	for {
		conn, err := s.ln.AcceptTCP()
		switch {
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			if err == nil {
				_ = conn.Close() // came in the instant of closing time
			}
			return nil
		case err != nil:
			pause(ctx) // out of descriptors: clients wait in the backlog
			continue
		}
		select {
		case arrived <- conn:
		case <-ctx.Done():
			_ = conn.Close()
			return nil
		}
	}
}

// pause waits a little, or until ctx ends.
func pause(ctx context.Context) {
	timer := time.NewTimer(50 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (s *Server) admit(ctx context.Context, conn *net.TCPConn) {
	if s.clients >= s.cfg.MaxSessions {
		_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = conn.Write(ftp.Closing("too many users").Append(nil)) // a courtesy
		_ = conn.Close()
		return
	}
	s.clients++
	s.kids.Go(ctx, newSession(&s.cfg, s.verbs, s.root, conn)) // ends with its client, or with ctx
}

func addrPort(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		ap := t.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}
