package gateway

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/protocols/destination"
	"github.com/sluice-gateway/sluice/runtime/config"
)

// forwardTo reads lines of ProxyForwardTo as a configuration has them.
func forwardTo(t *testing.T, lines ...string) []*config.Pattern {
	t.Helper()
	text := "ProxyEngine on\nProxyRole forward\n"
	for _, l := range lines {
		text += "ProxyForwardTo " + l + "\n"
	}
	path := t.TempDir() + "/sluice.conf"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, report := config.Load(path, config.Options{Getenv: os.LookupEnv})
	if cfg == nil {
		t.Fatalf("%v", report.Problems)
	}
	return cfg.Servers[0].Settings("").Proxy.ForwardTo
}

func TestPermit(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		typed string
		want  string // of the refusal; empty: none
	}{
		"nothing_said":                   {nil, "h.test", ""},
		"the_port_is_added":              {[]string{`^h\.test:21$`}, "h.test", ""},
		"another_port":                   {[]string{`^h\.test:21$`}, "h.test:2121", "host/port 'h.test:2121' did not match ProxyForwardTo ^h\\.test:21$, rejecting"},
		"it_is_not_anchored":             {[]string{`h\.test`}, "not-h.test:99", ""},
		"case_counts":                    {[]string{`^h\.test:`}, "H.test", "did not match"},
		"case_does_not_with_NC":          {[]string{`^h\.test: [NC]`}, "H.test", ""},
		"brackets_are_kept":              {[]string{`^\[2001:db8::1\]:21$`}, "[2001:db8::1]", ""},
		"positive_lines_are_alternative": {[]string{`^a\.test:`, `^b\.test:`}, "b.test", ""},
		"none_of_them":                   {[]string{`^a\.test:`, `^b\.test:`}, "c.test", "did not match ProxyForwardTo ^a\\.test: or ^b\\.test:"},
		"a_veto":                         {[]string{`.`, `!^evil\.`}, "evil.test", "matched ProxyForwardTo !^evil\\., rejecting"},
		"every_veto":                     {[]string{`!^evil\.`, `!^bad\.`}, "bad.test", "matched ProxyForwardTo !^bad"},
		"vetoes_alone_let_others_pass":   {[]string{`!^evil\.`, `!^bad\.`}, "good.test", ""},
		"a_veto_is_not_talked_around":    {[]string{`!^evil\.test:`}, "EVIL.test.", "matched"},
		"nor_by_mapped_addresses":        {[]string{`!^10\.`}, "[::ffff:10.1.1.1]", "matched"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := destination.Parse(destination.UserAtHost, "u@"+c.typed, "")
			if err != nil {
				t.Fatal(err)
			}
			err = permit(forwardTo(t, c.lines...))(d)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", c.typed, err, c.want)
			}
		})
	}
}

// Who allows a name, or everything, has not named an address of the inside.
func TestNamed(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		at    string
		want  bool
	}{
		"nothing_said":            {nil, "127.0.0.1:21", false},
		"everything":              {[]string{`.*`}, "127.0.0.1:21", false},
		"every_port_21":           {[]string{`:21$`}, "127.0.0.1:21", false},
		"a_name":                  {[]string{`^localhost:`}, "127.0.0.1:21", false},
		"the_address":             {[]string{`^127\.0\.0\.1:21$`}, "127.0.0.1:21", true},
		"another_port_of_it":      {[]string{`^127\.0\.0\.1:21$`}, "127.0.0.1:22", false},
		"beside_others":           {[]string{`.`, `^127\.0\.0\.1:`}, "127.0.0.1:22", true},
		"but_vetoed":              {[]string{`^127\.`, `!^127\.0\.0\.1:`}, "127.0.0.1:22", false},
		"by_what_is_not_excluded": {[]string{`!^10\.`}, "127.0.0.1:21", false},
		"IPv6":                    {[]string{`^\[::1\]:`}, "[::1]:21", true},
		"mapped":                  {[]string{`^127\.0\.0\.1:`}, "[::ffff:127.0.0.1]:21", true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := named(forwardTo(t, c.lines...))(netip.MustParseAddrPort(c.at)); got != c.want {
				t.Errorf("%v: %v, want %v", c.at, got, c.want)
			}
		})
	}
}

