package dialogue

import (
	"errors"
	"net/netip"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// offer is what both sides agreed on for the next data connection. For a
// client's PASV, EPSV, PORT or EPRT the backend is asked first, so that its
// refusal becomes the client's answer.
type offer struct {
	front, back leg
	command     ftp.Command    // the client's, while negotiating
	verb        string         // ours to the backend, while negotiating
	frontAddr   netip.AddrPort // from PORT or EPRT, while negotiating
	state       offerState
}

// leg is one side of an offer.
type leg struct {
	set    bool
	listen bool
	addr   netip.AddrPort
}

func (l leg) plan(protected bool) Leg { return Leg{Listen: l.listen, Addr: l.addr, TLS: protected} }

type offerState uint8

const (
	offerIdle offerState = iota
	offerListensBack
	offerAsksBackend
	offerListensFront
)

func (o *offer) pending() bool  { return o.state != offerIdle }
func (o *offer) complete() bool { return o.state == offerIdle && o.front.set && o.back.set }

func (m *Machine) pasv(c ftp.Command) {
	if m.arranges(c) {
		return
	}
	if m.cfg.Client.Addr().Is6() {
		m.answer(ftp.NoPassiveIPv6())
		return
	}
	m.negotiate(c, netip.AddrPort{})
}

func (m *Machine) epsv(c ftp.Command) {
	if !m.arranges(c) {
		m.negotiate(c, netip.AddrPort{})
	}
}

func (m *Machine) port(c ftp.Command) {
	if !m.cfg.Direct.Check && m.arranges(c) {
		return
	}
	addr, err := ftp.ParsePORT(c.Arg)
	if err != nil {
		m.answer(ftp.MalformedAddress(c.Verb))
		return
	}
	m.active(c, addr)
}

func (m *Machine) eprt(c ftp.Command) {
	if !m.cfg.Direct.Check && m.arranges(c) {
		return
	}
	addr, hasAddr, err := ftp.ParseEPRT(c.Arg)
	switch {
	case errors.Is(err, ftp.ErrUnknownFamily):
		m.answer(ftp.FamilyUnknown(m.cfg.UseIPv6))
		return
	case err != nil:
		m.answer(ftp.MalformedAddress(c.Verb))
		return
	case !hasAddr:
		addr = netip.AddrPortFrom(m.cfg.Client.Addr(), addr.Port())
	case addr.Addr().Is6() && !addr.Addr().Is4In6() && !m.cfg.UseIPv6:
		m.answer(ftp.FamilyUnknown(false))
		return
	}
	m.active(c, addr)
}

// active checks where the client wants us to connect to: never to a third
// host, never to a port of the system (RFC 2577, FTP bounce).
func (m *Machine) active(c ftp.Command, addr netip.AddrPort) {
	ip := addr.Addr().Unmap()
	client := m.cfg.Client.Addr()
	if isPublic(client) && isPublic(m.cfg.Local.Addr()) && ip.IsPrivate() && !m.cfg.Direct.On {
		ip = client // a client behind NAT that names its inner address
	}
	if ip != client && !m.foreignAllowed(ip) || addr.Port() < 1024 || m.isOurs(netip.AddrPortFrom(ip, addr.Port())) {
		m.do(Note{Level: Warn, Addr: addr, Command: c,
			Text: "Refused " + c.Verb + " (address mismatch, reserved port or own listener), possible bounce attack"})
		m.answer(ftp.IllegalAddress(c.Verb))
		return
	}
	if !m.arranges(c) {
		m.negotiate(c, netip.AddrPortFrom(ip, addr.Port()))
	}
}

func (m *Machine) foreignAllowed(ip netip.Addr) bool {
	return m.cfg.ForeignAllowed != nil && m.cfg.ForeignAllowed(ip)
}

func (m *Machine) isOurs(at netip.AddrPort) bool {
	return m.cfg.OwnListener != nil && m.cfg.OwnListener(at)
}

func isPublic(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate()
}

// isInner reports an address that leads nowhere from outside of its network.
func isInner(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast()
}

// negotiate starts over with both sides; addr is the client's in active mode.
func (m *Machine) negotiate(c ftp.Command, addr netip.AddrPort) {
	m.do(DropOffers{})
	m.offer = offer{command: c, frontAddr: addr}
	m.askBackend(m.backendVerb(c.Verb))
}

// backendVerb chooses the command for the backend's side.
func (m *Machine) backendVerb(client string) string {
	verb := client
	switch m.cfg.DataPolicy {
	case PreferActive, OnlyEPRT:
		verb = ftp.EPRT
	case PreferPassive, OnlyEPSV:
		verb = ftp.EPSV
	case OnlyPASV:
		verb = ftp.PASV
	case OnlyPORT:
		verb = ftp.PORT
	case ClientChooses:
	}
	b := &m.back
	ipv6 := b.remote.Addr().Is6()
	switch verb {
	case ftp.PASV, ftp.EPSV:
		// PASV cannot express IPv6 (RFC 2428 §1). A backend that lists EPRT
		// knows EPSV too.
		known := b.features.Has(ftp.EPSV) || b.features.Has(ftp.EPRT)
		if ipv6 || verb == ftp.EPSV && known && !b.noEPSV {
			return ftp.EPSV
		}
		return ftp.PASV
	default:
		if ipv6 || verb == ftp.EPRT && b.features.Has(ftp.EPRT) && !b.noEPRT {
			return ftp.EPRT
		}
		return ftp.PORT
	}
}

// askBackend sends one of the four verbs; the active ones need a listener of
// ours first.
func (m *Machine) askBackend(verb string) {
	m.offer.verb = verb
	switch verb {
	case ftp.PASV, ftp.EPSV:
		m.offer.state = offerAsksBackend
		m.ask(ftp.Command{Verb: verb}, func(m *Machine, r ftp.Reply) { m.passiveReply(verb, r) })
	default:
		m.offer.state = offerListensBack
		m.do(Listen{Side: messages.BackSide, IPv6: m.back.local.Addr().Is6()})
	}
}

// listening goes on when one of our listeners is up.
func (m *Machine) listening(ev messages.Listening) {
	switch {
	case m.offer.state == offerListensBack && ev.Side == messages.BackSide:
		m.backListening(ev)
	case m.offer.state == offerListensFront && ev.Side == messages.FrontSide:
		m.frontListening(ev)
	}
}

func (m *Machine) backListening(ev messages.Listening) {
	if ev.Err != nil {
		m.note(Error, "cannot listen for the backend's data connection", ev.Err)
		m.refuse(ftp.DataFailed(m.offer.command.Verb, "No data port available"))
		return
	}
	addr := netip.AddrPortFrom(m.back.local.Addr(), ev.Addr.Port())
	verb := m.offer.verb
	arg, err := ftp.FormatPORT(addr)
	if verb == ftp.EPRT {
		arg, err = ftp.FormatEPRT(addr)
	}
	if err != nil {
		m.note(Error, "cannot tell the backend our data address", err)
		m.refuse(ftp.DataFailed(m.offer.command.Verb, "No data port available"))
		return
	}
	m.offer.state = offerAsksBackend
	m.offer.back = leg{listen: true, addr: addr}
	m.ask(ftp.Command{Verb: verb, Arg: arg, HasArg: true}, func(m *Machine, r ftp.Reply) { m.activeReply(verb, r) })
}

// unknown reports a reply that says that the backend does not have a command,
// so that it need not be asked again.
func unknown(r ftp.Reply) bool {
	switch r.Code {
	case 500, 501, 502, 504, 522:
		return true
	}
	return false
}

// passiveReply reads where the backend listens. A refused EPSV is tried again
// as PASV where that can work, whoever wanted EPSV.
func (m *Machine) passiveReply(verb string, r ftp.Reply) {
	if verb == ftp.EPSV && r.Code != 229 && !m.back.remote.Addr().Is6() {
		m.back.noEPSV = unknown(r)
		m.do(Note{Level: Info, Text: "backend refused EPSV, trying PASV", Reply: r})
		m.askBackend(ftp.PASV)
		return
	}
	if !r.Positive() {
		m.refuse(r)
		return
	}
	addr, err := m.passiveAddr(verb, r)
	if err != nil {
		m.do(Note{Level: Warn, Text: "Refused passive address of backend", Err: err, Reply: r})
		m.refuse(ftp.OperationNotPermitted(m.offer.command.Verb))
		return
	}
	m.offer.back = leg{set: true, addr: addr}
	m.agreeWithClient()
}

var errForeign = errors.New("address mismatch with the control connection (ProxyOptions AllowForeignAddress or IgnoreForeignAddress)")
var errReserved = errors.New("reserved port")
var errOurs = errors.New("it is a listener of this gateway")

// passiveAddr checks the address of a 227 or 229 reply.
func (m *Machine) passiveAddr(verb string, r ftp.Reply) (netip.AddrPort, error) {
	addr, err := m.passiveFrom(verb, r)
	if err == nil && m.isOurs(addr) {
		err = errOurs
	}
	if err == nil && m.cfg.DataRefused != nil {
		err = m.cfg.DataRefused(addr)
	}
	return addr, err
}

func (m *Machine) passiveFrom(verb string, r ftp.Reply) (netip.AddrPort, error) {
	peer := m.back.remote.Addr()
	if verb == ftp.EPSV {
		port, err := ftp.ParseEPSVReply(r.Text)
		if err == nil && port < 1024 {
			err = errReserved
		}
		return netip.AddrPortFrom(peer, port), err
	}
	addr, err := ftp.ParsePASVReply(r.Text)
	own := netip.AddrPortFrom(peer, addr.Port())
	switch {
	case err != nil:
		return addr, err
	case addr.Port() < 1024:
		return addr, errReserved
	case addr.Addr().Unmap() == peer, m.cfg.IgnoreForeign:
		return own, nil
	case addr.Addr().IsUnspecified(), isPublic(peer) && isInner(addr.Addr()) && !m.cfg.AllowForeign:
		m.do(Note{Level: Info, Addr: addr, Text: "backend named an address that only means something to itself, connecting to its own"})
		return own, nil
	case m.cfg.AllowForeign:
		return addr, nil
	}
	return addr, errForeign
}

// activeReply sees whether the backend will connect to us.
func (m *Machine) activeReply(verb string, r ftp.Reply) {
	if !r.Positive() && verb == ftp.EPRT && !m.back.remote.Addr().Is6() {
		m.back.noEPRT = unknown(r)
		m.offer.verb = ftp.PORT
		m.do(Note{Level: Info, Text: "backend refused EPRT, trying PORT", Reply: r})
		m.backListening(messages.Listening{Side: messages.BackSide, Addr: m.offer.back.addr})
		return
	}
	if !r.Positive() {
		r.Code = 425
		m.refuse(r)
		return
	}
	m.offer.back.set = true
	m.agreeWithClient()
}

// agreeWithClient does our half with the client.
func (m *Machine) agreeWithClient() {
	if v := m.offer.command.Verb; v == ftp.PASV || v == ftp.EPSV {
		m.offer.state = offerListensFront
		m.do(Listen{Side: messages.FrontSide, IPv6: m.cfg.Local.Addr().Is6()})
		return
	}
	m.offer.state = offerIdle
	m.offer.front = leg{set: true, addr: m.offer.frontAddr}
	m.answer(ftp.CommandOK(m.offer.command.Verb))
}

func (m *Machine) frontListening(ev messages.Listening) {
	if ev.Err != nil {
		m.note(Error, "cannot listen for the client's data connection", ev.Err)
		m.refuse(ftp.DataFailed(m.offer.command.Verb, "No data port available"))
		return
	}
	m.offer.state = offerIdle
	m.offer.front = leg{set: true, listen: true, addr: ev.Addr}
	if m.offer.command.Verb == ftp.EPSV {
		m.answer(ftp.EnteringExtendedPassive(ev.Addr.Port()))
		return
	}
	shown := m.cfg.Local.Addr()
	switch {
	case m.front.ftps() && m.cfg.TLSMasquerade.IsValid():
		shown = m.cfg.TLSMasquerade
	case m.cfg.Masquerade.IsValid():
		shown = m.cfg.Masquerade
	}
	r, err := ftp.EnteringPassive(netip.AddrPortFrom(shown, ev.Addr.Port()))
	if err != nil { // a MasqueradeAddress of the wrong family
		m.note(Error, "cannot show the client our data address", err)
		m.refuse(ftp.OperationNotPermitted(ftp.PASV))
		return
	}
	m.answer(r)
}

// refuse ends the negotiation with a reply to the client.
func (m *Machine) refuse(r ftp.Reply) {
	m.do(DropOffers{})
	m.offer = offer{}
	m.answer(r)
}
