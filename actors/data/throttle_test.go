package data

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/messages"
)

// The channel may look at its gate some time before the source has its first byte
// sent, and catch up on that, but not on more than a burst. That it is not slower than
// asked for is TestBucket's to show: here the machine may be.
func TestThrottle(t *testing.T) {
	const rate, length = 4 << 20, 2 * time.Second
	size := int(rate * length.Seconds())
	check := func(t *testing.T, began time.Time, free int) {
		want := time.Duration(float64(size-free) / rate * float64(time.Second))
		took := time.Since(began)
		t.Logf("%d bytes, %d of them free, took %v, which is %+.1f %%", size, free, took, 100*(took.Seconds()/want.Seconds()-1))
		if took < want-rateBurst-10*time.Millisecond || took > want+patience/2 {
			t.Errorf("took %v, want %v", took, want)
		}
	}
	eachPath(t, func(t *testing.T, path func(*Config)) {
		t.Parallel()
		for name, free := range map[string]int{"all": 0, "but_the_free_ones": size / 3} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				r := start(t, upload, path, func(c *Config) { c.Rate, c.Stalled = Rate{rate, int64(free)}, patience })
				content := noise(10, size)
				got := receive(r.dest)
				began := time.Now()
				var wg conc.WaitGroup
				wg.Go(func() { send(t, r.source, content) })
				hear[messages.DataEnded](t, r)
				check(t, began, free)
				r.ch.Settle(true)
				got.wg.Wait()
				r.dest.Close()
				if done := hear[messages.TransferFinished](t, r); done.Err != nil || !bytes.Equal(got.Bytes(), content) {
					t.Errorf("told %+v, or other bytes arrived", done)
				}
				wg.Wait()
			})
		}
	})
	t.Run("tls", func(t *testing.T) {
		t.Parallel()
		m := mix{front: tls13, back: tls13}
		h := newHouse(t, m)
		r := startSecure(t, download, h, func(c *Config) { c.Rate, c.Stalled = Rate{BytesPerSecond: rate}, patience })
		began := time.Now()
		whole(t, r, m, download, noise(10, size))
		check(t, began, 0)
	})
}

// Whoever waits for a throttle is not stalled, and blames nobody.
func TestThrottledIsNotStalled(t *testing.T) {
	eachPath(t, func(t *testing.T, path func(*Config)) {
		t.Parallel()
		r := start(t, download, path, func(c *Config) { c.Rate, c.Stalled = Rate{BytesPerSecond: 4}, 200*time.Millisecond })
		var wg conc.WaitGroup
		wg.Go(func() { send(t, r.source, []byte("four")) })
		hear[messages.DataEnded](t, r)
		wg.Wait()
	})
}

// However long a throttle lasts, an abort ends it at once; and so does, with two
// goroutines, a source that breaks off.
func TestThrottleIsBrokenOffAtOnce(t *testing.T) {
	slow := func(c *Config) { c.Rate, c.Stalled = Rate{BytesPerSecond: 1, Free: 4}, time.Hour }
	soon := func(t *testing.T, began time.Time) {
		if took := time.Since(began); took > patience/4 {
			t.Errorf("it took %v", took)
		}
	}
	eachPath(t, func(t *testing.T, path func(*Config)) {
		t.Parallel()
		r := begun(t, download, path, slow)
		if _, err := r.source.Write(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		r.abort()
		if done := hear[messages.TransferFinished](t, r); !errors.Is(done.Err, ErrAborted) || done.Stage != messages.StageAbort {
			t.Errorf("told %+v", done)
		}
		soon(t, began)
	})
	for _, act := range []string{"abort", "source_resets"} {
		t.Run("tls/"+act, func(t *testing.T) {
			h := newHouse(t, mix{front: tls13, back: tls13})
			r := begunSecure(t, download, h, slow)
			if _, err := r.source.Write(make([]byte, 1000)); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			if act == "abort" {
				r.abort()
				hear[messages.TransferFinished](t, r.rig)
			} else {
				hangUp(r.source.tcp)
				r.broken(t, messages.BackSide, messages.StageCopy)
			}
			soon(t, began)
			if _, err := io.Copy(io.Discard, r.dest); err == nil {
				t.Error("the destination saw an end")
			}
		})
	}
}

// What a source did not send in time it may not send faster later: it was not we who
// had it wait.
func TestThrottleSavesNothingForALateSource(t *testing.T) {
	const rate = 4 << 20
	eachPath(t, func(t *testing.T, path func(*Config)) {
		t.Parallel()
		r := start(t, upload, path, func(c *Config) { c.Rate, c.Stalled = Rate{BytesPerSecond: rate}, patience })
		got := receive(r.dest)
		content := noise(11, rate)
		time.Sleep(time.Second) // the silence, no synchronisation
		began := time.Now()
		var wg conc.WaitGroup
		wg.Go(func() { send(t, r.source, content) })
		hear[messages.DataEnded](t, r)
		if took := time.Since(began); took < time.Second-rateBurst-rateTick-10*time.Millisecond {
			t.Errorf("a second's worth took %v", took)
		}
		r.ch.Settle(true)
		got.wg.Wait()
		r.dest.Close()
		hear[messages.TransferFinished](t, r)
		wg.Wait()
	})
}

func TestGateTellsALateSourceFromALateProcessor(t *testing.T) {
	for claim, c := range map[string]struct {
		took time.Duration
		told bool
	}{
		"it came at once":           {0, true},
		"the source was waited for": {rateBurst + time.Second, false},
	} {
		g := &gate{bucket: newBucket(Rate{BytesPerSecond: 1000}), granted: time.Now().Add(-c.took)}
		g.bucket.told = true
		if _, err := g.pass(1); err != nil || g.bucket.told != c.told {
			t.Errorf("%s: told %v, %v", claim, g.bucket.told, err)
		}
	}
}
