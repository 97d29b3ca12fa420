package dns

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// book is a directory that a test writes.
type book struct {
	names map[netip.Addr]string
	ttl   time.Duration
	err   error
	asked int
	wait  time.Duration
}

func (b *book) look(ctx context.Context, a netip.Addr) (string, time.Duration, error) {
	b.asked++
	select {
	case <-time.After(b.wait):
	case <-ctx.Done():
		return "", 0, context.Cause(ctx)
	}
	return b.names[a], b.ttl, b.err
}

var client = netip.MustParseAddr("192.0.2.1")

func TestNames_are_remembered(t *testing.T) {
	broken := errors.New("SERVFAIL")
	for name, c := range map[string]struct {
		book book
		want time.Duration // for how long
	}{
		"a_name":                {book{names: map[netip.Addr]string{client: "a.test"}, ttl: 90 * time.Second}, 90 * time.Second},
		"a_name_for_ever":       {book{names: map[netip.Addr]string{client: "a.test"}, ttl: time.Hour}, 5 * time.Minute},
		"a_name_for_no_time":    {book{names: map[netip.Addr]string{client: "a.test"}}, time.Second},
		"no_name":               {book{ttl: time.Hour}, time.Minute},
		"a_failure":             {book{err: broken}, 10 * time.Second},
		"a_failure_with_a_name": {book{names: map[netip.Addr]string{client: "a.test"}, err: broken}, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNames(c.book.look)
				want := c.book.names[client]
				if c.book.err != nil {
					want = ""
				}
				if got, err := n.Of(t.Context(), client); got != want || !errors.Is(err, c.book.err) {
					t.Fatalf("found %q, %v", got, err)
				}
				time.Sleep(c.want - 1)
				if got, err := n.Of(t.Context(), client); got != want || err != nil || c.book.asked != 1 {
					t.Errorf("just before %v: %q, %v after %d questions", c.want, got, err, c.book.asked)
				}
				time.Sleep(time.Nanosecond)
				if _, known := n.Known(client); known {
					t.Errorf("known after %v still", c.want)
				}
			})
		})
	}
}

func TestNames_wait_so_long_and_no_longer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := book{wait: time.Hour}
		n := newNames(b.look)
		began := time.Now()
		if _, err := n.Of(t.Context(), client); err == nil || time.Since(began) != 5*time.Second {
			t.Errorf("gave up after %v with %v", time.Since(began), err)
		}
		if _, known := n.Known(client); !known {
			t.Error("a failure is not remembered")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		n := newNames((&book{wait: time.Hour}).look)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := n.Of(ctx, client); err == nil {
			t.Error("found a name")
		}
		if _, known := n.Known(client); known {
			t.Error("who stopped asking made a client nameless")
		}
	})
}

func TestNames_are_bounded(t *testing.T) {
	b := book{}
	n := newNames(b.look)
	addr := netip.MustParseAddr("10.0.0.0")
	for range maxKnown + 100 {
		addr = addr.Next()
		if _, err := n.Of(t.Context(), addr); err != nil {
			t.Fatal(err)
		}
		if _, err := n.Of(t.Context(), netip.MustParseAddr("10.0.0.1")); err != nil { // is used all the time
			t.Fatal(err)
		}
	}
	if len(n.known) != maxKnown || n.order.Len() != maxKnown || b.asked != maxKnown+100 {
		t.Errorf("%d are known, %d in order, after %d questions", len(n.known), n.order.Len(), b.asked)
	}
	if _, known := n.Known(netip.MustParseAddr("10.0.0.1")); !known {
		t.Error("who was asked for just now is forgotten")
	}
	if _, known := n.Known(netip.MustParseAddr("10.0.0.2")); known {
		t.Error("who was not asked for for longest is known still")
	}
}

func TestNames_of_other_servers_are_forgotten(t *testing.T) {
	var n *Names
	n = newNames(func(context.Context, netip.Addr) (string, time.Duration, error) {
		n.Forget() // while somebody asks
		return "old.test", time.Minute, nil
	})
	if got, err := n.Of(t.Context(), client); got != "old.test" || err != nil {
		t.Fatalf("found %q, %v", got, err)
	}
	if _, known := n.Known(client); known {
		t.Error("the word of the former servers is remembered")
	}
}
