package stage

import (
	"crypto/tls"
	"net"
	"net/netip"
	"strings"
	"unicode"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/tlspolicy"
)

// describe puts what was agreed on in OpenSSL's words.
func describe(state *tls.ConnectionState) messages.TLSInfo {
	bits, _ := tlspolicy.SuiteBits(state.CipherSuite)
	return messages.TLSInfo{
		Version: tlspolicy.VersionName(state.Version),
		Cipher:  tlspolicy.SuiteName(state.CipherSuite),
		Bits:    bits,
		Resumed: state.DidResume,
		Name:    state.ServerName,
	}
}

// logCreated writes the line that operators know of mod_tls and mod_proxy.
func logCreated(e *zerolog.Event, info messages.TLSInfo, channel string) {
	if info.Resumed {
		e = e.Bool("resumed", true)
	}
	e.Str("channel", channel).Msgf("%s connection created, using cipher %s (%d bits)", info.Version, info.Cipher, info.Bits)
}

// introduced says what a client called the server, and what its certificate calls the
// client.
func introduced(e *zerolog.Event, state *tls.ConnectionState) *zerolog.Event {
	if state.ServerName != "" {
		e = e.Str("sni", state.ServerName)
	}
	if len(state.PeerCertificates) > 0 {
		e = e.Str("subject", tlspolicy.DN(state.PeerCertificates[0].RawSubject))
	}
	return e
}

// vars are the TLS_… variables of the control connection.
func (g *Guest) vars(state *tls.ConnectionState) map[string]string {
	own := g.shown
	if own == nil { // a resumed session shows none
		own = g.server.pairs[0].Leaf
	}
	return tlspolicy.Vars(state, own, g.server.config.Vars)
}

// peer is what certificates tell of the control connection.
func (g *Guest) peer(state *tls.ConnectionState) messages.TLSPeer {
	own := g.shown
	if own == nil { // as above
		own = g.server.pairs[0].Leaf
	}
	p := messages.TLSPeer{Signature: tlspolicy.SignatureName(own), Key: tlspolicy.KeyName(own)}
	if len(state.PeerCertificates) > 0 {
		p.Known = true
		if name := state.PeerCertificates[0].Subject.CommonName; !strings.ContainsFunc(name, unicode.IsControl) {
			p.CommonName = name
		}
	}
	return p
}

// diagnose logs a handshake of a client in detail, where that is asked for.
func (g *Guest) diagnose(conn *Conn, err error) {
	if !g.server.config.Diags {
		return
	}
	e := g.log.Info().Str("side", "client")
	if g.shown != nil {
		e = e.Str("certificate", tlspolicy.DN(g.shown.RawSubject))
	}
	diagnose(e.Bool("ticket", g.offered != nil), conn, err)
}

func diagnose(e *zerolog.Event, conn *Conn, err error) {
	if err != nil {
		e.Err(err).Msg("TLS handshake refused or broken off")
		return
	}
	state := conn.State()
	e = e.Str("version", tlspolicy.VersionName(state.Version)).
		Str("cipher", tlspolicy.SuiteName(state.CipherSuite)).
		Stringer("curve", state.CurveID).
		Str("sni", state.ServerName).
		Str("alpn", state.NegotiatedProtocol).
		Bool("resumed", state.DidResume).
		Bool("retried", state.HelloRetryRequest)
	if len(state.OCSPResponse) > 0 {
		e = e.Int("ocsp_staple", len(state.OCSPResponse))
	}
	for _, c := range state.PeerCertificates[:min(1, len(state.PeerCertificates))] {
		e = e.Str("peer", tlspolicy.DN(c.RawSubject)).Str("issuer", tlspolicy.DN(c.RawIssuer)).Time("until", c.NotAfter).Int("chain", len(state.PeerCertificates))
	}
	e.Msg("TLS handshake done")
}

func addrOf(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
