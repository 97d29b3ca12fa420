package gateway

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/actors/reception"
	"github.com/sluice-gateway/sluice/runtime/config"
)

func TestFind(t *testing.T) {
	at := func(name string, isDefault bool, port uint16, addrs ...string) *site {
		s := &site{server: &config.Server{Name: name, Port: port, IsDefault: isDefault}, door: &reception.Door{Server: name}}
		for _, a := range addrs {
			s.addrs = append(s.addrs, netip.MustParseAddr(a))
		}
		return s
	}
	any, all4, all6 := at("any", false, 21), at("all4", false, 21, "0.0.0.0"), at("all6", false, 21, "::")
	named, other := at("named", false, 21, "10.0.0.1", "10.0.0.2"), at("other", false, 2121, "10.0.0.1")
	fallback := at("fallback", true, 21, "10.9.9.9")
	for name, c := range map[string]struct {
		sites []*site
		local string
		want  string
	}{
		"the_one_that_names_the_address":            {[]*site{any, all4, fallback, named}, "10.0.0.2:21", "named"},
		"an_address_before_all_addresses":           {[]*site{all4, named}, "10.0.0.1:21", "named"},
		"all_addresses_before_the_default":          {[]*site{fallback, all4}, "10.0.0.3:21", "all4"},
		"all_addresses_of_one_family_only":          {[]*site{all4, all6}, "[2001:db8::1]:21", "all6"},
		"the_default_before_one_without_addresses":  {[]*site{any, fallback}, "10.0.0.3:21", "fallback"},
		"one_without_addresses_takes_what_is_left":  {[]*site{named, any}, "10.0.0.3:21", "any"},
		"the_port_counts":                           {[]*site{named, other}, "10.0.0.1:2121", "other"},
		"nobody":                                    {[]*site{named, other}, "10.0.0.3:21", ""},
		"the_default_of_another_port_does_not_help": {[]*site{fallback, other}, "10.0.0.3:2121", ""},
	} {
		got := ""
		if d := find(c.sites, netip.MustParseAddrPort(c.local)); d != nil {
			got = d.Server
		}
		if got != c.want {
			t.Errorf("%s: found %q, want %q", name, got, c.want)
		}
	}
}

func TestSockets_are_one_per_address_or_one_per_port(t *testing.T) {
	servers := []*site{
		{server: &config.Server{Port: 21}, addrs: []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("::1")}},
		{server: &config.Server{Port: 21}, addrs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}},
		{server: &config.Server{Port: 2121}},
	}
	for _, c := range []struct {
		process config.Process
		want    string
	}{
		{config.Process{SocketBindTight: true, UseIPv6: true}, "tcp4 10.0.0.1:21, tcp6 [::1]:21, tcp *:2121"},
		{config.Process{UseIPv6: true}, "tcp *:21, tcp *:2121"},
		{config.Process{}, "tcp4 *:21, tcp4 *:2121"},
	} {
		l := &layout{}
		for _, s := range servers {
			l.addSockets(s, c.process)
		}
		var got []string
		for _, a := range l.addresses {
			got = append(got, a.network+" "+a.name)
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%+v listens at %v, want %s", c.process, got, c.want)
		}
	}
}

