//go:build unix

package backend

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/bench/seal"
)

// offer opens the session's passive listener, once, and names it.
func (g *guest) offer(verb string) error {
	if g.passive == nil {
		var err error
		host := g.tcp.LocalAddr().(*net.TCPAddr).IP
		if g.passive, err = net.ListenTCP("tcp4", &net.TCPAddr{IP: host}); err != nil {
			return g.say("425 No port to listen on.")
		}
	}
	at := g.passive.Addr().(*net.TCPAddr)
	if verb == "EPSV" {
		return g.say(fmt.Sprintf("229 Entering Extended Passive Mode (|||%d|)", at.Port))
	}
	host := strings.ReplaceAll(at.IP.String(), ".", ",")
	return g.say(fmt.Sprintf("227 Entering Passive Mode (%s,%d,%d).", host, at.Port>>8, at.Port&0xff))
}

func (g *guest) transfer(ctx context.Context, verb, name string) error {
	size, named := namedSize([]byte(name))
	switch {
	case !g.loggedIn:
		return g.say("530 Please log in with USER and PASS.")
	case !g.private:
		return g.say("521 Data connections are to be private here.")
	case g.passive == nil:
		return g.say("425 Use PASV or EPSV first.")
	case verb == "RETR" && !named:
		return g.say(noSuchName)
	}
	if err := g.say("150 Go."); err != nil {
		return err
	}
	if err := g.passive.SetDeadline(time.Now().Add(shakeTimeout)); err != nil {
		return err
	}
	conn, err := g.passive.AcceptTCP()
	if err != nil {
		return g.say("425 Nobody came.")
	}
	if !g.home.hold(conn) {
		return net.ErrClosed
	}
	if verb == "STOR" {
		err = g.swallow(ctx, conn)
	} else {
		err = g.pour(ctx, conn, size)
	}
	if err != nil {
		g.home.release(conn)
		return g.say("426 The data connection broke: " + strings.ReplaceAll(err.Error(), "\n", " "))
	}
	return g.say("226 Done.")
}

func (g *guest) swallow(ctx context.Context, conn *net.TCPConn) error {
	s, err := seal.Server(ctx, conn, g.home.silent)
	if err != nil {
		return err
	}
	err = s.Swallow(func(int) {})
	s.Close()
	g.home.release(conn)
	return err
}

// pour leaves the connection to a goroutine that awaits the client's end, since a client may want to
// hear its 226 first.
func (g *guest) pour(ctx context.Context, conn *net.TCPConn, size int64) error {
	s, err := seal.Server(ctx, conn, g.home.resumable)
	if err != nil {
		return err
	}
	for err == nil && size > 0 {
		var n int64
		n, err = s.Pour(size)
		size -= n
	}
	if err == nil {
		err = s.End()
	}
	if err != nil {
		s.Close()
		return err
	}
	g.home.work.Go(func() { // ends with the connection, or at the deadline
		_ = conn.SetReadDeadline(time.Now().Add(shakeTimeout)) // fails only on a closed one
		s.Drain()
		s.Close()
		g.home.release(conn)
	})
	return nil
}
