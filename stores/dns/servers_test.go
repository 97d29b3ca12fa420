package dns_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/stores"
	resolver "github.com/sluice-gateway/sluice/stores/dns"
)

// answers says nothing to AAAA questions but that there is none, and gives A
// questions to handle.
func answers(handle func(w dns.ResponseWriter, q, m *dns.Msg, tcp bool)) func(w dns.ResponseWriter, q *dns.Msg, tcp bool) {
	return func(w dns.ResponseWriter, q *dns.Msg, tcp bool) {
		m := new(dns.Msg).SetReply(q)
		m.RecursionAvailable = true
		if q.Question[0].Qtype != dns.TypeA {
			_ = w.WriteMsg(m)
			return
		}
		handle(w, q, m, tcp)
	}
}

func a(name, addr string) dns.RR {
	return &dns.A{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}, A: net.ParseIP(addr)}
}

// good gives every name one address.
func good(addr string) func(w dns.ResponseWriter, q *dns.Msg, tcp bool) {
	return answers(func(w dns.ResponseWriter, q, m *dns.Msg, _ bool) {
		m.Answer = []dns.RR{a(q.Question[0].Name, addr)}
		_ = w.WriteMsg(m)
	})
}

func silent(dns.ResponseWriter, *dns.Msg, bool) {}

func rcode(code int) func(w dns.ResponseWriter, q *dns.Msg, tcp bool) {
	return func(w dns.ResponseWriter, q *dns.Msg, _ bool) { _ = w.WriteMsg(new(dns.Msg).SetRcode(q, code)) }
}

// TestABrokenServerLeadsToTheNext: what is no answer must neither be believed
// nor keep the next server from being asked.
func TestABrokenServerLeadsToTheNext(t *testing.T) {
	lie := a("ftp.test.", "127.0.0.66")
	for name, c := range map[string]struct {
		first func(w dns.ResponseWriter, q *dns.Msg, tcp bool)
		gist  string // of the error if it is the only one
	}{
		"servfail":   {rcode(dns.RcodeServerFailure), "it answered SERVFAIL"},
		"refused":    {rcode(dns.RcodeRefused), "it answered REFUSED"},
		"not_a_word": {silent, "no answer within 1s"},
		"it_knows_nobody": {func(w dns.ResponseWriter, q *dns.Msg, _ bool) {
			_ = w.WriteMsg(new(dns.Msg).SetReply(q)) // a referral to nowhere
		}, "asks nobody else"},
		"wrong_ids": {answers(func(w dns.ResponseWriter, _, m *dns.Msg, _ bool) {
			m.Answer = []dns.RR{lie}
			m.Id++
			_ = w.WriteMsg(m)
		}), "no answer within 1s, but 1 that do not fit"},
		"another_question": {answers(func(w dns.ResponseWriter, _, m *dns.Msg, _ bool) {
			m.Question[0].Name, m.Answer = "evil.test.", []dns.RR{lie}
			_ = w.WriteMsg(m)
		}), "1 that do not fit"},
		"no_question": {answers(func(w dns.ResponseWriter, _, m *dns.Msg, _ bool) {
			m.Question, m.Answer = nil, []dns.RR{lie}
			_ = w.WriteMsg(m)
		}), "1 that do not fit"},
		"a_question_back": {answers(func(w dns.ResponseWriter, _, m *dns.Msg, _ bool) {
			m.Response, m.Answer = false, []dns.RR{lie}
			_ = w.WriteMsg(m)
		}), "1 that do not fit"},
		"rubbish": {answers(func(w dns.ResponseWriter, _, _ *dns.Msg, _ bool) {
			_, _ = w.Write([]byte("x"))
			_, _ = w.Write([]byte(strings.Repeat("rubbish", 20)))
		}), "2 that do not fit"},
		"rubbish_on_tcp": {answers(func(w dns.ResponseWriter, q, m *dns.Msg, tcp bool) {
			if m.Truncated = true; tcp {
				m = new(dns.Msg).SetReply(q)
				m.Id++
			}
			_ = w.WriteMsg(m)
		}), "does not fit the question, or cannot be read"},
		"cut_off_even_on_tcp": {answers(func(w dns.ResponseWriter, _, m *dns.Msg, _ bool) {
			m.Truncated = true
			_ = w.WriteMsg(m)
		}), "cut off its answer even on TCP"},
		"hangs_up_on_tcp": {answers(func(w dns.ResponseWriter, _, m *dns.Msg, tcp bool) {
			if tcp {
				_ = w.Close()
				return
			}
			m.Truncated = true
			_ = w.WriteMsg(m)
		}), "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad := serve(t, c.first)
			f, err := resolve(t, to(t, bad, serve(t, good("127.0.0.2"))), "ftp://ftp.test")
			if err != nil || shown(f) != "ftp://ftp.test at 127.0.0.2:21" {
				t.Errorf("with a second server: %s, %v", shown(f), err)
			}
			if bad.asked.Load() == 0 {
				t.Error("the first server was not even asked")
			}
			f, err = resolve(t, to(t, bad), "ftp://ftp.test")
			if err == nil || !strings.Contains(err.Error(), c.gist) || !strings.Contains(err.Error(), bad.addr.String()) || f.TTL != 0 {
				t.Errorf("alone: found %s for %v, error %v; want one about %q", shown(f), f.TTL, err, c.gist)
			}
		})
	}
}

