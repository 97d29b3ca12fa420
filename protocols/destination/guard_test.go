package destination

import (
	"errors"
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

func ap(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

var ownHouse = Guard{
	Own:   []netip.AddrPort{ap("0.0.0.0:21"), ap("[::]:990"), ap("198.51.100.1:2121"), ap("[fe80::5%eth0]:2200")},
	Local: []netip.Addr{netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("10.0.0.5"), netip.MustParseAddr("2001:db8:5::1")},
}

func TestGuard(t *testing.T) {
	cases := map[string]struct {
		to   string
		why  Reason
		fine bool
	}{
		"public":                  {"203.0.113.9:21", 0, true},
		"private":                 {"10.1.2.3:21", 0, true},
		"public_v6":               {"[2001:db8::9]:21", 0, true},
		"unique_local":            {"[fd12:3456::1]:21", 0, true},
		"mapped":                  {"[::ffff:203.0.113.9]:21", 0, true},
		"nat64":                   {"[64:ff9b::203.0.113.9]:21", 0, true},
		"nat64_local":             {"[64:ff9b:1::203.0.113.9]:21", 0, true},
		"6to4":                    {"[2002:cb00:7109::1]:21", 0, true},
		"own_port_elsewhere":      {"203.0.113.9:2121", 0, true},
		"own_address_other_port":  {"198.51.100.1:80", 0, true},
		"port_zero":               {"203.0.113.9:0", NoAddress, false},
		"unspecified":             {"0.0.0.0:21", NoAddress, false},
		"unspecified_v6":          {"[::]:21", NoAddress, false},
		"this_network":            {"0.1.2.3:21", NoAddress, false},
		"multicast":               {"224.0.0.1:21", Everybody, false},
		"multicast_v6":            {"[ff02::1]:21", Everybody, false},
		"broadcast":               {"255.255.255.255:21", Everybody, false},
		"reserved":                {"240.0.0.1:21", Everybody, false},
		"own_exactly":             {"198.51.100.1:2121", OwnListener, false},
		"own_mapped":              {"[::ffff:198.51.100.1]:2121", OwnListener, false},
		"own_by_any_address":      {"10.0.0.5:21", OwnListener, false},
		"own_by_any_v6_address":   {"[2001:db8:5::1]:990", OwnListener, false},
		"own_dual_stack":          {"10.0.0.5:990", OwnListener, false},
		"own_by_loopback":         {"127.9.9.9:21", OwnListener, false},
		"own_by_loopback_v6":      {"[::1]:990", OwnListener, false},
		"own_nat64":               {"[64:ff9b::198.51.100.1]:2121", OwnListener, false},
		"own_link_local":          {"[fe80::5%eth1]:2200", OwnListener, false},
		"loopback":                {"127.0.0.1:80", Loopback, false},
		"loopback_whole_net":      {"127.255.255.254:80", Loopback, false},
		"loopback_v6":             {"[::1]:80", Loopback, false},
		"loopback_mapped":         {"[::ffff:127.0.0.1]:80", Loopback, false},
		"loopback_compatible":     {"[::127.0.0.1]:80", Loopback, false},
		"loopback_translated":     {"[::ffff:0:127.0.0.1]:80", Loopback, false},
		"loopback_nat64":          {"[64:ff9b::7f00:1]:80", Loopback, false},
		"loopback_nat64_local":    {"[64:ff9b:1::7f00:1]:80", Loopback, false},
		"loopback_nat64_local_48": {"[64:ff9b:1:7f00:0:100::]:80", Loopback, false},
		"loopback_6to4":           {"[2002:7f00:1::]:80", Loopback, false},
		"loopback_teredo_server":  {"[2001:0:7f00:1::8080:8080]:80", Loopback, false},
		"loopback_teredo_client":  {"[2001:0:cb00:7109::80ff:fffe]:80", Loopback, false},
		"loopback_isatap":         {"[2001:db8::5efe:127.0.0.1]:80", Loopback, false},
		"loopback_isatap_global":  {"[2001:db8::200:5efe:127.0.0.1]:80", Loopback, false},
		"link_local":              {"169.254.1.1:21", LinkLocal, false},
		"link_local_v6":           {"[fe80::1]:21", LinkLocal, false},
		"link_local_v6_zone":      {"[fe80::1%eth0]:21", LinkLocal, false},
		"metadata":                {"169.254.169.254:80", Metadata, false},
		"metadata_mapped":         {"[::ffff:169.254.169.254]:80", Metadata, false},
		"metadata_6to4":           {"[2002:a9fe:a9fe::]:80", Metadata, false},
		"metadata_amazon_v6":      {"[fd00:ec2::254]:80", Metadata, false},
		"metadata_alibaba":        {"100.100.100.200:80", Metadata, false},
		"metadata_azure":          {"168.63.129.16:32526", Metadata, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := ownHouse.Check(ap(c.to))
			var refused *Refused
			if c.fine != (err == nil) || err != nil && (!errors.As(err, &refused) || refused.Reason != c.why || err.Error() == "") {
				t.Errorf("got %v, want %s", err, c.why)
			}
		})
	}
	if ownHouse.Check(netip.AddrPort{}) == nil {
		t.Error("no address at all is fine")
	}
}

// ProxyForwardTo lets an address through only if it speaks of it.
func TestNames(t *testing.T) {
	cases := map[string]struct {
		pattern, to string
		want        bool
	}{
		"exactly":                {`^127\.0\.0\.1:2121$`, "127.0.0.1:2121", true},
		"one_of_two":             {`^(ftp\.example\.com|127\.0\.0\.1):2121$`, "127.0.0.1:2121", true},
		"its_network":            {`^127\.`, "127.0.0.9:2121", true},
		"brackets":               {`^\[::1\]:`, "[::1]:21", true},
		"mapped":                 {`^127\.0\.0\.1:`, "[::ffff:127.0.0.1]:21", true},
		"other_port":             {`^127\.0\.0\.1:2121$`, "127.0.0.1:21", false},
		"everything":             {`.*`, "127.0.0.1:21", false},
		"any_host_on_a_port":     {`:2121$`, "127.0.0.1:2121", false},
		"any_address":            {`^[0-9.]+:21$`, "127.0.0.1:21", false},
		"any_v6_address":         {`^\[[0-9a-f:]+\]:21$`, "[::1]:21", false},
		"a_name_that_leads_here": {`^localhost:21$`, "127.0.0.1:21", false},
		"what_is_left_out":       {`!^10\.`, "127.0.0.1:21", false},
		"what_is_left_out_twice": {`!.`, "127.0.0.1:21", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			match, negate := forwardTo(c.pattern)
			if got := Names(match, negate, ap(c.to)); got != c.want {
				t.Errorf("%s names %s: %t", c.pattern, c.to, got)
			}
		})
	}
}

