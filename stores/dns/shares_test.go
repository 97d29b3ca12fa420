package dns

import (
	"testing"
	"time"

	"github.com/miekg/dns"
	"pgregory.net/rapid"

	"github.com/sluice-gateway/sluice/protocols/backendurl"
)

func records(t *rapid.T) []dns.RR {
	weight := rapid.OneOf(rapid.Uint16(), rapid.Uint16Range(0, 3), rapid.Uint16Range(0, 100))
	n := rapid.IntRange(1, 40).Draw(t, "records")
	var list []dns.RR
	for range n {
		list = append(list, &dns.SRV{
			Priority: rapid.Uint16Range(0, 4).Draw(t, "priority"),
			Weight:   weight.Draw(t, "weight"),
			Port:     rapid.Uint16Range(1, 5).Draw(t, "port"),
			Target:   rapid.SampledFrom([]string{"a.test.", "B.test.", "c.test.", "d.test.", "e.test."}).Draw(t, "target"),
		})
	}
	return list
}

// TestTargetsLaw: RFC 2782's priorities are the order of tiers, and within one
// of them the shares are in proportion to the weights, as far as whole numbers
// from 1 to 1000 can be; weight 0 gets next to nothing beside others.
func TestTargetsLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := records(t)
		type place struct {
			host string
			port uint16
		}
		best := map[place]target{} // with the weight in share
		for _, rr := range list {
			s, _ := rr.(*dns.SRV)
			p := place{s.Target, s.Port}
			if s.Target == "B.test." {
				p.host = "b.test."
			}
			old, ok := best[p]
			if !ok || s.Priority < old.priority || s.Priority == old.priority && int(s.Weight) > old.share {
				best[p] = target{p.host, p.port, s.Priority, int(s.Weight)}
			}
		}
		got := targetsOf(answer{records: list, ttl: time.Second})
		if len(got) != len(best) {
			t.Fatalf("%d targets, want %d", len(got), len(best))
		}
		sums, zeros := map[uint16]int{}, map[uint16]int{}
		for i, g := range got {
			want, ok := best[place{g.host, g.port}]
			if !ok || want.priority != g.priority {
				t.Fatalf("%+v is not what was said of it: %+v", g, want)
			}
			if i > 0 && got[i-1].priority > g.priority {
				t.Fatalf("priority %d comes after %d", g.priority, got[i-1].priority)
			}
			if g.share < 1 || g.share > backendurl.MaxWeight {
				t.Fatalf("share %d", g.share)
			}
			sums[g.priority] += g.share
			if want.share == 0 {
				zeros[g.priority] = g.share
			}
		}
		for _, x := range got {
			for _, y := range got {
				wx, wy := best[place{x.host, x.port}].share, best[place{y.host, y.port}].share
				if x.priority != y.priority || wx == 0 || wy == 0 {
					continue
				}
				// x.share/y.share = wx/wy, with each off by less than one from rounding.
				if low, high := float64(x.share-1)/float64(y.share+1), float64(x.share+1)/max(float64(y.share-1), 0.001); float64(wx)/float64(wy) < low || float64(wx)/float64(wy) > high {
					t.Fatalf("weights %d:%d became %d:%d", wx, wy, x.share, y.share)
				}
			}
		}
		for tier, zero := range zeros {
			others := sums[tier]
			weighted := false
			for p, b := range best {
				if b.priority == tier && b.share > 0 {
					weighted = true
				} else if b.priority == tier {
					others -= zero
				}
				_ = p
			}
			if weighted && zero*seldom > others+seldom/10 {
				t.Fatalf("weight 0 gets %d beside %d of the others", zero, others)
			}
		}
	})
}

func TestShares(t *testing.T) {
	for name, c := range map[string]struct{ weights, want []int }{
		"as_they_are":                      {[]int{3, 2}, []int{3, 2}},
		"as_small_as_may_be":               {[]int{60, 20, 10}, []int{6, 2, 1}},
		"one":                              {[]int{65535}, []int{1}},
		"all_zero_are_alike":               {[]int{0, 0, 0}, []int{1, 1, 1}},
		"zero_is_seldom":                   {[]int{20, 0}, []int{100, 1}},
		"zero_beside_some":                 {[]int{3, 1, 0, 0}, []int{75, 25, 1, 1}},
		"the_largest_is_the_largest_there": {[]int{65535, 65534, 1}, []int{1000, 1000, 1}},
	} {
		tier := make([]target, len(c.weights))
		for i, w := range c.weights {
			tier[i].share = w
		}
		shares(tier)
		for i, g := range tier {
			if g.share != c.want[i] {
				t.Errorf("%s: share %d of %v is %d, want %d", name, i, c.weights, g.share, c.want[i])
			}
		}
	}
}

// FuzzAnswer: whatever a server sends, reading it ends, and gives no more than
// there may be.
func FuzzAnswer(f *testing.F) {
	for _, text := range [][]string{
		{"a.test. 60 A 127.0.0.1", "a.test. 60 AAAA ::1"},
		{"a.test. 60 CNAME b.test.", "b.test. 60 CNAME a.test."},
		{"a.test. 60 SRV 1 2 3 b.test."},
		{`a.test. 60 TXT "ftp://" "h"`},
	} {
		m := new(dns.Msg).SetQuestion("a.test.", dns.TypeSRV)
		for _, s := range text {
			rr, err := dns.NewRR(s)
			if err != nil {
				f.Fatal(err)
			}
			m.Answer = append(m.Answer, rr)
		}
		p, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(p)
	}
	asked, err := backendurl.Parse("ftp://h")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		m := new(dns.Msg)
		if m.Unpack(p) != nil {
			return
		}
		if fits(m, new(dns.Msg).SetQuestion("never.test.", dns.TypeA)) && len(m.Question) > 0 && !sameName(m.Question[0].Name, "never.test.") {
			t.Fatal("an answer to another question fits")
		}
		_ = verdict(m)
		for _, q := range m.Question {
			if _, ttl, hops := follow(m, q.Name, maxChain); hops > maxChain+1 || ttl < minTTL || ttl > maxTTL {
				t.Fatalf("%d hops, %v", hops, ttl)
			}
		}
		all := answer{records: m.Answer, ttl: minTTL}
		for _, a := range all.addresses() {
			if !a.IsValid() || a.IsUnspecified() || a.IsMulticast() || a.Is4In6() {
				t.Fatalf("address %v", a)
			}
		}
		if list := targetsOf(all); len(list) > maxTargets {
			t.Fatalf("%d targets", len(list))
		}
		if u, err := urlIn(all, asked); err == nil && (u.Discovery != backendurl.DiscoverNone || u.Host == "") {
			t.Fatalf("%+v is no plain URL", u)
		}
	})
}

// FuzzHosts: whatever stands in the file, each name has addresses, and no more
// than there may be.
func FuzzHosts(f *testing.F) {
	f.Add([]byte("127.0.0.1 localhost\n::1 localhost # x\nfe80::1%lo0 l A.b.\n1.2.3 no\n::ffff:1.2.3.4 m\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		hosts, _, err := parseHosts(text)
		for name, addrs := range hosts {
			if err == nil && (len(addrs) == 0 || len(addrs) > maxAddresses) {
				t.Fatalf("%q is at %v", name, addrs)
			}
		}
	})
}
