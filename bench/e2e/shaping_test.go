package e2e

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/bench/peers"
)

const (
	tooLargeUp   = "552 Transfer aborted. File too large"
	tooLargeDown = "426 Transfer aborted. Operation not permitted"
	// mostBytes is the limit of sizeLimits.
	mostBytes = 100 << 10
)

var sizeLimits = []string{"MaxStoreFileSize 100 Kb", "MaxRetrieveFileSize 100 Kb"}

// everyLeg runs a case over each real server behind a gateway, in clear and in TLS on both sides.
func everyLeg(t *testing.T, lines []string, run func(*testing.T, target, *peers.Control)) {
	for _, kind := range peers.Kinds() {
		for _, l := range []leg{plain, explicit} {
			t.Run(string(kind)+"/"+string(l), func(t *testing.T) {
				t.Parallel()
				tg := secureTarget(t, kind, l, l, peers.TLS12And13, lines...)
				run(t, tg, tg.enter(t, l, peers.ClientTLS(certificates(t))))
			})
		}
	}
}

// tooMuch sends more than may be, and returns the reply to it.
func tooMuch(t *testing.T, c *peers.Control, body []byte, command string) peers.Reply {
	t.Helper()
	d := c.Begin(peers.EPSV, "%s", command)
	var sending conc.WaitGroup
	sending.Go(func() { _, _ = d.Stream().Write(body); d.Close() }) // it is broken off at some point
	r := c.Reply()
	sending.Wait()
	return r
}

// A file that is too large is cut, and nobody takes what there is of it for the whole.
func TestFileSizeLimits_uploads(t *testing.T) {
	t.Parallel()
	everyLeg(t, sizeLimits, func(t *testing.T, tg target, c *peers.Control) {
		body := noise(4 * mostBytes)
		if r := tooMuch(t, c, body, "STOR cut"); r.String() != tooLargeUp {
			t.Errorf("STOR: %q", r)
		}
		if stored := size(tg, "cut"); stored > mostBytes {
			t.Errorf("the server has %d bytes, %d may be", stored, mostBytes)
		}
		if kind := tg.server.Kind; kind != peers.PureFTPd {
			eventually(t, 20*time.Second, "the end of the upload in the server's log", func() bool { return outcome(tg.server, "cut") != "" })
			if got := outcome(tg.server, "cut"); got != "incomplete" {
				t.Errorf("the server logged the cut upload as %s", got)
			}
		}
		eventually(t, 20*time.Second, "a line in the log", func() bool {
			return len(noted(tg.gateway, "MaxStoreFileSize (102400 bytes) reached: aborting transfer of 'cut'")) == 1
		})
		eventually(t, 20*time.Second, "a line in the transfer log", func() bool { return strings.Contains(tg.gateway.File("xferlog"), " cut b _ i ") })
		if log := tg.gateway.File("xferlog"); !strings.HasSuffix(strings.TrimSpace(log), " i") {
			t.Errorf("the gateway logged it as complete: %s", log)
		}

		c.Store(peers.EPSV, body[:mostBytes], "STOR all")
		sameBytes(t, "a file as large as may be", tg.onDisk(t, "all"), body[:mostBytes])

		c.Store(peers.EPSV, body[:60_000], "STOR grown")
		if r := tooMuch(t, c, body[60_000:], "APPE grown"); r.String() != tooLargeUp {
			t.Errorf("APPE: %q", r)
		}
		if stored := size(tg, "grown"); stored > mostBytes {
			t.Errorf("APPE made a file of %d bytes, %d may be", stored, mostBytes)
		}
		c.Store(peers.EPSV, body[:60_000], "STOR resumed")
		c.Must(350, "REST 60000")
		if r := tooMuch(t, c, body[60_000:], "STOR resumed"); r.String() != tooLargeUp {
			t.Errorf("STOR after REST: %q", r)
		}
		if stored := size(tg, "resumed"); stored > mostBytes {
			t.Errorf("REST made a file of %d bytes, %d may be", stored, mostBytes)
		}

		c.Data(peers.EPSV)
		c.Send("APPE all")
		c.ExpectLine(tooLargeUp) // without a beginning
		c.Store(peers.EPSV, body[:10], "STOR small")
		c.Store(peers.EPSV, body[10:25], "APPE small")
		c.Store(peers.EPSV, body[:7], "APPE new")
		sameBytes(t, "a small file", tg.onDisk(t, "small"), body[:25])
		sameBytes(t, "a new file", tg.onDisk(t, "new"), body[:7])
	})
}

