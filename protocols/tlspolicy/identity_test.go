package tlspolicy

import (
	"crypto/x509"
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func TestMatchServer(t *testing.T) {
	cases := map[string]struct {
		cn    string
		names []string
		host  string
		peer  string
		want  string // empty: somebody else's
	}{
		"address_among_the_sans":           {"", []string{"192.0.2.1"}, "ftp.example.com", "192.0.2.1", "iPAddress 192.0.2.1"},
		"address_mapped_into_ipv6":         {"", []string{"192.0.2.1"}, "", "::ffff:192.0.2.1", "iPAddress 192.0.2.1"},
		"address_with_a_zone":              {"", []string{"fe80::1"}, "", "fe80::1%eth0", "iPAddress fe80::1"},
		"address_as_cn":                    {"192.0.2.1", nil, "ftp.example.com", "192.0.2.1", "CN 192.0.2.1"},
		"address_as_cn_beside_sans":        {"192.0.2.1", []string{"other.example"}, "x", "192.0.2.1", "CN 192.0.2.1"},
		"another_address":                  {"", []string{"192.0.2.1"}, "", "192.0.2.2", ""},
		"the_san_of_the_host":              {"", []string{"a.example", "ftp.example.com"}, "ftp.example.com", "192.0.2.1", "dNSName ftp.example.com"},
		"case_does_not_matter":             {"", []string{"FTP.Example.COM"}, "ftp.example.com", "192.0.2.1", "dNSName FTP.Example.COM"},
		"the_dot_of_the_root":              {"", []string{"ftp.example.com"}, "ftp.example.com.", "192.0.2.1", "dNSName ftp.example.com"},
		"cn_counts_beside_sans":            {"ftp.example.com", []string{"other.example"}, "ftp.example.com", "192.0.2.1", "CN ftp.example.com"},
		"san_comes_before_cn":              {"ftp.example.com", []string{"*.example.com"}, "ftp.example.com", "192.0.2.1", "dNSName *.example.com"},
		"wildcard_as_cn":                   {"*.example.com", nil, "ftp.example.com", "192.0.2.1", "CN *.example.com"},
		"wildcard_for_one_label_only":      {"", []string{"*.example.com"}, "a.b.example.com", "192.0.2.1", ""},
		"wildcard_needs_a_label":           {"", []string{"*.example.com"}, "example.com", "192.0.2.1", ""},
		"wildcard_within_the_label":        {"", []string{"ftp*.example.com"}, "ftp12.example.com", "192.0.2.1", "dNSName ftp*.example.com"},
		"wildcard_stands_for_something":    {"", []string{"ftp*.example.com"}, "ftp.example.com", "192.0.2.1", ""},
		"wildcard_in_another_label":        {"", []string{"ftp.*.com"}, "ftp.example.com", "192.0.2.1", ""},
		"two_wildcards":                    {"", []string{"*.*.com"}, "ftp.example.com", "192.0.2.1", ""},
		"a_star_alone":                     {"*", nil, "ftp", "192.0.2.1", ""},
		"three_characters":                 {"*.a", nil, "x.a", "192.0.2.1", ""},
		"four_characters":                  {"*.ab", nil, "x.ab", "192.0.2.1", "CN *.ab"},
		"wildcard_never_for_an_address":    {"*.0.2.1", []string{"*.0.2.1"}, "192.0.2.1", "192.0.2.9", ""},
		"wildcard_not_inside_idn":          {"", []string{"x*.example.com"}, "xn--caf-dma.example.com", "192.0.2.1", ""},
		"wildcard_code_of_idn":             {"", []string{"xn--*.example.com"}, "xn--caf-dma.example.com", "192.0.2.1", ""},
		"whole_label_may_be_idn":           {"", []string{"*.example.com"}, "xn--caf-dma.example.com", "192.0.2.1", "dNSName *.example.com"},
		"nothing_named":                    {"", nil, "ftp.example.com", "192.0.2.1", ""},
		"a_part_is_not_enough":             {"", []string{"example.com"}, "ftp.example.com", "192.0.2.1", ""},
		"no_host_known":                    {"", []string{"ftp.example.com"}, "", "192.0.2.1", ""},
		"an_address_as_host_in_a_san_name": {"", []string{"ftp.example.com", "10.0.0.5"}, "10.0.0.5", "10.0.0.5", "iPAddress 10.0.0.5"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := MatchServer(certFor(t, c.cn, c.names...), c.host, netip.MustParseAddr(c.peer))
			if got != c.want || (err != nil) != (c.want == "") {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
			var not *IdentityError
			if c.want == "" && !errors.As(err, &not) {
				t.Errorf("%v is no IdentityError", err)
			}
		})
	}
}

func TestMatchServerSaysWhoseItIs(t *testing.T) {
	cert := certFor(t, "cn.example", "a.example", "192.0.2.7")
	_, err := MatchServer(cert, "ftp.example.com", netip.MustParseAddr("192.0.2.1"))
	const want = "the certificate is for a.example, 192.0.2.7, cn.example, not for ftp.example.com (192.0.2.1)"
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
}

// A CA that was asked for "ftp.example.com\x00.evil.org" must not have made a
// certificate for ftp.example.com.
func TestNamesWithNULAreForgeries(t *testing.T) {
	peer := netip.MustParseAddr("192.0.2.1")
	for _, cert := range []*x509.Certificate{
		certFor(t, "ftp.example.com\x00.evil.org"),
		certFor(t, "", "ftp.example.com", "ftp.example.com\x00.evil.org"),
	} {
		if got, err := MatchServer(cert, "ftp.example.com", peer); err == nil || !strings.Contains(err.Error(), "NUL") {
			t.Errorf("%q, %v", got, err)
		}
		if err := (ClientChecks{DNSName: true}).Check(cert, peer, "ftp.example.com"); err == nil || !strings.Contains(err.Error(), "NUL") {
			t.Errorf("as a client: %v", err)
		}
	}
}

func TestClientChecks(t *testing.T) {
	cert := certFor(t, "cn.example", "dns.example", "192.0.2.1")
	cases := map[string]struct {
		checks ClientChecks
		peer   string
		name   string
		gist   string // empty: passes
	}{
		"nothing_asked":         {ClientChecks{}, "192.0.2.9", "", ""},
		"address":               {ClientChecks{IPAddress: true}, "192.0.2.1", "", ""},
		"another_address":       {ClientChecks{IPAddress: true}, "192.0.2.9", "dns.example", "no iPAddress"},
		"name":                  {ClientChecks{DNSName: true}, "192.0.2.9", "DNS.example", ""},
		"another_name":          {ClientChecks{DNSName: true}, "192.0.2.1", "cn.example", "no dNSName"},
		"no_name_at_all":        {ClientChecks{DNSName: true}, "192.0.2.1", "", "has no name in DNS"},
		"common_name":           {ClientChecks{CommonName: true}, "192.0.2.9", "cn.example", ""},
		"another_common_name":   {ClientChecks{CommonName: true}, "192.0.2.9", "dns.example", "no CN"},
		"all_that_is_asked_for": {ClientChecks{IPAddress: true, DNSName: true, CommonName: true}, "192.0.2.1", "dns.example", "no CN"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := c.checks.Check(cert, netip.MustParseAddr(c.peer), c.name)
			if (err != nil) != (c.gist != "") || err != nil && !strings.Contains(err.Error(), c.gist) {
				t.Errorf("%v, want %q", err, c.gist)
			}
		})
	}
}

func FuzzMatchesHost(f *testing.F) {
	for _, s := range [][2]string{{"*.example.com", "ftp.example.com"}, {"f*p.x.y", "ftp.x.y"}, {"*.*", "a.b"}, {"", ""}, {"*", "a"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, name, host string) {
		if !matchesHost(name, host) {
			return
		}
		if n, h := strings.TrimSuffix(name, "."), strings.TrimSuffix(host, "."); strings.Count(n, ".") != strings.Count(h, ".") {
			t.Fatalf("%q fits %q, which has other labels", name, host)
		}
	})
}
