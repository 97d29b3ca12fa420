package destination

import (
	"errors"
	"net/netip"
	"regexp"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	cases := map[string]struct {
		arg, user, typed, canonical string
		implicit                    bool
	}{
		"name":                      {"joe@ftp.example.com", "joe", "ftp.example.com:21", "ftp.example.com:21", false},
		"name_and_port":             {"joe@ftp.example.com:2121", "joe", "ftp.example.com:2121", "ftp.example.com:2121", false},
		"implicit":                  {"joe@h:990", "joe", "h:990", "h:990", true},
		"several_at":                {"joe@corp.example@ftp.example.com:21", "joe@corp.example", "ftp.example.com:21", "ftp.example.com:21", false},
		"name_with_a_colon":         {"a:b@h", "a:b", "h:21", "h:21", false},
		"name_with_a_colon_port":    {"a:b@h:22", "a:b", "h:22", "h:22", false},
		"name_with_brackets":        {"a[b]:9@h", "a[b]:9", "h:21", "h:21", false},
		"name_with_blanks":          {"joe x@h", "joe x", "h:21", "h:21", false},
		"ipv4":                      {"joe@192.0.2.1:22", "joe", "192.0.2.1:22", "192.0.2.1:22", false},
		"ipv6":                      {"joe@[2001:db8::1]", "joe", "[2001:db8::1]:21", "[2001:db8::1]:21", false},
		"ipv6_and_port":             {"joe@[2001:db8::1]:2121", "joe", "[2001:db8::1]:2121", "[2001:db8::1]:2121", false},
		"ipv6_loopback":             {"u@[::1]", "u", "[::1]:21", "[::1]:21", false},
		"ipv6_long":                 {"u@[2001:DB8:0:0::0:1]", "u", "[2001:DB8:0:0::0:1]:21", "[2001:db8::1]:21", false},
		"ipv6_bare":                 {"joe@2001:db8::1", "joe", "[2001:db8::1]:21", "[2001:db8::1]:21", false},
		"ipv6_bare_short":           {"u@::1", "u", "[::1]:21", "[::1]:21", false},
		"ipv6_bare_whole":           {"u@2001:db8:1:2:3:4:5:21", "u", "[2001:db8:1:2:3:4:5:21]:21", "[2001:db8:1:2:3:4:5:21]:21", false},
		"ipv6_bare_in_letters":      {"u@2001:DB8::cafe", "u", "[2001:DB8::cafe]:21", "[2001:db8::cafe]:21", false},
		"ipv6_bare_of_ipv4":         {"u@::ffff:10.0.0.1", "u", "[::ffff:10.0.0.1]:21", "10.0.0.1:21", false},
		"ipv4_in_ipv6":              {"u@[::ffff:10.0.0.1]:21", "u", "[::ffff:10.0.0.1]:21", "10.0.0.1:21", false},
		"ipv4_in_ipv6_hexadecimal":  {"u@[::ffff:a00:1]", "u", "[::ffff:a00:1]:21", "10.0.0.1:21", false},
		"upper_case":                {"Joe@FTP.Example.COM", "Joe", "FTP.Example.COM:21", "ftp.example.com:21", false},
		"last_dot":                  {"joe@ftp.example.com.", "joe", "ftp.example.com.:21", "ftp.example.com:21", false},
		"last_dot_of_an_address":    {"joe@192.0.2.1.:21", "joe", "192.0.2.1.:21", "192.0.2.1:21", false},
		"zeros_before_the_port":     {"joe@h:00021", "joe", "h:21", "h:21", false},
		"greatest_port":             {"joe@h:65535", "joe", "h:65535", "h:65535", false},
		"underscore":                {"joe@my_host.example", "joe", "my_host.example:21", "my_host.example:21", false},
		"digits_in_front":           {"joe@1.2.3.4.example", "joe", "1.2.3.4.example:21", "1.2.3.4.example:21", false},
		"ends_in_digits_not_number": {"joe@h1", "joe", "h1:21", "h1:21", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			for _, m := range []Method{UserAtHost, ProxyUserThenUserAtHost} {
				d, err := Parse(m, c.arg, "")
				if err != nil || d.User != c.user || d.ProxyUser != "" || d.String() != c.typed || d.Canonical() != c.canonical || d.Implicit != c.implicit {
					t.Errorf("got %+v, %s, %s, %v", d, d, d.Canonical(), err)
				}
			}
			d, err := Parse(ProxyUserAtHostThenUser, c.arg, "")
			if err != nil || d.ProxyUser != c.user || d.User != "" || d.String() != c.typed {
				t.Errorf("proxyuser@host,user: got %+v, %v", d, err)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	cases := map[string]struct {
		arg  string
		want error
	}{
		"no_at":               {"joe", ErrNoHost},
		"nothing":             {"", ErrNoHost},
		"no_host":             {"joe@", ErrNoHost},
		"no_host_but_port":    {"joe@:21", ErrBadHost},
		"no_user":             {"@h", ErrNoUser},
		"no_port":             {"joe@h:", ErrBadPort},
		"port_zero":           {"joe@h:0", ErrBadPort},
		"port_too_great":      {"joe@h:65536", ErrBadPort},
		"port_negative":       {"joe@h:-21", ErrBadPort},
		"port_signed":         {"joe@h:+21", ErrBadPort},
		"port_junk":           {"joe@h:21x", ErrBadPort},
		"port_hexadecimal":    {"joe@h:0x15", ErrBadPort},
		"port_blank":          {"joe@h: 21", ErrBadPort},
		"port_long":           {"joe@h:000021", ErrBadPort},
		"port_by_name":        {"joe@h:ftp", ErrBadPort},
		"ipv6_bare_and_port":  {"joe@2001:db8::1:21", ErrBadIPv6}, // or all of it is the address
		"ipv6_bare_either":    {"joe@2001:db8::7:8", ErrBadIPv6},
		"ipv6_bare_port_ends": {"joe@2001:db8::1:", ErrBadIPv6},
		"ipv6_bare_whole_21":  {"joe@1:2:3:4:5:6:7:8:21", ErrBadIPv6},
		"ipv6_bare_zone":      {"joe@fe80::a%eth0", ErrBadIPv6},
		"ipv6_bare_zone_end":  {"joe@fe80::a%", ErrBadIPv6},
		"ipv6_bare_not":       {"joe@a:b:c", ErrBadIPv6},
		"ipv6_open":           {"joe@[::1", ErrBadIPv6},
		"ipv6_junk_behind":    {"joe@[::1]21", ErrBadPort},
		"ipv6_empty":          {"joe@[]", ErrBadIPv6},
		"ipv6_not":            {"joe@[h]", ErrBadIPv6},
		"ipv4_in_brackets":    {"joe@[10.0.0.1]", ErrBadIPv6},
		"ipv6_zone":           {"joe@[fe80::1%eth0]", ErrZone},
		"ipv6_zone_no_name":   {"joe@[fe80::1%]", ErrZone},
		"name_zone":           {"joe@h%eth0", ErrBadHost},
		"octal":               {"joe@0177.0.0.1", ErrNumeric},
		"octal_zero":          {"joe@127.0.0.01", ErrNumeric},
		"octal_whole":         {"joe@017700000001", ErrNumeric},
		"hexadecimal":         {"joe@0x7f.0.0.1", ErrNumeric},
		"hexadecimal_whole":   {"joe@0x7f000001", ErrNumeric},
		"hexadecimal_last":    {"joe@127.0.0.0X1", ErrNumeric},
		"hexadecimal_nothing": {"joe@0x", ErrNumeric},
		"decimal_whole":       {"joe@2130706433", ErrNumeric},
		"short":               {"joe@127.1", ErrNumeric},
		"short_dot":           {"joe@127.1.", ErrNumeric},
		"zero":                {"joe@0", ErrNumeric},
		"five_parts":          {"joe@1.2.3.4.5", ErrNumeric},
		"part_too_great":      {"joe@256.0.0.1", ErrNumeric},
		"wide_digits":         {"joe@１２７.0.0.1", ErrBadHost},
		"wide_dot":            {"joe@127。0。0。1", ErrBadHost},
		"other_alphabet":      {"joe@bücher.example", ErrBadHost},
		"blank":               {"joe@h x", ErrBadHost},
		"slash":               {"joe@h/x", ErrBadHost},
		"empty_label":         {"joe@a..b", ErrBadHost},
		"two_last_dots":       {"joe@a..", ErrBadHost},
		"dot":                 {"joe@.", ErrBadHost},
		"hyphen_in_front":     {"joe@-h", ErrBadHost},
		"label_too_long":      {"joe@" + strings.Repeat("a", 64), ErrBadHost},
		"name_too_long":       {"joe@" + strings.Repeat("a.", 127) + "a", ErrBadHost},
		"line_feed_in_host":   {"joe@h\nDELE", ErrBadHost},
		"line_feed_in_user":   {"joe\r\nDELE f@h", ErrForbidden},
		"nul_in_user":         {"j\x00@h", ErrForbidden},
		"percent_encoded":     {"joe@%31%32", ErrBadHost},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if d, err := Parse(UserAtHost, c.arg, "sni.example"); !errors.Is(err, c.want) {
				t.Errorf("got %+v, %v, want %v", d, err, c.want)
			}
		})
	}
}

func TestSNI(t *testing.T) {
	cases := map[string]struct {
		arg, sni, user, canonical string
		want                      error
	}{
		"name":          {"joe@corp", "ftp.example.com", "joe@corp", "ftp.example.com:21", nil},
		"name_and_port": {"joe", "ftp.example.com:990", "joe", "ftp.example.com:990", nil},
		"none":          {"joe@ftp.example.com", "", "", "", ErrNoSNI},
		"bad_port":      {"joe", "h:x", "", "", ErrBadPort},
		"number":        {"joe", "0x7f.1", "", "", ErrNumeric},
		"no_user":       {"", "h", "", "", ErrNoUser},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			d, err := Parse(UserAtSNI, c.arg, c.sni)
			if !errors.Is(err, c.want) || err == nil && (d.User != c.user || d.Canonical() != c.canonical || d.Implicit != (d.Port == 990)) {
				t.Errorf("got %+v, %v", d, err)
			}
		})
	}
}

