package e2e

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// handlers is the shape of Script.On.
type handlers = map[string]func(*peers.Visit)

// oddBackend runs a gateway before a scripted backend and logs in.
func oddBackend(t *testing.T, script peers.Script, extra ...string) (*peers.Control, *peers.Scripted) {
	t.Helper()
	_, s, addr := oddGateway(t, script, extra...)
	return peers.Dial(t, addr).Login("bob", "x"), s
}

// oddGateway runs a gateway before a scripted backend, for several sessions.
func oddGateway(t *testing.T, script peers.Script, extra ...string) (*peers.Gateway, *peers.Scripted, string) {
	t.Helper()
	peers.RequireGateway(t)
	s := peers.StartScripted(t, script)
	g, addr := startGateway(t, []string{s.URL()}, extra...)
	return g, s, addr
}

// sendHalf begins a download and sends half of what was asked for.
func sendHalf(v *peers.Visit, finish func(v *peers.Visit, cut func())) {
	conn := v.Begin()
	if conn == nil {
		return
	}
	_, _ = conn.Write(noise(200_000)) // the client's view is what the test looks at
	finish(v, func() { v.CloseData(conn) })
}

// TestClaim21_Truncation: however a backend breaks a download off, the client never hears 2xx.
func TestClaim21_Truncation(t *testing.T) {
	cases := map[string]struct {
		retr func(*peers.Visit)
		// codes the client may hear; closing without a word is always allowed when nil
		codes []int
	}{
		"data_closed_cleanly_then_426": {func(v *peers.Visit) {
			sendHalf(v, func(v *peers.Visit, cut func()) { cut(); v.Reply("426 broken\r\n") })
		}, []int{426}},
		"data_closed_cleanly_then_451": {func(v *peers.Visit) {
			sendHalf(v, func(v *peers.Visit, cut func()) { cut(); v.Reply("451 disk trouble\r\n") })
		}, []int{451}},
		"data_closed_cleanly_then_control_closed": {func(v *peers.Visit) {
			sendHalf(v, func(v *peers.Visit, cut func()) { cut(); v.Close() })
		}, nil},
		"data_closed_cleanly_then_control_reset": {func(v *peers.Visit) {
			sendHalf(v, func(v *peers.Visit, cut func()) { cut(); v.Reset() })
		}, nil},
		"control_reset_then_data_closed_cleanly": {func(v *peers.Visit) {
			sendHalf(v, func(v *peers.Visit, cut func()) { v.Reset(); cut() })
		}, nil},
		"data_reset_then_226_all_the_same": {func(v *peers.Visit) {
			conn := v.Begin()
			if conn == nil {
				return
			}
			_, _ = conn.Write(noise(200_000))
			v.ResetData(conn)
			v.Reply("226 all is well\r\n")
		}, []int{425, 426, 451}}, // 425: the reset may come before the connect returns
		"data_reset_then_426": {func(v *peers.Visit) {
			conn := v.Begin()
			if conn == nil {
				return
			}
			v.ResetData(conn)
			v.Reply("426 broken\r\n")
		}, []int{426}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := oddBackend(t, peers.Script{On: handlers{"RETR": tc.retr}})
			d := c.Begin(peers.EPSV, "RETR half")
			_, _ = io.Copy(io.Discard, d.Open())
			d.Close()
			r, err := c.ReplyErr(10 * time.Second)
			switch {
			case isTimeout(err):
				t.Fatal("no answer within 10 s")
			case err != nil && tc.codes != nil:
				t.Fatalf("the session ended (%v), want one of %v", err, tc.codes)
			case err == nil && tc.codes != nil && !contains(tc.codes, r.Code):
				t.Fatalf("got %q, want one of %v", r, tc.codes)
			case err == nil && r.Code < 400:
				t.Fatalf("a truncated download was confirmed with %q", r)
			}
		})
	}
}

func contains(codes []int, code int) bool {
	for _, c := range codes {
		if c == code {
			return true
		}
	}
	return false
}

// A backend may say 226 before its last byte is on the way; the client still gets every byte,
// and hears 226 once.
func TestClaim21_EarlyConfirmation(t *testing.T) {
	for _, way := range []string{"direct", "gateway"} {
		t.Run(way, func(t *testing.T) {
			body := noise(4 << 20)
			s := peers.StartScripted(t, peers.Script{On: handlers{"RETR": func(v *peers.Visit) {
				conn := v.Begin()
				if conn == nil {
					return
				}
				v.Reply("226 done already\r\n")
				_, _ = conn.Write(body)
				v.CloseData(conn)
			}}})
			addr := s.Addr()
			if way == "gateway" {
				peers.RequireGateway(t)
				_, addr = startGateway(t, []string{s.URL()})
			}
			c := peers.Dial(t, addr).Login("bob", "x")
			sameBytes(t, "the file", c.Fetch(peers.EPSV, "RETR early"), body)
			c.Must(257, "PWD")
		})
	}
}

