package dns_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	resolver "github.com/sluice-gateway/sluice/stores/dns"
)

func TestResolve(t *testing.T) {
	s := serve(t, zone(t,
		"ftp.test. 60 A 127.0.0.2", "ftp.test. 50 AAAA ::1", "ftp.test. 60 A 127.0.0.3",
		"four.test. 2 A 127.0.0.4", "zero.test. 0 A 127.0.0.5", "week.test. 604800 A 127.0.0.6",
		"www.test. 30 CNAME other.test.", "other.test. 40 CNAME four.test.",
		"bad.test. 60 A 0.0.0.0", "bad.test. 60 A 224.0.0.1", "bad.test. 60 A 127.0.0.7",
		"loop.test. 60 CNAME pool.test.", "pool.test. 60 CNAME loop.test.",
		"text.test. 60 TXT hello",
		// SRV: two tiers, out of order
		"_ftp._tcp.test. 20 SRV 20 0 2121 four.test.", "_ftp._tcp.test. 20 SRV 10 20 2122 ftp.test.", "_ftp._tcp.test. 20 SRV 10 60 2123 Zero.test.",
		"_one._tcp.test. 20 SRV 0 0 990 four.test.", "_one._tcp.test. 20 SRV 0 0 21 gone.test.",
		"_dot._tcp.test. 9 SRV 0 0 0 .", "_dot._tcp.test. 60 A 127.0.0.8",
		"_gone._tcp.test. 20 SRV 0 0 21 gone.test.", "_gone._tcp.test. 20 SRV 0 0 22 gone2.test.",
		"_twice._tcp.test. 20 SRV 20 1 21 four.test.", "_twice._tcp.test. 20 SRV 10 1 21 FOUR.test.",
		// TXT
		`url.test. 15 TXT "v=spf1 -all"`, `url.test. 15 TXT "ftp://txt:pw@four.test:2121?max=4"`, `url.test. 15 TXT "ftp://never.test"`,
		`cut.test. 15 TXT "ftp://four." "test:2124"`, `lit.test. 15 TXT "ftp://127.0.0.9"`,
		`none.test. 15 TXT "v=spf1 -all"`, `more.test. 15 TXT "ftp+srv://_ftp._tcp.test"`, `clear.test. 15 TXT "ftp://four.test"`,
		`broken.test. 15 TXT "ftp://u:canary@four.test:x"`, `lost.test. 15 TXT "ftp://gone.test"`,
	))
	r := to(t, s)
	for name, c := range map[string]struct {
		url, want string
		ttl       time.Duration
	}{
		"an_address_is_asked_for_nowhere":        {"ftp://192.0.2.1:2121", "ftp://192.0.2.1:2121 at 192.0.2.1:2121", 0},
		"a_mapped_address_is_ipv4":               {"ftp://[::ffff:192.0.2.1]", "ftp://[::ffff:192.0.2.1] at 192.0.2.1:21", 0},
		"both_families_in_turn":                  {"ftp://ftp.test", "ftp://ftp.test at [::1]:21 127.0.0.2:21 127.0.0.3:21", 50 * time.Second},
		"one_family_is_enough":                   {"sftp://u:p@FOUR.test", "sftp://u:p@FOUR.test at 127.0.0.4:22", 2 * time.Second},
		"ttl_zero_is_a_second":                   {"ftp://zero.test", "ftp://zero.test at 127.0.0.5:21", time.Second},
		"a_long_ttl_is_an_hour":                  {"ftp://week.test", "ftp://week.test at 127.0.0.6:21", time.Hour},
		"aliases_are_followed":                   {"ftp://www.test", "ftp://www.test at 127.0.0.4:21", 2 * time.Second},
		"nobody_connects_to_all_or_many":         {"ftp://bad.test", "ftp://bad.test at 127.0.0.7:21", time.Minute},
		"srv_has_tiers_weights_ports_and_names":  {"ftp+srv://u:p@_ftp._tcp.test:7?max=9", "ftp://u:p@zero.test:2123?weight=3&max=9 at 127.0.0.5:2123; ftp://u:p@ftp.test:2122?max=9 at [::1]:2122 127.0.0.2:2122 127.0.0.3:2122; tier 1: ftp://u:p@four.test:2121?max=9 at 127.0.0.4:2121", time.Second},
		"srv_one_target_without_address":         {"ftps+srv://_one._tcp.test", "ftps://four.test:990 at 127.0.0.4:990; ftps://gone.test:21 at", 2 * time.Second},
		"srv_dot_falls_back_to_the_host":         {"sftp+srv://_dot._tcp.test?weight=2", "sftp://_dot._tcp.test:22?weight=2 at 127.0.0.8:22", 9 * time.Second},
		"srv_none_falls_back_to_the_host":        {"ftp+srv://four.test", "ftp://four.test:21 at 127.0.0.4:21", 2 * time.Second},
		"srv_a_target_counts_once_at_its_best":   {"ftp+srv://_twice._tcp.test", "ftp://four.test:21 at 127.0.0.4:21", 2 * time.Second},
		"txt_the_first_url_with_its_own_account": {"ftp+txt://a:b@url.test?backup&max=7", "ftp://txt:pw@four.test:2121?max=4&backup at 127.0.0.4:2121", 2 * time.Second},
		"txt_in_pieces":                          {"ftp+txt://a:b@cut.test", "ftp://a:b@four.test:2124 at 127.0.0.4:2124", 2 * time.Second},
		"txt_with_an_address":                    {"ftp+txt://lit.test", "ftp://127.0.0.9 at 127.0.0.9:21", 15 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := resolve(t, r, c.url)
			if err != nil {
				t.Fatal(err)
			}
			if got := shown(f); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if f.TTL != c.ttl {
				t.Errorf("it holds for %v, want %v", f.TTL, c.ttl)
			}
		})
	}
	for name, c := range map[string]struct {
		url, gist string
		ttl       time.Duration
	}{
		"no_such_name":                      {"ftp://nowhere.test", "resolving 'nowhere.test': no such name: 'nowhere.test.'", 7 * time.Second},
		"a_name_without_address":            {"ftp://text.test", "'text.test.' has no address", 7 * time.Second},
		"aliases_in_a_circle":               {"ftp://loop.test", "CNAMEs go in a circle", 0},
		"srv_neither_records_nor_host":      {"ftp+srv://nowhere.test", "no SRV records, and is no host either: no such name", 7 * time.Second},
		"srv_no_target_has_an_address":      {"ftp+srv://_gone._tcp.test", "none of its 2 SRV targets has an address: 'gone.test.': no such name", 7 * time.Second},
		"txt_no_url":                        {"ftp+txt://none.test", "none of its 1 TXT records is a plain ftp URL", 0},
		"txt_must_not_lead_on":              {"ftp+txt://more.test", "'ftp+srv' there leads on", 0},
		"txt_must_not_lead_away_from_tls":   {"ftps+txt://clear.test", "a ftp URL does not serve for ftps", 0},
		"txt_broken_and_not_quoted":         {"ftp+txt://broken.test", "the port must be digits only", 0},
		"txt_no_records":                    {"ftp+txt://four.test", "'four.test.' has no TXT record", 7 * time.Second},
		"txt_names_a_name_that_is_not":      {"ftp+txt://lost.test", "its TXT record names 'gone.test': no such name", 7 * time.Second},
		"a_name_with_letters_beyond_ascii":  {"ftp://bücher.test", "xn--", 0},
		"a_label_that_no_name_in_dns_has":   {"ftp://" + strings.Repeat("a", 64) + ".test", "no name that DNS could have", 0},
		"an_empty_label":                    {"ftp://a..test", "no name that DNS could have", 0},
		"srv_a_label_that_no_name_may_have": {"ftp+srv://" + strings.Repeat("a", 64), "no name that DNS could have", 0},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := resolve(t, r, c.url)
			if err == nil || !strings.Contains(err.Error(), c.gist) || strings.Contains(err.Error(), "canary") {
				t.Errorf("found %s, error %v; want one about %q", shown(f), err, c.gist)
			}
			if f.TTL != c.ttl || len(f.Backends) != 0 {
				t.Errorf("found %s, and it holds for %v; want nothing for %v", shown(f), f.TTL, c.ttl)
			}
		})
	}
}

