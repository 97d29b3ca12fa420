package embedded

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// door is how the next data connection comes about: somebody knocks at ln, or
// we go to addr. Either way the other end is the host of the control
// connection, or nobody.
type door struct {
	ln    *net.TCPListener // nil: active
	addr  netip.AddrPort   // where to go, for active
	local netip.Addr       // where to go from, for active
	peer  netip.Addr
}

// open waits for the connection until ctx or the time allowed ends.
func (d *door) open(ctx context.Context, within time.Duration) (*net.TCPConn, error) {
	if d.ln == nil {
		return d.dial(ctx, within)
	}
	defer d.close()
	if err := d.ln.SetDeadline(time.Now().Add(within)); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = d.ln.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	for {
		conn, err := d.ln.AcceptTCP()
		if err != nil {
			return nil, err
		}
		if addrPort(conn.RemoteAddr()).Addr() == d.peer {
			return conn, nil
		}
		_ = conn.Close() // a stranger; the one who was asked in may still come
	}
}

func (d *door) dial(ctx context.Context, within time.Duration) (*net.TCPConn, error) {
	dialer := net.Dialer{Timeout: within, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(d.local, 0))}
	conn, err := dialer.DialContext(ctx, "tcp", d.addr.String())
	if err != nil {
		return nil, err
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil, errors.Join(errors.New("not a TCP connection"), conn.Close())
	}
	return tcp, nil
}

func (d *door) close() {
	if d.ln != nil {
		_ = d.ln.Close() // again, perhaps
	}
}

// dropDoor forgets what PASV and its relatives agreed.
func (s *session) dropDoor() {
	if s.door != nil {
		s.door.close()
		s.door = nil
	}
}

// listen opens a passive door at the address the client reached us at.
func (s *session) listen() (port uint16, err error) {
	s.dropDoor()
	ln, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(s.local.Addr(), 0)))
	if err != nil {
		return 0, err
	}
	s.door = &door{ln: ln, peer: s.peer.Addr()}
	return addrPort(ln.Addr()).Port(), nil
}

// afterAll refuses everything but EPSV once EPSV ALL was sent (RFC 2428 §4).
func (s *session) afterAll(c ftp.Command) bool {
	if s.epsvAll {
		s.reply(ftp.NewReply(501, c.Verb+" is not possible after EPSV ALL"))
	}
	return s.epsvAll
}

func (s *session) cmdPasv(_ context.Context, c ftp.Command) {
	if s.afterAll(c) {
		return
	}
	if !s.local.Addr().Is4() {
		s.reply(ftp.NoPassiveIPv6())
		return
	}
	port, err := s.listen()
	if err != nil {
		s.reply(ftp.DataFailed(c.Verb, "no port is free"))
		return
	}
	reply, err := ftp.EnteringPassive(netip.AddrPortFrom(s.local.Addr(), port))
	if err != nil {
		reply = ftp.NoPassiveIPv6()
	}
	s.reply(reply)
}

// cmdEpsv accepts the family of the control connection and no other.
func (s *session) cmdEpsv(_ context.Context, c ftp.Command) {
	family := "1"
	if s.local.Addr().Is6() {
		family = "2"
	}
	switch {
	case strings.EqualFold(c.Arg, "ALL"):
		s.epsvAll = true
		s.reply(ftp.CommandOK("EPSV ALL"))
		return
	case c.Arg != "" && c.Arg != family:
		s.reply(ftp.NewReply(522, "Network protocol not supported, use ("+family+")"))
		return
	}
	port, err := s.listen()
	if err != nil {
		s.reply(ftp.DataFailed(c.Verb, "no port is free"))
		return
	}
	s.reply(ftp.EnteringExtendedPassive(port))
}

func (s *session) cmdPort(_ context.Context, c ftp.Command) {
	if s.afterAll(c) {
		return
	}
	addr, err := ftp.ParsePORT(c.Arg)
	if err != nil {
		s.reply(ftp.MalformedAddress(c.Verb))
		return
	}
	s.goTo(c, addr)
}

func (s *session) cmdEprt(_ context.Context, c ftp.Command) {
	if s.afterAll(c) {
		return
	}
	addr, named, err := ftp.ParseEPRT(c.Arg)
	switch {
	case errors.Is(err, ftp.ErrUnknownFamily):
		s.reply(ftp.FamilyUnknown(true))
		return
	case err != nil:
		s.reply(ftp.MalformedAddress(c.Verb))
		return
	case !named:
		addr = netip.AddrPortFrom(s.peer.Addr(), addr.Port())
	}
	s.goTo(c, addr)
}

// goTo notes an active door, unless it leads to a third host or a port of the
// system (RFC 2577 §3).
func (s *session) goTo(c ftp.Command, addr netip.AddrPort) {
	if addr.Addr().Unmap() != s.peer.Addr() || addr.Port() < 1024 {
		s.reply(ftp.IllegalAddress(c.Verb))
		return
	}
	s.dropDoor()
	s.door = &door{addr: netip.AddrPortFrom(s.peer.Addr(), addr.Port()), local: s.local.Addr(), peer: s.peer.Addr()}
	s.reply(ftp.CommandOK(c.Verb))
}
