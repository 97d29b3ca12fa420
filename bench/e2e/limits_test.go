package e2e

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// timed is one client that does too little, and what it must hear.
type timed struct {
	directive string
	// act brings the client to where it does nothing more.
	act func(t *testing.T, c *peers.Control)
	// farewell is the last line before the connection closes; "" for closing without a word.
	farewell string
}

func TestTimeouts(t *testing.T) {
	loggedIn := func(_ *testing.T, c *peers.Control) { c.Login("bob", "x") }
	cases := []timed{
		{"TimeoutIdle 2", loggedIn, "421 Idle timeout (2 seconds): closing control connection"},
		{"TimeoutLogin 2", func(_ *testing.T, c *peers.Control) { c.Expect(220) },
			"421 Login timeout (2 seconds): closing control connection"},
		{"TimeoutLogin 2", func(_ *testing.T, c *peers.Control) {
			c.Expect(220)
			c.Must(331, "USER bob")
		}, "421 Login timeout (2 seconds): closing control connection"},
		{"TimeoutNoTransfer 2", loggedIn, "421 No transfer timeout (2 seconds): closing control connection"},
		{"TimeoutSession 2", loggedIn, "421 Session Timeout (2 seconds): closing control connection"},
		{"TimeoutStalled 2", func(_ *testing.T, c *peers.Control) {
			c.Login("bob", "x").Begin(peers.EPSV, "STOR stalled") // and not a byte
		}, ""},
	}
	for i, tc := range cases {
		t.Run(strings.ReplaceAll(tc.directive, " ", "_")+"/"+string(rune('a'+i)), func(t *testing.T) {
			t.Parallel()
			peers.RequireGateway(t)
			s := peers.StartScripted(t, peers.Script{})
			_, addr := startGateway(t, []string{s.URL()}, tc.directive)
			c := peers.Dial(t, addr)
			tc.act(t, c)
			from := time.Now()
			if tc.farewell != "" {
				c.ExpectLine(tc.farewell)
			}
			c.ExpectClosed(8 * time.Second)
			if took := time.Since(from); took < time.Second || took > 6*time.Second {
				t.Errorf("it took %v", took)
			}
			s.Await(t, 5*time.Second, "the end of its own connection", func(e peers.Event) bool {
				return e.What == "eof" || strings.HasPrefix(e.What, "reset") || e.Text == "QUIT"
			})
		})
	}
}

// A transfer that moves is not idle: neither TimeoutIdle nor TimeoutNoTransfer nor
// TimeoutStalled may end it.
func TestTimeouts_leave_a_moving_transfer_alone(t *testing.T) {
	c, _ := oddBackend(t, peers.Script{}, "TimeoutIdle 2", "TimeoutNoTransfer 2", "TimeoutStalled 2")
	d := c.Begin(peers.EPSV, "STOR slowly")
	ticks := time.NewTicker(500 * time.Millisecond)
	defer ticks.Stop()
	for range 8 { // four seconds, twice the timeouts
		<-ticks.C
		if _, err := d.Open().Write([]byte("drop")); err != nil {
			t.Fatal(err)
		}
	}
	d.Close()
	c.Expect(226)
	c.Must(257, "PWD")
}

// refused logs in until it is refused and returns the refusing reply; the zero value when
// nothing refused. Limits apply at connect, at USER or at PASS.
func refused(t *testing.T, addr string) peers.Reply {
	t.Helper()
	c := peers.Dial(t, addr)
	r := c.Reply()
	for _, line := range []string{"USER bob", "PASS x"} {
		if r.Code >= 400 {
			break
		}
		r = c.Cmd("%s", line)
	}
	if r.Code < 400 {
		c.Close()
		return peers.Reply{}
	}
	c.ExpectClosed(5 * time.Second)
	return r
}

func TestLimits(t *testing.T) {
	cases := map[string]string{
		"MaxClients 2":            "530 Sorry, the maximum number of allowed clients (2) are already connected.",
		"MaxClientsPerHost 2":     "530 Sorry, the maximum number of clients (2) from your host are already connected.",
		"MaxConnectionsPerHost 2": "530 Sorry, the maximum number of connections (2) for your host are already connected.",
		`MaxClients 2 "full: %m"`: "530 full: 2",
	}
	for directive, want := range cases {
		t.Run(strings.Fields(directive)[0]+"/"+want[:8], func(t *testing.T) {
			t.Parallel()
			peers.RequireGateway(t)
			s := peers.StartScripted(t, peers.Script{})
			_, addr := startGateway(t, []string{s.URL()}, directive)
			first := peers.Dial(t, addr).Login("bob", "x")
			second := peers.Dial(t, addr).Login("bob", "x")
			if r := refused(t, addr); len(r.Lines) == 0 || r.String() != want {
				t.Fatalf("the third client got %q, want %q", r, want)
			}
			second.Must(257, "PWD")
			first.Must(221, "QUIT")
			first.ExpectClosed(5 * time.Second)
			eventually(t, 5*time.Second, "admission after one left", func() bool { return len(refused(t, addr).Lines) == 0 })
		})
	}
	t.Run("MaxInstances/excess_is_closed_without_a_byte", func(t *testing.T) {
		t.Parallel()
		peers.RequireGateway(t)
		s := peers.StartScripted(t, peers.Script{})
		g, addr := startGateway(t, []string{s.URL()})
		port := strings.TrimPrefix(addr, "127.0.0.1:")
		g.Configure(strings.Replace(configuration(g, atoi(t, port), []string{s.URL()}), "ServerType", "MaxInstances 2\nServerType", 1))
		g.Restart()
		first := peers.Dial(t, addr).Login("bob", "x")
		peers.Dial(t, addr).Login("bob", "x")
		peers.Dial(t, addr).ExpectClosed(5 * time.Second)
		first.Must(221, "QUIT")
		eventually(t, 5*time.Second, "admission after one left", func() bool {
			c := peers.Dial(t, addr)
			defer c.Close()
			r, err := c.ReplyErr(time.Second)
			return err == nil && r.Code == 220
		})
	})
}

// TransferRate holds a download back without changing it.
func TestTransferRate(t *testing.T) {
	body := noise(600_000)
	g, _, addr := oddGateway(t, peers.Script{Files: map[string][]byte{"f": body}}, "TransferRate RETR 300")
	if announced(t, g, "TransferRate") {
		return
	}
	c := peers.Dial(t, addr).Login("bob", "x")
	from := time.Now()
	d := c.Begin(peers.EPSV, "RETR f")
	got, err := io.ReadAll(d.Open())
	if err != nil {
		t.Fatal(err)
	}
	c.Expect(226)
	sameBytes(t, "the file", got, body)
	if took := time.Since(from); took < time.Second {
		t.Errorf("600 kB at 300 KB/s took only %v", took)
	}
}
