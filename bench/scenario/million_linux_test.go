package scenario

import (
	"context"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/bench/backend"
	"github.com/sluice-gateway/sluice/bench/crowd"
	"github.com/sluice-gateway/sluice/bench/target"
)

func TestMemoryIsReadOnceItIsSteady(t *testing.T) {
	s := site{gateway: &target.Gateway{PID: os.Getpid()}}
	if used, err := s.settled(t.Context()); err != nil || used < 1<<20 {
		t.Errorf("%d bytes (%v)", used, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if used, err := s.settled(ctx); err == nil {
		t.Errorf("%d bytes although there was no time to look", used)
	}
}

func TestACrowdThatIsNotHeldIsFound(t *testing.T) {
	server, err := backend.Listen(netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var wg conc.WaitGroup
	wg.Go(func() {
		if err := server.Serve(ctx, 1); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	defer wg.Wait()
	defer stop()
	s := site{gateway: &target.Gateway{Control: server.Control}, crowd: crowd.Settled{Users: 1000}}
	if s.crowd.Home, err = crowd.Visit(t.Context(), server.Control, crowd.Name(0)); err != nil {
		t.Fatal(err)
	}
	if err := s.home(t.Context()); err != nil {
		t.Errorf("all are at home, and the error is %v", err)
	}
	s.crowd.Home = "Logged in at port 1."
	if err := s.home(t.Context()); err == nil || !strings.Contains(err.Error(), "belongs where it says") {
		t.Errorf("nobody is at home, and the error is %v", err)
	}
}