// TestClaim22_BreakAfterHandshake breaks uploads off when the server has hardly done its handshake: a reset
// that met it writing its session tickets would be lost on it.
func TestClaim22_BreakAfterHandshake(t *testing.T) {
	t.Parallel()
	tg := secureTarget(t, peers.VSFTPD, explicit, explicit, peers.TLS13, sizeLimits...)
	c := tg.enter(t, explicit, clientConfig(t, peers.TLS13))
	body := noise(4 * mostBytes)
	for i := range 20 {
		name := fmt.Sprintf("cut%d", i)
		tooMuch(t, c, body, "STOR "+name)
		eventually(t, 20*time.Second, "the end of the upload in the server's log", func() bool { return outcome(tg.server, name) != "" })
		if got := outcome(tg.server, name); got != "incomplete" {
			t.Fatalf("the server logged upload %d as %s", i, got)
		}
	}
}

func TestFileSizeLimits_downloads(t *testing.T) {
	t.Parallel()
	everyLeg(t, sizeLimits, func(t *testing.T, tg target, c *peers.Control) {
		body := noise(mostBytes + 1)
		tg.put(t, "large", body)
		tg.put(t, "all", body[:mostBytes])
		for _, before := range []string{"", "REST 102000"} {
			if before != "" {
				c.Must(350, "%s", before)
			}
			c.Data(peers.EPSV)
			c.Send("RETR large")
			c.ExpectLine(tooLargeDown) // without a beginning
		}
		sameBytes(t, "a file as large as may be", c.Fetch(peers.EPSV, "RETR all"), body[:mostBytes])
		c.Must(350, "REST 50000")
		sameBytes(t, "its end", c.Fetch(peers.EPSV, "RETR all"), body[50_000:mostBytes])
		sameBytes(t, "from its beginning again", c.Fetch(peers.EPSV, "RETR all"), body[:mostBytes])
		c.Must(200, "TYPE A")
		c.Data(peers.EPSV)
		c.Send("RETR large")
		c.ExpectLine(tooLargeDown)
		eventually(t, 20*time.Second, "three lines in the log", func() bool {
			return len(noted(tg.gateway, "MaxRetrieveFileSize (102400 bytes) reached: aborting transfer of 'large'")) == 3
		})
	})
}

// A backend that tells no sizes has its downloads cut in the middle.
func TestFileSizeLimits_of_unknown_size(t *testing.T) {
	t.Parallel()
	body := noise(mostBytes + 1)
	_, _, addr := oddGateway(t, peers.Script{
		Files: map[string][]byte{"large": body, "all": body[:mostBytes]},
		On:    map[string]func(*peers.Visit){"SIZE": func(v *peers.Visit) { v.Reply("502 no such command\r\n") }},
	}, sizeLimits...)
	c := peers.Dial(t, addr).Login("bob", "x")
	for range 2 {
		d := c.Begin(peers.EPSV, "RETR large")
		got, err := io.ReadAll(d.Stream())
		if err == nil || len(got) > mostBytes {
			t.Errorf("%d bytes came, and then %v", len(got), err)
		}
		c.ExpectLine(tooLargeDown)
		sameBytes(t, "a file as large as may be", c.Fetch(peers.EPSV, "RETR all"), body[:mostBytes])
	}
}

