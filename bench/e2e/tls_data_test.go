package e2e

import (
	"crypto/tls"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
	"github.com/sluice-gateway/sluice/bench/resume"
)

// hundred is how many data connections a session gets in a row.
const hundred = 100

// TestClaim09_HundredDataConnections: resumption does not wear out, whatever the server's way of granting it.
// The servers demand TLS for everything, vsftpd and ProFTPD the resumed session too.
func TestClaim09_HundredDataConnections(t *testing.T) {
	for _, kind := range peers.Kinds() {
		for _, version := range versions {
			t.Run(fmt.Sprintf("%s/%s", kind, version), func(t *testing.T) {
				t.Parallel()
				tg := secureTarget(t, kind, explicit, explicit, version)
				body := noise(20_000)
				tg.put(t, "f", body)
				c := tg.enter(t, explicit, clientConfig(t, version))
				for i := range hundred {
					mode := peers.Modes()[i%4]
					switch i % 3 {
					case 0:
						resumed(t, i, c, mode, body, "RETR f")
					case 1:
						name := fmt.Sprintf("up%d", i)
						c.Store(mode, body[:i*100], "STOR %s", name)
						sameBytes(t, "STOR", tg.onDisk(t, name), body[:i*100])
					case 2:
						if list := string(c.Fetch(mode, "LIST")); !strings.Contains(list, " f\r\n") {
							t.Fatalf("LIST %d shows %q", i, list)
						}
					}
				}
				c.Must(221, "QUIT")
				if log := tg.server.Log(); strings.Contains(log, "No SSL session reuse") || strings.Contains(log, "did not reuse") {
					t.Error("the server missed the resumption")
				}
			})
		}
	}
}

// resumed downloads and fails unless the front resumed its session.
func resumed(t *testing.T, i int, c *peers.Control, mode peers.Mode, want []byte, command string) {
	t.Helper()
	d := c.Begin(mode, "%s", command)
	got, err := io.ReadAll(d.Stream())
	if err != nil {
		t.Fatal(err)
	}
	if !d.Resumed() {
		t.Errorf("data connection %d did not resume", i)
	}
	d.Finish()
	c.Expect(226)
	sameBytes(t, command, got, want)
}

// TestClaim09_HundredDataConnections_of_real_clients: the same with the session handling of OpenSSL and GnuTLS.
func TestClaim09_HundredDataConnections_of_real_clients(t *testing.T) {
	for _, version := range versions {
		t.Run(string(version), func(t *testing.T) {
			tg := secureTarget(t, peers.ProFTPD, explicit, explicit, version)
			for i := range hundred {
				tg.put(t, fmt.Sprintf("f%d", i), noise(1000+i))
			}
			t.Run("lftp", func(t *testing.T) { lftpHundred(t, tg, version) })
			if version != peers.TLS12 { // over that curl has nothing to resume, see secureCell.lenient
				t.Run("curl", func(t *testing.T) { curlHundred(t, tg, version) })
			}
		})
	}
}

// lftpHundred downloads all files and uploads them again under other names.
func lftpHundred(t *testing.T, tg target, version peers.Versions) {
	t.Helper()
	all := t.TempDir()
	script := peers.TrustLFTP(certificates(t).CA) + "set ssl:priority NORMAL:-VERS-ALL:+VERS-" + strings.Replace(string(version), "TLSv", "TLS", 1) +
		"\nopen -u " + tg.server.User + "," + tg.server.Password + " ftp://" + tg.addr + "\nlcd " + all + "\nmget f*\n"
	for i := range hundred {
		script += fmt.Sprintf("put f%d -o lftp%[1]d\n", i)
	}
	peers.LFTP(t, script).OK()
	for i := range hundred {
		sameBytes(t, "get", read(t, fmt.Sprintf("%s/f%d", all, i)), noise(1000+i))
		sameBytes(t, "put", tg.onDisk(t, fmt.Sprintf("lftp%d", i)), noise(1000+i))
	}
}

