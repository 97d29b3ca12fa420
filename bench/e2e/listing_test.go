package e2e

import (
	"io"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/bench/peers"
)

const byLIST = "ProxyDirectoryListPolicy LIST UseSlink"

// TestListingFacts asks real servers for MLSD, of which one has none, and compares
// what is shown with the files.
func TestListingFacts(t *testing.T) {
	t.Parallel()
	everyGateway(t, func(t *testing.T, tg target) {
		furnish(t, tg.server.Home)
		c := tg.login(t)
		defer c.Close()
		shows := func(path string) {
			got := mlsdFacts(t, c.Fetch(peers.EPSV, "%s", strings.TrimSuffix("MLSD "+path, " ")))
			if got["."].kind != "cdir" {
				t.Errorf("MLSD %q has no cdir", path)
			}
			sameFacts(t, got, factsOnDisk(t, tg.home(path)))
		}
		shows("sub dir")
		if tg.server.Kind == peers.PureFTPd {
			// It takes the path for two names, which is noticed once.
			refusedListing(t, c, "sub dir")
		}
		for _, path := range []string{"", "-R", "sub dir", " blank dir", "sub dir/deeper", "/", "glob[1]*"} {
			shows(path)
		}
		if here := c.Must(257, "PWD").String(); !strings.Contains(here, `"/"`) {
			t.Errorf("the client was left in %s", here)
		}
		for _, path := range []string{"plain", "nothing there", "-a", "sub dir/nothing"} {
			refusedListing(t, c, path)
		}
		refusedListing(t, tg.login(t), "nothing") // and at once, too
		c.Must(200, "OPTS MLST size;type;")
		body := string(c.Fetch(peers.PASV, "MLSD"))
		if !strings.Contains(body, "size=0;type=file; plain\r\n") {
			t.Errorf("with two facts chosen:\n%s", body)
		}
		feat := c.Must(211, "FEAT").String()
		if !strings.Contains(feat, " MLST modify;perm;size*;type*;UNIX.group;") {
			t.Errorf("FEAT says %s", feat)
		}
		c.Must(221, "QUIT")
	}, byLIST)
}

// refusedListing has MLSD of what is no directory end with a refusal, before its data
// or after it.
func refusedListing(t *testing.T, c *peers.Control, path string) {
	t.Helper()
	d := c.Data(peers.EPSV)
	defer d.Close()
	conn := d.Open()
	c.Send("MLSD %s", path)
	r := c.Reply()
	if r.Code < 200 {
		_, _ = io.Copy(io.Discard, conn) // what it says does not matter, but its end
		r = c.Reply()
	}
	if r.Code != 550 && r.Code != 450 && r.Code != 501 {
		t.Errorf("MLSD %s, which is no directory, is answered %s", path, r)
	}
}
