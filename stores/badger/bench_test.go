package badger_test

import (
	"testing"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/badger"
	"github.com/sluice-gateway/sluice/stores/storetest"
)

func BenchmarkStore(b *testing.B) {
	storetest.Bench(b, func(b *testing.B) stores.Store {
		s, err := badger.Open(b.TempDir(), zerolog.Nop())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			if err := s.Close(); err != nil {
				b.Error(err)
			}
		})
		return s
	})
}

// BenchmarkReopen is how long a gateway with a million assignments waits for
// its store, and what the store then holds in memory.
func BenchmarkReopen(b *testing.B) {
	dir := b.TempDir()
	open := func() *badger.Store {
		s, err := badger.Open(dir, zerolog.Nop())
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	s := open()
	storetest.People(b, s, 1_000_000)
	for b.Loop() {
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		s = open()
	}
	before := storetest.Heap()
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(before-storetest.Heap())/(1<<20), "MiB-open")
}
