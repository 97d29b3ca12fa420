package e2e

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// crossings are the ways through the gateway with TLS on at least one side.
var crossings = []struct{ front, back leg }{{explicit, explicit}, {explicit, plain}, {plain, explicit}, {implicit, implicit}}

// TestClaim21_BrokenUpload_in_TLS: TLS tells an end from a cut by its close_notify, and what ends without
// one was cut off, even where a server would take it for the whole (vsftpd and ProFTPD do).
func TestClaim21_BrokenUpload_in_TLS(t *testing.T) {
	ruins := map[string]struct {
		spoil func(c *peers.Control, d *peers.Data)
		told  bool // the client is there to hear about it
		tls   bool // says something only where the client speaks TLS
	}{
		"FIN_without_close_notify":       {func(_ *peers.Control, d *peers.Data) { _ = d.Raw().CloseWrite() }, true, true},
		"closed_without_close_notify":    {func(_ *peers.Control, d *peers.Data) { _ = d.Raw().Close() }, true, true},
		"reset":                          {func(_ *peers.Control, d *peers.Data) { d.Reset() }, true, false},
		"half_a_record_and_FIN":          {halfRecord, true, true},
		"control_reset_then_data_closed": {func(c *peers.Control, d *peers.Data) { c.Reset(); d.Close() }, false, false},
		"both_closed_as_when_killed":     {func(c *peers.Control, d *peers.Data) { _ = d.Raw().Close(); c.Close() }, false, false},
	}
	for _, kind := range logged {
		for _, way := range crossings {
			for name, ruin := range ruins {
				if ruin.tls && way.front == plain {
					continue
				}
				version := versions[len(name)%2] // each way of breaking over one version
				t.Run(fmt.Sprintf("%s/%s_to_%s/%s/%s", kind, way.front, way.back, version, name), func(t *testing.T) {
					t.Parallel()
					tg := secureTarget(t, kind, way.front, way.back, version)
					c := tg.enter(t, way.front, clientConfig(t, version))
					d := c.Begin(peers.EPSV, "STOR broken")
					if _, err := d.Stream().Write(noise(1 << 20)); err != nil {
						t.Fatal(err)
					}
					eventually(t, 10*time.Second, "the arrival of the first bytes", func() bool { return size(tg, "broken") > 0 })
					ruin.spoil(c, d)
					if ruin.told {
						c.Expect(426, 451)
						d.Close()
						again(t, tg, c)
					}
					expectIncomplete(t, tg)
				})
			}
		}
	}
}

// halfRecord announces a record of application data, sends a part of it, and ends.
func halfRecord(_ *peers.Control, d *peers.Data) {
	_, _ = d.Raw().Write([]byte{23, 3, 3, 0x10, 0, 1, 2, 3}) // whoever does not take it says so in its reply
	_ = d.Raw().CloseWrite()
}

// again proves that a session goes on and is in step, whatever its protection.
func again(t *testing.T, tg target, c *peers.Control) {
	t.Helper()
	c.Must(257, "PWD")
	want := noise(70_000)
	c.Store(peers.EPSV, want, "STOR after")
	sameBytes(t, "a transfer afterwards", tg.onDisk(t, "after"), want)
	sameBytes(t, "and back", c.Fetch(peers.EPSV, "RETR after"), want)
	c.Must(257, "PWD")
}

