package e2e

import (
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

func TestClaim05_BouncePort(t *testing.T) {
	// 22 is 0,22; 40000 is 156,64
	lines := map[string]string{
		"PORT_to_another_loopback_address":  "PORT 127,0,0,2,156,64",
		"PORT_to_a_private_network":         "PORT 10,0,0,1,156,64",
		"PORT_to_a_public_address":          "PORT 192,0,2,7,156,64",
		"PORT_below_1024":                   "PORT 127,0,0,1,0,22",
		"EPRT_to_another_loopback_address":  "EPRT |1|127.0.0.2|40000|",
		"EPRT_to_a_public_IPv6_address":     "EPRT |2|2001:db8::7|40000|",
		"EPRT_below_1024":                   "EPRT |1|127.0.0.1|22|",
		"EPRT_to_another_address_as_mapped": "EPRT |2|::ffff:127.0.0.2|40000|",
	}
	_, s, addr := oddGateway(t, peers.Script{})
	for name, line := range lines {
		t.Run(name+"_is_refused", func(t *testing.T) {
			c := peers.Dial(t, addr).Login("bob", "x")
			before := len(s.Events())
			verb, _, _ := strings.Cut(line, " ")
			c.Send("%s", line)
			c.ExpectLine("500 Illegal " + verb + " command")
			c.Must(257, "PWD")
			for _, e := range s.Events()[before:] {
				if strings.HasPrefix(e.Text, "PORT") || strings.HasPrefix(e.Text, "EPRT") {
					t.Errorf("the backend was told %q", e.Text)
				}
			}
		})
	}
	malformed := []string{"PORT 127,0,0,1,156", "PORT 127,0,0,1,0,0", "PORT 127,0,0,1,256,1", "PORT a,b,c,d,e,f", "PORT", "EPRT |1|127.0.0.1|", "EPRT"}
	for _, line := range malformed {
		t.Run(line+"_is_501", func(t *testing.T) {
			c := peers.Dial(t, addr).Login("bob", "x")
			c.Must(501, "%s", line)
			c.Must(257, "PWD")
		})
	}
	t.Run("an_unknown_family_is_522", func(t *testing.T) {
		c := peers.Dial(t, addr).Login("bob", "x")
		c.Send("EPRT |9|127.0.0.1|40000|")
		c.ExpectLine("522 Network protocol not supported, use (1,2)")
	})
}

// TestClaim07_StolenPassivePort: somebody else who is first at an offered port gets nothing, and
// the owner still gets everything.
func TestClaim07_StolenPassivePort(t *testing.T) {
	for _, mode := range []peers.Mode{peers.PASV, peers.EPSV} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			body := noise(200_000)
			c, _ := oddBackend(t, peers.Script{Files: map[string][]byte{"f": body}})
			d := c.Data(mode)
			thief, err := (&net.Dialer{Timeout: 5 * time.Second, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}).Dial("tcp", d.Addr())
			if err == nil { // refusing the connection outright is as good
				defer thief.Close()
			}
			c.Send("RETR f")
			got, err2 := io.ReadAll(d.Open())
			if err2 != nil {
				t.Fatal(err2)
			}
			d.Close()
			c.Expect(150)
			c.Expect(226)
			sameBytes(t, "the owner's data", got, body)
			if err == nil {
				if err := thief.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
					t.Fatal(err)
				}
				stolen, err := io.ReadAll(thief)
				if len(stolen) > 0 {
					t.Errorf("the stranger got %d bytes", len(stolen))
				}
				if isTimeout(err) {
					t.Error("the stranger's connection was left standing")
				}
			}
		})
	}
}

