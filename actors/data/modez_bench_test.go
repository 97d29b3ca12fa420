package data

import (
	"bytes"
	stdzlib "compress/zlib"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/sockets/socketstest"
)

// logLines is text as log files are: it deflates to a fifth or so.
func logLines(size int) []byte {
	rng := rand.New(rand.NewPCG(3, 3))
	var b bytes.Buffer
	for b.Len() < size {
		fmt.Fprintf(&b, "2026-03-%02d %02d:%02d:%02d host%d proftpd[%d]: user%d downloaded /srv/data/part-%05d.csv (%d bytes)\n",
			rng.IntN(28)+1, rng.IntN(24), rng.IntN(60), rng.IntN(60), rng.IntN(4), rng.IntN(65536), rng.IntN(300), rng.IntN(100_000), rng.IntN(1<<30))
	}
	return b.Bytes()[:size]
}

// BenchmarkModeZ compresses and inflates as the chain does, without connections,
// beside the standard library.
func BenchmarkModeZ(b *testing.B) {
	content := logLines(16 << 20)
	discard := func([]byte) error { return nil }
	for _, level := range []int{1, 6, 9} {
		b.Run(fmt.Sprintf("deflate_%d/ours", level), func(b *testing.B) {
			var stock deflaters
			var size int64
			b.SetBytes(int64(len(content)))
			b.ReportAllocs()
			for b.Loop() {
				size = 0
				d, err := stock.take(level, func(p []byte) error { size += int64(len(p)); return nil })
				if err != nil {
					b.Fatal(err)
				}
				for rest := content; len(rest) > 0; rest = rest[min(shapedSize, len(rest)):] {
					if err := d.feed(rest[:min(shapedSize, len(rest))]); err != nil {
						b.Fatal(err)
					}
				}
				_ = d.flush()
				stock.give(d)
			}
			b.ReportMetric(100*float64(size)/float64(len(content)), "%size")
		})
		b.Run(fmt.Sprintf("deflate_%d/std", level), func(b *testing.B) {
			b.SetBytes(int64(len(content)))
			var out bytes.Buffer
			w, _ := stdzlib.NewWriterLevel(&out, level)
			for b.Loop() {
				out.Reset()
				w.Reset(&out)
				_, _ = w.Write(content)
				_ = w.Close()
			}
			b.ReportMetric(100*float64(out.Len())/float64(len(content)), "%size")
		})
	}
	wire := deflated(b, content, 6)
	b.Run("inflate/ours", func(b *testing.B) {
		var stock inflaters
		b.SetBytes(int64(len(content)))
		b.ReportAllocs()
		buf := make([]byte, shapedSize)
		for b.Loop() {
			z := stock.take(bytes.NewReader(wire))
			n, err := io.CopyBuffer(struct{ io.Writer }{writer(discard)}, z, buf)
			if err != nil || n != int64(len(content)) {
				b.Fatal(n, err)
			}
			stock.give(z)
		}
	})
	b.Run("inflate/std", func(b *testing.B) {
		b.SetBytes(int64(len(content)))
		for b.Loop() {
			z, err := stdzlib.NewReader(bytes.NewReader(wire))
			if err != nil {
				b.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, z)
		}
	})
}

type writer func([]byte) error

func (w writer) Write(p []byte) (int, error) { return len(p), w(p) }

// BenchmarkShaped moves whole transfers that are throttled beyond what can be
// reached, limited, translated or compressed.
func BenchmarkShaped(b *testing.B) {
	const size = 32 << 20
	content := logLines(size)
	wire := deflated(b, content, 6)
	for _, bm := range []struct {
		name string
		cfg  Config
		send []byte
	}{
		{"as_it_is", Config{}, content},
		{"limit", Config{MaxBytes: 1 << 40}, content},
		{"throttle", Config{Rate: Rate{BytesPerSecond: 1 << 40}}, content},
		{"translate", Config{Translate: &asIs{}}, content},
		{"deflate_1", Config{Front: Leg{Deflate: 1}}, content},
		{"deflate_6", Config{Front: Leg{Deflate: 6}}, content},
		{"inflate", Config{Back: Leg{Deflate: 6}}, wire},
		{"inflate_deflate_1", Config{Back: Leg{Deflate: 6}, Front: Leg{Deflate: 1}}, wire},
	} {
		b.Run(bm.name, func(b *testing.B) {
			bm.cfg.Pipes, bm.cfg.Stalled = newPipes(b), patience
			b.SetBytes(size)
			b.ReportAllocs()
			spent := cpuTime(b)
			for b.Loop() {
				source, in := socketstest.UnownedPair(b)
				out, dest := socketstest.UnownedPair(b)
				ch := New(bm.cfg)
				var wg conc.WaitGroup
				wg.Go(func() { _, _ = source.Write(bm.send); source.Close() })
				wg.Go(func() { _, _ = io.Copy(io.Discard, struct{ io.Reader }{dest}) })
				if f := ch.copy(out, in, messages.BackSide); f != nil || ch.bytes != size {
					b.Fatalf("%+v after %d bytes", f, ch.bytes)
				}
				if ch.deflater != nil {
					bm.cfg.Pipes.deflaters.give(ch.deflater)
				}
				out.Close()
				wg.Wait()
				in.Close()
				dest.Close()
			}
			b.ReportMetric(float64(cpuTime(b)-spent)/float64(b.N), "cpu-ns/op")
		})
	}
}

// TestModeZFootprint tells what one transfer in MODE Z keeps, at each level.
func TestModeZFootprint(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector has a footprint of its own")
	}
	content := logLines(4 << 20)
	measure := func(make func() any) int {
		const many = 8
		var before, after runtime.MemStats
		var kept [many]any
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range kept {
			kept[i] = make()
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(kept)
		return int(after.HeapAlloc-before.HeapAlloc) / many
	}
	for level := 1; level <= 9; level++ {
		var stock deflaters
		got := measure(func() any {
			d, err := stock.take(level, func([]byte) error { return nil })
			if err == nil {
				err = d.feed(content)
			}
			if err != nil {
				t.Fatal(err)
			}
			return d
		})
		t.Logf("deflating at level %d: %d KiB", level, got>>10)
		if got > 2<<20 {
			t.Errorf("level %d keeps %d bytes", level, got)
		}
	}
	wire := deflated(t, content, 9)
	var stock inflaters
	got := measure(func() any {
		z := stock.take(bytes.NewReader(wire))
		if _, err := io.CopyN(io.Discard, z, 1<<20); err != nil {
			t.Fatal(err)
		}
		return z
	})
	t.Logf("inflating: %d KiB", got>>10)
	if got > 256<<10 {
		t.Errorf("inflating keeps %d bytes", got)
	}
}