func TestNamedAddressesAreLetThrough(t *testing.T) {
	g := ownHouse
	g.Named = func(to netip.AddrPort) bool { return to == ap("127.0.0.1:2121") || to.Port() == 21 }
	for to, fine := range map[string]bool{
		"127.0.0.1:2121":          true, // the listener of that port has another address
		"[64:ff9b::7f00:1]:2121":  true,
		"127.0.0.1:2122":          false,
		"127.0.0.1:21":            false, // named, but a listener
		"0.0.0.0:21":              false,
		"255.255.255.255:21":      false,
		"169.254.169.254:21":      true,
		"[2002:a9fe:a9fe::1]:21":  true,
		"[2002:a9fe:a9fe::1]:211": false,
	} {
		if err := g.Check(ap(to)); (err == nil) != fine {
			t.Errorf("%s: %v", to, err)
		}
	}
}

// Data may come from where the client was taken, at any port but the gateway's own.
func TestDataFromTheSameAddress(t *testing.T) {
	g := ownHouse
	g.Named = func(to netip.AddrPort) bool { return to == ap("127.0.0.1:2121") }
	for to, fine := range map[string]bool{
		"127.0.0.1:40000":          true,
		"[::ffff:127.0.0.1]:40000": true,
		"127.0.0.2:40000":          false,
		"[::1]:40000":              false,
		"127.0.0.1:21":             false, // a listener
		"169.254.169.254:40000":    false,
		"198.51.100.7:40000":       true, // nobody minds
	} {
		if err := g.CheckData(ap(to), netip.MustParseAddr("127.0.0.1")); (err == nil) != fine {
			t.Errorf("%s: %v", to, err)
		}
	}
	if err := g.CheckData(ap("[64:ff9b::7f00:1]:40000"), netip.MustParseAddr("127.0.0.1")); err == nil {
		t.Error("an address that leads to where the client was taken is another one")
	}
}