func TestClaim03_ControlCharacters(t *testing.T) {
	lines := map[string]string{
		"a_bare_CR_in_a_path":       "CWD a\rDELE victim",
		"a_NUL_in_a_path":           "CWD a\x00DELE victim",
		"a_bare_CR_in_a_site_line":  "SITE HELP\rDELE victim",
		"a_NUL_in_a_verb":           "DE\x00LE victim",
		"a_bare_CR_in_a_transfer":   "RETR f\rDELE victim",
		"a_NUL_in_an_unknown_verb":  "WIBBLE \x00DELE victim",
		"a_CR_at_the_end_of_a_path": "CWD a\r",
	}
	_, s, addr := oddGateway(t, peers.Script{Files: map[string][]byte{"f": []byte("x")}})
	for name, line := range lines {
		t.Run(name+"_never_reaches_the_backend", func(t *testing.T) {
			c := peers.Dial(t, addr).Login("bob", "x")
			before := len(s.Events())
			c.SendRaw(line + "\r\n")
			if r := c.Reply(); r.Code < 500 {
				t.Errorf("it was answered %q", r)
			}
			c.Must(257, "PWD")
			for _, e := range s.Events()[before:] {
				if e.What == "line" && e.Text != "PWD" {
					t.Errorf("the backend saw %q", e.Text)
				}
			}
			c.Must(221, "QUIT")
		})
	}
	for name, line := range map[string]string{"a_CR": "USER bob\rDELE victim", "a_NUL": "USER bob\x00"} {
		t.Run(name+"_in_a_user_name_never_reaches_the_backend", func(t *testing.T) {
			before := len(s.Events())
			c := peers.Dial(t, addr)
			c.Expect(220)
			c.SendRaw(line + "\r\n")
			if r := c.Reply(); r.Code < 500 {
				t.Errorf("it was answered %q", r)
			}
			for _, e := range s.Events()[before:] {
				if strings.HasPrefix(e.Text, "USER") || strings.Contains(e.Text, "DELE") {
					t.Errorf("the backend saw %q", e.Text)
				}
			}
		})
	}
}

// A web browser tricked into speaking to an FTP port must not get its lines run.
func TestClaim10_HTTP(t *testing.T) {
	_, s, addr := oddGateway(t, peers.Script{})
	for _, request := range []string{"GET / HTTP/1.1", "POST /x HTTP/1.1", "HEAD / HTTP/1.0", "OPTIONS * HTTP/1.1"} {
		t.Run(request[:4], func(t *testing.T) {
			before := len(s.Events())
			c := peers.Dial(t, addr)
			c.Expect(220)
			c.SendRaw(request + "\r\nHost: x\r\n\r\nUSER bob\r\nPASS x\r\nDELE victim\r\n")
			for {
				r, err := c.ReplyErr(5 * time.Second)
				if isTimeout(err) {
					t.Fatal("the connection still stands")
				}
				if err != nil {
					break
				}
				if r.Code < 400 {
					t.Fatalf("answered %q", r)
				}
			}
			for _, e := range s.Events()[before:] {
				if e.What == "line" && e.Text != "FEAT" && e.Text != "QUIT" {
					t.Errorf("the backend saw %q", e.Text)
				}
			}
		})
	}
}

func TestClaim27_CanaryPassword(t *testing.T) {
	const canary = "c4n4ry-in-the-mine"
	peers.RequireGateway(t)
	s := peers.StartScripted(t, peers.Script{On: handlers{"PASS": func(v *peers.Visit) { v.Reply("530 no\r\n") }}})
	logs := t.TempDir()
	g, addr := startGateway(t, []string{s.URL()}, "ExtendedLog "+logs+"/all.log ALL")
	c := peers.Dial(t, addr)
	c.Expect(220)
	c.Must(331, "USER bob")
	c.Must(530, "PASS %s", canary)
	c.Send("PASS %s", canary+"\x00")
	c.Reply()
	c.Send("pass  %s", canary)
	c.Reply()
	c.Send("ACCT %s", canary)
	c.Reply()
	c.Close()
	g.Signal(syscall.SIGTERM)
	g.Wait(10 * time.Second)
	for _, name := range []string{"system.log", "proxy.log", "xferlog"} {
		if strings.Contains(g.File(name), canary) {
			t.Errorf("%s holds the password", name)
		}
	}
	if all, err := os.ReadFile(logs + "/all.log"); err == nil && strings.Contains(string(all), canary) {
		t.Errorf("the log of all commands holds the password:\n%s", all)
	}
	if strings.Contains(g.Output(), canary) {
		t.Error("the output holds the password")
	}
}

// One line without end may not make the gateway grow, or hang.
func TestEndlessCommandLine(t *testing.T) {
	c, s := oddBackend(t, peers.Script{})
	before := len(s.Events())
	c.SendRaw("CWD " + strings.Repeat("a", 200_000) + "\r\n")
	if r, err := c.ReplyErr(5 * time.Second); err == nil && r.Code < 500 {
		t.Fatalf("answered %q", r)
	} else if isTimeout(err) {
		t.Fatal("no answer within 5 s")
	}
	for _, e := range s.Events()[before:] {
		if e.What == "line" && strings.HasPrefix(e.Text, "CWD") {
			t.Errorf("the backend saw a line of %d bytes", len(e.Text))
		}
	}
}
