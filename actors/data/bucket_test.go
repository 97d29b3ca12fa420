package data

import (
	"math/rand/v2"
	"testing"
	"time"
)

// simulate has a transfer of endless content pass a bucket for so long, by a clock
// that is late by up to that much whenever somebody wakes. It returns what passed
// and how often it was waited for.
func simulate(r Rate, length, late time.Duration, rng *rand.Rand) (passed int64, waits int) {
	b := newBucket(r)
	now := time.Unix(1_000_000, 0)
	over := now.Add(length)
	for now.Before(over) {
		n, wait := b.grant(now, 1+rng.IntN(64<<10))
		if n > 0 {
			b.spend(n)
			passed += int64(n)
			continue
		}
		waits++
		now = now.Add(wait)
		if late > 0 {
			now = now.Add(time.Duration(rng.Int64N(int64(late))))
		}
	}
	return passed, waits
}

func TestBucket(t *testing.T) {
	for _, tc := range []struct {
		name   string
		rate   Rate
		length time.Duration
		late   time.Duration
	}{
		{"a_byte_a_second", Rate{BytesPerSecond: 1}, time.Minute, 0},
		{"seven_bytes_a_second", Rate{BytesPerSecond: 7}, time.Minute, time.Millisecond},
		{"a_kilobyte", Rate{BytesPerSecond: 1 << 10}, 10 * time.Second, 0},
		{"a_megabyte", Rate{BytesPerSecond: 1 << 20}, 5 * time.Second, time.Millisecond},
		{"a_megabyte_on_a_busy_machine", Rate{BytesPerSecond: 1 << 20}, 5 * time.Second, 300 * time.Millisecond},
		{"a_gigabyte", Rate{BytesPerSecond: 1 << 30}, 3 * time.Second, time.Millisecond},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, uint64(tc.rate.BytesPerSecond)))
			got, waits := simulate(tc.rate, tc.length, tc.late, rng)
			// The last look may come one wait after the end.
			most := float64(tc.rate.BytesPerSecond) * (tc.length + rateTick + tc.late).Seconds()
			least := 0.95*float64(tc.rate.BytesPerSecond)*tc.length.Seconds() - 2
			if float64(got) > most+1 || float64(got) < least {
				t.Errorf("%d bytes passed, want %.0f to %.0f", got, least, most)
			}
			if busy := 2*int(tc.length/rateTick) + 2; waits > busy {
				t.Errorf("it was waited %d times, want %d at most", waits, busy)
			}
		})
	}
}

func TestBucketLetsFreeBytesPassFirst(t *testing.T) {
	b := newBucket(Rate{BytesPerSecond: 1000, Free: 5000})
	now := time.Unix(1_000_000, 0)
	for _, want := range []int{3000, 2000} {
		n, _ := b.grant(now, 3000)
		if n != want {
			t.Fatalf("%d bytes may pass, want %d", n, want)
		}
		b.spend(n)
	}
	n, wait := b.grant(now.Add(time.Hour), 3000) // what came before earns nothing
	if n != 0 || wait < rateTick-time.Millisecond || wait > rateTick+time.Millisecond {
		t.Errorf("after the free ones %d may pass after %v, want the first ones after %v", n, wait, rateTick)
	}
}

// Who could not send for a while may catch up on a little, not on everything.
func TestBucketForgetsOldCredit(t *testing.T) {
	b := newBucket(Rate{BytesPerSecond: 1 << 20})
	now := time.Unix(1_000_000, 0)
	_, wait := b.grant(now, 1)
	now = now.Add(wait)
	n, _ := b.grant(now, 1)
	b.spend(n)
	most := int(rateBurst.Seconds() * (1 << 20))
	if n, _ := b.grant(now.Add(time.Hour), 1<<30); n < most-1 || n > most {
		t.Errorf("%d bytes may pass after an hour, want %d", n, most)
	}
}

func TestGate(t *testing.T) {
	t.Run("none_without_a_reason", func(t *testing.T) {
		if g := newGate(&Config{Rate: Rate{Free: 1000}}, nil); g != nil {
			t.Errorf("got %+v", g)
		}
	})
	t.Run("keeps_exactly_the_limit", func(t *testing.T) {
		for _, upload := range []bool{false, true} {
			g := newGate(&Config{MaxBytes: 10, Upload: upload}, nil)
			for _, step := range []struct {
				come, keep int
				over       bool
			}{{4, 4, false}, {6, 6, false}, {1, 0, true}, {5, 0, true}} {
				keep, err := g.pass(step.come)
				if keep != step.keep || (err != nil) != step.over {
					t.Errorf("of %d bytes %d may pass, %v", step.come, keep, err)
				}
			}
		}
		g := newGate(&Config{MaxBytes: 10}, nil)
		if keep, err := g.pass(25); keep != 10 || err == nil {
			t.Errorf("of 25 bytes %d may pass, %v", keep, err)
		}
	})
}
