package e2e

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// text is n bytes that compress well.
func text(n int) []byte {
	line := []byte("the quick brown fox jumps over the lazy dog, and over again, 0123456789\r\n")
	return bytes.Repeat(line, n/len(line)+1)[:n]
}

func deflated(t testing.TB, body []byte) []byte {
	t.Helper()
	var wire bytes.Buffer
	z := zlib.NewWriter(&wire)
	if _, err := z.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return wire.Bytes()
}

func inflated(t testing.TB, wire []byte) []byte {
	t.Helper()
	z, err := zlib.NewReader(bytes.NewReader(wire))
	if err != nil {
		t.Fatalf("%d bytes are no zlib stream: %v", len(wire), err)
	}
	body, err := io.ReadAll(z)
	if err != nil {
		t.Fatalf("inflate %d bytes: %v", len(wire), err)
	}
	return body
}

// zTarget is a server and a way to it.
type zTarget struct {
	name string
	kind peers.Kind
	back string // ProxyDeflateEngine: MODE Z between gateway and server, too
}

// zTargets are all real servers, and once more the one that knows MODE Z.
func zTargets() []zTarget {
	var all []zTarget
	for _, kind := range peers.Kinds() {
		all = append(all, zTarget{string(kind), kind, "off"})
	}
	return append(all, zTarget{"proftpd_in_MODE_Z", peers.ProFTPD, "downloads"})
}

// everyModeZ runs a case over all of them, in clear and in TLS on both sides.
func everyModeZ(t *testing.T, run func(*testing.T, target, leg), lines ...string) {
	for _, z := range zTargets() {
		for _, l := range []leg{plain, explicit} {
			t.Run(z.name+"/"+string(l), func(t *testing.T) {
				t.Parallel()
				run(t, z.start(t, l, append([]string{"DeflateEngine on"}, lines...)...), l)
			})
		}
	}
}

func (z zTarget) start(t *testing.T, l leg, lines ...string) target {
	t.Helper()
	peers.RequireGateway(t)
	opt := peers.Options{}
	lines = append(lines, "ProxyDeflateEngine "+z.back)
	if z.back != "off" {
		opt.Extra = []string{"LoadModule mod_deflate.c", "<IfModule mod_deflate.c>", "DeflateEngine on", "</IfModule>"}
	}
	if l != plain {
		opt.TLS = &peers.TLS{Certificate: certificates(t).ECDSA, Demand: peers.Private}
	}
	server := peers.Start(t, z.kind, opt)
	g, addr := secureGateway(t, []string{server.URL()}, bothLines(t, l, l, lines...)...)
	return target{addr: addr, server: server, gateway: g}
}

// TestModeZ speaks MODE Z by hand: whatever the server can do, the client has it.
func TestModeZ(t *testing.T) {
	t.Parallel()
	everyModeZ(t, func(t *testing.T, tg target, l leg) {
		body := append(text(300_000), noise(200_000)...)
		c := tg.enter(t, l, peers.ClientTLS(certificates(t)))
		if r := c.Cmd("FEAT"); !strings.Contains(r.String(), "\n MODE Z\n") {
			t.Errorf("FEAT says %q", r)
		}
		c.Must(200, "MODE Z")
		c.Must(200, "OPTS MODE Z LEVEL 4")
		fetch := func(line string) []byte { t.Helper(); return inflated(t, c.Fetch(peers.EPSV, "%s", line)) }

		if got := string(fetch("NLST")); strings.Trim(got, ".\r\n") != "" {
			t.Errorf("an empty directory lists %q", got)
		}
		c.Store(peers.EPSV, deflated(t, body), "STOR up")
		sameBytes(t, "on disk", tg.onDisk(t, "up"), body)
		wire := c.Fetch(peers.EPSV, "RETR up")
		sameBytes(t, "back", inflated(t, wire), body)
		if len(wire) > 220_000 {
			t.Errorf("%d bytes travelled of %d", len(wire), len(body))
		}
		c.Store(peers.PORT, deflated(t, nil), "STOR empty")
		if got := tg.onDisk(t, "empty"); len(got) != 0 {
			t.Errorf("an empty file has %d bytes on disk", len(got))
		}
		if got := fetch("RETR empty"); len(got) != 0 {
			t.Errorf("an empty file has %d bytes", len(got))
		}
		for _, line := range []string{"LIST", "NLST"} {
			if got := string(fetch(line)); !strings.Contains(got, "up\r\n") || !strings.Contains(got, "empty\r\n") {
				t.Errorf("%s shows %q", line, got)
			}
		}
		c.Must(350, "REST 299000")
		sameBytes(t, "from an offset of the file", fetch("RETR up"), body[299_000:])
		c.Store(peers.EPSV, deflated(t, body[:1000]), "APPE up")
		sameBytes(t, "appended to", tg.onDisk(t, "up"), append(body[:len(body):len(body)], body[:1000]...))

		c.Must(504, "MODE B")
		sameBytes(t, "after a MODE that was refused", fetch("RETR up")[:1000], body[:1000])
		c.Must(200, "MODE S")
		sameBytes(t, "as it is", c.Fetch(peers.EPSV, "RETR up")[:len(body)], body)
		c.Must(221, "QUIT")
		eventually(t, 20*time.Second, "the file's size in the transfer log", func() bool {
			return strings.Contains(tg.gateway.File("xferlog"), fmt.Sprintf(" %d up b _ i ", len(body)))
		})
	})
}

