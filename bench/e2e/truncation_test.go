package e2e

import (
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// outcome is how a real server's own log says the upload of a file ended: "complete",
// "incomplete", or "" while it says nothing.
func outcome(server *peers.Server, name string) string {
	for line := range strings.Lines(server.Log()) {
		// xferlog: … path type _ direction mode user service auth id status
		if m := xferlogEnd.FindStringSubmatch(line); m != nil && strings.HasSuffix(m[1], "/"+name) {
			if m[2] == "c" {
				return "complete"
			}
			return "incomplete"
		}
	}
	return ""
}

var xferlogEnd = regexp.MustCompile(` (\S+) [ab] _ [io] [rg] \S+ ftps? \d \S+ ([ci])\s*$`)

// logged lists the servers whose log tells a complete upload from a broken one.
var logged = []peers.Kind{peers.VSFTPD, peers.ProFTPD}

// The log is read right: a good upload shows as complete.
func TestOutcome(t *testing.T) {
	for _, kind := range logged {
		t.Run(string(kind)+"/direct/a_good_upload_is_logged_as_complete", func(t *testing.T) {
			server := peers.Start(t, kind, peers.Options{})
			tg := target{addr: server.Addr(), server: server}
			tg.login(t).Store(peers.EPSV, noise(1000), "STOR good")
			eventually(t, 5*time.Second, "a line in the transfer log", func() bool { return outcome(server, "good") == "complete" })
		})
	}
}

// breakUpload starts an upload, waits until its first bytes are on the server's disk, and has
// ruin break it.
func breakUpload(t *testing.T, tg target, ruin func(c *peers.Control, d *peers.Data)) {
	t.Helper()
	c := tg.login(t)
	d := c.Begin(peers.EPSV, "STOR broken")
	if _, err := d.Open().Write(noise(1 << 20)); err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, "the arrival of the first bytes", func() bool { return size(tg, "broken") > 0 })
	ruin(c, d)
}

func expectIncomplete(t *testing.T, tg target) {
	t.Helper()
	eventually(t, 15*time.Second, "the end of the upload in the server's log", func() bool { return outcome(tg.server, "broken") != "" })
	if got := outcome(tg.server, "broken"); got != "incomplete" {
		t.Fatalf("the server logged the broken upload as %s", got)
	}
}

func TestClaim22_BrokenUpload(t *testing.T) {
	for _, kind := range logged {
		for _, way := range []string{"direct", "gateway"} {
			t.Run(string(kind)+"/"+way+"/a_reset_data_connection_is_no_end_of_file", func(t *testing.T) {
				t.Parallel()
				var tg target
				if way == "direct" {
					server := peers.Start(t, kind, peers.Options{})
					tg = target{addr: server.Addr(), server: server}
				} else {
					tg = throughGateway(t, kind)
				}
				breakUpload(t, tg, func(c *peers.Control, d *peers.Data) {
					d.Reset()
					c.Expect(426, 451)
					stillWorks(t, tg, c)
				})
				expectIncomplete(t, tg)
			})
		}
		// A server alone cannot tell these from a good end; the gateway can, since it sees the
		// control connection go before, or together with, the data.
		ruins := map[string]func(c *peers.Control, d *peers.Data){
			"control_reset_then_data_closed":  func(c *peers.Control, d *peers.Data) { c.Reset(); d.Close() },
			"control_closed_then_data_closed": func(c *peers.Control, d *peers.Data) { c.Close(); d.Close() },
			"control_reset_then_data_reset":   func(c *peers.Control, d *peers.Data) { c.Reset(); d.Reset() },
		}
		for name, ruin := range ruins {
			t.Run(string(kind)+"/gateway/"+name, func(t *testing.T) {
				t.Parallel()
				tg := throughGateway(t, kind)
				breakUpload(t, tg, ruin)
				expectIncomplete(t, tg)
			})
		}
		killed := map[string]func(t *testing.T, tg target) *peers.Client{
			"curl_is_killed": func(t *testing.T, tg target) *peers.Client {
				return peers.Curl(t, "--limit-rate", "300k", "-T", local(t, "f", noise(8<<20)), tg.url("broken"))
			},
			"lftp_is_killed": func(t *testing.T, tg target) *peers.Client {
				return peers.LFTP(t, "set net:limit-total-rate 300000\nopen -u "+tg.server.User+","+tg.server.Password+
					" ftp://"+tg.addr+"\nput "+local(t, "f", noise(8<<20))+" -o broken\n")
			},
		}
		for name, start := range killed {
			t.Run(string(kind)+"/gateway/"+name, func(t *testing.T) {
				t.Parallel()
				tg := throughGateway(t, kind)
				client := start(t, tg)
				eventually(t, 20*time.Second, "the arrival of the first bytes", func() bool { return size(tg, "broken") > 0 })
				client.Kill()
				client.Wait()
				expectIncomplete(t, tg)
			})
		}
	}
}

