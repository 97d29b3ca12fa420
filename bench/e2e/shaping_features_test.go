package e2e

import (
	"crypto/sha1"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// asked is how to find out whether a feature is there.
var asked = map[string]string{
	"AVBL": "AVBL", "CLNT": "CLNT test", "HASH": "HASH f", "MDTM": "MDTM f", "MFF": "MFF modify=20240102030405; f", "MFMT": "MFMT 20240102030405 f",
	"MLST": "MLST f", "RANG": "RANG 1 2", "REST": "REST 1", "SIZE": "SIZE f", "XCRC": "XCRC f", "XMD5": "XMD5 f", "XSHA1": "XSHA1 f",
	"EPSV": "EPSV", "MODE": "MODE Z", "UTF8": "OPTS UTF8 ON", "EPRT": "EPRT x", "HOST": "HOST x",
}

// FEAT promises nothing that would be answered as unknown, and hides nothing that the server tells of.
func TestFeatures_are_kept(t *testing.T) {
	t.Parallel()
	everyLeg(t, []string{"DeflateEngine on"}, func(t *testing.T, tg target, c *peers.Control) {
		tg.put(t, "f", noise(100))
		feat := c.Cmd("FEAT")
		var names []string
		for _, line := range feat.Lines[1 : len(feat.Lines)-1] {
			name := strings.Fields(line)[0]
			names = append(names, name)
			command, known := asked[name]
			if !known {
				continue
			}
			if r := c.Cmd("%s", command); r.Code == 500 || r.Code == 502 {
				t.Errorf("%s is promised, and %q answered %q", name, command, r)
			}
		}
		if !slices.IsSortedFunc(names, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) }) {
			t.Errorf("the list is not sorted: %q", names)
		}
		for _, name := range []string{"EPRT", "EPSV", "HOST", "MDTM", "REST", "SIZE", "TVFS", "UTF8", "MODE"} {
			if !slices.Contains(names, name) {
				t.Errorf("%s is missing: %q", name, names)
			}
		}
		if got, want := slices.Contains(names, "MLST"), tg.server.Kind != peers.VSFTPD; got != want {
			t.Errorf("MLST is promised: %t, want %t", got, want)
		}
		if got, want := slices.Contains(names, "RANG"), tg.server.Kind == peers.ProFTPD; got != want {
			t.Errorf("RANG is promised: %t, want %t", got, want)
		}
	})
}

// A server that lists UTF8 has its say about OPTS, and Pure-FTPd knows no such option; to others it makes
// no difference. Names are the same bytes in any case.
func TestOptsUTF8(t *testing.T) {
	t.Parallel()
	everyGateway(t, func(t *testing.T, tg target) {
		c := tg.login(t)
		if r := c.Cmd("OPTS UTF8 ON"); r.Code != 200 && (tg.server.Kind != peers.PureFTPd || r.Code != 504) {
			t.Errorf("OPTS UTF8 ON was answered %q", r)
		}
		name := "Grüße-日本語"
		c.Store(peers.EPSV, noise(10), "STOR %s", name)
		sameBytes(t, "on disk", tg.onDisk(t, name), noise(10))
	})
	t.Run("a_server_that_knows_nothing_of_it", func(t *testing.T) {
		c, s := oddBackend(t, peers.Script{})
		c.Login("bob", "x")
		c.Must(200, "OPTS UTF8 ON")
		c.Must(200, "OPTS UTF8 OFF")
		for _, e := range s.Events() {
			if strings.HasPrefix(e.Text, "OPTS") {
				t.Errorf("it was told %q", e.Text)
			}
		}
	})
}

// RANG and HASH are ProFTPD's; they pass as they are, and a range counts for what it is.
func TestRanges_and_hashes(t *testing.T) {
	t.Parallel()
	peers.RequireGateway(t)
	server := peers.Start(t, peers.ProFTPD, peers.Options{Extra: []string{"LoadModule mod_digest.c", "<IfModule mod_digest.c>", "DigestEngine on", "</IfModule>"}})
	g, addr := startGateway(t, []string{server.URL()}, sizeLimits...)
	tg := target{addr: addr, server: server, gateway: g}
	body := noise(50_000)
	tg.put(t, "f", body)
	tg.put(t, "large", noise(mostBytes+1))
	c := tg.login(t)
	digest := sha1.Sum(body)
	c.Must(200, "OPTS HASH SHA-1")
	if r := c.Must(213, "HASH f"); !strings.Contains(strings.ToLower(r.String()), hex.EncodeToString(digest[:])) {
		t.Errorf("HASH says %q", r)
	}
	if r := c.Must(250, "XSHA1 f"); !strings.Contains(strings.ToLower(r.String()), hex.EncodeToString(digest[:])) {
		t.Errorf("XSHA1 says %q", r)
	}
	c.Must(350, "RANG 1000 1999")
	sameBytes(t, "the range", c.Fetch(peers.EPSV, "RETR f"), body[1000:2000])
	sameBytes(t, "and then all of it", c.Fetch(peers.EPSV, "RETR f"), body)
	c.Must(350, "RANG 0 9")
	c.Data(peers.EPSV)
	c.Send("RETR large")
	c.ExpectLine(tooLargeDown)
	sameBytes(t, "the range is forgotten", c.Fetch(peers.EPSV, "RETR f"), body)
}

// AVBL is relayed, and FEAT tells of it in the server's words.
func TestRelayedFeatures(t *testing.T) {
	t.Parallel()
	c, _ := oddBackend(t, peers.Script{Features: []string{"AVBL", "HASH SHA-256*;MD5", "SIZE", "CPSV", "XYZZY"},
		On: map[string]func(*peers.Visit){"AVBL": func(v *peers.Visit) { v.Reply("213 4711\r\n") }}})
	c.Login("bob", "x")
	want := "211-Features:\n AVBL\n EPRT\n EPSV\n HASH SHA-256*;MD5\n HOST\n SIZE\n TVFS\n UTF8\n211 End"
	if r := c.Cmd("FEAT"); r.String() != want {
		t.Errorf("FEAT says %q, want %q", r, want)
	}
	if r := c.Must(213, "AVBL"); r.Text() != "4711" {
		t.Errorf("AVBL says %q", r)
	}
}
