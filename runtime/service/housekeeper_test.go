package service

import (
	"context"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
)

var litter []byte // keeps the compiler from leaving it out

func allocate(n int) {
	for ; n > 0; n -= 64 << 10 {
		litter = make([]byte, 64<<10)
	}
}

func TestHousekeeper(t *testing.T) {
	cleaned := make(chan struct{}, 1)
	h := &Housekeeper{Every: time.Hour, Clean: func() { cleaned <- struct{}{} }}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := h.Run(ctx); err != nil { // it comes back, with what it needs to look
		t.Fatal(err)
	}
	looks := func(n int) (cleanings int) {
		for range n {
			h.look()
			select {
			case <-cleaned:
				cleanings++
			default:
			}
		}
		return cleanings
	}
	looks(2 * calmLooks) // whatever was there before
	if n := looks(3 * calmLooks); n != 0 {
		t.Errorf("it cleaned %d times though nothing had happened", n)
	}
	for range 5 {
		allocate(4 * litterBytes)
		if looks(1) != 0 {
			t.Error("it cleaned in the middle of the work")
		}
	}
	if n := looks(calmLooks - 1); n != 0 {
		t.Error("it did not wait for a quiet time")
	}
	if n := looks(4 * calmLooks); n != 1 {
		t.Errorf("it cleaned %d times in the quiet after the work, want once", n)
	}
	allocate(calmBytes / 2)
	if n := looks(2 * calmLooks); n != 0 {
		t.Error("it cleaned for next to nothing")
	}
}

func TestHousekeeperReturnsMemory(t *testing.T) {
	cleaned := make(chan struct{}, 8)
	h := &Housekeeper{Every: 5 * time.Millisecond, Clean: func() { cleaned <- struct{}{} }}
	ctx, stop := context.WithCancel(t.Context())
	var wg conc.WaitGroup
	wg.Go(func() { _ = h.Run(ctx) })
	defer wg.Wait()
	defer stop()
	allocate(4 * litterBytes)
	select {
	case <-cleaned:
	case <-time.After(10 * time.Second):
		t.Error("nothing was returned after the work")
	}
}
