package dns_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
	resolver "github.com/sluice-gateway/sluice/stores/dns"
)

// TestDnsmasq asks a real server, and asks it again when it knows something else.
func TestDnsmasq(t *testing.T) {
	long := `txt-record=long.test,"` + strings.Repeat("x", 250) + `"`
	s := peers.StartDNS(t, peers.DNSRecords{TTL: 2, Lines: []string{
		"host-record=ftp1.test,127.0.0.2,::1", "host-record=ftp2.test,127.0.0.3", "cname=www.test,ftp1.test",
		"srv-host=_ftp._tcp.test,ftp1.test,2121,10,60", "srv-host=_ftp._tcp.test,ftp2.test,2122,10,20", "srv-host=_ftp._tcp.test,ftp2.test,2123,20,0",
		"txt-record=url.test,ftp://u:p@ftp2.test:2124",
		long, long, long, long, long, long, long, "txt-record=long.test,ftp://ftp2.test:2125", // needs TCP
	}})
	cfg := files(t, "", "")
	cfg.Servers = []netip.AddrPort{netip.MustParseAddrPort(s.Addr)}
	r := resolver.New(cfg)
	ask := func(url, want string) {
		t.Helper()
		f, err := resolve(t, r, url)
		if err != nil || shown(f) != want {
			t.Errorf("%s: %s, %v\nwant %s", url, shown(f), err, want)
		}
		if f.TTL != 2*time.Second {
			t.Errorf("%s holds for %v, want 2s", url, f.TTL)
		}
	}
	ask("ftp://ftp1.test", "ftp://ftp1.test at [::1]:21 127.0.0.2:21")
	ask("ftp://www.test:2121", "ftp://www.test:2121 at [::1]:2121 127.0.0.2:2121")
	ask("ftp+srv://_ftp._tcp.test", "ftp://ftp1.test:2121?weight=3 at [::1]:2121 127.0.0.2:2121; "+
		"ftp://ftp2.test:2122 at 127.0.0.3:2122; tier 1: ftp://ftp2.test:2123 at 127.0.0.3:2123")
	ask("ftp+txt://url.test", "ftp://u:p@ftp2.test:2124 at 127.0.0.3:2124")
	ask("ftp+txt://long.test", "ftp://ftp2.test:2125 at 127.0.0.3:2125")
	if f, err := resolve(t, r, "ftp://nowhere.test"); err == nil || !strings.Contains(err.Error(), "no such name") {
		t.Errorf("%s, %v", shown(f), err)
	}

	s.Set(t, peers.DNSRecords{TTL: 2, Lines: []string{"host-record=ftp1.test,127.0.0.9", "srv-host=_ftp._tcp.test,ftp1.test,2129,0,0"}})
	ask("ftp://ftp1.test", "ftp://ftp1.test at 127.0.0.9:21")
	ask("ftp+srv://_ftp._tcp.test", "ftp://ftp1.test:2129 at 127.0.0.9:2129")
	s.Stop()
	if f, err := resolve(t, r, "ftp://ftp1.test"); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("%s, %v", shown(f), err)
	}
}
