package e2e

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// Direct transfers: the gateway at 127.0.0.1 has none of the data, which goes between its clients and a
// server at an address of its own.

const directServer = "127.0.0.44"

const directly = "ProxyOptions UseDirectDataTransfers"

// inBothRoles runs a case over each real server, through a gateway that chooses it and through one that
// is told to go there; enter logs in.
func inBothRoles(t *testing.T, lines []string, run func(t *testing.T, tg target, enter func() *peers.Control)) {
	for _, kind := range peers.Kinds() {
		t.Run(string(kind)+"/reverse", func(t *testing.T) {
			t.Parallel()
			peers.RequireGateway(t)
			server := peers.Start(t, kind, peers.Options{Address: directServer})
			g, addr := startGateway(t, []string{server.URL()}, lines...)
			tg := target{addr: addr, server: server, gateway: g}
			run(t, tg, func() *peers.Control { return tg.login(t) })
		})
		t.Run(string(kind)+"/forward", func(t *testing.T) {
			t.Parallel()
			server := peers.Start(t, kind, peers.Options{Address: directServer})
			g, addr := forwardGateway(t, userAtHost, append([]string{"ProxyTLSEngine off"}, lines...)...)
			tg := target{addr: addr, server: server, gateway: g}
			run(t, tg, func() *peers.Control {
				c := peers.Dial(t, addr).Greeting()
				c.Must(331, "USER %s@%s", server.User, server.Addr())
				c.Must(230, "PASS %s", server.Password)
				c.Must(200, "TYPE I")
				return c
			})
		})
	}
}

// isPeer fails unless a data connection leads to an address.
func isPeer(t *testing.T, conn *net.TCPConn, want string) {
	t.Helper()
	if got := addressOf(conn.RemoteAddr()).Addr().String(); got != want {
		t.Errorf("the data connection leads to %s, want %s", got, want)
	}
}

func TestDirectTransfers(t *testing.T) {
	t.Parallel()
	inBothRoles(t, []string{directly}, func(t *testing.T, tg target, enter func() *peers.Control) {
		body := noise(3 << 20)
		tg.put(t, "f", body)
		tg.put(t, "big", noise(big))
		// EPSV names no address: clients look for its port at the gateway.
		for _, mode := range []peers.Mode{peers.PASV, peers.PORT, peers.EPRT} {
			t.Run(string(mode), func(t *testing.T) {
				c := enter()
				d := c.Begin(mode, "RETR f")
				isPeer(t, d.Open(), directServer)
				got, err := io.ReadAll(d.Open())
				if err != nil {
					t.Fatal(err)
				}
				c.Expect(226)
				sameBytes(t, "down", got, body)
				c.Store(mode, body[:100_000], "STOR up%s", mode)
				sameBytes(t, "up", tg.onDisk(t, "up"+string(mode)), body[:100_000])
				if list := string(c.Fetch(mode, "LIST")); !strings.Contains(list, " f\r\n") {
					t.Errorf("LIST shows %q", list)
				}
				c.Data(mode)
				c.Must(550, "RETR nothing")
				c.Must(221, "QUIT")
			})
		}
		t.Run("ABOR", func(t *testing.T) {
			c := enter()
			d := c.Begin(peers.PASV, "RETR big")
			if _, err := io.ReadFull(d.Open(), make([]byte, 64<<10)); err != nil {
				t.Fatal(err)
			}
			c.Send("ABOR")
			_, _ = io.Copy(io.Discard, d.Open())
			d.Close()
			untilAborted(t, tg, c)
			sameBytes(t, "afterwards", c.Fetch(peers.PASV, "RETR f"), body)
		})
		t.Run("a_download_that_the_client_breaks_off", func(t *testing.T) {
			c := enter()
			d := c.Begin(peers.PASV, "RETR big")
			if _, err := io.ReadFull(d.Open(), make([]byte, 64<<10)); err != nil {
				t.Fatal(err)
			}
			d.Reset()
			c.Expect(426, 451)
			sameBytes(t, "afterwards", c.Fetch(peers.PASV, "RETR f"), body)
		})
		t.Run("a_server_that_dies", func(t *testing.T) {
			c := enter()
			d := c.Begin(peers.PASV, "RETR big")
			if _, err := io.ReadFull(d.Open(), make([]byte, 64<<10)); err != nil {
				t.Fatal(err)
			}
			if err := tg.server.KillSessions(); err != nil {
				t.Fatal(err)
			}
			c.Expect(421)
			c.ExpectClosed(10 * time.Second)
		})
		eventually(t, 10*time.Second, "the uploads in the log", func() bool { return strings.Contains(tg.gateway.File("xferlog"), " upEPRT ") })
		for line := range strings.Lines(tg.gateway.File("xferlog")) {
			f := strings.Fields(line)
			if size := f[7]; size != "0" {
				t.Errorf("a size that nobody knows is logged as %s: %s", size, line)
			}
			if whole := f[len(f)-1] == "c"; whole == (f[8] == "big") {
				t.Errorf("logged as complete: %v: %s", whole, line)
			}
		}
	})
}