func TestAdmits(t *testing.T) {
	classes := []*config.Class{{Name: "on", ForwardSet: true, ForwardEnabled: true}, {Name: "off", ForwardSet: true}, {Name: "silent"}}
	for _, c := range []struct {
		class, client string
		want          string // of the refusal; empty: none
	}{
		{"", "10.1.2.3", ""}, {"", "172.31.0.1", ""}, {"", "192.168.0.1", ""}, {"", "::ffff:192.168.0.1", ""},
		{"", "172.32.0.1", "non-RFC1918"}, {"", "127.0.0.1", "non-RFC1918"}, {"", "::1", "non-RFC1918"}, {"", "fd00::1", "non-RFC1918"},
		{"", "203.0.113.1", "non-RFC1918"}, {"", "::10.1.2.3", "non-RFC1918"},
		{"silent", "10.1.2.3", ""}, {"silent", "127.0.0.1", "non-RFC1918"},
		{"on", "203.0.113.1", ""}, {"on", "::1", ""},
		{"off", "10.1.2.3", "class 'off'"}, {"off", "127.0.0.1", "class 'off'"},
	} {
		var err error
		if admit := admits(classes, c.class); admit != nil {
			err = admit(netip.MustParseAddr(c.client), "")
		}
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s of class %q: %v, want %q", c.client, c.class, err, c.want)
		}
	}
}

// The guard knows every address that leads to our own doors.
func TestOwnListeners(t *testing.T) {
	l := &layout{
		addresses:   []address{{network: "tcp", port: 21}, {network: "tcp4", host: "192.0.2.1", port: 2121}},
		masquerades: []netip.Addr{netip.MustParseAddr("203.0.113.5")},
	}
	own := l.ownListeners()
	g := &Gateway{}
	g.own.Store(&own)
	guard, err := g.guard(forwardTo(t, `^127\.`, `^\[::1\]`))()
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]bool{
		"127.0.0.1:21": false, "127.9.9.9:21": false, "[::1]:21": false, "203.0.113.5:21": false, "203.0.113.5:2121": false, "192.0.2.1:2121": false,
		"[::ffff:192.0.2.1]:2121": false, "127.0.0.1:2121": true, "[::1]:2121": true, "192.0.2.1:22": true, "198.51.100.1:21": true,
	} {
		if err := guard.Check(netip.MustParseAddrPort(at)); (err == nil) != want {
			t.Errorf("%s: %v, want it allowed: %v", at, err, want)
		}
	}
	for _, a := range guard.Local {
		if err := guard.Check(netip.AddrPortFrom(a, 21)); err == nil {
			t.Errorf("our own listener at %v is not known", a)
		}
	}
}

// Whom a server of the forward role turns away at the door does not come in by its
// name either.
func TestForwardByName(t *testing.T) {
	r := newRig(t)
	port := freePort(t)
	r.configure(`Port 0
<Class on>
From 127.0.0.2
ProxyForwardEnabled on
</Class>
%s<VirtualHost 127.0.0.1>
ServerName forward.test
ServerAlias forward.test
Port %d
ProxyEngine on
ProxyRole forward
</VirtualHost>
`, vhost("127.0.0.1", port, backend(t, "reverse"), "ServerName reverse.test", "ServerAlias reverse.test"), port)
	r.run()
	for from, want := range map[string]string{"127.0.0.1": "504 ", "127.0.0.2": "220 "} {
		t.Run(fmt.Sprintf("from_%s", from), func(t *testing.T) {
			c := dial(t, from, "127.0.0.1", port)
			if got := c.line(); !strings.HasPrefix(got, "220") {
				t.Fatalf("heard %q", got)
			}
			c.say("HOST forward.test", want)
		})
	}
}