// curlHundred does the same, and looks whether it took one session.
func curlHundred(t *testing.T, tg target, version peers.Versions) {
	t.Helper()
	all := t.TempDir()
	c := secureCell{front: explicit, prot: "P", version: version, mode: peers.EPSV}
	args := curlArguments(t, tg, c)
	for name, more := range map[string][]string{
		"down": {"-o", all + "/f#1", tg.bare(fmt.Sprintf("f[0-%d]", hundred-1))},
		"up":   {"-T", local(t, "up", noise(30_000)), tg.bare(fmt.Sprintf("curl[0-%d]", hundred-1))},
	} {
		client := peers.Curl(t, append(args, more...)...)
		client.OK()
		if n := strings.Count(client.Wait().Stderr, "> USER"); n != 1 {
			t.Errorf("%s: curl logged in %d times", name, n)
		}
	}
	for i := range hundred {
		sameBytes(t, "get", read(t, fmt.Sprintf("%s/f%d", all, i)), noise(1000+i))
		sameBytes(t, "put", tg.onDisk(t, fmt.Sprintf("curl%d", i)), noise(30_000))
	}
}

// TestProtection mixes the levels: the client changes its mind before every transfer, under each policy
// for the backend, over every pair of versions.
func TestProtection(t *testing.T) {
	for _, policy := range []string{"required", "clear", "client"} {
		for _, back := range versions {
			for _, front := range versions {
				t.Run(fmt.Sprintf("%s/%s_to_%s", policy, front, back), func(t *testing.T) {
					t.Parallel()
					peers.RequireGateway(t)
					server := startPeer(t, peers.ProFTPD, explicit, peers.TLS{Versions: back})
					_, addr := secureGateway(t, []string{server.URL()},
						bothLines(t, explicit, explicit, "ProxyTLSTransferProtectionPolicy "+policy)...)
					tg := target{addr: addr, server: server}
					body := noise(60_000)
					tg.put(t, "f", body)
					c := tg.enter(t, explicit, clientConfig(t, front))
					for i, level := range strings.Split("PCPPCCPCPC", "") {
						c.Protect(level)
						name := fmt.Sprintf("up%d", i)
						c.Store(peers.EPSV, body[:1000*i], "STOR %s", name)
						sameBytes(t, "STOR "+level, tg.onDisk(t, name), body[:1000*i])
						sameBytes(t, "RETR "+level, c.Fetch(peers.PASV, "RETR f"), body)
					}
					wantProt(t, server, policy)
				})
			}
		}
	}
}

// wantProt looks which levels a ProFTPD was asked for.
func wantProt(t *testing.T, server *peers.Server, policy string) {
	t.Helper()
	log := server.Log()
	p, c := strings.Count(log, "PROT P"), strings.Count(log, "PROT C")
	want := map[string]bool{"required": p == 1 && c == 0, "clear": p == 0 && c == 1, "client": p >= 5 && c >= 5}[policy]
	if !want {
		t.Errorf("the backend was told PROT P %d and PROT C %d times", p, c)
	}
}

// TestRefusedTransfers: a transfer that the backend refuses begins no handshake, and spoils no later one.
func TestRefusedTransfers(t *testing.T) {
	for _, kind := range peers.Kinds() {
		for _, version := range versions {
			t.Run(fmt.Sprintf("%s/%s", kind, version), func(t *testing.T) {
				t.Parallel()
				tg := secureTarget(t, kind, explicit, explicit, version)
				body := noise(10_000)
				tg.put(t, "f", body)
				c := tg.enter(t, explicit, clientConfig(t, version))
				for i := range 50 {
					mode := peers.Modes()[i%4]
					command := []string{"RETR missing", "STOR missing/up", "LIST missing/there"}[i%3]
					refusedTransfer(t, c, mode, command)
					if i%5 == 4 {
						sameBytes(t, "the next download", c.Fetch(mode, "RETR f"), body)
						c.Store(mode, body, "STOR up")
						sameBytes(t, "the next upload", tg.onDisk(t, "up"), body)
					}
				}
				c.Must(221, "QUIT")
			})
		}
	}
}

// refusedTransfer runs a transfer that cannot be. Some servers list what is not there as an empty directory.
func refusedTransfer(t *testing.T, c *peers.Control, mode peers.Mode, command string) {
	t.Helper()
	d := c.Data(mode)
	defer d.Close()
	if d.Addr() != "" {
		d.Open()
	}
	c.Send("%s", command)
	r := c.Reply()
	if r.Code >= 500 {
		if d.Addr() != "" {
			if n, _ := d.Open().Read(make([]byte, 1)); n > 0 {
				t.Errorf("%s was refused, but its data connection began a handshake", command)
			}
		}
		return
	}
	if r.Code == 450 {
		return
	}
	if r.Code != 150 || !strings.HasPrefix(command, "LIST") {
		t.Fatalf("%s was answered %q", command, r)
	}
	if _, err := d.Open(), d.SecureErr(); err != nil {
		t.Fatal(err)
	}
	list, _ := io.ReadAll(d.Stream()) // ProFTPD says 450 behind its 150, which the gateway passes on as a break
	if strings.Contains(string(list), "f\r\n") {
		t.Fatalf("%s showed %q", command, list)
	}
	d.Finish()
	c.Expect(226, 250, 450, 550)
}