func TestSilentBackendAfterData(t *testing.T) {
	c, _ := oddBackend(t, peers.Script{On: handlers{"RETR": func(v *peers.Visit) {
		if conn := v.Begin(); conn != nil {
			v.CloseData(conn)
		}
		<-v.Gone() // never a final reply
	}}}, "ProxyTimeoutLinger 1")
	d := c.Begin(peers.EPSV, "RETR x")
	_, _ = io.Copy(io.Discard, d.Open())
	d.Close()
	c.ExpectLine("500 RETR: Connection timed out")
}

// A client that stops a download gets 426, the backend is told, and both stay in step.
func TestClientResetsDownload(t *testing.T) {
	everyTarget(t, func(t *testing.T, tg target) {
		tg.put(t, "big", noise(big))
		c := tg.login(t)
		d := c.Begin(peers.EPSV, "RETR big")
		if _, err := io.ReadFull(d.Open(), make([]byte, 64<<10)); err != nil {
			t.Fatal(err)
		}
		d.Reset()
		if tg.server.Kind == peers.PureFTPd && tg.gateway == nil {
			c.Expect(150) // and nothing more; the gateway makes a 426 of it
		} else {
			c.Expect(426, 451)
		}
		stillWorks(t, tg, c)
	})
}

func TestClaim06_ForeignPassiveAddress(t *testing.T) {
	foreign := func(address string) handlers {
		return handlers{"PASV": func(v *peers.Visit) {
			port, err := v.Listen()
			if err != nil {
				v.Reply("425 %v\r\n", err)
				return
			}
			v.Reply("227 over there (%s,%d,%d)\r\n", address, port>>8, port&0xff)
		}}
	}
	t.Run("is_refused", func(t *testing.T) {
		t.Parallel()
		c, _ := oddBackend(t, peers.Script{On: foreign("127,0,0,9")}, "ProxyDataTransferPolicy PASV")
		if _, r := c.DataReply(peers.PASV); r.String() != "500 PASV: Operation not permitted" {
			t.Fatalf("got %q", r)
		}
		c.Must(257, "PWD")
	})
	t.Run("is_replaced_under_IgnoreForeignAddress", func(t *testing.T) {
		t.Parallel()
		c, _ := oddBackend(t, peers.Script{On: foreign("10,1,2,3"), Files: map[string][]byte{"f": []byte("data")}},
			"ProxyDataTransferPolicy PASV", "ProxyOptions IgnoreForeignAddress")
		if got := c.Fetch(peers.PASV, "RETR f"); string(got) != "data" {
			t.Fatalf("got %q", got)
		}
	})
	t.Run("with_a_low_port_is_refused", func(t *testing.T) {
		t.Parallel()
		c, _ := oddBackend(t, peers.Script{On: handlers{"PASV": func(v *peers.Visit) { v.Reply("227 here (127,0,0,1,0,22)\r\n") }}},
			"ProxyDataTransferPolicy PASV")
		if d, r := c.DataReply(peers.PASV); d != nil || r.Code != 500 {
			t.Fatalf("got %q", r)
		}
	})
}

func TestOddPassiveReplies(t *testing.T) {
	texts := map[string]string{
		"without_parentheses": "227 Entering Passive Mode %s\r\n",
		"with_an_equals_sign": "227 Entering passive mode =%s.\r\n",
		"in_brackets":         "227 ok [%s] go\r\n",
		"over_several_lines":  "227-One moment\r\n227 Entering Passive Mode (%s).\r\n",
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := oddBackend(t, peers.Script{Files: map[string][]byte{"f": []byte("data")}, On: handlers{"PASV": func(v *peers.Visit) {
				port, err := v.Listen()
				if err != nil {
					v.Reply("425 %v\r\n", err)
					return
				}
				v.Reply(text, fmt.Sprintf("127,0,0,1,%d,%d", port>>8, port&0xff))
			}}}, "ProxyDataTransferPolicy PASV")
			if got := c.Fetch(peers.EPSV, "RETR f"); string(got) != "data" {
				t.Fatalf("got %q", got)
			}
		})
	}
}

// EPSV and EPRT refused by the backend: the policy falls back to PASV and PORT, and stays there.
func TestExtendedCommandsRefused(t *testing.T) {
	refuse := func(v *peers.Visit) { v.Reply("502 not here\r\n") }
	script := func() peers.Script {
		return peers.Script{On: handlers{"EPSV": refuse, "EPRT": refuse}, Files: map[string][]byte{"f": []byte("data")}}
	}
	for policy, verb := range map[string]string{"passive": "EPSV", "active": "EPRT"} {
		t.Run(policy+"_falls_back_and_stays", func(t *testing.T) {
			t.Parallel()
			c, s := oddBackend(t, script(), "ProxyDataTransferPolicy "+policy)
			for range 2 {
				if got := c.Fetch(peers.EPSV, "RETR f"); string(got) != "data" {
					t.Fatalf("got %q", got)
				}
			}
			tried := 0
			for _, e := range s.Events() {
				if e.What == "line" && strings.HasPrefix(e.Text, verb) {
					tried++
				}
			}
			if tried != 1 {
				t.Errorf("%s was tried %d times, want once", verb, tried)
			}
		})
	}
}