// TestModeZ_with_a_server uses it on that side alone: the server hears of it, the client does not.
func TestModeZ_with_a_server(t *testing.T) {
	t.Parallel()
	body := noise(200_000) // what compresses well ProFTPD 1.3.8 refuses, gateway or not
	for how, want := range map[string]int{"on": 1, "downloads": 3, "off": 0} {
		for _, l := range []leg{plain, explicit} {
			t.Run(how+"/"+string(l), func(t *testing.T) {
				t.Parallel()
				tg := zTarget{kind: peers.ProFTPD, back: how}.start(t, l)
				c := tg.enter(t, l, peers.ClientTLS(certificates(t)))
				c.Fetch(peers.EPSV, "LIST")
				c.Store(peers.EPSV, body, "STOR up")
				sameBytes(t, "on disk", tg.onDisk(t, "up"), body)
				sameBytes(t, "back", c.Fetch(peers.EPSV, "RETR up"), body)
				c.Must(221, "QUIT")
				if n := strings.Count(tg.server.Log(), " MODE "); n != want {
					t.Errorf("the server was told MODE %d times, want %d", n, want)
				}
			})
		}
	}
}

// A stream that is cut is no end of a file, although the connection ended as ever.
func TestModeZ_cut_upload(t *testing.T) {
	t.Parallel()
	everyModeZ(t, func(t *testing.T, tg target, l leg) {
		c := tg.enter(t, l, peers.ClientTLS(certificates(t)))
		c.Must(200, "MODE Z")
		whole := deflated(t, noise(1<<20))
		for name, wire := range map[string][]byte{"half": whole[:len(whole)/2], "all_but_its_last_byte": whole[:len(whole)-1], "nothing": nil,
			"followed_by_more": append(whole[:len(whole):len(whole)], 'x'), "no_stream": noise(1000)} {
			d := c.Begin(peers.EPSV, "STOR %s", name)
			_, _ = d.Stream().Write(wire) // it may be broken off meanwhile
			d.Finish()
			if r := c.Reply(); r.Code != 426 && r.Code != 451 {
				t.Errorf("%s was answered %q", name, r)
			}
			eventually(t, 20*time.Second, "a line in the transfer log", func() bool { return strings.Contains(tg.gateway.File("xferlog"), " "+name+" b _ i ") })
		}
		for line := range strings.Lines(tg.gateway.File("xferlog")) {
			if !strings.HasSuffix(line, " i\n") {
				t.Errorf("logged as complete: %s", line)
			}
		}
		if l == plain && tg.server.Kind != peers.PureFTPd && outcome(tg.server, "half") == "complete" {
			t.Error("the server logged half a file as complete")
		}
		body := text(5000)
		c.Store(peers.EPSV, deflated(t, body), "STOR after")
		sameBytes(t, "a transfer afterwards", tg.onDisk(t, "after"), body)
	})
}

// What travels is small; what is counted is the file.
func TestModeZ_with_limits(t *testing.T) {
	t.Parallel()
	everyModeZ(t, func(t *testing.T, tg target, l leg) {
		c := tg.enter(t, l, peers.ClientTLS(certificates(t)))
		c.Must(200, "MODE Z")
		c.Store(peers.EPSV, deflated(t, text(mostBytes)), "STOR all")
		if r := tooMuch(t, c, deflated(t, text(16<<20)), "STOR cut"); r.String() != tooLargeUp {
			t.Errorf("16 MiB of text were answered %q", r)
		}
		if stored := size(tg, "cut"); stored > mostBytes {
			t.Errorf("the server has %d bytes, %d may be", stored, mostBytes)
		}
		sameBytes(t, "a file as large as may be", inflated(t, c.Fetch(peers.EPSV, "RETR all")), text(mostBytes))
	}, sizeLimits...)
}

// lftp makes use of MODE Z unasked.
func TestModeZ_of_lftp(t *testing.T) {
	t.Parallel()
	everyModeZ(t, func(t *testing.T, tg target, l leg) {
		body := append(text(1<<20), noise(1<<20)...)
		script := fmt.Sprintf("debug 9\nset ftp:use-mode-z yes\nopen -u %s,%s ftp://%s\n", tg.server.User, tg.server.Password, tg.addr)
		if l != plain {
			script = peers.TrustLFTP(certificates(t).CA) + script
		}
		back := filepath.Join(t.TempDir(), "back")
		empty := filepath.Join(t.TempDir(), "empty")
		r := peers.LFTP(t, script+fmt.Sprintf("put %q -o up\nput %q -o nothing\nls\nget up -o %q\nget nothing -o %q\n",
			local(t, "up", body), local(t, "nothing", nil), back, empty)).Wait()
		if r.Code != 0 {
			t.Fatalf("lftp: %v", r)
		}
		sameBytes(t, "on disk", tg.onDisk(t, "up"), body)
		sameBytes(t, "back", read(t, back), body)
		if got, err := os.ReadFile(empty); err != nil || len(got) != 0 {
			t.Errorf("an empty file came back with %d bytes, %v", len(got), err)
		}
		if !strings.Contains(r.Stdout, " up\n") {
			t.Errorf("listed %q", r.Stdout)
		}
		if !strings.Contains(r.Stdout+r.Stderr, "200 Mode set to Z") {
			t.Errorf("lftp did not make use of it: %v", r)
		}
	})
}

// Without DeflateEngine nothing is compressed, whoever asks.
func TestModeZ_off(t *testing.T) {
	t.Parallel()
	everyGateway(t, func(t *testing.T, tg target) {
		body := noise(10_000)
		tg.put(t, "f", body)
		c := tg.login(t)
		if r := c.Cmd("FEAT"); strings.Contains(r.String(), "MODE Z") {
			t.Errorf("FEAT says %q", r)
		}
		c.Must(504, "MODE Z")
		c.Must(200, "MODE S")
		sameBytes(t, "the file", c.Fetch(peers.EPSV, "RETR f"), body)
	})
}
