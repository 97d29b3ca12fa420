package data

import "time"

// Rate throttles a transfer (TransferRate). The zero value does not.
type Rate struct {
	BytesPerSecond int64 // of content; 0: as fast as may be
	Free           int64 // bytes that pass at full speed first
}

const (
	// rateTick is how much time's worth of bytes is saved up before some pass,
	// so that a throttled transfer wakes twenty times a second and not for every
	// segment.
	rateTick = 50 * time.Millisecond
	// rateBurst bounds what a transfer that had to wait for its peers may catch up
	// on: a twentieth of three seconds.
	rateBurst = 150 * time.Millisecond
	// rateLate is the same for one that had to wait for us, and then for the
	// processor.
	rateLate = 2 * time.Second
)

// bucket says when how much may pass. It has no clock: the moments are told to
// it. What it keeps is the moment up to which all bytes are paid for, which is
// never in the future, so that no more than the rate allows ever passes between
// the first byte and any later one.
type bucket struct {
	rate float64 // bytes per second
	free int64
	keep time.Duration // how far the payment may lag behind
	paid time.Time     // zero: nothing was throttled yet
	told bool          // to wait, and not caught up with that yet
}

func newBucket(r Rate) *bucket {
	b := &bucket{rate: float64(r.BytesPerSecond), free: max(r.Free, 0), keep: rateBurst}
	if slow := b.timeFor(2); slow > b.keep { // less than eight bytes a second
		b.keep = slow
	}
	return b
}

// grant says how many of the bytes wanted may pass now; if none, after what time
// to ask again. What did pass is told with spend.
func (b *bucket) grant(now time.Time, want int) (n int, wait time.Duration) {
	if b.free > 0 {
		return int(min(int64(want), b.free)), 0
	}
	keep := b.keep
	if b.told {
		keep = max(keep, rateLate)
	}
	b.told = b.told && now.Sub(b.paid) > b.keep
	switch oldest := now.Add(-keep); {
	case b.paid.IsZero():
		b.paid = now
	case b.paid.Before(oldest):
		b.paid = oldest
	}
	saved := now.Sub(b.paid).Seconds() * b.rate
	goal := max(1, b.rate*rateTick.Seconds())
	if saved >= min(goal, float64(want)) && saved >= 1 {
		return int(min(saved, float64(want))), 0
	}
	b.told = true
	return 0, b.timeFor(goal-saved) + 1 // not a nanosecond early, or it would be asked twice
}

// spend books n bytes, not more than were granted.
func (b *bucket) spend(n int) {
	if free := min(int64(n), b.free); free > 0 {
		b.free -= free
		n -= int(free)
	}
	if n > 0 {
		b.paid = b.paid.Add(b.timeFor(float64(n)))
	}
}

func (b *bucket) timeFor(bytes float64) time.Duration {
	return time.Duration(bytes / b.rate * float64(time.Second))
}
