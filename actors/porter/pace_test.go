package porter_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/actors/porter"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/stores"
)

// Who would wait in vain is told so at once, and that it was not looked at; who
// would not is let wait.
func TestAHopelessLoginIsToldAtOnce(t *testing.T) {
	for _, tt := range []struct {
		name    string
		hash    time.Duration // 0: it does not end
		crowd   int           // that came first, each from its own address
		after   time.Duration // when somebody else comes
		unheard bool
		took    time.Duration
	}{
		{"with_few_ahead", time.Second, 6, 1500 * time.Millisecond, false, 5500 * time.Millisecond},
		{"with_too_many_ahead", time.Second, 30, 1500 * time.Millisecond, true, 0},
		{"before_the_pace_is_known", time.Second, 30, 0, true, 10 * time.Second},
		{"where_nothing_ends", 0, 4, 3 * time.Second, true, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := people("mod_auth_file.c")
				s.verify = func(ctx context.Context, _ string) error {
					if tt.hash > 0 {
						time.Sleep(tt.hash) // as a computation, it is not broken off
						return nil
					}
					<-ctx.Done()
					return context.Cause(ctx)
				}
				h := start(t, porter.Config{Hashes: 1, Checks: 4, Queue: 100, Within: 10 * time.Second}, one(book(s)))
				defer h.stop()
				var c crowd
				c.login(h, "192.0.2.0", tt.crowd)
				synctest.Wait()
				time.Sleep(tt.after)
				before := time.Now()
				a := h.check(messages.CheckLogin{User: "ann", Password: "right", Client: netip.MustParseAddr("198.51.100.1")})
				if a.Unheard != tt.unheard || a.Granted == tt.unheard || tt.unheard != errors.Is(a.Err, porter.ErrBusy) {
					t.Errorf("%+v, want unheard: %v", a, tt.unheard)
				}
				if took := time.Since(before); took < tt.took || took > tt.took+2*time.Second {
					t.Errorf("it took %v, want %v", took, tt.took)
				}
				c.wg.Wait()
			})
		})
	}
}

// Only what was not looked at is said to be so: a source that fails refuses.
func TestUnheard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := people("mod_sql.c"), newGate()
		s.lookup = func(ctx context.Context, _ stores.AccountQuery) error { return g.pass(ctx) }
		h := start(t, porter.Config{Checks: 2}, one(book(s)))
		var c crowd
		c.login(h, "192.0.2.0", 5)
		if n := c.count(func(a messages.LoginChecked) bool { return a.Unheard }); n != 3 {
			t.Errorf("%d were not looked at, want the 3 that had no place: %+v", n, c.answers)
		}
		close(g.open)
		if a := h.login("nobody", "wrong"); a.Unheard || a.Granted {
			t.Errorf("a wrong name: %+v", a)
		}
		h.stop()
	})
}
