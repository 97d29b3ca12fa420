package policy_test

import (
	"fmt"
	"testing"

	"github.com/sluice-gateway/sluice/actors/policy"
	"github.com/sluice-gateway/sluice/bench/peers"
	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/badger"
	"github.com/sluice-gateway/sluice/stores/memory"
	"github.com/sluice-gateway/sluice/stores/redis"
)

// storesToPickWith opens one store of each kind.
var storesToPickWith = map[string]func(b *testing.B) stores.Store{
	"memory": func(*testing.B) stores.Store { return memory.New() },
	"badger": func(b *testing.B) stores.Store {
		s, err := badger.Open(b.TempDir(), quiet())
		if err != nil {
			b.Fatal(err)
		}
		return s
	},
	"redis": func(b *testing.B) stores.Store {
		r := peers.StartRedis(b, peers.RedisOptions{})
		s, err := redis.Open(redis.Options{Address: r.Address, Prefix: "bench.", Log: quiet()})
		if err != nil {
			b.Fatal(err)
		}
		return s
	},
}

// BenchmarkPickWithStore is BenchmarkPick with the stores that a gateway may
// have, which no pick waits for: what they cost is the writing behind, and with
// a shared one the turns that are taken ahead.
func BenchmarkPickWithStore(b *testing.B) {
	for store, open := range storesToPickWith {
		for _, name := range []string{"RoundRobin", "LeastConns", "PerUser"} {
			for _, backends := range []int{5, 500} {
				b.Run(fmt.Sprintf("%s/%s/backends=%d", store, name, backends), func(b *testing.B) {
					s := open(b)
					benchmarkPick(b, policy.Config{Store: s, Log: quiet()}, name, backends, 16)
					if err := s.Close(); err != nil {
						b.Error(err)
					}
				})
			}
		}
	}
}