// Whatever carries an address that is refused is refused.
func TestNoClothesHelp(t *testing.T) {
	bad := rapid.OneOf(
		rapid.Map(rapid.Uint32Range(0x7f000000, 0x7fffffff), four),
		rapid.Map(rapid.Uint32Range(0xa9fe0000, 0xa9feffff), four),
		rapid.Map(rapid.Uint32Range(0xe0000000, 0xffffffff), four),
		rapid.Map(rapid.Uint32Range(0, 0x00ffffff), four),
	)
	rapid.Check(t, func(t *rapid.T) {
		inner := bad.Draw(t, "inner").As4()
		var b [16]byte
		for i := range b {
			b[i] = rapid.Byte().Draw(t, "byte")
		}
		put := func(head []byte, at ...int) netip.Addr {
			out := b
			copy(out[:], head)
			for i, p := range at {
				out[p] = inner[i]
			}
			return netip.AddrFrom16(out)
		}
		hidden := func(a netip.Addr) netip.Addr {
			x := a.As16()
			for i := 12; i < 16; i++ {
				x[i] ^= 0xff
			}
			return netip.AddrFrom16(x)
		}
		zero := make([]byte, 12)
		for name, a := range map[string]netip.Addr{
			"plain":      netip.AddrFrom4(inner),
			"mapped":     put(append(zero[:10:10], 0xff, 0xff), 12, 13, 14, 15),
			"compatible": put(zero, 12, 13, 14, 15),
			"nat64":      put(append([]byte{0, 0x64, 0xff, 0x9b}, zero[:8]...), 12, 13, 14, 15),
			"6to4":       put([]byte{0x20, 0x02}, 2, 3, 4, 5),
			"teredo":     hidden(put([]byte{0x20, 0x01, 0, 0}, 12, 13, 14, 15)),
		} {
			if name == "compatible" && a == netip.IPv6Loopback() {
				continue
			}
			if err := (Guard{}).Check(netip.AddrPortFrom(a, 21)); err == nil {
				t.Fatalf("%s: %s with %v in it is fine", name, a, inner)
			}
		}
	})
}

func four(n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

// Addresses of the world are let through: the guard is no wall.
func TestTheWorldIsReachable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := four(rapid.Uint32Range(0x01000000, 0xdfffffff).Draw(t, "addr"))
		if a.IsLoopback() || a.IsLinkLocalUnicast() || metadata[a] {
			return
		}
		for _, to := range []netip.Addr{a, netip.AddrFrom16(a.As16())} {
			if err := (Guard{}).Check(netip.AddrPortFrom(to, 21)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestFromPrivate(t *testing.T) {
	for addr, want := range map[string]bool{
		"10.0.0.1": true, "172.16.0.1": true, "172.31.255.255": true, "192.168.4.5": true, "::ffff:192.168.4.5": true,
		"172.32.0.1": false, "11.0.0.1": false, "127.0.0.1": false, "::1": false, "fd00::1": false, "169.254.1.1": false, "203.0.113.1": false,
	} {
		if FromPrivate(netip.MustParseAddr(addr)) != want {
			t.Errorf("%s: %t", addr, !want)
		}
	}
}