func TestHostsComeFirstAndTheSearchListIsUsed(t *testing.T) {
	s := serve(t, zone(t, "ftp.corp.test. 60 A 127.0.0.2", "ftp. 60 A 127.0.0.3", "deep.name. 60 A 127.0.0.4",
		"deep.name.corp.test. 60 A 127.0.0.5", "only.two.corp.test. 60 A 127.0.0.6", "known.test. 60 A 127.0.0.7"))
	cfg := files(t, "search other.test corp.test\noptions ndots:1\n", "127.0.0.9  Known.test alias # known.test\n::1 known.test\nrubbish x\n10.0.0.1\n")
	cfg.Servers = append(cfg.Servers, s.addr)
	r := resolver.New(cfg)
	for name, c := range map[string]struct{ url, want string }{
		"the_hosts_file":                      {"ftp://KNOWN.test", "ftp://KNOWN.test at [::1]:21 127.0.0.9:21"},
		"an_alias_there":                      {"ftp://alias", "ftp://alias at 127.0.0.9:21"},
		"a_short_name_in_the_search_list":     {"ftp://ftp", "ftp://ftp at 127.0.0.2:21"},
		"with_a_dot_at_its_end_it_is_whole":   {"ftp://ftp.", "ftp://ftp. at 127.0.0.3:21"},
		"a_name_with_dots_is_tried_first":     {"ftp://deep.name", "ftp://deep.name at 127.0.0.4:21"},
		"and_searched_when_it_is_not_there":   {"ftp://only.two", "ftp://only.two at 127.0.0.6:21"},
		"localhost_needs_no_server":           {"ftp://localhost", "ftp://localhost at [::1]:21 127.0.0.1:21"},
		"a_srv_target_may_be_in_the_file_too": {"ftp+srv://known.test", "ftp://known.test:21 at [::1]:21 127.0.0.9:21"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := resolve(t, r, c.url)
			if err != nil {
				t.Fatal(err)
			}
			if got := shown(f); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
	if f, err := resolve(t, r, "ftp://nowhere"); err == nil || !strings.Contains(err.Error(), "'nowhere.'") {
		t.Errorf("found %s, error %v: it is the name as written that is missed", shown(f), err)
	}
}

func TestServersCanBeChanged(t *testing.T) {
	r := to(t, serve(t, zone(t, "ftp.test. 60 A 127.0.0.2")))
	other := serve(t, zone(t, "ftp.test. 60 A 127.0.0.3"))
	for _, want := range []string{"127.0.0.2:21", "127.0.0.3:21"} {
		if f, err := resolve(t, r, "ftp://ftp.test"); err != nil || shown(f) != "ftp://ftp.test at "+want {
			t.Errorf("%s, %v; want %s", shown(f), err, want)
		}
		r.Use([]netip.AddrPort{other.addr})
	}
}

// The system's servers are used where none are given.
func TestResolvConf(t *testing.T) {
	r := resolver.New(files(t, "nameserver 127.0.0.200\nnameserver junk\noptions ndots:1\n", ""))
	_, err := resolve(t, r, "ftp://ftp.test")
	if err == nil || !strings.Contains(err.Error(), "DNS server 127.0.0.200:53: ") {
		t.Errorf("%v, want one about the server at 127.0.0.200", err)
	}
	cfg := files(t, "", "")
	cfg.Resolv = t.TempDir() // cannot be read as a file
	if _, err = resolve(t, resolver.New(cfg), "ftp://ftp.test"); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("%v, want one that says why resolv.conf says nothing", err)
	}
}