func TestWhatDoesNotBelongToTheNameIsNotBelieved(t *testing.T) {
	s := serve(t, answers(func(w dns.ResponseWriter, q, m *dns.Msg, _ bool) {
		m.Answer = []dns.RR{a("other.test.", "127.0.0.66"), a(q.Question[0].Name, "127.0.0.2")}
		m.Extra = append(m.Extra, a(q.Question[0].Name, "127.0.0.67"))
		_ = w.WriteMsg(m)
	}))
	if f, err := resolve(t, to(t, s), "ftp://ftp.test"); err != nil || shown(f) != "ftp://ftp.test at 127.0.0.2:21" {
		t.Errorf("%s, %v", shown(f), err)
	}
}

// A forged datagram that comes before the true answer must not take its place.
func TestTheTrueAnswerIsWaitedFor(t *testing.T) {
	s := serve(t, answers(func(w dns.ResponseWriter, q, m *dns.Msg, _ bool) {
		forged := m.Copy()
		forged.Id, forged.Answer = m.Id+1, []dns.RR{a(q.Question[0].Name, "127.0.0.66")}
		_ = w.WriteMsg(forged)
		_, _ = w.Write([]byte("rubbish that is longer than a header"))
		m.Answer = []dns.RR{a(q.Question[0].Name, "127.0.0.2")}
		_ = w.WriteMsg(m)
	}))
	if f, err := resolve(t, to(t, s), "ftp://ftp.test"); err != nil || shown(f) != "ftp://ftp.test at 127.0.0.2:21" {
		t.Errorf("%s, %v", shown(f), err)
	}
}

func TestLongAnswersComeByTCPAndAreBounded(t *testing.T) {
	s := serve(t, answers(func(w dns.ResponseWriter, q, m *dns.Msg, tcp bool) {
		for i := range 200 {
			m.Answer = append(m.Answer, a(q.Question[0].Name, fmt.Sprintf("127.0.1.%d", i+1)))
		}
		if !tcp {
			m.Answer, m.Truncated = m.Answer[:1], true
		}
		_ = w.WriteMsg(m)
	}))
	f, err := resolve(t, to(t, s), "ftp://ftp.test")
	if err != nil || len(f.Backends) != 1 {
		t.Fatalf("%s, %v", shown(f), err)
	}
	if got := f.Backends[0].Endpoints; len(got) != 16 || got[15] != netip.MustParseAddrPort("127.0.1.16:21") {
		t.Errorf("%d addresses, the last %v; want the first 16", len(got), got[len(got)-1])
	}
	many := serve(t, func(w dns.ResponseWriter, q *dns.Msg, tcp bool) {
		m := new(dns.Msg).SetReply(q)
		m.RecursionAvailable, m.Truncated = true, !tcp
		for i := range 500 {
			m.Answer = append(m.Answer, &dns.SRV{
				Hdr:    dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeSRV, Class: dns.ClassINET, Ttl: 60},
				Target: "localhost.", Port: uint16(1000 + i),
			})
		}
		if !tcp {
			m.Answer = nil
		}
		_ = w.WriteMsg(m)
	})
	if f, err = resolve(t, to(t, many), "ftp+srv://_ftp._tcp.test"); err != nil || len(f.Backends) != 64 {
		t.Errorf("%d targets of 500, %v; want 64", len(f.Backends), err)
	}
}

// A server that does not know EDNS is asked without.
func TestOldServersAreAskedWithoutEDNS(t *testing.T) {
	for _, code := range []int{dns.RcodeFormatError, dns.RcodeNotImplemented} {
		s := serve(t, func(w dns.ResponseWriter, q *dns.Msg, tcp bool) {
			if q.IsEdns0() != nil {
				_ = w.WriteMsg(&dns.Msg{MsgHdr: dns.MsgHdr{Id: q.Id, Response: true, Rcode: code}}) // not even the question
				return
			}
			good("127.0.0.2")(w, q, tcp)
		})
		if f, err := resolve(t, to(t, s), "ftp://ftp.test"); err != nil || shown(f) != "ftp://ftp.test at 127.0.0.2:21" {
			t.Errorf("%s: %s, %v", dns.RcodeToString[code], shown(f), err)
		}
	}
}