// TestDirectTransfers_outlive_all_limits: of idleness, of a stall and of the last word, as nobody here sees
// whether they stand still.
func TestDirectTransfers_outlive_all_limits(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	s := peers.Script{On: handlers{"RETR": func(v *peers.Visit) {
		v.Reply("150 this will take a while\r\n")
		<-ended
		v.Reply("226 done\r\n")
	}}}
	c, _ := oddBackend(t, s, directly, "TimeoutIdle 5", "TimeoutNoTransfer 5", "TimeoutStalled 1", "ProxyTimeoutLinger 1")
	c.Must(150, "RETR f")
	r, err := c.ReplyErr(8 * time.Second)
	close(ended)
	if !isTimeout(err) {
		t.Fatalf("it was cut with %q (%v)", r, err)
	}
	c.Expect(226)
	c.Must(257, "PWD")
}

// TestDirectTransfers_relay_what_is_said: to the letter, save what is no line of FTP.
func TestDirectTransfers_relay_what_is_said(t *testing.T) {
	t.Parallel()
	said := []string{"PORT 10,9,8,7,0,22", "EPRT |2|2001:db8::7|40000|", "EPRT |9|x|", "EPSV ALL", "PASV", "PORT nonsense"}
	c, s := oddBackend(t, peers.Script{On: handlers{
		"PASV": func(v *peers.Visit) { v.Reply("227 over there =203,0,113,66,0,22\r\n") },
		"EPSV": func(v *peers.Visit) { v.Reply("229 (|||21|) and more\r\n") },
		"PORT": func(v *peers.Visit) { v.Reply("200 %s it is\r\n", v.Arg) },
		"EPRT": func(v *peers.Visit) { v.Reply("522 %s it is not\r\n", v.Arg) },
	}}, directly, "ProxyDataTransferPolicy PASV")
	want := []string{"200 10,9,8,7,0,22 it is", "522 |2|2001:db8::7|40000| it is not", "522 |9|x| it is not", "229 (|||21|) and more",
		"227 over there =203,0,113,66,0,22", "200 nonsense it is"}
	for n, line := range said {
		c.Send("%s", line)
		c.ExpectLine(want[n])
	}
	c.SendRaw("PORT 127,0,0,1,156,64\rDELE victim\r\n")
	c.Expect(500)
	c.Must(257, "PWD")
	var heard []string
	for _, e := range s.Events() {
		if verb, _, _ := strings.Cut(e.Text, " "); e.What == "line" && verb != "USER" && verb != "PASS" && verb != "FEAT" && verb != "TYPE" && verb != "PWD" && verb != "HOST" {
			heard = append(heard, e.Text)
		}
	}
	if got := strings.Join(heard, "\n"); got != strings.Join(said, "\n") {
		t.Errorf("the backend heard\n%s", got)
	}
}

