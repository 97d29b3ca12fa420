package e2e

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// named runs a gateway whose names come from a DNS server of the test's own, with a TTL of two seconds.
func namedGateway(t *testing.T, dns *peers.DNS, urls []string, extra ...string) (*peers.Gateway, string) {
	t.Helper()
	peers.RequireGateway(t)
	g := peers.NewGateway(t)
	port := freePort(t)
	g.Configure("ProxyDNSServer " + dns.Addr + "\n" + configuration(g, port, urls, extra...))
	g.Start(loopback(port))
	return g, loopback(port)
}

const dnsTTL = 2

func record(lines ...string) peers.DNSRecords { return peers.DNSRecords{TTL: dnsTTL, Lines: lines} }

func srv(priority, weight int, urls ...string) (lines []string) {
	for _, u := range urls {
		_, port, _ := net.SplitHostPort(strings.TrimPrefix(u, "ftp://"))
		lines = append(lines, fmt.Sprintf("srv-host=_ftp._tcp.pool.test,here.test,%s,%d,%d", port, priority, weight))
	}
	return lines
}

// moved waits until logins land as wanted, and says how long it took.
func moved(t *testing.T, what string, l landing, addr string, width int, want func(counts []int) bool) {
	t.Helper()
	from := time.Now()
	var counts []int
	inTime(t, what, func() bool {
		counts = shares(t, l, visitAll(t, l, 1, width, as(addr, "bob")))
		return want(counts)
	})
	t.Logf("%s: %v, %v after the change (TTL %d s)", what, counts, time.Since(from).Round(100*time.Millisecond), dnsTTL)
}

// TestSRV_from_a_real_server_changed_at_run_time: each target is a backend of its own; priorities are
// ranks, weights are weights.
func TestSRV_from_a_real_server_changed_at_run_time(t *testing.T) {
	t.Parallel()
	list, urls, l := marked(t, 4, "srv")
	host := "host-record=here.test,127.0.0.1"
	dns := peers.StartDNS(t, record(append([]string{host}, append(srv(10, 1, urls[0]), append(srv(10, 3, urls[1]), srv(20, 1, urls[2])...)...)...)...))
	g, addr := namedGateway(t, dns, []string{"ftp+srv://_ftp._tcp.pool.test"}, "ProxyReverseHealthPolicy PassiveChecks failures 1 expires 1s")
	counts := shares(t, l, visitAll(t, l, 8, 80, as(addr, "bob")))
	t.Logf("SRV of priority 10 with weights 1 and 3, and of priority 20: %v", counts)
	near(t, counts, []int{1, 3, 0, 0}, 1)

	dns.Set(t, record(append([]string{host}, append(srv(10, 1, urls[0], urls[3]), srv(20, 1, urls[2])...)...)...))
	moved(t, "another target of the first rank", l, addr, 10, func(n []int) bool { return n[0] == 5 && n[3] == 5 })
	list[0].Close()
	list[3].Close()
	counts = shares(t, l, visitAll(t, l, 4, 20, as(addr, "bob")))
	t.Logf("the first rank is dead: %v", counts)
	near(t, counts, []int{0, 0, 1, 0}, 0)

	dns.Set(t, record(append([]string{host}, srv(5, 1, urls[1])...)...))
	moved(t, "one target only", l, addr, 10, func(n []int) bool { return n[1] == 10 })
	dns.Stop()
	from := time.Now()
	for time.Since(from) < (2*dnsTTL+1)*time.Second {
		visitAll(t, l, 1, 5, as(addr, "bob"))
		time.Sleep(200 * time.Millisecond)
	}
	if len(noted(g, "does not resolve")) == 0 {
		t.Error("the log does not say that the name does not resolve any more")
	}
	t.Log("the DNS server is away for two TTLs: no login fails")
	dns.Set(t, record(append([]string{host}, srv(5, 1, urls[2])...)...))
	moved(t, "after the server's return", l, addr, 10, func(n []int) bool { return n[2] == 10 })
}

// TestTXT_from_a_real_server_changed_at_run_time: the first record that is a URL names the backend.
func TestTXT_from_a_real_server_changed_at_run_time(t *testing.T) {
	t.Parallel()
	_, urls, l := marked(t, 2, "txt")
	dns := peers.StartDNS(t, record("txt-record=pool.test,\"v=spf1 -all\"", "txt-record=pool.test,"+urls[0]))
	_, addr := namedGateway(t, dns, []string{"ftp+txt://pool.test"})
	moved(t, "TXT", l, addr, 5, func(n []int) bool { return n[0] == 5 })
	dns.Set(t, record("txt-record=pool.test,"+urls[1]))
	moved(t, "another TXT", l, addr, 5, func(n []int) bool { return n[1] == 5 })
}

// TestAddresses_are_resolved_again: a name's address moves, and its clients with it. Sessions under way stay.
func TestAddresses_are_resolved_again(t *testing.T) {
	t.Parallel()
	peers.RequireGateway(t)
	first := peers.StartScripted(t, peers.Script{On: handlers{"PASS": func(v *peers.Visit) { v.Reply("230 address-0.\r\n") }}})
	port := portOf(t, first.Addr())
	second := startOn(t, "127.0.0.7", port, "address-1.")
	l := landing{"address-0.", "address-1."}
	dns := peers.StartDNS(t, record("host-record=host.test,127.0.0.1"))
	_, addr := namedGateway(t, dns, []string{fmt.Sprintf("ftp://host.test:%d", port)})
	moved(t, "an address", l, addr, 5, func(n []int) bool { return n[0] == 5 })
	stays := peers.Dial(t, addr).Login("bob", "x")
	dns.Set(t, record("host-record=host.test,127.0.0.7"))
	moved(t, "another address", l, addr, 5, func(n []int) bool { return n[1] == 5 })
	stays.Must(257, "PWD")
	_ = second
}

// startOn runs a tollgate at an address of its own before a scripted backend.
func startOn(t *testing.T, ip string, port int, name string) *tollgate {
	t.Helper()
	s := peers.StartScripted(t, peers.Script{On: handlers{"PASS": func(v *peers.Visit) { v.Reply("230 %s\r\n", name) }}})
	return startTollgateAt(t, s.Addr(), &net.TCPAddr{IP: net.ParseIP(ip), Port: port})
}

// TestStaticJSON_changed_at_run_time: a list in a file is read again when it changes, and kept when it is bad.
func TestStaticJSON_changed_at_run_time(t *testing.T) {
	t.Parallel()
	peers.RequireGateway(t)
	_, urls, l := marked(t, 3, "file")
	path := filepath.Join(t.TempDir(), "backends.json")
	place(t, path, jsonList(urls[0]), 0o644)
	g, addr := startGateway(t, nil, "ProxyReverseServers file:"+path, "ProxyReverseServers "+urls[2])
	moved(t, "a list of one and one on the line", l, addr, 10, func(n []int) bool { return n[0] == 5 && n[2] == 5 })
	place(t, path, jsonList(urls[0], urls[1]), 0o644)
	moved(t, "one more in the file", l, addr, 9, func(n []int) bool { return n[0] == 3 && n[1] == 3 && n[2] == 3 })
	place(t, path, "[ half", 0o644)
	inTime(t, "a word about the bad list", func() bool { return len(noted(g, "cannot be used as it is now")) > 0 })
	near(t, shares(t, l, visitAll(t, l, 1, 9, as(addr, "bob"))), []int{1, 1, 1}, 0)
	place(t, path, jsonList(urls[1]), 0o644)
	moved(t, "another list", l, addr, 10, func(n []int) bool { return n[1] == 5 && n[2] == 5 })
}
