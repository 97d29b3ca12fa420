package e2e

import (
	"io"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"golang.org/x/sys/unix"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// big does not fit into the socket buffers between two ends, so a transfer of it that nobody
// reads stands still.
const big = 32 << 20

// urgentAbort sends ABOR as RFC 959 §4.1.3 wants it: Telnet Interrupt Process and a Synch whose
// data mark is urgent, then the command.
func urgentAbort(t *testing.T, c *peers.Control) {
	t.Helper()
	raw, err := c.Conn().SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var sent error
	if err := raw.Control(func(fd uintptr) {
		sent = unix.Sendto(int(fd), []byte("\xff\xf4\xff"), unix.MSG_OOB, nil)
	}); err != nil || sent != nil {
		t.Fatalf("send the interrupt: %v, %v", err, sent)
	}
	c.SendRaw("\xf2ABOR\r\n")
}

func plainAbort(t *testing.T, c *peers.Control) { c.Send("ABOR") }

// untilAborted reads replies until the one to ABOR itself and fails on a transfer reported done.
func untilAborted(t *testing.T, tg target, c *peers.Control) {
	t.Helper()
	first := c.Expect(426, 451, 425, 225, 226, 550, 150)
	if first.Code == 150 {
		// Pure-FTPd reports a download whose data connection went away with a 150 and no more,
		// unless it saw the ABOR first; the gateway finds an end to it.
		first = c.Expect(426, 451)
	}
	if (first.Code == 225 || first.Code == 226) && (tg.gateway != nil || first.Text() != "Abort successful") { // ProFTPD may answer the ABOR first
		t.Fatalf("the broken transfer was answered %q", first)
	}
	// Pure-FTPd says 426 to ABOR and 451 to the upload; ProFTPD over TLS answers the ABOR before the transfer,
	// so that 426 comes last.
	c.Expect(225, 226, 451, 426)
}

// stillWorks proves that a session goes on and is in step.
func stillWorks(t *testing.T, tg target, c *peers.Control) {
	t.Helper()
	c.Must(257, "PWD")
	want := noise(70_000)
	c.Store(peers.EPSV, want, "STOR after")
	sameBytes(t, "a transfer afterwards", c.Fetch(peers.EPSV, "RETR after"), want)
	c.Must(257, "PWD")
}

func TestClaim22_Abort(t *testing.T) {
	everyTarget(t, func(t *testing.T, tg target) {
		tg.put(t, "big", noise(big))
		aborts := map[string]func(*testing.T, *peers.Control){"urgent": urgentAbort}
		if tg.gateway != nil {
			// Only vsftpd direct insists on the urgent byte; the gateway must not.
			aborts["plain"] = plainAbort
		}
		for kind, abort := range aborts {
			t.Run(kind+"_ABOR_ends_a_download", func(t *testing.T) {
				c := tg.login(t)
				d := c.Begin(peers.EPSV, "RETR big")
				if _, err := io.ReadFull(d.Open(), make([]byte, 64<<10)); err != nil {
					t.Fatal(err)
				}
				abort(t, c)
				// The client reads on: Pure-FTPd looks at its control connection only then.
				var rest int64
				var drain conc.WaitGroup
				drain.Go(func() { rest, _ = io.Copy(io.Discard, d.Open()) }) // a reset is fine too
				untilAborted(t, tg, c)
				drain.Wait()
				if rest >= big-64<<10 {
					t.Errorf("the whole file came although the transfer was aborted")
				}
				d.Close()
				stillWorks(t, tg, c)
			})
			t.Run(kind+"_ABOR_ends_an_upload", func(t *testing.T) {
				c := tg.login(t)
				d := c.Begin(peers.EPSV, "STOR aborted")
				if _, err := d.Open().Write(noise(1 << 20)); err != nil {
					t.Fatal(err)
				}
				abort(t, c)
				untilAborted(t, tg, c)
				d.Close()
				stillWorks(t, tg, c)
			})
		}
		t.Run("ABOR_without_a_transfer_is_answered_once", func(t *testing.T) {
			c := tg.login(t)
			c.Send("ABOR")
			c.Expect(225, 226)
			stillWorks(t, tg, c)
		})
	})
}

// Not every server answers STAT during a transfer, but each answers it in the end, and neither
// the data nor the order of later replies may suffer.
func TestStat_in_mid_transfer(t *testing.T) {
	everyTarget(t, func(t *testing.T, tg target) {
		body := noise(big)
		tg.put(t, "big", body)
		c := tg.login(t)
		d := c.Begin(peers.EPSV, "RETR big")
		head := make([]byte, 64<<10)
		if _, err := io.ReadFull(d.Open(), head); err != nil {
			t.Fatal(err)
		}
		c.Send("STAT")
		rest, err := io.ReadAll(d.Open())
		if err != nil {
			t.Fatal(err)
		}
		d.Close()
		sameBytes(t, "the file", append(head, rest...), body)
		done := false
		for range 2 {
			done = c.Expect(226, 211, 212, 213, 500, 450).Code == 226 || done
		}
		if !done {
			t.Error("the transfer was not confirmed")
		}
		stillWorks(t, tg, c)
	})
}

// QUIT during a transfer may end it or wait for it (RFC 959 §4.1.1 asks to wait); what it may
// not do is to confirm a file that did not arrive, or to leave the client hanging.
func TestClaim22_Quit_in_mid_transfer(t *testing.T) {
	everyTarget(t, func(t *testing.T, tg target) {
		tg.put(t, "big", noise(big))
		c := tg.login(t)
		d := c.Begin(peers.EPSV, "RETR big")
		if _, err := io.ReadFull(d.Open(), make([]byte, 64<<10)); err != nil {
			t.Fatal(err)
		}
		c.Send("QUIT")
		n, _ := io.Copy(io.Discard, d.Open()) // a reset is fine too
		d.Close()
		whole := n == big-64<<10
		broken := false // Pure-FTPd says 426, then 226 to the end of the abort
		for again := false; ; {
			r, err := c.ReplyErr(3 * time.Second)
			if isTimeout(err) && !again {
				again = true // Pure-FTPd takes the first QUIT for an abort
				c.Send("QUIT")
				continue
			}
			if err != nil {
				if isTimeout(err) {
					t.Fatal("the session still stands")
				}
				return
			}
			broken = broken || r.Code >= 400
			if r.Code == 226 && !whole && !broken {
				t.Fatalf("226 after %d of %d bytes", n+64<<10, big)
			}
		}
	})
}

// A client that vanishes during a transfer must not leave a session behind it.
func TestClaim22_Hangup_in_mid_transfer(t *testing.T) {
	everyTarget(t, func(t *testing.T, tg target) {
		tg.put(t, "big", noise(big))
		c := tg.login(t)
		d := c.Begin(peers.EPSV, "RETR big")
		if _, err := io.ReadFull(d.Open(), make([]byte, 64<<10)); err != nil {
			t.Fatal(err)
		}
		if len(tg.server.Sessions()) == 0 {
			t.Fatal("the server shows no session during a transfer")
		}
		d.Reset()
		c.Reset()
		eventually(t, 10*time.Second, "the end of the server's session", func() bool { return len(tg.server.Sessions()) == 0 })
	})
}