// TestClaim05_BounceByDirectTransfers: where AllowForeignAddress is written, it holds for these, too.
func TestClaim05_BounceByDirectTransfers(t *testing.T) {
	t.Parallel()
	g, s, addr := oddGateway(t, peers.Script{}, directly, "<Class friends>\nFrom 127.0.0.2\n</Class>", "AllowForeignAddress friends")
	c := peers.Dial(t, addr).Login("bob", "x")
	for line, code := range map[string]int{
		"PORT 127,0,0,3,156,64": 500, "PORT 127,0,0,1,0,22": 500, "PORT 127,0,0,2,0,22": 500, "EPRT |1|127.0.0.3|40000|": 500, "EPRT |2|::ffff:127.0.0.3|40000|": 500,
		"PORT 127,0,0,1,156,64": 200, "PORT 127,0,0,2,156,64": 200,
	} {
		before := len(s.Events())
		c.Must(code, "%s", line)
		c.Must(257, "PWD")
		if relayed := len(s.Events())-before > 1; relayed != (code == 200) {
			t.Errorf("%s: relayed %v", line, relayed)
		}
	}
	eventually(t, 10*time.Second, "the refusals in the log", func() bool {
		return strings.Count(g.File("proxy.log"), "possible bounce attack") >= 5
	})
}

// TestDirectTransfers_in_TLS: data connections are secured by the server itself, or there are none.
func TestDirectTransfers_in_TLS(t *testing.T) {
	t.Parallel()
	for _, kind := range peers.Kinds() {
		for _, policy := range []string{"required", "client"} {
			t.Run(fmt.Sprintf("%s/%s", kind, policy), func(t *testing.T) {
				t.Parallel()
				server := startPeer(t, kind, explicit, peers.TLS{NoReuse: true})
				_, addr := secureGateway(t, []string{strings.Replace(server.URL(), "ftp://", "ftps://", 1)},
					bothLines(t, explicit, explicit, directly, "ProxyTLSTransferProtectionPolicy "+policy)...)
				tg := target{addr: addr, server: server}
				body := noise(500_000)
				tg.put(t, "f", body)
				c := tg.enter(t, explicit, clientConfig(t, peers.TLS12And13))
				for _, mode := range []peers.Mode{peers.PASV, peers.EPRT} {
					d := c.Begin(mode, "RETR f")
					got, err := io.ReadAll(d.Stream())
					if err != nil {
						t.Fatal(err)
					}
					d.Finish()
					c.Expect(226)
					sameBytes(t, "down", got, body)
					c.Store(mode, body, "STOR up")
					sameBytes(t, "up", tg.onDisk(t, "up"), body)
				}
				if policy == "required" {
					c.Must(534, "PROT C")
					return
				}
				c.Protect("C")
				sameBytes(t, "in clear", c.Fetch(peers.PASV, "RETR f"), body)
			})
		}
	}
	t.Run("a_server_in_clear_has_no_PROT_P", func(t *testing.T) {
		t.Parallel()
		s := peers.StartScripted(t, peers.Script{Files: map[string][]byte{"f": []byte("data")}})
		_, addr := secureGateway(t, []string{s.URL()}, bothLines(t, explicit, plain, directly)...)
		c := greet(t, addr, explicit, clientConfig(t, peers.TLS13)).Login("bob", "x")
		c.Must(200, "PBSZ 0")
		c.Must(536, "PROT P")
		if got := c.Fetch(peers.PASV, "RETR f"); string(got) != "data" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("a_client_in_clear_has_no_transfers_with_PROT_P", func(t *testing.T) {
		t.Parallel()
		server := startPeer(t, peers.ProFTPD, explicit, peers.TLS{})
		_, addr := secureGateway(t, []string{strings.Replace(server.URL(), "ftp://", "ftps://", 1)}, bothLines(t, plain, explicit, directly)...)
		c := peers.Dial(t, addr).Login(server.User, server.Password)
		c.Data(peers.PASV)
		c.Must(521, "LIST")
	})
}

// TestDirectTransfers_are_warned_of: by the check, and at the start.
func TestDirectTransfers_are_warned_of(t *testing.T) {
	t.Parallel()
	s := peers.StartScripted(t, peers.Script{})
	g, _ := startGateway(t, []string{s.URL()}, directly, "TransferRate RETR 100")
	for _, what := range []string{"UseDirectDataTransfers keeps data away from the gateway", "no PORT is kept from third hosts", "TransferRate: has no effect"} {
		if n := strings.Count(g.Output(), what); n != 1 {
			t.Errorf("the start said %q %d times:\n%s", what, n, g.Output())
		}
	}
}