func forwardTo(pattern string) (match func(string) bool, negate bool) {
	source, negate := strings.CutPrefix(pattern, "!")
	re := regexp.MustCompile(source)
	return func(s string) bool { return re.MatchString(s) != negate }, negate
}

func TestPermitted(t *testing.T) {
	cases := map[string]struct {
		pattern, arg string
		want         bool
	}{
		"documented":                  {`^ftp.example.com:21$`, "u@ftp.example.com", true},
		"documented_other_port":       {`^ftp.example.com:21$`, "u@ftp.example.com:2121", false},
		"documented_no_case":          {`(?i)^ftp\.example\.com\:21$`, "u@FTP.example.com", true},
		"case_counts":                 {`^ftp\.example\.com:21$`, "u@FTP.example.com", false},
		"brackets":                    {`^\[2001:db8::1\]:21$`, "u@[2001:db8::1]", true},
		"not_this_one":                {`!^internal:21$`, "u@internal", false},
		"not_this_one_others":         {`!^internal:21$`, "u@external", true},
		"not_this_one_in_capitals":    {`!^internal:21$`, "u@INTERNAL", false},
		"not_this_one_with_a_dot":     {`!^internal:21$`, "u@internal.", false},
		"not_this_net":                {`!^10\.`, "u@10.1.1.1", false},
		"not_this_net_mapped":         {`!^10\.`, "u@[::ffff:10.1.1.1]", false},
		"not_this_net_mapped_hex":     {`!^10\.`, "u@[::FFFF:A01:101]", false},
		"not_this_address_in_length":  {`!^\[2001:db8::1\]`, "u@[2001:db8:0::1]", false},
		"canonical_does_not_help_in":  {`^10\.1\.1\.1:21$`, "u@[::ffff:10.1.1.1]", false},
		"typed_capitals_do_not_sneak": {`!INTERNAL`, "u@INTERNAL", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			d, err := Parse(UserAtHost, c.arg, "")
			if err != nil {
				t.Fatal(err)
			}
			if got := d.Permitted(forwardTo(c.pattern)); got != c.want {
				t.Errorf("%s and %s: %t", c.pattern, c.arg, got)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, arg := range []string{"joe@h", "a@b@[::1]:990", "u@[::ffff:1.2.3.4]", "u@0x7f.1", "@", "u@h:0", "u@A.b.:21"} {
		f.Add(uint8(0), arg, "")
	}
	f.Add(uint8(3), "joe", "h:21")
	f.Fuzz(func(t *testing.T, m uint8, arg, sni string) {
		d, err := Parse(Method(m%4), arg, sni)
		if err != nil {
			return
		}
		switch {
		case (d.User == "") == (d.ProxyUser == ""), d.Host == "", d.Port == 0, d.Implicit != (d.Port == 990):
			t.Fatalf("%q: %+v", arg, d)
		case strings.ContainsAny(d.User+d.ProxyUser+d.String()+d.Canonical(), "\r\n\x00"):
			t.Fatalf("%q: more than one line: %+v", arg, d)
		case d.Addr.IsValid() && (d.Addr.Is4In6() || d.Addr.Zone() != "" || d.Addr.String() != d.Host):
			t.Fatalf("%q: an address of two forms: %+v", arg, d)
		}
		if !d.Addr.IsValid() {
			if _, err := netip.ParseAddr(d.Host); err == nil || endsInNumber(d.Host) {
				t.Fatalf("%q: %s is no name", arg, d.Host)
			}
		}
		again, err := Parse(UserAtHost, "u@"+d.Canonical(), "")
		if err != nil || again.Host != d.Host || again.Port != d.Port || again.Canonical() != d.Canonical() || again.Addr != d.Addr {
			t.Fatalf("%q: %s is read as %+v, %v", arg, d.Canonical(), again, err)
		}
		typed, err := Parse(UserAtHost, "u@"+d.String(), "")
		if err != nil || typed.String() != d.String() || typed.Canonical() != d.Canonical() {
			t.Fatalf("%q: %s is read as %+v, %v", arg, d, typed, err)
		}
	})
}