// Who may send how much depends on where a client comes from, and who it is.
func TestFileSizeLimits_by_class_and_user(t *testing.T) {
	t.Parallel()
	_, s, addr := oddGateway(t, peers.Script{}, "<Class near>\nFrom 127.0.0.2\n</Class>",
		"<IfClass near>\nMaxStoreFileSize 100 Kb\n</IfClass>", "<IfUser eve>\nMaxStoreFileSize 1 Kb\n</IfUser>")
	body := noise(2 * mostBytes)
	near := peers.DialFrom(t, "127.0.0.2", addr).Login("bob", "x")
	if r := tooMuch(t, near, body, "STOR near"); r.String() != tooLargeUp {
		t.Errorf("of the class: %q", r)
	}
	eve := peers.Dial(t, addr).Login("eve", "x")
	if r := tooMuch(t, eve, body[:1<<11], "STOR eve"); r.String() != tooLargeUp {
		t.Errorf("of the user: %q", r)
	}
	peers.Dial(t, addr).Login("bob", "x").Store(peers.EPSV, body, "STOR bob")
	if got, _ := s.File("bob"); len(got) != len(body) {
		t.Errorf("%d bytes arrived of somebody without a limit, want %d", len(got), len(body))
	}
}

func TestFileSizeLimits_of_clients(t *testing.T) {
	t.Parallel()
	everyGateway(t, func(t *testing.T, tg target) {
		body := noise(2 * mostBytes)
		tg.put(t, "large", body)
		up := local(t, "up", body)
		r := peers.Curl(t, "-T", up, tg.url("cut")).Wait()
		if r.Code == 0 { // it says nothing of the reply when sending fails
			t.Errorf("curl uploaded too much: %v", r)
		}
		back := filepath.Join(t.TempDir(), "back")
		if r := peers.Curl(t, "-o", back, tg.url("large")).Wait(); r.Code == 0 || !strings.Contains(r.Stderr, tooLargeDown) {
			t.Errorf("curl downloaded too much: %v", r)
		}
		if stored, err := os.ReadFile(back); err == nil && len(stored) > 0 {
			t.Errorf("curl has %d bytes", len(stored))
		}
		open := fmt.Sprintf("open -u %s,%s ftp://%s\n", tg.server.User, tg.server.Password, tg.addr)
		if r := peers.LFTP(t, open+fmt.Sprintf("put %q -o cut2\n", up)).Wait(); r.Code == 0 {
			t.Errorf("lftp uploaded too much: %v", r)
		}
		if stored := max(size(tg, "cut"), size(tg, "cut2")); stored > mostBytes {
			t.Errorf("the server has %d bytes, %d may be", stored, mostBytes)
		}
	}, sizeLimits...)
}

// least fails unless the work took so long; a machine may be slow, but no rate may be passed.
func least(t *testing.T, what string, want time.Duration, work func()) {
	t.Helper()
	from := time.Now()
	work()
	if took := time.Since(from); took < want {
		t.Errorf("%s took %v, which is %v too fast", what, took, want-took)
	}
}

func TestTransferRate_of_real_servers(t *testing.T) {
	t.Parallel()
	lines := []string{"TransferRate APPE,STOR 100", "TransferRate RETR 100:204800", "TransferRate STOR,RETR 1"}
	everyLeg(t, lines, func(t *testing.T, tg target, c *peers.Control) {
		body := noise(400 << 10)
		least(t, "400 KiB up at 100 KiB/s", 3500*time.Millisecond, func() { c.Store(peers.EPSV, body, "STOR up") })
		sameBytes(t, "on disk", tg.onDisk(t, "up"), body)
		least(t, "400 KiB down at 100 KiB/s behind 200 at full speed", 1500*time.Millisecond, func() {
			sameBytes(t, "back", c.Fetch(peers.EPSV, "RETR up"), body)
		})
	})
}

// Listings and what has no rate of its own go as fast as they can: at this rate none would come
// to its end.
func TestTransferRate_of_others(t *testing.T) {
	t.Parallel()
	everyGateway(t, func(t *testing.T, tg target) {
		body := noise(1 << 20)
		c := tg.login(t)
		c.Store(peers.EPSV, body, "STOR up")
		if list := string(c.Fetch(peers.EPSV, "LIST")); !strings.Contains(list, "up") {
			t.Errorf("listed %q", list)
		}
		sameBytes(t, "on disk", tg.onDisk(t, "up"), body)
	}, "TransferRate RETR 0.1")
}
