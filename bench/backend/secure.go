//go:build unix

package backend

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/bench/certs"
	"github.com/sluice-gateway/sluice/bench/seal"
)

// secure is the FTP server over explicit TLS, on a port of its own. crypto/tls waits where it reads, so
// its sessions have a goroutine each instead of a place in an event loop.
type secure struct {
	listen *net.TCPListener
	// resumable is for the control connection and for what is fetched. What is stored comes over
	// connections that are sent no ticket: a gateway that closes with a ticket unread resets them, and
	// it is speed that is looked at here.
	resumable, silent *tls.Config
	work              conc.WaitGroup

	mu     sync.Mutex
	open   map[net.Conn]struct{}
	closed bool
}

// Secure has the server also speak explicit TLS, at the address Addresses.Secure. Call it before Serve.
func (s *Server) Secure(own certs.Files) error {
	config, err := seal.ServerConfig(own)
	if err != nil {
		return err
	}
	l, err := net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(netip.AddrPortFrom(s.Control.Addr(), 0)))
	if err != nil {
		return fmt.Errorf("open the port for TLS: %w", err)
	}
	silent := config.Clone()
	silent.SessionTicketsDisabled = true
	s.tls = &secure{listen: l, resumable: config, silent: silent, open: map[net.Conn]struct{}{}}
	s.Addresses.Secure = l.Addr().(*net.TCPAddr).AddrPort()
	return nil
}

// serve answers clients until ctx ends.
func (s *secure) serve(ctx context.Context) error {
	defer s.work.Wait()
	defer context.AfterFunc(ctx, s.close)()
	for {
		conn, err := s.listen.AcceptTCP()
		switch {
		case ctx.Err() != nil:
			s.close()
			return nil
		case err != nil:
			s.close()
			return fmt.Errorf("accept a client over TLS: %w", err)
		}
		if !s.hold(conn) {
			return nil
		}
		g := &guest{home: s, tcp: conn, conn: conn, in: bufio.NewReaderSize(conn, maxLine)}
		s.work.Go(func() { g.serve(ctx) }) // ends with its connection
	}
}

// hold remembers a connection for close; false when it is too late.
func (s *secure) hold(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = c.Close()
		return false
	}
	s.open[c] = struct{}{}
	return true
}

func (s *secure) release(c net.Conn) {
	_ = c.Close() // it may be closed already
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
}

func (s *secure) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	_ = s.listen.Close()
	for c := range s.open {
		_ = c.Close()
	}
}

// guest is one control connection.
type guest struct {
	home     *secure
	tcp      *net.TCPConn
	conn     net.Conn // tcp, or TLS over it
	in       *bufio.Reader
	private  bool // data connections are TLS
	loggedIn bool
	passive  *net.TCPListener // nil before the first PASV or EPSV
}

func (g *guest) serve(ctx context.Context) {
	defer g.home.release(g.tcp)
	defer func() {
		if g.passive != nil {
			_ = g.passive.Close()
		}
	}()
	err := g.say("220 Proving ground ready.")
	for err == nil {
		var line string
		if line, err = g.in.ReadString('\n'); err == nil {
			verb, arg, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
			err = g.command(ctx, strings.ToUpper(verb), arg)
		}
	}
}

func (g *guest) say(text string) error {
	_, err := g.conn.Write([]byte(text + "\r\n"))
	return err
}

// plain are the replies to commands that change nothing here.
var plain = map[string]string{
	"USER": "331 Any password will do.",
	"FEAT": "211-Features:\r\n AUTH TLS\r\n EPSV\r\n PASV\r\n PBSZ\r\n PROT\r\n SIZE\r\n UTF8\r\n211 End",
	"OPTS": "200 Noted.", "SYST": "215 UNIX Type: L8", "NOOP": "200 Nothing done.", "PBSZ": "200 PBSZ=0",
	"PWD": `257 "/" is the current directory.`, "CWD": "250 Every directory is this one.",
	"TYPE": "200 Bytes are bytes.", "MODE": "200 Streams it is.", "STRU": "200 Files it is.",
}

// errQuit ends a session that was quit.
var errQuit = errors.New("the client quit")

// command answers one line; an error ends the session.
func (g *guest) command(ctx context.Context, verb, arg string) error {
	switch verb {
	case "AUTH":
		return g.shake(ctx)
	case "PROT":
		g.private = strings.EqualFold(arg, "P")
		return g.say("200 So be it.")
	case "PASS":
		g.loggedIn = true
		return g.say("230 Logged in.")
	case "PASV", "EPSV":
		return g.offer(verb)
	case "RETR", "STOR":
		return g.transfer(ctx, verb, arg)
	case "QUIT":
		return errors.Join(g.say("221 Goodbye."), errQuit)
	}
	if reply, ok := plain[verb]; ok {
		return g.say(reply)
	}
	return g.say("500 Unknown command.")
}

// shakeTimeout bounds a handshake and the wait for a data connection.
const shakeTimeout = 20 * time.Second

func (g *guest) shake(ctx context.Context) error {
	if err := g.say("234 Go."); err != nil {
		return err
	}
	if err := g.tcp.SetDeadline(time.Now().Add(shakeTimeout)); err != nil {
		return err
	}
	conn := tls.Server(g.tcp, g.home.resumable)
	if err := conn.HandshakeContext(ctx); err != nil {
		return err
	}
	if err := seal.Agreed(conn.ConnectionState()); err != nil {
		return err
	}
	g.conn = conn
	g.in.Reset(conn)
	return g.tcp.SetDeadline(time.Time{})
}
