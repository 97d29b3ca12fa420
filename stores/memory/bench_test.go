package memory_test

import (
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/memory"
	"github.com/sluice-gateway/sluice/stores/storetest"
)

func BenchmarkStore(b *testing.B) {
	storetest.Bench(b, func(*testing.B) stores.Store { return memory.New() })
}

func BenchmarkFleet(b *testing.B) {
	storetest.BenchShared(b, func(*testing.B) storetest.Fleet {
		f := memory.NewFleet(time.Hour, nil)
		return storetest.Fleet{Join: func(testing.TB) stores.Shared { return f.Join() }}
	})
}
