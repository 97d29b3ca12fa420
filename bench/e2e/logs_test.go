package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// TestTransferLog checks one line per transfer in the form of xferlog(5).
func TestTransferLog(t *testing.T) {
	peers.RequireGateway(t)
	s := peers.StartScripted(t, peers.Script{Files: map[string][]byte{"down file": noise(5000)}})
	g, addr := startGateway(t, []string{s.URL()})
	c := peers.Dial(t, addr).Login("bob", "x")
	c.Fetch(peers.EPSV, "RETR down file")
	c.Store(peers.EPSV, noise(700), "STOR up")
	d := c.Begin(peers.EPSV, "STOR broken")
	if _, err := d.Open().Write(noise(10)); err != nil {
		t.Fatal(err)
	}
	d.Reset()
	c.Expect(426)
	wants := []string{
		`127\.0\.0\.1 5000 down_file b _ o r bob ftp 0 \* c`,
		`127\.0\.0\.1 700 up b _ i r bob ftp 0 \* c`,
		`127\.0\.0\.1 \d+ broken b _ i r bob ftp 0 \* i`,
	}
	eventually(t, 5*time.Second, "three lines in the transfer log", func() bool { return strings.Count(g.File("xferlog"), "\n") >= len(wants) })
	lines := strings.Split(strings.TrimSpace(g.File("xferlog")), "\n")
	if len(lines) != len(wants) {
		t.Fatalf("%d lines, want %d:\n%s", len(lines), len(wants), strings.Join(lines, "\n"))
	}
	for i, want := range wants {
		full := fmt.Sprintf(`^\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4} \d+ %s$`, want)
		if !regexp.MustCompile(full).MatchString(lines[i]) {
			t.Errorf("line %d is\n%s\nwant\n%s", i+1, lines[i], full)
		}
	}
}

func TestExtendedLog(t *testing.T) {
	peers.RequireGateway(t)
	s := peers.StartScripted(t, peers.Script{})
	g := peers.NewGateway(t)
	port := freePort(t)
	g.Configure(configuration(g, port, []string{s.URL()},
		`LogFormat mine "%a %u %m %J %s"`, "ExtendedLog "+g.Dir+"/extended.log ALL mine"))
	g.Start(loopback(port))
	if announced(t, g, "ExtendedLog") {
		return
	}
	c := peers.Dial(t, loopback(port)).Login("bob", "secret-word")
	c.Must(250, "CWD somewhere")
	c.Must(221, "QUIT")
	for _, verb := range []string{"USER", "PASS", "CWD", "QUIT"} {
		eventually(t, 5*time.Second, "a line for "+verb, func() bool { return strings.Contains(g.File("extended.log"), " "+verb+" ") })
	}
	log := g.File("extended.log")
	if strings.Contains(log, "secret-word") || !strings.Contains(log, "CWD somewhere 250") || !strings.Contains(log, "(hidden)") {
		t.Errorf("the extended log says:\n%s", log)
	}
}