// TestClaim21_KilledClient_in_TLS: real clients, killed in mid upload, leave no whole file.
func TestClaim21_KilledClient_in_TLS(t *testing.T) {
	k := certificates(t)
	start := map[string]func(t *testing.T, tg target, version peers.Versions) *peers.Client{
		"curl": func(t *testing.T, tg target, version peers.Versions) *peers.Client {
			c := secureCell{front: explicit, prot: "P", version: version, mode: peers.EPSV}
			return peers.Curl(t, append(curlArguments(t, tg, c), "--limit-rate", "300k", "-T", local(t, "f", noise(8<<20)), tg.bare("broken"))...)
		},
		"lftp": func(t *testing.T, tg target, version peers.Versions) *peers.Client {
			return peers.LFTP(t, peers.TrustLFTP(k.CA)+"set net:limit-total-rate 300000\nset ssl:priority NORMAL:-VERS-ALL:+VERS-"+
				strings.Replace(string(version), "TLSv", "TLS", 1)+"\nopen -u "+tg.server.User+","+tg.server.Password+
				" ftp://"+tg.addr+"\nput "+local(t, "f", noise(8<<20))+" -o broken\n")
		},
	}
	for _, kind := range logged {
		for _, back := range []leg{explicit, plain} {
			for name, run := range start {
				for _, version := range versions {
					t.Run(fmt.Sprintf("%s/explicit_to_%s/%s/%s_is_killed", kind, back, version, name), func(t *testing.T) {
						t.Parallel()
						tg := secureTarget(t, kind, explicit, back, version)
						if name == "curl" && version == peers.TLS12 { // which cannot resume, see secureCell.lenient
							tg = lenientTarget(t, kind, back)
						}
						client := run(t, tg, version)
						eventually(t, 20*time.Second, "the arrival of the first bytes", func() bool { return size(tg, "broken") > 0 })
						client.Kill()
						client.Wait()
						expectIncomplete(t, tg)
					})
				}
			}
		}
	}
}

func lenientTarget(t *testing.T, kind peers.Kind, back leg) target {
	t.Helper()
	server := startPeer(t, kind, back, peers.TLS{})
	lines := append(frontLines(t, explicit, "NoSessionReuseRequired"), backLines(t, back)...)
	g, addr := secureGateway(t, []string{server.URL()}, lines...)
	return target{addr: addr, server: server, gateway: g}
}

// bare is the target's URL without credentials.
func (tg target) bare(path string) string { return "ftp://" + tg.addr + "/" + path }

// TestClaim21_BrokenDownload_in_TLS: what the backend cut off ends at the client without a close_notify
// and without a 226.
func TestClaim21_BrokenDownload_in_TLS(t *testing.T) {
	half := noise(200_000)
	cuts := map[string]func(v *peerVisit){
		"FIN_without_close_notify_then_226":   cutDownload(half, func(v *peerVisit) { v.reply("226 all is well") }),
		"FIN_without_close_notify_then_426":   cutDownload(half, func(v *peerVisit) { v.reply("426 broken") }),
		"FIN_without_close_notify_then_death": cutDownload(half, func(v *peerVisit) { _ = v.tcp.Close() }),
	}
	for _, front := range []leg{explicit, plain} {
		for _, version := range versions {
			for name, cut := range cuts {
				t.Run(fmt.Sprintf("%s/%s/%s", front, version, name), func(t *testing.T) {
					t.Parallel()
					p := startSecurePeer(t, peerScript{on: map[string]func(*peerVisit){"RETR": cut}})
					_, addr := secureGateway(t, []string{p.url()}, bothLines(t, front, explicit)...)
					config := clientConfig(t, version)
					c := greet(t, addr, front, config).Login("bob", "x")
					err := readCut(t, c, front == explicit, config)
					if front == explicit && errors.Is(err, io.EOF) {
						t.Error("the download ended with a close_notify")
					}
					neverConfirmed(t, c)
				})
			}
		}
	}
}

// cutDownload sends a part and ends the connection below TLS.
func cutDownload(part []byte, then func(*peerVisit)) func(*peerVisit) {
	return func(v *peerVisit) {
		data, tcp := v.begin()
		if data == nil {
			return
		}
		_, _ = data.Write(part) // the client's view is what the test looks at
		_ = tcp.Close()
		then(v)
	}
}

// readCut begins a download, reads its data to the end and says how it ended.
func readCut(t *testing.T, c *peers.Control, secure bool, config *tls.Config) error {
	t.Helper()
	if !secure {
		d := c.Begin(peers.EPSV, "RETR half")
		defer d.Close()
		_, err := io.Copy(io.Discard, d.Open())
		return err
	}
	c.Must(200, "PBSZ 0")
	c.Must(200, "PROT P")
	conn, d, err := openSecure(t, c, config, peers.EPSV, "RETR half")
	defer d.Close()
	if err != nil {
		return err // the backend's end came first
	}
	if _, err = io.Copy(io.Discard, conn); err == nil {
		err = io.EOF // by close_notify
	}
	return err
}

