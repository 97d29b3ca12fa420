package data

import (
	"io"
	"testing"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/sockets/socketstest"
)

// What a transfer that is changed or measured allocates, it does at its beginning.
func TestShapedAllocationsDoNotGrowWithSize(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, tc := range []struct {
		name string
		cfg  Config
	}{
		{"limit", Config{MaxBytes: 1 << 40}},
		{"throttle", Config{Rate: Rate{BytesPerSecond: 200 << 20}}},
		{"translate", Config{Translate: &asIs{}}},
		{"deflate", Config{Front: Leg{Deflate: 1}}},
		{"inflate", Config{Back: Leg{Deflate: 1}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pipes := newPipes(t)
			count := func(size int) float64 {
				content := logLines(size)
				if tc.cfg.Back.Deflate > 0 {
					content = deflated(t, content, 1)
				}
				return testing.AllocsPerRun(10, func() {
					source, in := socketstest.UnownedPair(t)
					out, dest := socketstest.UnownedPair(t)
					cfg := tc.cfg
					cfg.Pipes, cfg.Stalled = pipes, patience
					ch := New(cfg)
					var wg conc.WaitGroup
					wg.Go(func() { _, _ = source.Write(content); source.Close() })
					wg.Go(func() { _, _ = io.Copy(io.Discard, struct{ io.Reader }{dest}) })
					if f := ch.copy(out, in, messages.BackSide); f != nil || ch.bytes != int64(size) {
						t.Fatalf("%+v after %d bytes", f, ch.bytes)
					}
					if ch.deflater != nil {
						pipes.deflaters.give(ch.deflater)
					}
					out.Close()
					wg.Wait()
					in.Close()
					dest.Close()
				})
			}
			small, large := count(1000), count(16<<20)
			t.Logf("allocations with connections: %v for 1000 bytes, %v for 16 MiB", small, large)
			if large > small+30 { // 256 portions and 1024 records less than one of ten
				t.Errorf("16 MiB cost %v allocations, 1000 bytes %v", large, small)
			}
		})
	}
}
