package choice

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestTable compares a table of one shard with a plain map and a list of uses.
func TestTable(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		limit := rapid.IntRange(1, 40).Draw(rt, "limit")
		table := NewTable(limit)
		model := map[Key]Assignment{}
		var uses []Key // oldest first
		use := func(k Key) {
			uses = slices.DeleteFunc(uses, func(o Key) bool { return o == k })
			uses = append(uses, k)
		}
		key := func(rt *rapid.T) Key {
			return Key{rapid.SampledFrom([]string{"p", "q"}).Draw(rt, "pool"), fmt.Sprint("u:", rapid.IntRange(0, 60).Draw(rt, "name"))}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"put": func(rt *rapid.T) {
				k := key(rt)
				a := Assignment{
					Backend: fmt.Sprint("b", rapid.IntRange(0, 5).Draw(rt, "backend")),
					Since:   noon.Add(time.Duration(rapid.IntRange(0, 1e6).Draw(rt, "since")) * time.Millisecond),
					Seen:    Day(noon.AddDate(0, 0, rapid.IntRange(0, 9).Draw(rt, "seen"))),
					Moved:   rapid.Bool().Draw(rt, "moved"),
				}
				_, there := model[k]
				out, evicted, ok := table.Put(k.Pool, k.Name, a)
				if !ok || evicted != (!there && len(model) == limit) || evicted && out != uses[0] {
					rt.Fatalf("put %v: %v %v %v, oldest %v", k, out, evicted, ok, uses)
				}
				if evicted {
					delete(model, out)
					uses = uses[1:]
				}
				model[k] = a
				use(k)
			},
			"use": func(rt *rapid.T) {
				k := key(rt)
				if _, there := model[k]; !there {
					rt.Skip()
				}
				at := noon.AddDate(0, 0, rapid.IntRange(0, 9).Draw(rt, "day"))
				if today := table.Use(k.Pool, k.Name, at); today != !model[k].Seen.Equal(Day(at)) {
					rt.Fatalf("use of %v on %v: %v", k, at, today)
				}
				a := model[k]
				a.Seen = Day(at)
				model[k] = a
				use(k)
			},
			"delete": func(rt *rapid.T) {
				k := key(rt)
				table.Delete(k.Pool, k.Name)
				delete(model, k)
				uses = slices.DeleteFunc(uses, func(o Key) bool { return o == k })
			},
			"": func(rt *rapid.T) {
				if table.Len() != len(model) {
					rt.Fatalf("%d assignments, want %d", table.Len(), len(model))
				}
				for k, want := range model {
					if got, ok := table.Get(k.Pool, k.Name); !ok || got.Backend != want.Backend || !got.Since.Equal(want.Since) || !got.Seen.Equal(want.Seen) || got.Moved != want.Moved {
						rt.Fatalf("%v: %+v, %v, want %+v", k, got, ok, want)
					}
				}
				if keys := table.Keys(0); len(keys) != len(uses) || len(keys) > 0 && keys[0] != uses[len(uses)-1] {
					rt.Fatalf("keys %v, want %v from the end", keys, uses)
				}
			},
		})
	})
}

func TestTableRefusesLongNames(t *testing.T) {
	table := NewTable(10)
	if _, _, ok := table.Put("p", strings.Repeat("x", MostName+1), Assignment{}); ok || table.Len() != 0 {
		t.Error("kept")
	}
	if _, _, ok := table.Put("p", strings.Repeat("x", MostName), Assignment{Backend: "b"}); !ok {
		t.Error("a name of the limit's length is refused")
	}
}

func TestBackendsThatNobodyIsAssignedToAreForgotten(t *testing.T) {
	table := NewTable(10)
	for n := range 10000 {
		table.Put("p", fmt.Sprint("u:", n%20), Assignment{Backend: fmt.Sprint("b", n)})
	}
	if n := len(table.backends.of); n > 10 {
		t.Errorf("%d backends for 10 assignments", n)
	}
	if n := len(table.shards[0].names); n > 4096 {
		t.Errorf("%d bytes of names for 10 assignments", n)
	}
}

// TestAssignmentsAreSmall states what an assignment takes. A tenth of a
// million in a tenth of the shards is as a million is, and quicker.
func TestAssignmentsAreSmall(t *testing.T) {
	if each := size(400_000, 100_000); each > 64 {
		t.Errorf("%.1f bytes for each assignment, want at most 64", each)
	}
}

// BenchmarkMemory holds a million.
func BenchmarkMemory(b *testing.B) {
	for range b.N {
		b.ReportMetric(size(4<<20, 1e6), "bytes/assignment")
	}
}

// size is the bytes that each of n assignments takes.
func size(limit, n int) float64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	table := NewTable(limit)
	fill(table, n)
	runtime.GC()
	runtime.ReadMemStats(&after)
	defer runtime.KeepAlive(table)
	return float64(after.HeapAlloc-before.HeapAlloc) / float64(table.Len())
}

func fill(table *Table, n int) {
	for i := range n {
		table.Put("server:1", fmt.Sprintf("u:user%07d", i), Assignment{Backend: fmt.Sprint("ftp://backend", i%500), Since: noon, Seen: noon})
	}
}

func BenchmarkTable(b *testing.B) {
	table := NewTable(4 << 20)
	fill(table, 1e6)
	names := make([]string, 1<<16)
	for i := range names {
		names[i] = fmt.Sprintf("u:user%07d", mix(uint64(i))%1e6)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		name := names[i%len(names)]
		i++
		if _, ok := table.Get("server:1", name); !ok {
			b.Fatal(name)
		}
		table.Use("server:1", name, noon)
	}
}