// What a configuration promises and this version cannot do is refused aloud,
// and the servers beside it are served.
func TestUnserved(t *testing.T) {
	back := backend(t, "b")
	for name, c := range map[string]struct{ extra, why string }{
		"no_proxy":               {"ProxyEngine off", "ProxyEngine is off"},
		"forward":                {"ProxyEngine on\nProxyRole forward", "ProxyRole forward"},
		"backend_tls":            {"ProxyEngine on\nProxyRole reverse\nProxyReverseServers " + back + "\nProxyTLSEngine on", "ProxyTLSEngine asks for TLS"},
		"sticky":                 {"ProxyEngine on\nProxyRole reverse\nProxyTLSEngine off\nProxyReverseServers " + back + "\nProxyReverseConnectPolicy PerUser", "PerUser"},
		"proxy_auth":             {"ProxyEngine on\nProxyRole reverse\nProxyTLSEngine off\nProxyReverseServers " + back + "\nProxyOptions UseReverseProxyAuth", "UseReverseProxyAuth"},
		"proxy_protocol":         {"ProxyEngine on\nProxyRole reverse\nProxyTLSEngine off\nProxyReverseServers " + back + "\nProxyOptions UseProxyProtocolV2", "ProxyOptions"},
		"a_second_of_one_name":   {"ProxyEngine on\nProxyRole reverse\nProxyTLSEngine off\nProxyReverseServers " + back + "\nServerName twin", "same ServerName"},
		"engine_on_without_role": {"ProxyEngine on\nProxyRole reverse\nProxyTLSEngine off\nProxyReverseServers " + back, "-"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			good, bad := freePort(t), freePort(t)
			host := "127.0.0.1"
			twin := ""
			if strings.Contains(c.extra, "twin") {
				twin, bad = "ServerName twin", good
			}
			r.configure("Port 0\n%s<VirtualHost %s>\nPort %d\n%s\n</VirtualHost>\n", vhost("127.0.0.1", good, back, twin), host, bad, c.extra)
			r.start()
			defer r.g.Close()
			out := r.out.String()
			if served := !strings.Contains(out, "not serving this server"); served != (c.why == "-") {
				t.Errorf("served: %v; it said\n%s", served, out)
			}
			if c.why != "-" && !strings.Contains(out, c.why) {
				t.Errorf("it does not say %q:\n%s", c.why, out)
			}
			if !slices.ContainsFunc(r.g.layout.addresses, func(a address) bool { return int(a.port) == good }) {
				t.Errorf("the good server is not served: %v", r.g.layout.names())
			}
		})
	}
}

func TestClasses_have_pools_of_their_own(t *testing.T) {
	r := newRig(t)
	port := freePort(t)
	r.configure(`Port 0
<Class guests>
From 127.0.0.2
</Class>
<Class banned>
From 127.0.0.3
</Class>
<Class secret>
From 127.0.0.4
</Class>
%s`, vhost("127.0.0.1", port, backend(t, "house"),
		"<IfClass guests>", "ProxyReverseServers "+backend(t, "annex"), "</IfClass>",
		"<IfClass banned>", "ProxyEngine off", "</IfClass>",
		"<IfClass secret>", "ProxyTLSEngine on", "</IfClass>"))
	r.run()
	for from, want := range map[string]string{"127.0.0.1": "house", "127.0.0.3": "", "127.0.0.4": ""} {
		if got := greeting(t, from, "127.0.0.1", port); !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("a client from %s heard %q, want %q", from, got, want)
		}
	}
	// <IfClass> adds to the list (ProxyReverseServers accumulates).
	heard := ""
	for range 4 {
		heard += greeting(t, "127.0.0.2", "127.0.0.1", port)
	}
	if !strings.Contains(heard, "annex") {
		t.Errorf("guests heard %q", heard)
	}
	// TLS that a class was promised and that cannot be had is no plain service.
	r.says("not serving these clients: ProxyTLSEngine")
}

// What the configuration's own checks catch first is refused here, too.
func TestUnserved_settings(t *testing.T) {
	served := func() *config.Settings {
		s := &config.Settings{}
		s.Proxy.Engine = true
		return s
	}
	for why, change := range map[string]func(*config.Settings){
		"SFTPEngine":          func(s *config.Settings) { s.SSH.Engine = true },
		"TLS towards clients": func(s *config.Settings) { s.TLS.Options.UseImplicitSSL = true },
		"names no backend":    func(*config.Settings) {},
	} {
		s := served()
		change(s)
		if got := unserved(s); !strings.Contains(got, why) {
			t.Errorf("refused with %q, want %q", got, why)
		}
	}
}

func TestShadow(t *testing.T) {
	at := func(port uint16, addrs ...string) *site {
		s := &site{server: &config.Server{Port: port}}
		for _, a := range addrs {
			s.addrs = append(s.addrs, netip.MustParseAddr(a))
		}
		return s
	}
	sites := []*site{at(21, "192.0.2.1", "192.0.2.2"), at(21, "0.0.0.0")}
	for _, tt := range []struct {
		name string
		late *site
		by   *site
	}{
		{"the same address and port", at(21, "192.0.2.1"), sites[0]},
		{"one of two addresses is its own", at(21, "192.0.2.1", "192.0.2.9"), nil},
		{"another port", at(2121, "192.0.2.1"), nil},
		{"a named address comes before every address", at(21, "192.0.2.9"), nil},
		{"no address of its own", at(21), nil},
	} {
		if got := shadow(sites, tt.late); got != tt.by {
			t.Errorf("%s: shadowed by %v, want %v", tt.name, got, tt.by)
		}
	}
}