// intruders are ways to come to a data connection, by the session cache that they bring: nil for that of
// the control connection itself.
func intruders(t *testing.T, addr string) map[string]func(*tls.Config) tls.ClientSessionCache {
	return map[string]func(*tls.Config) tls.ClientSessionCache{
		"its_own_session": nil,
		"no_session":      func(*tls.Config) tls.ClientSessionCache { return nil },
		"a_session_of_another_one": func(config *tls.Config) tls.ClientSessionCache {
			other := config.Clone()
			stolen := &resume.Tickets{}
			other.ClientSessionCache = stolen
			c := greet(t, addr, explicit, other).Login("mallory", "x")
			c.Must(257, "PWD") // tickets of TLS 1.3 come with what is read
			if stolen.Len() == 0 {
				t.Fatal("there was no ticket to steal")
			}
			return stolen
		},
	}
}

// TestClaim08_SessionReuse: who does not resume this control connection's TLS session is not let in to
// its data, unless NoSessionReuseRequired says so.
func TestClaim08_SessionReuse(t *testing.T) {
	for _, lenient := range []bool{false, true} {
		var options []string
		if lenient {
			options = []string{"NoSessionReuseRequired"}
		}
		s := peers.StartScripted(t, peers.Script{Files: map[string][]byte{"f": noise(40_000)}})
		g, addr := secureGateway(t, []string{s.URL()}, append(frontLines(t, explicit, options...), backLines(t, plain)...)...)
		for _, version := range versions {
			for name, cache := range intruders(t, addr) {
				t.Run(fmt.Sprintf("lenient_%v/%s/%s", lenient, version, name), func(t *testing.T) {
					control := clientConfig(t, version)
					c := greet(t, addr, explicit, control).Login("bob", "x")
					c.Must(257, "PWD")
					c.Must(200, "PBSZ 0")
					c.Must(200, "PROT P") // and not Protect, so that the handshake is ours
					data := control.Clone()
					if cache != nil {
						data.ClientSessionCache = cache(data)
					}
					if cache == nil || lenient {
						letIn(t, c, data, cache == nil)
						return
					}
					keptOut(t, g, c, data)
				})
			}
		}
	}
}

// letIn downloads, and looks whether the data connection resumed a session.
func letIn(t *testing.T, c *peers.Control, data *tls.Config, resumes bool) {
	t.Helper()
	conn, d, err := openSecure(t, c, data, peers.EPSV, "RETR f")
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	if conn.ConnectionState().DidResume != resumes {
		t.Errorf("resumed: %v, want %v", !resumes, resumes)
	}
	d.Close()
	c.Expect(226)
	sameBytes(t, "RETR", got, noise(40_000))
}

// keptOut fails unless a data connection gets nothing, with a word in the log, and its owner still does.
func keptOut(t *testing.T, g *peers.Gateway, c *peers.Control, data *tls.Config) {
	t.Helper()
	before := len(noted(g, notResumed))
	conn, d, err := openSecure(t, c, data, peers.EPSV, "RETR f")
	var got []byte
	if err == nil {
		got, err = io.ReadAll(conn)
	}
	d.Close()
	if err == nil || len(got) > 0 {
		t.Errorf("the intruder got %d bytes (%v)", len(got), err)
	}
	if r := c.Reply(); r.Code < 400 {
		t.Errorf("answered %q", r)
	}
	eventually(t, 5*time.Second, "a line in the log", func() bool { return len(noted(g, notResumed)) > before })
	if lines := noted(g, notResumed)[before:]; len(lines) != 1 || !holds(lines[0], []string{"NoSessionReuseRequired"}) {
		t.Errorf("the log says\n%s\nwant one line with the way out", lines)
	}
	c.Protect("P")
	sameBytes(t, "the owner's data", c.Fetch(peers.EPSV, "RETR f"), noise(40_000))
}

// notResumed is what the log says of a data connection that did not resume.
const notResumed = "does not resume the TLS session of its control connection"
