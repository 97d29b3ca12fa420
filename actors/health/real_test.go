package health

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/memory"
)

// A real backend that stops serving is out within Fall intervals and the time of
// one check, and back within Rise intervals.
func TestARealBackend(t *testing.T) {
	mine, trusting := identity(t)
	var broken atomic.Bool
	backend := &ftpServer{tls: mine, password: secret}
	addr := listen(t, func(conn net.Conn) {
		if broken.Load() {
			says("")(conn) // it accepts, and says nothing
			return
		}
		backend.serve(conn)
	})
	url, err := backendurl.Parse(fmt.Sprintf("ftps://localhost:%d", addr.Port()))
	if err != nil {
		t.Fatal(err)
	}
	active := messages.ActiveChecks{
		On: true, Kind: messages.LoginCheck, Interval: 700 * time.Millisecond, Timeout: 700 * time.Millisecond,
		Rise: 2, Fall: 3, User: "probe", Password: secret,
	}
	kept := memory.New()
	policy := mailbox.New[messages.ToPolicy](16)
	a := New(Config{
		Policy: policy, Store: func() stores.Store { return kept }, Log: zerolog.Nop(),
		TLS: func(messages.PoolID, backendurl.URL) Terms { return terms(trusting.Clone()) },
	})
	ctx, stop := context.WithCancel(t.Context())
	var wg conc.WaitGroup
	wg.Go(func() {
		if err := a.Run(ctx); err != nil {
			t.Errorf("it ended with %v", err)
		}
	})
	defer wg.Wait()
	defer stop()
	pool := messages.HealthPool{ID: "p", Active: active, Backends: []messages.Backend{{URL: url, Endpoints: []netip.AddrPort{addr}}}}
	if err := a.Mailbox().Tell(messages.WatchPools{Pools: []messages.HealthPool{pool}}, patience); err != nil {
		t.Fatal(err)
	}
	await := func(want messages.HealthState, most time.Duration) {
		t.Helper()
		began := time.Now()
		select {
		case m := <-policy.C():
			took := time.Since(began)
			if h, ok := m.(messages.HealthChanged); !ok || h.State != want || h.Key != url.Key() {
				t.Fatalf("policy heard %+v, want %v", m, want)
			}
			// The machine may be busy, which costs a check or two.
			if took > most+2*active.Interval {
				t.Errorf("%v after %v, want at most %v", want, took, most)
			}
		case <-time.After(patience):
			t.Fatalf("it is never %v", want)
		}
	}
	broken.Store(true)
	await(messages.Down, 3*active.Interval+active.Timeout)
	broken.Store(false)
	await(messages.Up, 2*active.Interval+active.Timeout)
	if saw := backend.saw(); saw == "" {
		t.Error("the backend saw nobody")
	}
}

// BenchmarkObserve is what a good login costs here.
func BenchmarkObserve(b *testing.B) {
	a := New(Config{Policy: mailbox.New[messages.ToPolicy](16), Log: zerolog.Nop()})
	a.out = newOutbox(a)
	a.alarm = time.NewTimer(time.Hour)
	defer a.alarm.Stop()
	url := backendurl.URL{Scheme: backendurl.FTP, Host: "h", Port: 21, Weight: 1}
	a.watchPools([]messages.HealthPool{{
		ID: "p", Backends: []messages.Backend{{URL: url}}, Passive: messages.PassiveChecks{On: true, Failures: 2, Expires: time.Minute},
	}})
	m := messages.BackendObserved{Pool: "p", Key: url.Key()}
	b.ReportAllocs()
	for b.Loop() {
		m.Seq++
		a.handle(m)
		a.tell(b.Context())
	}
}