// TestClaim22_BrokenUpload_on_the_wire looks at what a backend sees: a reset or ABOR, and never
// a clean end of the data before one of them.
func TestClaim22_BrokenUpload_on_the_wire(t *testing.T) {
	ruins := map[string]func(c *peers.Control, d *peers.Data){
		"data_reset":                      func(_ *peers.Control, d *peers.Data) { d.Reset() },
		"control_reset_then_data_closed":  func(c *peers.Control, d *peers.Data) { c.Reset(); d.Close() },
		"control_closed_then_data_closed": func(c *peers.Control, d *peers.Data) { c.Close(); d.Close() },
		"control_reset_alone":             func(c *peers.Control, _ *peers.Data) { c.Reset() },
		"control_closed_alone":            func(c *peers.Control, _ *peers.Data) { c.Close() },
	}
	for name, ruin := range ruins {
		for _, mode := range []peers.Mode{peers.EPSV, peers.EPRT} {
			t.Run(name+"/"+string(mode), func(t *testing.T) {
				t.Parallel()
				peers.RequireGateway(t)
				s := peers.StartScripted(t, peers.Script{})
				_, addr := startGateway(t, []string{s.URL()})
				c := peers.Dial(t, addr).Login("bob", "x")
				d := c.Begin(mode, "STOR broken")
				if _, err := d.Open().Write(noise(300_000)); err != nil {
					t.Fatal(err)
				}
				ruin(c, d)
				first := s.Await(t, 10*time.Second, "the end of the upload", func(e peers.Event) bool {
					return strings.HasPrefix(e.What, "data-") || strings.HasSuffix(e.Text, "ABOR")
				})
				if first.What == "data-eof" {
					t.Fatalf("the backend saw a clean end of data after %d bytes", first.Bytes)
				}
				if _, stored := s.File("broken"); stored {
					t.Fatal("the backend stored the broken upload")
				}
			})
		}
	}
}

func TestClaim21_LostBackend(t *testing.T) {
	everyTarget(t, func(t *testing.T, tg target) {
		t.Run("a_session_killed_in_mid_download_is_never_confirmed", func(t *testing.T) {
			tg.put(t, "big", noise(big))
			c := tg.login(t)
			d := c.Begin(peers.EPSV, "RETR big")
			if _, err := io.ReadFull(d.Open(), make([]byte, 64<<10)); err != nil {
				t.Fatal(err)
			}
			if err := tg.server.KillSessions(); err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, d.Open())
			d.Close()
			for {
				r, err := c.ReplyErr(10 * time.Second)
				if isTimeout(err) {
					t.Fatal("the client was not told within 10 s")
				}
				if err != nil {
					return
				}
				if r.Code < 400 {
					t.Fatalf("the client was told %q", r)
				}
			}
		})
		t.Run("curl_notices", func(t *testing.T) {
			body := noise(big)
			tg.put(t, "slow", body)
			back := local(t, "back", nil)
			client := peers.Curl(t, "--limit-rate", "4M", "-o", back, tg.url("slow"))
			eventually(t, 20*time.Second, "the arrival of the first bytes", func() bool { return len(read(t, back)) > 0 })
			if err := tg.server.KillSessions(); err != nil {
				t.Fatal(err)
			}
			// A server may have handed everything to the kernel and confirmed it before it was killed; then the
			// file has to be whole, to the byte.
			if r := client.Wait(); r.Code == 0 {
				sameBytes(t, "what curl was content with", read(t, back), body)
			}
		})
	})
}

func size(tg target, name string) int64 {
	info, err := statFile(tg.home(name))
	if err != nil {
		return 0
	}
	return info
}