// neverConfirmed reads replies to the end of the transfer's, and fails on one that says it was whole.
func neverConfirmed(t *testing.T, c *peers.Control) {
	t.Helper()
	r, err := c.ReplyErr(10 * time.Second)
	switch {
	case isTimeout(err):
		t.Fatal("the client was not told within 10 s")
	case err == nil && r.Code < 400:
		t.Fatalf("a truncated download was confirmed with %q", r)
	}
}

// TestClaim21_LostBackend_in_TLS is TestClaim21_LostBackend with real servers that speak TLS.
func TestClaim21_LostBackend_in_TLS(t *testing.T) {
	for _, kind := range peers.Kinds() {
		for _, version := range versions {
			t.Run(fmt.Sprintf("%s/%s/a_session_killed_in_mid_download", kind, version), func(t *testing.T) {
				t.Parallel()
				tg := secureTarget(t, kind, explicit, explicit, version)
				tg.put(t, "big", noise(big))
				config := clientConfig(t, version)
				c := greet(t, tg.addr, explicit, config).Login(tg.server.User, tg.server.Password)
				c.Must(200, "PBSZ 0")
				c.Must(200, "PROT P")
				conn, d, err := openSecure(t, c, config, peers.EPSV, "RETR big")
				if err != nil {
					t.Fatal(err)
				}
				defer d.Close()
				if _, err := io.ReadFull(conn, make([]byte, 64<<10)); err != nil {
					t.Fatal(err)
				}
				if err := tg.server.KillSessions(); err != nil {
					t.Fatal(err)
				}
				n, err := io.Copy(io.Discard, conn)
				if err == nil {
					t.Errorf("the download ended with a close_notify after %d of %d bytes", n+64<<10, big)
				}
				neverConfirmed(t, c)
			})
		}
	}
}

// TestClaim21_NoCloseNotifyRequired: named broken peers are tolerated where the configuration says so.
func TestClaim21_NoCloseNotifyRequired(t *testing.T) {
	t.Run("of_a_client", func(t *testing.T) {
		server := startPeer(t, peers.VSFTPD, plain, peers.TLS{})
		lines := append(frontLines(t, explicit, "NoCloseNotifyRequired"), backLines(t, plain)...)
		_, addr := secureGateway(t, []string{server.URL()}, lines...)
		tg := target{addr: addr, server: server}
		c := tg.enter(t, explicit, clientConfig(t, peers.TLS13))
		body := noise(300_000)
		d := c.Begin(peers.EPSV, "STOR tolerated")
		if _, err := d.Stream().Write(body); err != nil {
			t.Fatal(err)
		}
		_ = d.Raw().CloseWrite() // no close_notify
		c.Expect(226)
		d.Close()
		sameBytes(t, "on disk", tg.onDisk(t, "tolerated"), body)
	})
	t.Run("of_a_client_but_not_within_a_record", func(t *testing.T) {
		server := startPeer(t, peers.VSFTPD, plain, peers.TLS{})
		lines := append(frontLines(t, explicit, "NoCloseNotifyRequired"), backLines(t, plain)...)
		_, addr := secureGateway(t, []string{server.URL()}, lines...)
		tg := target{addr: addr, server: server}
		c := tg.enter(t, explicit, clientConfig(t, peers.TLS13))
		d := c.Begin(peers.EPSV, "STOR broken")
		if _, err := d.Stream().Write(noise(300_000)); err != nil {
			t.Fatal(err)
		}
		halfRecord(c, d)
		c.Expect(426, 451)
		d.Close()
		expectIncomplete(t, tg)
	})
	t.Run("of_a_backend", func(t *testing.T) {
		body := noise(200_000)
		p := startSecurePeer(t, peerScript{on: map[string]func(*peerVisit){
			"RETR": cutDownload(body, func(v *peerVisit) { v.reply("226 that is how I end") })}})
		lines := append(backLines(t, explicit), "ProxyTLSOptions NoCloseNotifyRequired")
		_, addr := secureGateway(t, []string{p.url()}, lines...)
		c := peers.Dial(t, addr).Login("bob", "x")
		sameBytes(t, "RETR", c.Fetch(peers.EPSV, "RETR f"), body)
	})
}
