package logfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/sourcegraph/conc"
)

// gate is a disk that can be made slow, and remembers what reached it.
type gate struct {
	mu      sync.Mutex
	text    strings.Builder
	shut    chan struct{} // writes wait until it is closed; nil: open
	entered chan struct{} // gets one value when a write begins to wait
	broken  error
}

func (g *gate) Write(p []byte) (int, error) {
	g.mu.Lock()
	shut := g.shut
	g.mu.Unlock()
	if shut != nil {
		select {
		case g.entered <- struct{}{}:
		default:
		}
		<-shut
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.broken != nil {
		half := len(p) / 2
		g.text.Write(p[:half])
		return half, g.broken
	}
	return g.text.Write(p)
}

func (g *gate) String() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.text.String()
}

// bare shows the message and nothing else.
type bare struct{}

func (bare) Append(b, line []byte, _ time.Time) []byte {
	var e event
	e.parse(line)
	return append(append(b, e.message...), '\n')
}

// running runs q until the returned function is called.
func running(t *testing.T, q *Queue) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg conc.WaitGroup
	wg.Go(func() {
		if err := q.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	return func() { cancel(); wg.Wait() }
}

func TestQueue(t *testing.T) {
	t.Run("writes_at_once_before_it_runs_and_after_it_ended", func(t *testing.T) {
		disk := &gate{}
		q := NewQueue(Config{Fallback: io.Discard})
		log := zerolog.New(q.Sink(disk, bare{}))
		log.Debug().Msg("one")
		if disk.String() != "one\n" {
			t.Fatalf("before: %q", disk)
		}
		running(t, q)()
		log.Debug().Msg("two")
		if disk.String() != "one\ntwo\n" {
			t.Fatalf("after: %q", disk)
		}
	})
	t.Run("no_line_is_lost_or_doubled_around_start_and_stop", func(t *testing.T) {
		for _, capacity := range []int{-1, 1, 64} {
			path := filepath.Join(t.TempDir(), "log")
			file := openLog(t, path, Rules{})
			q := NewQueue(Config{Capacity: capacity, Patience: time.Minute, Fallback: io.Discard})
			log := zerolog.New(q.Sink(file, bare{}))
			var wg conc.WaitGroup
			for w := range 4 {
				wg.Go(func() {
					for n := range 200 {
						log.Info().Msgf("%d/%d", w, n)
					}
				})
			}
			for range 5 {
				running(t, q)()
			}
			wg.Wait()
			seen := map[string]int{}
			for line := range strings.Lines(content(t, path)) {
				seen[line]++
			}
			for w := range 4 {
				for n := range 200 {
					if line := fmt.Sprintf("%d/%d\n", w, n); seen[line] != 1 {
						t.Fatalf("capacity %d: %q is there %d times", capacity, line, seen[line])
					}
				}
			}
		}
	})
	t.Run("lines_of_one_caller_keep_their_order_over_several_files", func(t *testing.T) {
		a, b := &gate{}, &gate{}
		q := NewQueue(Config{Fallback: io.Discard})
		logA, logB := zerolog.New(q.Sink(a, bare{})), zerolog.New(q.Sink(b, bare{}))
		stop := running(t, q)
		var want strings.Builder
		for n := range 500 {
			logA.Info().Msg(fmt.Sprint(n))
			logB.Info().Msg(fmt.Sprint(n))
			fmt.Fprintln(&want, n)
		}
		stop()
		if a.String() != want.String() || b.String() != want.String() {
			t.Error("lines are missing or out of order")
		}
	})
}

func TestQueueWithASlowDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk, fallback := &gate{shut: make(chan struct{}), entered: make(chan struct{}, 1)}, &gate{}
		q := NewQueue(Config{Capacity: 2, Patience: time.Second, Fallback: fallback})
		log := zerolog.New(q.Sink(disk, bare{}))
		stop := running(t, q)
		synctest.Wait() // the writer waits for lines, not one for the writer
		log.Info().Msg("held")
		<-disk.entered // the writer is stuck with it
		log.Info().Msg("queued 1")
		log.Debug().Msg("queued 2")

		took := func(what func()) time.Duration {
			begin := time.Now()
			what()
			return time.Since(begin)
		}
		if d := took(func() { log.Debug().Msg("dropped") }); d != 0 {
			t.Errorf("a debug line waited %v", d)
		}
		if d := took(func() { log.Info().Msg("dropped later") }); d != time.Second {
			t.Errorf("an info line waited %v, want 1s", d)
		}
		if d := took(func() { log.Warn().Msg("precious 1") }); d != time.Second {
			t.Errorf("a warning waited %v, want 1s", d)
		}
		log.Error().Msg("precious 2")
		if got := fallback.String(); got != "precious 1\nprecious 2\n" {
			t.Errorf("fallback got %q", got)
		}
		disk.mu.Lock()
		close(disk.shut)
		disk.shut = nil
		disk.mu.Unlock()
		stop()
		if got := disk.String(); got != "held\nqueued 1\nqueued 2\n" {
			t.Errorf("disk got %q", got)
		}
		if !strings.Contains(fallback.String(), "2 lines of level info or below were dropped (2 in all)") || q.Lost() != 2 {
			t.Errorf("the loss of 2 is not reported: %q, %d", fallback, q.Lost())
		}
	})
}

func TestQueueWithABrokenDisk(t *testing.T) {
	t.Run("says_it_once_and_keeps_the_lines_on_the_fallback", func(t *testing.T) {
		disk, fallback := &gate{broken: errors.New("input/output error")}, &gate{}
		q := NewQueue(Config{Fallback: fallback})
		log := zerolog.New(q.Sink(disk, bare{}))
		log.Info().Msg("abc") // half of "abc\n" gets through
		log.Warn().Msg("de")
		const want = "sluice: input/output error; log lines go to standard error until that works again\nc\ne\n"
		if got := fallback.String(); got != want {
			t.Errorf("fallback got %q, want %q", got, want)
		}
		disk.mu.Lock()
		disk.broken = nil
		disk.mu.Unlock()
		log.Info().Msg("repaired")
		if !strings.HasSuffix(disk.String(), "repaired\n") || strings.Contains(fallback.String(), "repaired") {
			t.Errorf("after the repair: disk %q, fallback %q", disk, fallback)
		}
	})
	t.Run("a_full_disk", func(t *testing.T) {
		if _, err := os.Stat("/dev/full"); err != nil {
			t.Skip("this system has no /dev/full")
		}
		fallback := &gate{}
		q := NewQueue(Config{Fallback: fallback})
		log := zerolog.New(q.Sink(openLog(t, "/dev/full", Rules{}), bare{}))
		log.Error().Msg("precious")
		if got := fallback.String(); !strings.Contains(got, "no space left on device") || !strings.HasSuffix(got, "precious\n") {
			t.Errorf("fallback got %q", got)
		}
	})
}

func BenchmarkSink(b *testing.B) {
	q := NewQueue(Config{Fallback: io.Discard})
	ctx, cancel := context.WithCancel(b.Context())
	var wg conc.WaitGroup
	wg.Go(func() { _ = q.Run(ctx) }) // returns nil always
	log := zerolog.New(q.Sink(io.Discard, SystemFormat{Host: "gw", PID: 1}))
	b.ReportAllocs()
	for b.Loop() {
		log.Info().Str("client", "192.0.2.7").Uint64("session", 7).Msg("selected")
	}
	cancel()
	wg.Wait()
}
