//go:build unix

package crowd

import (
	"context"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/sourcegraph/conc"
	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/bench/backend"
	"github.com/sluice-gateway/sluice/bench/choice"
	"github.com/sluice-gateway/sluice/bench/target"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const many = 20

func serve(t *testing.T) backend.Addresses {
	t.Helper()
	server, err := backend.Listen(netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Multiply(many); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var wg conc.WaitGroup
	wg.Go(func() {
		if err := server.Serve(ctx, 1); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(func() {
		stop()
		wg.Wait()
	})
	return server.Addresses
}

// homes are the places where so many of the crowd are sent, with how many go there.
func homes(t *testing.T, g *target.Gateway, users int) map[string]int {
	t.Helper()
	found := map[string]int{}
	for n := range users {
		at, err := Visit(t.Context(), g.Control, Name(n))
		if err != nil {
			t.Fatal(err)
		}
		found[at]++
	}
	return found
}

// TestACrowdIsHeld has a gateway remember users and asks where it sends them: all to the first one's backend,
// where a gateway that never heard of them spreads them over several.
func TestACrowdIsHeld(t *testing.T) {
	const users = 60
	spec := target.Locate(t.Context(), target.Sluice, "", t.TempDir())
	if spec.Missing != "" {
		t.Fatal(spec.Missing)
	}
	at, err := target.FreePort(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	in := target.Setting{
		Backend: serve(t), Choice: choice.Choice{Policy: "PerUser", Backends: many, Store: choice.Badger}, At: at, Dir: t.TempDir(),
	}
	known, err := Settle(t.Context(), spec, in, users)
	if err != nil {
		t.Fatal(err)
	}
	if known.Users != users || !strings.HasPrefix(known.Home, "Logged in at port ") {
		t.Errorf("known: %+v", known)
	}
	for claim, dir := range map[string]string{"filled": in.Dir, "empty": t.TempDir()} {
		in.Dir = dir
		g, err := target.Open(t.Context(), spec, in)
		if err != nil {
			t.Fatal(err)
		}
		found := homes(t, g, users)
		if claim == "filled" && (len(found) != 1 || found[known.Home] != users) {
			t.Errorf("%d users who belong to %q are sent to %v", users, known.Home, found)
		}
		if claim == "empty" && len(found) < 5 {
			t.Errorf("%d users whom nobody knows are sent to %v", users, found)
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestWhereNothingIsRememberedNothingIsCopied(t *testing.T) {
	dir := t.TempDir()
	if err := multiply(dir, 10); err == nil || !strings.Contains(err.Error(), "look for the gateway's store") {
		t.Errorf("error %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("a store was begun: %v (%v)", left, err)
	}
}

func TestAVisitToNobody(t *testing.T) {
	if _, err := Visit(t.Context(), netip.MustParseAddrPort("127.0.0.1:1"), Name(0)); err == nil {
		t.Error("somebody answered")
	}
}
