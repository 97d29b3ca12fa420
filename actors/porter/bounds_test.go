package porter_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/actors/porter"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/stores"
)

// gate counts who is inside at a time, and holds everybody until it opens.
type gate struct {
	inside, most atomic.Int64
	open         chan struct{}
}

func newGate() *gate { return &gate{open: make(chan struct{})} }

func (g *gate) pass(ctx context.Context) error {
	n := g.inside.Add(1)
	defer g.inside.Add(-1)
	for m := g.most.Load(); n > m && !g.most.CompareAndSwap(m, n); m = g.most.Load() {
	}
	select {
	case <-g.open:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// crowd logs in many times at once, each from its own address.
type crowd struct {
	wg      conc.WaitGroup
	mu      sync.Mutex
	answers []messages.LoginChecked
}

func (c *crowd) login(h *house, client string, n int) {
	for i := range n {
		c.wg.Go(func() {
			from := netip.MustParseAddr(client)
			if client == "192.0.2.0" {
				from = netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)})
			}
			a := h.check(messages.CheckLogin{User: "ann", Password: "right", Client: from})
			c.mu.Lock()
			defer c.mu.Unlock()
			c.answers = append(c.answers, a)
		})
	}
}

func (c *crowd) count(of func(messages.LoginChecked) bool) (n int) {
	c.wg.Wait()
	for _, a := range c.answers {
		if of(a) {
			n++
		}
	}
	return n
}

func granted(a messages.LoginChecked) bool { return a.Granted }
func turned(a messages.LoginChecked) bool {
	return !a.Granted && errors.Is(a.Err, porter.ErrBusy)
}

func TestSoManyHashesAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, lookups, hashes := people("mod_auth_file.c"), newGate(), newGate()
		s.lookup = func(ctx context.Context, _ stores.AccountQuery) error { return lookups.pass(ctx) }
		s.verify = func(ctx context.Context, _ string) error { return hashes.pass(ctx) }
		h := start(t, porter.Config{Hashes: 2, Checks: 7, Queue: 100}, one(book(s)))
		defer h.stop()
		var c crowd
		c.login(h, "192.0.2.0", 50)
		synctest.Wait()
		if n := lookups.inside.Load(); n != 7 {
			t.Errorf("%d logins are worked on at a time, want 7", n)
		}
		if d := h.describe(); d.Running != 7 || d.Waiting != 43 {
			t.Errorf("%+v", d)
		}
		close(lookups.open)
		synctest.Wait()
		if n := hashes.inside.Load(); n != 2 {
			t.Errorf("%d hashes are computed at a time, want 2", n)
		}
		close(hashes.open)
		if n := c.count(granted); n != 50 {
			t.Errorf("%d of 50 came in: %+v", n, c.answers)
		}
		if lookups.most.Load() > 7 || hashes.most.Load() > 2 {
			t.Errorf("at most %d look-ups and %d hashes at a time", lookups.most.Load(), hashes.most.Load())
		}
	})
}

// lender counts what is borrowed.
type lender struct{ out, most atomic.Int64 }

func (l *lender) Borrow() { l.most.Store(max(l.most.Load(), l.out.Add(1))) }
func (l *lender) Return() { l.out.Add(-1) }

func TestProcessorsAreBorrowedForHashes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := people("mod_auth_file.c"), newGate()
		s.verify = func(ctx context.Context, password string) error {
			if password == "panic" {
				panic("canary of the source")
			}
			return g.pass(ctx)
		}
		var l lender
		h := start(t, porter.Config{Hashes: 1, Processors: &l, Within: time.Second}, one(book(s)))
		defer h.stop()
		var c crowd
		c.login(h, "192.0.2.0", 5)
		synctest.Wait()
		if n := l.out.Load(); n != 5 {
			t.Errorf("borrowed for %d of 5 who wait for a hash", n)
		}
		if n := c.count(turned); n != 5 {
			t.Errorf("%d of 5 gave up: %+v", n, c.answers)
		}
		h.login("ann", "panic")
		if n := l.out.Load(); n != 0 {
			t.Errorf("%d were not returned", n)
		}
	})
}

func TestTheUsualNumberOfHashes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := people("mod_auth_file.c"), newGate()
		s.verify = func(ctx context.Context, _ string) error { return g.pass(ctx) }
		h := start(t, porter.Config{}, one(book(s)))
		defer h.stop()
		var c crowd
		c.login(h, "192.0.2.0", 30)
		synctest.Wait()
		if n, want := g.inside.Load(), int64(max(1, runtime.GOMAXPROCS(0)/2)); n != want {
			t.Errorf("%d hashes at a time, want %d", n, want)
		}
		close(g.open)
		if n := c.count(granted); n != 30 {
			t.Errorf("%d of 30 came in", n)
		}
	})
}

func TestAnOverfullPorterTurnsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := people("mod_auth_file.c"), newGate()
		s.verify = func(ctx context.Context, _ string) error { return g.pass(ctx) }
		h := start(t, porter.Config{Hashes: 1, Checks: 4, Queue: 10, PerClient: 10}, one(book(s)))
		defer h.stop()
		var c crowd
		c.login(h, "192.0.2.0", 100)
		synctest.Wait()
		if d := h.describe(); d.Running != 4 || d.Waiting != 10 || d.Turned != 86 {
			t.Errorf("%+v", d)
		}
		if n := strings.Count(h.log.String(), "too many logins at once"); n != 1 {
			t.Errorf("said %d times within a second:\n%s", n, h.log)
		}
		close(g.open)
		if yes, no := c.count(granted), c.count(turned); yes != 14 || no != 86 {
			t.Errorf("%d came in and %d were turned away, want 14 and 86", yes, no)
		}
		time.Sleep(time.Minute)
		if all := h.log.String(); strings.Count(all, "too many logins at once") != 2 || !strings.Contains(all, `"turned_away":85`) {
			t.Errorf("not all that were turned away are said:\n%s", all)
		}
		if a := h.login("ann", "right"); !a.Granted {
			t.Errorf("afterwards: %+v", a)
		}
	})
}

func TestOneWhoAsksForMuchWaitsForHimself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := people("mod_auth_file.c")
		next := make(chan struct{})
		s.verify = func(context.Context, string) error { <-next; return nil }
		h := start(t, porter.Config{Hashes: 1, Checks: 1, Queue: 100, PerClient: 20}, one(book(s)))
		defer h.stop()
		var flood, others crowd
		flood.login(h, "2001:db8::1", 200)
		synctest.Wait()
		if d := h.describe(); d.Waiting != 20 {
			t.Errorf("one client has %d logins waiting, want 20", d.Waiting)
		}
		for i := range 3 {
			others.login(h, fmt.Sprintf("198.51.100.%d", i), 1)
			synctest.Wait()
		}
		flood.login(h, "2001:db8::2", 5) // a neighbour's address is the same client's
		synctest.Wait()
		if d := h.describe(); d.Waiting != 23 {
			t.Errorf("%d logins wait, want 23", d.Waiting)
		}
		// The one in work, one of the flood, and the three: five hashes later they are in.
		for range 5 {
			next <- struct{}{}
			synctest.Wait()
		}
		others.mu.Lock()
		n := len(others.answers)
		others.mu.Unlock()
		if n != 3 {
			t.Errorf("%d of the others are in after five hashes, want 3", n)
		}
		close(next)
		if n := flood.count(granted); n != 21 {
			t.Errorf("%d of the flood came in, want 21", n)
		}
		if n := others.count(granted); n != 3 {
			t.Errorf("%d of the others came in, want 3", n)
		}
	})
}

func TestEveryLoginIsAnsweredInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := people("mod_sql.c"), newGate()
		s.lookup = func(ctx context.Context, _ stores.AccountQuery) error { return g.pass(ctx) }
		h := start(t, porter.Config{Checks: 2, Within: 8 * time.Second}, one(book(s)))
		defer h.stop()
		before := time.Now()
		var c crowd
		c.login(h, "192.0.2.0", 5) // two hang in the source, three wait
		if n := c.count(turned); n != 5 {
			t.Errorf("%d of 5 were refused for want of time: %+v", n, c.answers)
		}
		if took := time.Since(before); took < 8*time.Second || took > 10*time.Second {
			t.Errorf("answered after %v, want 8s", took)
		}
	})
}

func TestTheEndAnswersEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := people("mod_sql.c"), newGate()
		s.lookup = func(ctx context.Context, _ stores.AccountQuery) error { return g.pass(ctx) }
		h := start(t, porter.Config{Checks: 2}, one(book(s)))
		var c crowd
		c.login(h, "192.0.2.0", 6)
		synctest.Wait()
		h.stop()
		if n := c.count(func(a messages.LoginChecked) bool { return !a.Granted && errors.Is(a.Err, porter.ErrEnding) }); n != 6 {
			t.Errorf("%d of 6 were refused at the end: %+v", n, c.answers)
		}
	})
}

func TestBooksChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, g := people("mod_sql.c"), newGate()
		old.verify = func(ctx context.Context, _ string) error { return g.pass(ctx) }
		young := people("mod_sql.c")
		delete(young.accounts, "ann")
		h := start(t, porter.Config{Hashes: 4}, one(book(old)))
		defer h.stop()
		var c crowd
		c.login(h, "192.0.2.0", 1)
		synctest.Wait()
		settled := h.Adopt(one(book(young)))
		synctest.Wait()
		select {
		case <-settled:
			t.Error("the old books are settled while a login reads in them")
		default:
		}
		if a := h.login("ann", "right"); a.Granted {
			t.Error("the new books are not in force")
		}
		close(g.open)
		if n := c.count(granted); n != 1 {
			t.Error("the login that had begun did not end with the books it began with")
		}
		<-settled
		<-h.Adopt(nil) // nobody reads: settled at once
	})
}
