package e2e

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// TestTraceLog asks for one channel in detail, for another one not, and for everything else where it matters.
func TestTraceLog(t *testing.T) {
	peers.RequireGateway(t)
	s := peers.StartScripted(t, peers.Script{})
	g := peers.NewGateway(t)
	port := freePort(t)
	g.Configure(configuration(g, port, []string{s.URL()},
		"Trace DEFAULT:1 proxy.ftp.ctrl:10 proxy.reverse:3", "Trace session:5", "TraceLog "+g.Dir+"/trace.log"))
	g.Start(loopback(port))
	c := peers.Dial(t, loopback(port)).Login("bob", "canary-secret")
	c.Must(221, "QUIT")
	eventually(t, 5*time.Second, "the end of the session", func() bool { return strings.Contains(g.File("trace.log"), "session closed") })
	log := g.File("trace.log")
	form := regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \[\d+\] <(session|proxy\.ftp\.ctrl):(10|5|3|1)>: .*client=127\.0\.0\.1`)
	for line := range strings.Lines(log) {
		if !form.MatchString(line) {
			t.Errorf("line %q", line)
		}
	}
	if !strings.Contains(log, "<proxy.ftp.ctrl:10>: received banner from backend") || strings.Contains(log, "selected backend") || strings.Contains(log, "canary") {
		t.Errorf("the trace says:\n%s", log)
	}
	if proxy := g.File("proxy.log"); !strings.Contains(proxy, "selected backend") || strings.Contains(proxy, "received banner") {
		t.Errorf("ProxyLog has changed with it:\n%s", proxy)
	}
}
