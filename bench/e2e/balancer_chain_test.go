package e2e

import (
	"net"
	"strings"
	"testing"
	"time"

	peer "github.com/pires/go-proxyproto"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// What a balancer says of a client, backends hear again: where the client had connected to, by which
// endpoint of a cloud it came, and under which id. Mixed families are written as IPv6.
func TestBalancer_and_a_header_of_ours(t *testing.T) {
	id := "balancer-4711"
	cases := map[string]struct {
		from, to string // as the balancer says
		options  string
		version  byte
	}{
		"IPv4/v1":         {"192.0.2.9:1111", "198.51.100.1:21", "UseProxyProtocolV1", 1},
		"IPv6/v1":         {"[2001:db8::9]:1111", "[2001:db8::1]:21", "UseProxyProtocolV1", 1},
		"IPv4_to_IPv6/v1": {"[::ffff:192.0.2.9]:1111", "[2001:db8::1]:21", "UseProxyProtocolV1", 1},
		"IPv6_to_IPv4/v1": {"[2001:db8::9]:1111", "[::ffff:198.51.100.1]:21", "UseProxyProtocolV1", 1},
		"IPv4/v2":         {"192.0.2.9:1111", "198.51.100.1:21", "UseProxyProtocolV2 UseProxyProtocolV2TLVs", 2},
		"IPv6/v2":         {"[2001:db8::9]:1111", "[2001:db8::1]:21", "UseProxyProtocolV2 UseProxyProtocolV2TLVs", 2},
		"IPv4_to_IPv6/v2": {"[::ffff:192.0.2.9]:1111", "[2001:db8::1]:21", "UseProxyProtocolV2 UseProxyProtocolV2TLVs", 2},
		"IPv6_to_IPv4/v2": {"[2001:db8::9]:1111", "[::ffff:198.51.100.1]:21", "UseProxyProtocolV2 UseProxyProtocolV2TLVs", 2},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			peers.RequireGateway(t)
			s := peers.StartScripted(t, peers.Script{})
			d := startDoorman(t, "127.0.0.1", s.Addr())
			g, addr := startGateway(t, []string{d.url()}, "ProxyProtocolFrom 127.0.0.1", "ProxyOptions "+c.options)
			from, to := resolved(t, c.from), resolved(t, c.to)
			client := peers.Dial(t, addr)
			client.SendRaw(chained(t, c.from, c.to, id))
			client.Login("bob", "x")
			h := d.next(t)
			wantPair(t, h, c.version, from, to)
			if lines := noted(g, "session opened", "("+addressOf(from).Addr().String()+"["); len(lines) != 1 {
				t.Errorf("the log knows the client %d times", len(lines))
			}
			if c.version == 1 {
				return
			}
			tlvs, err := h.TLVs()
			if err != nil {
				t.Fatal(err)
			}
			var said []string
			for _, v := range tlvs {
				switch v.Type {
				case peer.PP2_TYPE_UNIQUE_ID, 0xEA, 0xE3:
					said = append(said, string(v.Value))
				}
			}
			if got := strings.Join(said, " "); got != id+" vpce-1" {
				t.Errorf("passed on: %q", got)
			}
		})
	}
}

func resolved(t testing.TB, s string) *net.TCPAddr {
	t.Helper()
	a, err := net.ResolveTCPAddr("tcp", s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// chained is a balancer's header of version 2 with TLVs, in IPv6 unless both addresses are IPv4.
func chained(t testing.TB, from, to, id string) string {
	t.Helper()
	family := peer.TCPv6
	if !strings.HasPrefix(from, "[") && !strings.HasPrefix(to, "[") {
		family = peer.TCPv4
	}
	h := &peer.Header{Version: 2, Command: peer.PROXY, TransportProtocol: family, SourceAddr: resolved(t, from), DestinationAddr: resolved(t, to)}
	err := h.SetTLVs([]peer.TLV{{Type: 0xE3, Value: []byte("ours alone")}, {Type: 0xEA, Value: []byte("vpce-1")}, {Type: peer.PP2_TYPE_UNIQUE_ID, Value: []byte(id)}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := h.Format()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The header stands ahead of everything, also of TLS: HAProxy hands on clients of implicit TLS as it got
// them.
func TestBalancer_before_TLS(t *testing.T) {
	for _, front := range []leg{explicit, implicit} {
		t.Run(string(front), func(t *testing.T) {
			t.Parallel()
			s := peers.StartScripted(t, peers.Script{})
			lines := append(frontLines(t, front), "MaxClientsPerHost 1")
			for i, line := range lines {
				lines[i] = strings.ReplaceAll(line, "DIR/", t.TempDir()+"/")
			}
			g, addr := balanced(t, "send-proxy-v2", []string{s.URL()}, lines...)
			config := clientConfig(t, peers.TLS13)
			first, err := dialFrom("127.0.0.2", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer first.Close()
			greet(t, addr, front, config).Login("bob", "x").Must(257, "PWD") // from another address
			eventually(t, 5*time.Second, "both sessions", func() bool {
				return len(noted(g, "session opened", "(127.0.0.2[")) == 1 && len(noted(g, "session opened", "(127.0.0.1[")) == 1
			})
		})
	}
}
