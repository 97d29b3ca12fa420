package config

import (
	"fmt"
	"strings"
	"testing"
)

func TestBalancers(t *testing.T) {
	for name, c := range map[string]struct{ src, from, data string }{
		"none":           {"", "[]", "[]"},
		"addresses":      {"ProxyProtocolFrom 192.0.2.8 2001:db8::8", "[192.0.2.8/32 2001:db8::8/128]", "[]"},
		"networks":       {"ProxyProtocolFrom 10.1.0.0/24 2001:db8::/32", "[10.1.0.0/24 2001:db8::/32]", "[]"},
		"lines_add_up":   {"ProxyProtocolFrom 192.0.2.8\nProxyProtocolFrom 192.0.2.9", "[192.0.2.8/32 192.0.2.9/32]", "[]"},
		"mapped":         {"ProxyProtocolFrom ::ffff:192.0.2.8 ::ffff:10.1.0.0/120", "[192.0.2.8/32 10.1.0.0/24]", "[]"},
		"data_is_apart":  {"ProxyProtocolDataFrom 192.0.2.8", "[]", "[192.0.2.8/32]"},
		"from_<Global>":  {"<Global>\nProxyProtocolFrom 192.0.2.8\n</Global>", "[192.0.2.8/32]", "[]"},
		"both_have_some": {"ProxyProtocolFrom 192.0.2.8\nProxyProtocolDataFrom 192.0.2.9", "[192.0.2.8/32]", "[192.0.2.9/32]"},
	} {
		t.Run(name, func(t *testing.T) {
			conf, r := loadText(c.src, nil)
			if conf == nil {
				t.Fatal(describe(r))
			}
			p := conf.Servers[0].Settings("").Proxy
			if from, data := fmt.Sprint(p.ProtocolFrom), fmt.Sprint(p.ProtocolDataFrom); from != c.from || data != c.data {
				t.Errorf("got %s and %s, want %s and %s", from, data, c.from, c.data)
			}
		})
	}
}

func TestBalancers_refused(t *testing.T) {
	for name, c := range map[string]struct{ src, gist string }{
		"nothing":         {"ProxyProtocolFrom", "missing parameters"},
		"a_name":          {"ProxyProtocolFrom lb.example.com", "'lb.example.com' is no network"},
		"everybody":       {"ProxyProtocolFrom 0.0.0.0", "'0.0.0.0' is no network"},
		"too_many_bits":   {"ProxyProtocolFrom 10.0.0.0/33", "'10.0.0.0/33' is no network"},
		"bits_behind":     {"ProxyProtocolFrom 10.0.0.1/24", "write 10.0.0.0/24"},
		"a_zone":          {"ProxyProtocolFrom fe80::1%eth0", "is no network"},
		"half_mapped":     {"ProxyProtocolFrom ::ffff:0:0/90", "is no network"},
		"data_of_a_name":  {"ProxyProtocolDataFrom lb", "'lb' is no network"},
		"not_for_classes": {"<Class c>\nProxyProtocolFrom 10.0.0.1\n</Class>", "directive not allowed in <Class> context"},
	} {
		t.Run(name, func(t *testing.T) {
			conf, r := loadText(c.src, nil)
			if conf != nil || !strings.Contains(describe(r), c.gist) {
				t.Errorf("accepted: %v, want %q:\n%s", conf != nil, c.gist, describe(r))
			}
		})
	}
	if _, r := loadText("ProxyProtocolFrom 0.0.0.0/0", nil); !strings.Contains(describe(r), "lets everybody pass for anybody") {
		t.Errorf("no warning about everybody:\n%s", describe(r))
	}
}
