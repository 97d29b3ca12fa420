package gateway

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/actors/ftpsession"
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
	last, all4, all6 := at("any", false, 21), at("all4", false, 21, "0.0.0.0"), at("all6", false, 21, "::")
	named, other := at("named", false, 21, "10.0.0.1", "10.0.0.2"), at("other", false, 2121, "10.0.0.1")
	fallback := at("fallback", true, 21, "10.9.9.9")
	for name, c := range map[string]struct {
		sites []*site
		local string
		want  string
	}{
		"the_one_that_names_the_address":            {[]*site{last, all4, fallback, named}, "10.0.0.2:21", "named"},
		"an_address_before_all_addresses":           {[]*site{all4, named}, "10.0.0.1:21", "named"},
		"all_addresses_before_the_default":          {[]*site{fallback, all4}, "10.0.0.3:21", "all4"},
		"all_addresses_of_one_family_only":          {[]*site{all4, all6}, "[2001:db8::1]:21", "all6"},
		"the_default_before_one_without_addresses":  {[]*site{last, fallback}, "10.0.0.3:21", "fallback"},
		"one_without_addresses_takes_what_is_left":  {[]*site{named, last}, "10.0.0.3:21", "any"},
		"the_port_counts":                           {[]*site{named, other}, "10.0.0.1:2121", "other"},
		"nobody":                                    {[]*site{named, other}, "10.0.0.3:21", ""},
		"the_default_of_another_port_does_not_help": {[]*site{fallback, other}, "10.0.0.3:2121", ""},
	} {
		got := ""
		if h := newHalls(c.sites, &config.Config{}).at(netip.MustParseAddrPort(c.local)); h != nil {
			got = h.door.Server
		}
		if got != c.want {
			t.Errorf("%s: found %q, want %q", name, got, c.want)
		}
	}
}

