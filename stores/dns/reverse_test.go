package dns_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	resolver "github.com/sluice-gateway/sluice/stores/dns"
)

func TestNameOf(t *testing.T) {
	var many []string
	for _, c := range "abcdefghijkl" {
		many = append(many, "7.2.0.192.in-addr.arpa. 60 PTR "+string(c)+".test.")
	}
	s := serve(t, zone(t, append([]string{
		"1.2.0.192.in-addr.arpa. 60 PTR Host.Test.", "host.test. 30 A 192.0.2.9", "host.test. 30 A 192.0.2.1",
		"2.2.0.192.in-addr.arpa. 60 PTR www.bank.test.", "www.bank.test. 60 A 192.0.2.200",
		"3.2.0.192.in-addr.arpa. 60 PTR nowhere.test.",
		"4.2.0.192.in-addr.arpa. 60 PTR z.test.", "4.2.0.192.in-addr.arpa. 60 PTR y.test.", "4.2.0.192.in-addr.arpa. 60 PTR a.test.",
		"z.test. 60 A 192.0.2.4", "y.test. 60 A 192.0.2.4",
		`5.2.0.192.in-addr.arpa. 60 PTR evil\010line.test.`, `evil\010line.test. 60 A 192.0.2.5`,
		"6.2.0.192.in-addr.arpa. 60 PTR 10.1.2.3.", "10.1.2.3. 60 A 192.0.2.6",
		"l.test. 60 A 192.0.2.7",
		"8.2.0.192.in-addr.arpa. 60 CNAME 8.0-15.2.0.192.in-addr.arpa.", "8.0-15.2.0.192.in-addr.arpa. 60 PTR via.test.",
		"via.test. 60 CNAME here.test.", "here.test. 60 A 192.0.2.8",
		"9.2.0.192.in-addr.arpa. 60 PTR six.test.", "six.test. 60 AAAA 2001:db8::1",
		"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. 60 PTR six.test.",
		"10.2.0.192.in-addr.arpa. 60 PTR localhost.",
	}, many...)...))
	r := to(t, s)
	for name, c := range map[string]struct{ addr, want string }{
		"leads_back":             {"192.0.2.1", "host.test"},
		"mapped":                 {"::ffff:192.0.2.1", "host.test"},
		"somebody_elses":         {"192.0.2.2", ""},
		"leads_nowhere":          {"192.0.2.3", ""},
		"first_that_leads_back":  {"192.0.2.4", "y.test"},
		"no_name_of_a_host":      {"192.0.2.5", ""},
		"passes_for_an_address":  {"192.0.2.6", ""},
		"one_of_too_many":        {"192.0.2.7", ""},
		"aliases":                {"192.0.2.8", "via.test"},
		"of_the_other_family":    {"192.0.2.9", ""},
		"version_6":              {"2001:db8::1", "six.test"},
		"zone_of_an_interface":   {"2001:db8::1%eth0", "six.test"},
		"localhost_is_elsewhere": {"192.0.2.10", ""},
		"unheard_of":             {"192.0.2.77", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, _, err := r.NameOf(t.Context(), netip.MustParseAddr(c.addr))
			if err != nil || got != c.want {
				t.Errorf("%s is %q, %v, want %q", c.addr, got, err, c.want)
			}
		})
	}
	if _, ttl, _ := r.NameOf(t.Context(), netip.MustParseAddr("192.0.2.1")); ttl != 30*time.Second {
		t.Errorf("believed for %v, want the shorter time of the two", ttl)
	}
}

// Nobody is nameless because a server has a bad day: that is said.
func TestNameOf_that_cannot_be_found(t *testing.T) {
	broken := serve(t, func(w dns.ResponseWriter, q *dns.Msg, _ bool) {
		_ = w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeServerFailure))
	})
	half := serve(t, func(w dns.ResponseWriter, q *dns.Msg, tcp bool) {
		if q.Question[0].Qtype != dns.TypePTR {
			_ = w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeServerFailure))
			return
		}
		zone(t, "1.2.0.192.in-addr.arpa. 60 PTR host.test.")(w, q, tcp)
	})
	for server, want := range map[*server]string{broken: "looking up the name of 192.0.2.1", half: "'host.test' is the name of 192.0.2.1"} {
		if name, _, err := to(t, server).NameOf(t.Context(), netip.MustParseAddr("192.0.2.1")); name != "" || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("found %q, %v, want an error with %q", name, err, want)
		}
	}
}

func TestNameOf_in_the_hosts_file(t *testing.T) {
	silent := serve(t, func(dns.ResponseWriter, *dns.Msg, bool) {})
	cfg := files(t, "", "192.0.2.1 First.test second.test\n192.0.2.1 third.test\n")
	cfg.Servers = append(cfg.Servers, silent.addr)
	name, _, err := resolver.New(cfg).NameOf(t.Context(), netip.MustParseAddr("192.0.2.1"))
	if err != nil || name != "first.test" || silent.asked.Load() != 0 {
		t.Errorf("found %q, %v after %d questions", name, err, silent.asked.Load())
	}
}
