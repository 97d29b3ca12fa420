package storetest

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/sluice-gateway/sluice/stores"
)

// Bench measures an implementation. open returns a new, empty store.
func Bench(b *testing.B, open func(b *testing.B) stores.Store) {
	for _, size := range []int{1, 100} {
		b.Run(fmt.Sprintf("Apply/%d", size), func(b *testing.B) { benchApply(b, open(b), size, stores.Put) })
	}
	b.Run("Apply/100_first", func(b *testing.B) { benchApply(b, open(b), 100, stores.PutFirst) })
	for _, n := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprintf("Each/%d", n), func(b *testing.B) { benchEach(b, open(b), n) })
	}
}

// BenchShared measures what gateways share. open returns a new fleet.
func BenchShared(b *testing.B, open func(b *testing.B) Fleet) {
	for _, n := range []int{1, 64} {
		b.Run(fmt.Sprintf("Turns/%d", n), func(b *testing.B) {
			s := join(b, open(b))
			for b.Loop() {
				if _, err := s.Turns(b.Context(), "main", n, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for _, n := range []int{5, 500} {
		b.Run(fmt.Sprintf("Beat/%d_same", n), func(b *testing.B) { benchBeat(b, open(b), n, 0) })
		b.Run(fmt.Sprintf("Beat/%d_changed", n), func(b *testing.B) { benchBeat(b, open(b), n, 1) })
	}
}

func join(b *testing.B, f Fleet) stores.Shared {
	b.Helper()
	s := f.Join(b)
	b.Cleanup(func() { _ = s.Close() }) // its test looks at that
	return s
}

func benchApply(b *testing.B, s stores.Store, size int, put func(stores.Key, []byte) stores.Change) {
	value := stores.AppendSticky(nil, stores.Sticky{Backend: "ftp://backend-001.example.net:21"})
	batch := make([]stores.Change, size)
	for next := 0; b.Loop(); {
		for i := range batch {
			batch[i] = put(sticky("main", fmt.Sprintf("u:user-%07d", next%100_000)), value)
			next++
		}
		if err := s.Apply(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size), "ns/record")
}

// benchEach also tells what a visit of all holds at its end, beside the store
// itself.
func benchEach(b *testing.B, s stores.Store, n int) {
	People(b, s, n)
	var held uint64
	for b.Loop() {
		visits, before := 0, Heap()
		err := s.Each(b.Context(), stores.KindSticky, func(stores.Record) error {
			if visits++; visits == n {
				held = Heap() - min(before, Heap())
			}
			return nil
		})
		if err != nil || visits < n {
			b.Fatalf("%d visits of %d, %v", visits, n, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/record")
	b.ReportMetric(float64(held)/(1<<20), "MiB-held")
}

// Heap is what is in use after a collection.
func Heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// benchBeat has two gateways, of which one beats with n counts and changes
// some each time.
func benchBeat(b *testing.B, f Fleet, n, change int) {
	one, other := join(b, f), join(b, f)
	own := counts{}
	for i := range n {
		own[counter("main", fmt.Sprintf("ftp://backend-%03d.example.net:21", i))] = 1 + i
	}
	if _, err := other.Beat(b.Context(), own); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		own[counter("main", "ftp://backend-000.example.net:21")] += change
		if others, err := one.Beat(b.Context(), own); err != nil || len(others) != n {
			b.Fatalf("%d counts, %v", len(others), err)
		}
	}
}