// Gateways of one store listen at addresses of their own, and must find each other's state all the same.
func TestPoolName(t *testing.T) {
	at := func(name string, port uint16, addr string) *config.Server {
		return &config.Server{Name: name, Aliases: []string{"alias"}, Port: port, Addresses: []netip.Addr{netip.MustParseAddr(addr)}}
	}
	names := func(d config.Datastore, servers ...*config.Server) (out []string) {
		cfg := &config.Config{Process: config.Process{Datastore: d}, Servers: servers}
		for _, s := range servers {
			out = append(out, poolName(cfg, s))
		}
		return out
	}
	here := names(config.DatastoreRedis, at("files", 21, "10.0.0.1"), at("files", 21, "10.0.1.1"), at("files", 2121, "10.0.0.1"), at("more", 21, "10.0.2.1"))
	there := names(config.DatastoreRedis, at("files", 21, "10.0.0.2"), at("files", 21, "10.0.1.2"), at("files", 2121, "10.0.0.2"), at("more", 21, "10.0.2.2"))
	if !slices.Equal(here, there) {
		t.Errorf("two gateways of one store name their pools %v and %v", here, there)
	}
	if slices.Sort(here); len(slices.Compact(here)) != 4 {
		t.Errorf("servers of one gateway share a pool: %v", here)
	}
	alone := names(config.DatastoreLocal, at("files", 21, "10.0.0.1"))
	if want := serverID(at("files", 21, "10.0.0.1")); alone[0] != want {
		t.Errorf("with a store of its own a gateway names the pool %q, want %q as ever", alone[0], want)
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
		"forward":                {"ProxyEngine on\nProxyRole forward", "-"},
		"backend_tls":            {"ProxyEngine on\nProxyRole reverse\nProxyReverseServers " + back + "\nProxyTLSEngine on", "-"},
		"backend_of_ssh":         {"ProxyEngine off\nProxyRole reverse\nProxyReverseServers sftp://127.0.0.1", "ProxyEngine is off"},
		"proxy_auth":             {"ProxyEngine on\nProxyRole reverse\nProxyTLSEngine off\nProxyReverseServers " + back + "\nProxyOptions UseReverseProxyAuth", "-"},
		"proxy_protocol":         {"ProxyEngine on\nProxyRole reverse\nProxyTLSEngine off\nProxyReverseServers " + back + "\nProxyOptions UseProxyProtocolV2", "-"},
		"direct_data":            {"ProxyEngine on\nProxyRole reverse\nProxyTLSEngine off\nProxyReverseServers " + back + "\nProxyOptions UseDirectDataTransfers", "-"},
		"a_second_of_one_name":   {"ProxyEngine on\nProxyRole reverse\nProxyTLSEngine off\nProxyReverseServers " + back + "\nServerName twin", "same names"},
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
<Class direct>
From 127.0.0.4
</Class>
%s`, vhost("127.0.0.1", port, backend(t, "house"),
		"<IfClass guests>", "ProxyReverseServers "+backend(t, "annex"), "</IfClass>",
		"<IfClass banned>", "ProxyEngine off", "</IfClass>",
		"<IfClass direct>", "ProxyOptions UseDirectDataTransfers", "</IfClass>"))
	r.run()
	for from, want := range map[string]string{"127.0.0.1": "house", "127.0.0.3": "", "127.0.0.4": "house"} {
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
}

// What the configuration's own checks catch first is refused here, too.
func TestUnserved_settings(t *testing.T) {
	served := func() *config.Settings {
		s := &config.Settings{}
		s.Proxy.Engine = true
		return s
	}
	for why, change := range map[string]func(*config.Settings){
		"SFTPEngine":       func(s *config.Settings) { s.SSH.Engine = true },
		"names no backend": func(*config.Settings) {},
	} {
		s := served()
		change(s)
		if got := unserved(s); !strings.Contains(got, why) {
			t.Errorf("refused with %q, want %q", got, why)
		}
	}
}

func TestUnreachable(t *testing.T) {
	at := func(server config.Server, addrs ...string) *site {
		s := &site{server: &server, door: &reception.Door{}}
		for _, a := range addrs {
			s.addrs = append(s.addrs, netip.MustParseAddr(a))
		}
		return s
	}
	first, every := at(config.Server{Name: "first", Port: 21}, "192.0.2.1", "192.0.2.2"), at(config.Server{Name: "every", Port: 21}, "0.0.0.0")
	for _, tt := range []struct {
		name string
		late *site
		by   *site
	}{
		{"the same address and port", at(config.Server{Name: "first", Port: 21}, "192.0.2.1"), first},
		{"a name of its own", at(config.Server{Name: "second", Port: 21}, "192.0.2.1"), nil},
		{"an alias of its own", at(config.Server{Name: "first", Port: 21, Aliases: []string{"*.example"}}, "192.0.2.1"), nil},
		{"a host name of its own", at(config.Server{Name: "first", Port: 21, HostNames: []string{"ftp.example"}}, "192.0.2.1"), nil},
		{"one of two addresses is its own", at(config.Server{Name: "first", Port: 21}, "192.0.2.1", "192.0.2.9"), nil},
		{"another port", at(config.Server{Name: "first", Port: 2121}, "192.0.2.1"), nil},
		{"a named address comes before every address", at(config.Server{Name: "every", Port: 21}, "192.0.2.9"), nil},
		{"no address of its own", at(config.Server{Name: "every", Port: 21}), nil},
	} {
		all := newHalls([]*site{first, every, tt.late}, &config.Config{})
		if got := all.unreachable(tt.late); got != tt.by {
			t.Errorf("%s: unreachable because of %v, want %v", tt.name, got, tt.by)
		}
	}
}

func TestNames_lead_to_servers_of_the_same_address_only(t *testing.T) {
	at := func(server config.Server, addrs ...string) *site {
		set := &ftpsession.Setup{Server: server.Name}
		s := &site{server: &server, door: &reception.Door{Server: server.Name}, wings: map[string]wing{"": {setup: set}, "banned": {closed: errNothingServed}}}
		for _, a := range addrs {
			s.addrs = append(s.addrs, netip.MustParseAddr(a))
		}
		return s
	}
	cfg := &config.Config{Process: config.Process{Classes: []*config.Class{{Name: "banned"}}}}
	all := newHalls([]*site{
		at(config.Server{Name: "One", Port: 21, Aliases: []string{"*.example"}}, "192.0.2.1", "192.0.2.2"),
		at(config.Server{Name: "two", Port: 21, Aliases: []string{"b.example", "x?.net"}}, "192.0.2.1"),
		at(config.Server{Name: "internal", Port: 21, HostNames: []string{"in.example.org"}}, "10.0.0.1"),
		at(config.Server{Name: "fallback", Port: 21, IsDefault: true}, "10.0.0.2"),
		at(config.Server{Name: "any", Port: 21, Aliases: []string{"any.example.org"}}),
		at(config.Server{Name: "other", Port: 990}, "192.0.2.1"),
	}, cfg)
	for _, c := range []struct{ local, first, name, want string }{
		{"192.0.2.1:21", "One", "one", "One"},
		{"192.0.2.1:21", "One", "A.EXAMPLE.", "One"},
		{"192.0.2.1:21", "One", "b.example", "two"}, // an exact name before a pattern of an earlier server
		{"192.0.2.1:21", "One", "x1.net", "two"},
		{"192.0.2.1:21", "One", "any", "any"},
		{"192.0.2.1:21", "One", "x12.net", ""},
		{"192.0.2.1:21", "One", "internal", ""},
		{"192.0.2.1:21", "One", "in.example.org", ""},
		{"192.0.2.1:21", "One", "fallback", ""},
		{"192.0.2.1:21", "One", "other", ""},
		{"192.0.2.1:21", "One", "", ""},
		{"192.0.2.2:21", "One", "two", ""},
		{"192.0.2.2:21", "One", "b.example", "One"},
		{"10.0.0.1:21", "internal", "one", ""},
		{"10.0.0.1:21", "internal", "in.example.org", "internal"},
		{"192.0.2.9:21", "fallback", "any", "any"},
		{"192.0.2.9:21", "fallback", "one", ""},
		{"[2001:db8::1]:21", "fallback", "two", ""},
	} {
		h := all.at(netip.MustParseAddrPort(c.local))
		setup, err := h.door.Setup(netip.MustParseAddr("192.0.2.77"), "")
		if err != nil || setup.Server != c.first || h.door.Server != c.first {
			t.Fatalf("at %s: %+v, %v", c.local, setup, err)
		}
		got := ""
		if s := setup.Names(c.name); s != nil {
			got = s.Server
			if again := s.Names(c.name); again != s {
				t.Errorf("from %s %q leads elsewhere", got, c.name)
			}
		}
		if got != c.want {
			t.Errorf("at %s %q leads to %q, want %q", c.local, c.name, got, c.want)
		}
		if s := h.names("banned")(c.name); s != nil {
			t.Errorf("at %s %q leads the banned to %q", c.local, c.name, s.Server)
		}
	}
	for local, want := range map[string]bool{
		"192.0.2.1:21": false, "192.0.2.2:21": false, // a ServerAlias makes names count
		"10.0.0.1:21": true, "192.0.2.9:21": true, // that of a server at another address does not
	} {
		setup, err := all.at(netip.MustParseAddrPort(local)).door.Setup(netip.MustParseAddr("192.0.2.77"), "")
		if err != nil || setup.AnyName != want {
			t.Errorf("at %s any name will do: %v, want %v", local, setup.AnyName, want)
		}
	}
	if setup, err := all.at(netip.MustParseAddrPort("192.0.2.1:990")).door.Setup(netip.MustParseAddr("192.0.2.77"), ""); err != nil || setup.Names != nil {
		t.Errorf("a server alone without aliases asks for names: %+v, %v", setup, err)
	}
	if h := all.at(netip.MustParseAddrPort("192.0.2.1:2121")); h != nil {
		t.Errorf("somebody serves a port that nobody has: %+v", h)
	}
}
