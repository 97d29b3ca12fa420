package e2e

import (
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// TestForward_ShowBanner: with the option, and only with it, clients hear where they have come to.
func TestForward_ShowBanner(t *testing.T) {
	t.Parallel()
	server := peers.Start(t, peers.VSFTPD, peers.Options{})
	for name, lines := range map[string][]string{"on": {"ProxyOptions ShowBanner"}, "off": nil} {
		t.Run(name, func(t *testing.T) {
			_, addr := forwardGateway(t, userAtHost, lines...)
			c := knock(t, "127.0.0.1", addr)
			to := through(userAtHost, server)[0][0]
			r := c.Must(331, "%s", to)
			if got := strings.Contains(r.String(), "vsFTPd"); got != (name == "on") {
				t.Errorf("the answer to %s is %q", to, r)
			}
			c.Must(230, "PASS %s", server.Password)
			c.Must(257, "PWD")
			forwardByLFTP(t, userAtHost, addr, server)
		})
	}
}
