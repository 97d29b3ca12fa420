package dns_test

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/stores"
	resolver "github.com/sluice-gateway/sluice/stores/dns"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a DNS server that does what a test wants of it.
type server struct {
	addr  netip.AddrPort
	asked atomic.Int64
}

// serve runs a server on UDP and TCP of one port until the test ends. handle
// may send any number of messages.
func serve(t *testing.T, handle func(w dns.ResponseWriter, q *dns.Msg, tcp bool)) *server {
	t.Helper()
	pc, l := listenBoth(t)
	s := &server{addr: netip.MustParseAddrPort(pc.LocalAddr().String())}
	for _, d := range []*dns.Server{{PacketConn: pc}, {Listener: l}} {
		tcp := d.Listener != nil
		d.Handler = dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
			s.asked.Add(1)
			handle(w, q, tcp)
		})
		up := make(chan struct{})
		d.NotifyStartedFunc = func() { close(up) }
		var wg sync.WaitGroup
		wg.Go(func() { _ = d.ActivateAndServe() })
		<-up
		t.Cleanup(func() {
			_ = d.Shutdown()
			wg.Wait()
		})
	}
	return s
}

func listenBoth(t *testing.T) (net.PacketConn, net.Listener) {
	t.Helper()
	for range 20 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if pc, err := net.ListenPacket("udp", l.Addr().String()); err == nil {
			return pc, l
		}
		l.Close()
	}
	t.Fatal("no port is free for UDP and TCP")
	return nil, nil
}

// zone answers from records in the text form of zone files, as a recursive
// server does.
func zone(t *testing.T, records ...string) func(w dns.ResponseWriter, q *dns.Msg, tcp bool) {
	t.Helper()
	var all []dns.RR
	for _, r := range records {
		rr, err := dns.NewRR(r)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rr)
	}
	return func(w dns.ResponseWriter, q *dns.Msg, _ bool) {
		m := new(dns.Msg).SetReply(q)
		m.RecursionAvailable = true
		known := false
		name := q.Question[0].Name
		for range 9 {
			next := ""
			for _, rr := range all {
				if !strings.EqualFold(rr.Header().Name, name) {
					continue
				}
				known = true
				if c, ok := rr.(*dns.CNAME); ok {
					m.Answer = append(m.Answer, rr)
					next = c.Target
				} else if rr.Header().Rrtype == q.Question[0].Qtype {
					m.Answer = append(m.Answer, rr)
				}
			}
			if name = next; next == "" {
				break
			}
		}
		if !known {
			m.Rcode = dns.RcodeNameError
		}
		if len(m.Answer) == 0 {
			m.Ns = append(m.Ns, &dns.SOA{
				Hdr: dns.RR_Header{Name: "test.", Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: 300},
				Ns:  "ns.test.", Mbox: "root.test.", Minttl: 7,
			})
		}
		_ = w.WriteMsg(m)
	}
}

// to makes a resolver that asks the given servers and has files of its own.
func to(t *testing.T, servers ...*server) *resolver.Resolver {
	t.Helper()
	cfg := files(t, "", "")
	for _, s := range servers {
		cfg.Servers = append(cfg.Servers, s.addr)
	}
	cfg.Timeout, cfg.Attempts = time.Second, 1
	return resolver.New(cfg)
}

func files(t *testing.T, resolv, hosts string) resolver.Config {
	t.Helper()
	dir := t.TempDir()
	cfg := resolver.Config{Resolv: filepath.Join(dir, "resolv.conf"), Hosts: filepath.Join(dir, "hosts")}
	for path, text := range map[string]string{cfg.Resolv: resolv, cfg.Hosts: hosts} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return cfg
}

func parse(t *testing.T, s string) backendurl.URL {
	t.Helper()
	u, err := backendurl.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func resolve(t *testing.T, r *resolver.Resolver, url string) (stores.Found, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return r.Resolve(ctx, parse(t, url))
}

// shown is what was found, one backend after the other: tier, URL, endpoints.
func shown(f stores.Found) string {
	var b strings.Builder
	for i, r := range f.Backends {
		if i > 0 {
			b.WriteString("; ")
		}
		if r.Tier != 0 {
			b.WriteString("tier " + string(rune('0'+r.Tier)) + ": ")
		}
		b.WriteString(r.URL.Secret() + " at")
		for _, e := range r.Endpoints {
			b.WriteString(" " + e.String())
		}
	}
	return b.String()
}
