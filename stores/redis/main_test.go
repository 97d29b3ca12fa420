package redis_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/bench/peers"
	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/redis"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// prefixes gives each test keys of its own.
var prefixes atomic.Int64

func prefix() string { return fmt.Sprintf("test%d.", prefixes.Add(1)) }

func open(t testing.TB, opt redis.Options) *redis.Store {
	t.Helper()
	if opt.Prefix == "" {
		opt.Prefix = prefix()
	}
	s, err := redis.Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func counter(name string) stores.Key {
	return stores.Key{Kind: stores.KindCounters, Pool: "p", Name: name}
}

func put(name, value string) []stores.Change {
	return []stores.Change{stores.Put(counter(name), []byte(value))}
}

// at is the options for a server of the test's own.
func at(r *peers.Redis) redis.Options {
	return redis.Options{Address: r.Address, Lease: time.Second, Log: zerolog.Nop()}
}
