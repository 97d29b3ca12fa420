package redis_test

import (
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/storetest"
)

func BenchmarkStore(b *testing.B) {
	storetest.Bench(b, func(b *testing.B) stores.Store {
		return open(b, at(peers.StartRedis(b, peers.RedisOptions{})))
	})
}

func BenchmarkFleet(b *testing.B) {
	storetest.BenchShared(b, func(b *testing.B) storetest.Fleet {
		opt := at(peers.StartRedis(b, peers.RedisOptions{}))
		opt.Prefix, opt.Lease = prefix(), time.Hour
		return storetest.Fleet{Join: func(t testing.TB) stores.Shared { return open(t, opt) }}
	})
}
