package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// TestMaxLoginAttempts_in_every_role: whoever refuses the logins, and whenever the backend is chosen, after three of them (or as
// many as the directive says) the client is gone.
func TestMaxLoginAttempts_in_every_role(t *testing.T) {
	t.Parallel()
	peers.RequireGateway(t)
	refusing := peers.StartScripted(t, peers.Script{On: handlers{"PASS": func(v *peers.Visit) { v.Reply("530 no\r\n") }}})
	to := "@" + strings.TrimPrefix(refusing.URL(), "ftp://")
	reverse := func(t *testing.T, lines ...string) string {
		_, addr := startGateway(t, []string{refusing.URL()}, lines...)
		return addr
	}
	forward := func(method string) func(*testing.T, ...string) string {
		return func(t *testing.T, lines ...string) string {
			_, addr := forwardGateway(t, method, lines...)
			return addr
		}
	}
	for _, way := range []struct {
		name, user string
		open       func(*testing.T, ...string) string
	}{
		{"RoundRobin", "joe", reverse},
		{"PerUser", "joe", func(t *testing.T, lines ...string) string {
			return reverse(t, append(lines, "ProxyReverseConnectPolicy PerUser")...)
		}},
		{"UseReverseProxyAuth", "sam", func(t *testing.T, lines ...string) string {
			return checkingGateway(t, peers.PureFTPd, lines...).addr
		}},
		{userAtHost, "joe" + to, forward(userAtHost)},
		{proxyThenUserHost, guest, forward(proxyThenUserHost)},
		{proxyHostThenUser, guest + to, forward(proxyHostThenUser)},
	} {
		t.Run(way.name, func(t *testing.T) {
			for _, limit := range []struct {
				line string
				most int
			}{{"", 3}, {"MaxLoginAttempts 1", 1}} {
				var lines []string
				if limit.line != "" {
					lines = []string{limit.line}
				}
				c := peers.Dial(t, way.open(t, lines...)).Greeting()
				for range limit.most {
					c.Must(331, "USER %s", way.user)
					c.Must(530, "PASS wrong")
				}
				c.ExpectClosed(20 * time.Second)
			}
		})
	}
}
