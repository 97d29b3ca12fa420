package health_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/actors/health"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/stores/memory"
)

var connect = messages.ActiveChecks{On: true, Interval: 5 * time.Second, Timeout: 2 * time.Second, Rise: 2, Fall: 3}

// network is what checks meet.
type network struct {
	mu     sync.Mutex
	dead   map[netip.Addr]bool
	silent bool // nobody answers, and nobody refuses
	dials  map[netip.Addr][]time.Time
	open   map[netip.Addr]int
	now    int // at one time
	most   int
	double bool // one backend was asked twice at a time
	source netip.Addr
}

func newNetwork() *network {
	return &network{dead: map[netip.Addr]bool{}, dials: map[netip.Addr][]time.Time{}, open: map[netip.Addr]int{}}
}

func (n *network) dial(ctx context.Context, source netip.Addr, to netip.AddrPort) (net.Conn, error) {
	at := to.Addr()
	n.mu.Lock()
	n.source = source
	n.dials[at] = append(n.dials[at], time.Now())
	n.open[at]++
	n.double = n.double || n.open[at] > 1
	n.now++
	n.most = max(n.most, n.now)
	silent, dead := n.silent, n.dead[at]
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		n.open[at]--
		n.now--
		n.mu.Unlock()
	}()
	if silent {
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	if dead {
		return nil, errDead
	}
	here, there := net.Pipe()
	there.Close()
	return here, nil
}

func (n *network) kill(i int, dead bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dead[endpoints(i)[0].Addr()] = dead
}

func (n *network) dialled(i int) []time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dials[endpoints(i)[0].Addr()]
}

// until waits for a state and returns how long that took.
func (h *house) until(host string, want messages.HealthState) time.Duration {
	h.t.Helper()
	began := time.Now()
	for time.Since(began) < time.Minute {
		if d, _ := h.state(host); d.State == want {
			return time.Since(began)
		}
		time.Sleep(50 * time.Millisecond)
	}
	h.t.Fatalf("%s is not %v after a minute", host, want)
	return 0
}

// A dead backend is out within Fall intervals, and back within Rise.
func TestActiveChecksKeepTheirTime(t *testing.T) {
	for seed := range uint64(8) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			n := newNetwork()
			h := start(t, health.Config{Dial: n.dial, Rand: rand.New(rand.NewPCG(seed, 2))})
			defer h.stop()
			h.watch("ab", connect)
			const tick = 60 * time.Millisecond // of until
			for range 3 {
				time.Sleep(20*time.Second + time.Duration(rnd.Int64N(int64(5*time.Second))))
				n.kill(0, true)
				if took, most := h.until("a", messages.Down), 3*connect.Interval+tick; took > most {
					t.Errorf("seed %d: out after %v, want at most %v", seed, took, most)
				}
				time.Sleep(time.Duration(rnd.Int64N(int64(20 * time.Second))))
				n.kill(0, false)
				if took, most := h.until("a", messages.Up), 2*connect.Interval+tick; took > most {
					t.Errorf("seed %d: back after %v, want at most %v", seed, took, most)
				}
			}
			h.want("b", "up/-1")
			if d, _ := h.state("b"); time.Since(d.Checked) > connect.Interval {
				t.Errorf("%+v", d)
			}
			if !strings.Contains(h.log.String(), "3 checks in a row failed, the last: connect check: connection refused") {
				t.Errorf("the log does not say why:\n%s", h.log)
			}
			for i, at := range n.dialled(1)[1:] {
				if gap := at.Sub(n.dialled(1)[i]); gap < connect.Interval*9/10 || gap > connect.Interval+tick {
					t.Errorf("seed %d: %v between two checks", seed, gap)
				}
			}
		})
	}
}

func TestChecksAreSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		h := start(t, health.Config{Dial: n.dial, Rand: rand.New(rand.NewPCG(1, 2))})
		defer h.stop()
		var list []messages.Backend
		for i := range 100 {
			list = append(list, messages.Backend{URL: backend(fmt.Sprintf("h%d", i)), Endpoints: endpoints(i)})
		}
		h.send(messages.WatchPools{Pools: []messages.HealthPool{{ID: "p", Backends: list, Active: connect, Sources: []netip.Addr{netip.MustParseAddr("192.0.2.200")}}}})
		began := time.Now()
		time.Sleep(connect.Interval + time.Second)
		seconds := map[int]int{}
		n.mu.Lock()
		defer n.mu.Unlock()
		for _, dials := range n.dials {
			seconds[int(dials[0].Sub(began)/time.Second)]++
		}
		for second, count := range seconds {
			if count > 40 {
				t.Errorf("%d of 100 first checks in second %d", count, second)
			}
		}
		if len(n.dials) != 100 || n.double || n.source.String() != "192.0.2.200" {
			t.Errorf("%d backends asked, one of them twice at a time: %v, from %v", len(n.dials), n.double, n.source)
		}
	})
}

func TestChecksAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		n.silent = true
		h := start(t, health.Config{Dial: n.dial, Checks: 4, Rand: rand.New(rand.NewPCG(1, 2))})
		h.watch("abcdefghijklmnopqrst", connect)
		time.Sleep(time.Minute)
		n.mu.Lock()
		if n.most != 4 || n.double {
			t.Errorf("%d checks at one time, want 4; one backend twice: %v", n.most, n.double)
		}
		for at, dials := range n.dials { // 4 at a time, 2 s each, 20 backends: one round takes 10 s
			if len(dials) < 5 {
				t.Errorf("%v was asked %d times in a minute", at, len(dials))
			}
		}
		n.silent = false
		n.mu.Unlock()
		if c := strings.Count(h.log.String(), "come late"); c != 1 {
			t.Errorf("said %d times that checks come late", c)
		}
		if !strings.Contains(h.log.String(), "connect check: not done within 2s") {
			t.Errorf("the log does not say why:\n%s", h.log)
		}
		time.Sleep(time.Minute)
		if !strings.Contains(h.log.String(), "on time again") {
			t.Error("nobody says that checks are on time again")
		}
		n.mu.Lock()
		n.silent = true
		n.mu.Unlock()
		time.Sleep(5 * time.Second)
		began := time.Now()
		h.stop() // does not wait for the checks
		if took := time.Since(began); took > time.Second {
			t.Errorf("the end took %v", took)
		}
	})
}

func TestMaintenanceIsNotDisturbed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		h := start(t, health.Config{Dial: n.dial})
		defer h.stop()
		h.watch("ab", connect)
		time.Sleep(20 * time.Second)
		h.mode("a", messages.Maintain)
		h.mode("b", messages.Drain)
		n.kill(0, true)
		n.kill(1, true)
		before, beforeB := len(n.dialled(0)), len(n.dialled(1))
		time.Sleep(time.Minute)
		if after := len(n.dialled(0)); after != before {
			t.Errorf("asked %d times in maintenance", after-before)
		}
		if after := len(n.dialled(1)); after < beforeB+11 {
			t.Errorf("asked only %d times while draining", after-beforeB)
		}
		h.want("b", "draining/-1")
		h.mode("b", messages.Serve)
		h.want("b", "down/-1")
		n.kill(0, false)
		h.mode("a", messages.Serve)
		h.want("a", "up/2")
		time.Sleep(6 * time.Second)
		if after := len(n.dialled(0)); after == before {
			t.Error("not asked after maintenance")
		}
		h.watch("a", none) // checks end
		before = len(n.dialled(0))
		time.Sleep(time.Minute)
		if after := len(n.dialled(0)); after != before {
			t.Errorf("asked %d times without active checks", after-before)
		}
	})
}

// What checks found counts in the next process, and is for checks to change.
func TestChecksGoOnAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, store := newNetwork(), memory.New()
		n.kill(0, true)
		h := start(t, health.Config{Dial: n.dial, Store: in(store)})
		h.watch("ab", connect)
		h.until("a", messages.Down)
		h.stop()
		time.Sleep(time.Hour)
		h = start(t, health.Config{Dial: n.dial, Store: in(store)})
		defer h.stop()
		h.watch("ab", connect)
		h.want("a", "down/-1")
		time.Sleep(time.Minute)
		h.want("a", "down/-1")
		n.kill(0, false)
		if took := h.until("a", messages.Up); took > 2*connect.Interval+60*time.Millisecond {
			t.Errorf("back after %v", took)
		}
		h.want("b", "up/-1")
	})
}

// Both checks together: clients find out first, checks give it back.
func TestBothChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		h := start(t, health.Config{Dial: n.dial})
		defer h.stop()
		h.watch("a", connect)
		time.Sleep(12 * time.Second)
		h.meet("a", ".xx")
		h.want("a", "down/-1")
		if took := h.until("a", messages.Up); took > 2*connect.Interval+60*time.Millisecond {
			t.Errorf("back after %v", took)
		}
		h.want("a", "up/1")
		h.meet("a", "x") // it answers checks only
		h.want("a", "down/-1")
		time.Sleep(29 * time.Second)
		h.want("a", "down/-1")
		if took := h.until("a", messages.Up); took > 6*time.Second+2*connect.Interval {
			t.Errorf("back after %v", took)
		}
		h.meet("a", ".")
		h.want("a", "up/-1")
	})
}

// A crash takes nothing with it but the message in hand.
func TestACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		h := start(t, health.Config{Dial: func(ctx context.Context, source netip.Addr, to netip.AddrPort) (net.Conn, error) {
			if to == endpoints(1)[0] {
				panic("canary of the dialler")
			}
			return n.dial(ctx, source, to)
		}})
		defer h.stop()
		h.watch("ab", connect)
		h.meet("a", "x")
		reply := make(chan []messages.BackendHealth)
		close(reply)
		h.send(messages.DescribeHealth{Reply: reply}) // panics: the channel is closed
		time.Sleep(20 * time.Second)
		h.want("a", "up/1")
		h.meet("a", "x")
		h.want("a", "down/-1")
		h.want("b", "down/-1") // a check that crashes does not pass
		if !strings.Contains(h.log.String(), "a check crashed") {
			t.Errorf("the log does not say so:\n%s", h.log)
		}
	})
}
