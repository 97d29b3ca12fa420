package e2e

import (
	"regexp"
	"testing"

	"github.com/sluice-gateway/sluice/bench/peers"
)

func TestLogOptions(t *testing.T) {
	peers.RequireGateway(t)
	s := peers.StartScripted(t, peers.Script{})
	for name, c := range map[string]struct{ line, want string }{
		"by_default": {"", `^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \S+ sluice\[\d+\]:? `},
		"without":    {"LogOptions -Timestamp -Hostname", `^sluice\[\d+\]:? `},
		"only":       {"LogOptions Timestamp", `^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} sluice\[\d+\]:? `},
	} {
		t.Run(name, func(t *testing.T) {
			g, _ := startGateway(t, []string{s.URL()}, c.line)
			if log := g.File("system.log"); !regexp.MustCompile(c.want).MatchString(log) {
				t.Errorf("the log begins\n%s", log)
			}
		})
	}
}
