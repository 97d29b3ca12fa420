package ftpsession

import (
	"crypto/rand"
	"net/netip"
	"slices"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/proxyproto"
)

// The PROXY header by which backends hear of the client (ProxyOptions
// UseProxyProtocolV1, V2 and V2TLVs). It goes ahead of everything else on control
// connections, in either role. Data connections have none: there a backend asks
// for the address that it knows, which is the gateway's.

// Introduction is what a balancer said of a client that it handed on. The zero
// Introduction is of a client that came by itself.
type Introduction struct {
	Balancer    netip.AddrPort   // who said it
	Destination netip.AddrPort   // where the client had connected to
	UniqueID    string           // of the connection; empty: none
	PassOn      []proxyproto.TLV // for whoever comes next
}

// Introduce is to be called before Run.
func (s *Session) Introduce(by Introduction) { s.by = by }

// Name gives the client its name in DNS, for rules about names and for logs. It is to
// be called before Run.
func (s *Session) Name(client string) { s.name = client }

// dataBalancer tells who connects to data ports for clients; nil: nobody does.
func (s *Session) dataBalancer() func(netip.Addr) bool {
	all := s.setup.DataBalancers
	if len(all) == 0 {
		return nil
	}
	return func(peer netip.Addr) bool {
		return slices.ContainsFunc(all, func(p netip.Prefix) bool { return p.Contains(peer.WithZone("")) })
	}
}

// announcement is the header for one connection, as much as is known of the client
// by now; nil: none is wanted.
func (s *Session) announcement() ([]byte, error) {
	if s.setup.Announce == 0 {
		return nil, nil
	}
	h := proxyproto.Header{Version: s.setup.Announce, Source: s.client, Destination: s.local}
	if s.by.Destination.IsValid() {
		h.Destination = s.by.Destination
	}
	if s.setup.AnnounceMore && h.Version == proxyproto.V2 {
		h.TLVs = s.particulars()
	}
	return h.Append(nil)
}

// longestName bounds names that clients choose; a longer one is none (RFC 1035
// §2.3.4).
const longestName = 255

// particulars are the TLVs, in the peer's order.
func (s *Session) particulars() []proxyproto.TLV {
	info := s.secrecy.info
	ssl := proxyproto.SSL{}
	protocol := "ftp"
	if info.Version != "" {
		protocol = "ftps"
		ssl = proxyproto.SSL{
			Client: proxyproto.ClientTLS, Version: info.Version, Cipher: info.Cipher,
			Signature: info.Peer.Signature, Key: info.Peer.Key,
		}
	}
	if info.Peer.Known {
		ssl.Client |= shownHow(info)
		ssl.Verified = true
		if len(info.Peer.CommonName) <= longestName {
			ssl.CommonName = info.Peer.CommonName
		}
	}
	tlvs := []proxyproto.TLV{{Type: proxyproto.TypeALPN, Value: []byte(protocol)}}
	if name := s.calledAs(); name != "" && len(name) <= longestName {
		tlvs = append(tlvs, proxyproto.TLV{Type: proxyproto.TypeAuthority, Value: []byte(name)})
	}
	tlvs = append(tlvs, ssl.TLV(), proxyproto.TLV{Type: proxyproto.TypeUniqueID, Value: []byte(s.uniqueID())})
	return append(tlvs, s.by.PassOn...)
}

// shownHow tells a certificate on this connection from one that an earlier one of
// the TLS session has brought.
func shownHow(info messages.TLSInfo) proxyproto.ClientBits {
	if info.Resumed {
		return proxyproto.ClientCertSess
	}
	return proxyproto.ClientCertConn
}

// calledAs is the name of this server in the client's words: of HOST, else of its
// TLS handshake.
func (s *Session) calledAs() string {
	if s.named != "" {
		return s.named
	}
	return s.secrecy.info.Name
}

// uniqueID is one for all of the session's connections: that of the balancer, so
// that it leads through all the logs on the way, or one of our own.
func (s *Session) uniqueID() string {
	if s.by.UniqueID == "" {
		s.by.UniqueID = rand.Text()
		s.proxyLog(zerolog.InfoLevel).Str("unique-id", s.by.UniqueID).Msg("telling backends of the client by a unique id")
	}
	return s.by.UniqueID
}
