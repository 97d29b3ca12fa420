package data

import (
	"errors"
	"fmt"
	"syscall"
	"time"
)

// ErrTooLarge is what the error of a transfer is that passed its limit
// (MaxStoreFileSize, MaxRetrieveFileSize); errors.As gives the *SizeError.
var ErrTooLarge = errors.New("the file is larger than allowed")

// SizeError says which limit a transfer passed. Exactly Limit bytes were handed
// on, and both connections are broken off.
type SizeError struct {
	Limit  int64 // bytes
	Upload bool
}

func (e *SizeError) Error() string {
	name := "MaxRetrieveFileSize"
	if e.Upload {
		name = "MaxStoreFileSize"
	}
	return fmt.Sprintf("%v: broken off after %d bytes (%s)", ErrTooLarge, e.Limit, name)
}

// Is makes it an ErrTooLarge.
func (e *SizeError) Is(target error) bool { return target == ErrTooLarge }

// Unwrap gives what the reference tells its clients in the system's words.
func (e *SizeError) Unwrap() error {
	if e.Upload {
		return syscall.EFBIG
	}
	return syscall.EPERM
}

// gate is what content has to pass one byte after the other: a throttle, a limit
// of size, or both. A nil one lets everything through at once.
type gate struct {
	bucket  *bucket // nil: no throttle
	granted time.Time
	limit   int64 // 0: none
	upload  bool
	passed  int64
	done    <-chan struct{} // the session broke the transfer off
	broken  <-chan struct{} // the source did; nil: the caller finds out itself
	timer   *time.Timer     // of a throttle, made with the first wait
}

func newGate(cfg *Config, done <-chan struct{}) *gate {
	if cfg.Rate.BytesPerSecond <= 0 && cfg.MaxBytes <= 0 {
		return nil
	}
	g := &gate{limit: cfg.MaxBytes, upload: cfg.Upload, done: done}
	if cfg.Rate.BytesPerSecond > 0 {
		g.bucket = newBucket(cfg.Rate)
	}
	return g
}

// await waits until some of the bytes wanted may pass, and says how many, and
// whether it had to wait. Its error is that nobody wants them any more.
func (g *gate) await(want int) (n int, waited bool, err error) {
	if g.bucket == nil {
		return want, false, nil
	}
	for {
		now := time.Now()
		n, wait := g.bucket.grant(now, want)
		if n > 0 {
			g.granted = now
			return n, waited, nil
		}
		if err := g.sleep(wait); err != nil {
			return 0, true, err
		}
		waited = true
	}
}

func (g *gate) sleep(d time.Duration) error {
	if g.timer == nil {
		g.timer = time.NewTimer(d)
	} else {
		g.timer.Reset(d)
	}
	select {
	case <-g.timer.C:
		return nil
	case <-g.done:
	case <-g.broken:
	}
	g.timer.Stop()
	return ErrAborted
}

// pass books n bytes that have come, and says how many of them may go on: all, or
// with an error those up to the limit.
func (g *gate) pass(n int) (keep int, err error) {
	if g.bucket != nil {
		if time.Since(g.granted) > rateBurst {
			g.bucket.told = false // it was the source that was waited for
		}
		g.bucket.spend(n)
	}
	if left := g.limit - g.passed; g.limit > 0 && int64(n) > left {
		g.passed = g.limit
		return int(left), &SizeError{Limit: g.limit, Upload: g.upload}
	}
	g.passed += int64(n)
	return n, nil
}

// portion is how much of a throttled stream is read ahead at a time: a second's
// worth, so that a source's break is not noticed minutes later, but not less than
// leastPortion.
func (g *gate) portion(most int) int {
	if g == nil || g.bucket == nil {
		return most
	}
	return int(max(leastPortion, min(float64(most), g.bucket.rate)))
}

const leastPortion = 4 << 10