// A chain of aliases may come one at a time, and must end.
func TestAliasesOneAtATime(t *testing.T) {
	var asked atomic.Int64
	s := serve(t, func(w dns.ResponseWriter, q *dns.Msg, _ bool) {
		m := new(dns.Msg).SetReply(q)
		m.RecursionAvailable = true
		name := q.Question[0].Name
		var n int
		if _, err := fmt.Sscanf(strings.ToLower(name), "a%d.test.", &n); err == nil && n > 0 {
			asked.Add(1)
			m.Answer = []dns.RR{&dns.CNAME{
				Hdr:    dns.RR_Header{Name: name, Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: uint32(10 + n)},
				Target: fmt.Sprintf("A%d.test.", n-1),
			}}
		} else if q.Question[0].Qtype == dns.TypeA {
			m.Answer = []dns.RR{a(name, "127.0.0.2")}
		}
		_ = w.WriteMsg(m)
	})
	f, err := resolve(t, to(t, s), "ftp://a8.test")
	if err != nil || shown(f) != "ftp://a8.test at 127.0.0.2:21" || f.TTL != 11*time.Second {
		t.Errorf("8 aliases: %s for %v, %v", shown(f), f.TTL, err)
	}
	asked.Store(0)
	if f, err = resolve(t, to(t, s), "ftp://a1000.test"); err == nil || !strings.Contains(err.Error(), "more than 8") {
		t.Errorf("1000 aliases: %s, %v", shown(f), err)
	}
	if n := asked.Load(); n > 20 {
		t.Errorf("%d questions for an endless chain", n)
	}
}

// A name that could not be asked for must not be taken for another one of the
// search list.
func TestSilenceDoesNotLeadToAnotherName(t *testing.T) {
	s := serve(t, func(w dns.ResponseWriter, q *dns.Msg, tcp bool) {
		if q.Question[0].Name == "ftp.corp." {
			rcode(dns.RcodeServerFailure)(w, q, tcp)
			return
		}
		good("127.0.0.66")(w, q, tcp)
	})
	cfg := files(t, "search corp evil\n", "")
	cfg.Servers, cfg.Attempts = []netip.AddrPort{s.addr}, 1
	if f, err := resolve(t, resolver.New(cfg), "ftp://ftp"); err == nil || !strings.Contains(err.Error(), "SERVFAIL") {
		t.Errorf("%s, %v", shown(f), err)
	}
}

// One family that is refused does not take away the other.
func TestOneFamilyIsEnough(t *testing.T) {
	s := serve(t, func(w dns.ResponseWriter, q *dns.Msg, tcp bool) {
		if q.Question[0].Qtype == dns.TypeAAAA {
			rcode(dns.RcodeServerFailure)(w, q, tcp)
			return
		}
		good("127.0.0.2")(w, q, tcp)
	})
	if f, err := resolve(t, to(t, s), "ftp://ftp.test"); err != nil || shown(f) != "ftp://ftp.test at 127.0.0.2:21" {
		t.Errorf("%s, %v", shown(f), err)
	}
}

func TestADeadServerIsAskedLastForAWhile(t *testing.T) {
	dead, alive := serve(t, silent), serve(t, good("127.0.0.2"))
	r := to(t, dead, alive)
	if _, err := resolve(t, r, "ftp://one.test"); err != nil {
		t.Fatal(err)
	}
	before := dead.asked.Load()
	start := time.Now()
	for i := range 5 {
		if _, err := resolve(t, r, fmt.Sprintf("ftp://n%d.test", i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := dead.asked.Load(); n != before {
		t.Errorf("the dead server was asked %d times more, and it took %v", n-before, time.Since(start))
	}
}

func TestResolveEndsWithItsContext(t *testing.T) {
	cfg := files(t, "", "")
	cfg.Servers, cfg.Timeout = []netip.AddrPort{serve(t, silent).addr}, time.Minute
	cfg.Limit = time.Minute
	r := resolver.New(cfg)
	ctx, cancel := context.WithCancel(t.Context())
	var wg conc.WaitGroup
	var err error
	wg.Go(func() { _, err = r.Resolve(ctx, parse(t, "ftp+srv://_ftp._tcp.test")) })
	cancel()
	wg.Wait() // the test's own limit is the deadline here
	if err == nil || !strings.Contains(err.Error(), context.Canceled.Error()) {
		t.Errorf("%v, want that it was canceled", err)
	}

	cfg.Limit = 200 * time.Millisecond
	if _, err = resolver.New(cfg).Resolve(t.Context(), parse(t, "ftp://ftp.test")); err == nil || !strings.Contains(err.Error(), "no answer within 200ms") {
		t.Errorf("%v, want the limit", err)
	}
}

// Questions cannot be foreseen: ids and ports differ.
func TestIDsAndPortsAreRandom(t *testing.T) {
	const names = 60
	ids, ports := map[uint16]bool{}, map[string]bool{}
	told := make(chan [2]string, 10*names)
	s := serve(t, func(w dns.ResponseWriter, q *dns.Msg, tcp bool) {
		told <- [2]string{fmt.Sprint(q.Id), w.RemoteAddr().String()}
		good("127.0.0.2")(w, q, tcp)
	})
	r := to(t, s)
	for i := range names {
		if _, err := resolve(t, r, fmt.Sprintf("ftp://n%d.test", i)); err != nil {
			t.Fatal(err)
		}
	}
	for range len(told) {
		x := <-told
		var id uint16
		_, _ = fmt.Sscan(x[0], &id)
		ids[id], ports[x[1]] = true, true
	}
	if len(ids) < 2*names-2 || len(ports) < names {
		t.Errorf("%d ids and %d ports in %d questions", len(ids), len(ports), 2*names)
	}
}

var _ stores.Resolver = (*resolver.Resolver)(nil)
