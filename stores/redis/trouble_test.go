package redis_test

import (
	"errors"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/bench/peers"
	"github.com/sluice-gateway/sluice/runtime/logfile/logtest"
	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/redis"
)

// The connections that a restart broke are not met by the next call.
func TestTheFirstCallAfterARestartWorks(t *testing.T) {
	server := peers.StartRedis(t, peers.RedisOptions{})
	s := open(t, at(server))
	for life := range 5 {
		if err := s.Apply(t.Context(), put("a", "1")); err != nil {
			t.Fatalf("in life %d: %v", life, err)
		}
		server.Kill()
		if err := server.Resume(); err != nil {
			t.Fatal(err)
		}
	}
}

// Redis comes back with what an older snapshot had: the epoch is the same, and
// yet what was written since is gone. Each gateway hears of its own loss.
func TestAnOlderSnapshotIsALoss(t *testing.T) {
	server := peers.StartRedis(t, peers.RedisOptions{Extra: []string{"--appendonly", "no"}})
	opt := at(server)
	opt.Prefix = prefix()
	a, b := open(t, opt), open(t, opt)
	for _, s := range []*redis.Store{a, b} {
		if err := s.Apply(t.Context(), put("before", "1")); err != nil {
			t.Fatal(err)
		}
	}
	if err := redis.Raw(a).Save(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if err := a.Apply(t.Context(), put("after", "2")); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	if err := b.Apply(t.Context(), put("b", "3")); err != nil {
		t.Errorf("the one that lost nothing got %v", err)
	}
	if err := a.Apply(t.Context(), put("a", "3")); !errors.Is(err, stores.ErrRenewed) {
		t.Errorf("the one whose change is gone got %v, want ErrRenewed", err)
	}
	health := []stores.Change{stores.Put(stores.Key{Kind: stores.KindHealth, Pool: "p"}, nil)}
	if err := a.Apply(t.Context(), health); !errors.Is(err, stores.ErrRenewed) {
		t.Errorf("its other writer got %v, want ErrRenewed", err)
	}
	for _, batch := range [][]stores.Change{put("a", "3"), health} {
		if err := a.Apply(t.Context(), batch); err != nil {
			t.Error(err)
		}
	}
}

// All is removed while the connections stand.
func TestFlushedIsALoss(t *testing.T) {
	server := peers.StartRedis(t, peers.RedisOptions{})
	s := open(t, at(server))
	if err := s.Apply(t.Context(), put("a", "1")); err != nil {
		t.Fatal(err)
	}
	if err := redis.Raw(s).FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if err := s.Apply(t.Context(), put("a", "2")); !errors.Is(err, stores.ErrRenewed) {
		t.Errorf("got %v, want ErrRenewed", err)
	}
	if err := s.Apply(t.Context(), put("a", "2")); err != nil {
		t.Error(err)
	}
}

// Scripts that Redis has forgotten are sent again.
func TestForgottenScripts(t *testing.T) {
	server := peers.StartRedis(t, peers.RedisOptions{})
	s := open(t, at(server))
	for range 3 {
		if err := s.Apply(t.Context(), put("a", "1")); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Turns(t.Context(), "p", 1, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Beat(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if err := redis.Raw(s).ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// A Watch says once that it hears nothing, and once that it does again; it
// also notices a server that is silent while its connection stands.
func TestAWatchNoticesSilence(t *testing.T) {
	server := peers.StartRedis(t, peers.RedisOptions{})
	var log logtest.Lines
	opt := at(server)
	opt.Prefix, opt.Log, opt.CallTimeout = prefix(), zerolog.New(&log), 200*time.Millisecond
	s := open(t, opt)
	news := make(chan stores.News, 10)
	ended := make(chan error, 1)
	var wg conc.WaitGroup
	wg.Go(func() { ended <- s.Watch(t.Context(), func(n stores.News) { news <- n }) })
	if n := <-news; n.Lost {
		t.Fatal("the beginning is no loss")
	}
	if err := server.Freeze(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); log.Count("do not come") == 0; {
		if time.Now().After(deadline) {
			t.Fatal("the silence was not noticed")
		}
		time.Sleep(5 * time.Millisecond)
	}
	if err := server.Thaw(); err != nil {
		t.Fatal(err)
	}
	select {
	case n := <-news:
		if !n.Lost {
			t.Errorf("told %+v, want a loss", n)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it does not hear again")
	}
	if before, after := log.Count("do not come"), log.Count("come again"); before != 1 || after != 1 {
		t.Errorf("said %d times that news do not come and %d times that they do, want once each", before, after)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, stores.ErrClosed) {
		t.Errorf("the watch ended with %v", err)
	}
	wg.Wait()
}

// When nobody beats any more nothing of their counts is left.
func TestCountsDoNotOutliveTheFleet(t *testing.T) {
	server := peers.StartRedis(t, peers.RedisOptions{})
	opt := at(server)
	opt.Prefix, opt.Lease = prefix(), 30*time.Millisecond
	s := open(t, opt)
	if _, err := s.Beat(t.Context(), map[stores.Key]int{counter("a"): 1}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		keys, err := redis.Raw(s).Keys(t.Context(), opt.Prefix+"*").Result()
		if err != nil {
			t.Fatal(err)
		}
		if len(keys) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("there is %q still", keys)
		}
	}
}
