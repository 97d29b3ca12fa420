package service

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sourcegraph/conc"
)

func none(string) string { return "" }

func TestShareProcessors(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	for _, tt := range []struct {
		name                  string
		env                   string
		found, want, borrowed int
	}{
		{"one of one", "", 1, 1, 1},
		{"one of two", "", 2, 1, 2},
		{"half of many", "", 8, 4, 8},
		{"the administrator's choice stays", "8", 8, 8, 8},
	} {
		runtime.GOMAXPROCS(tt.found)
		p := ShareProcessors(func(string) string { return tt.env })
		if got := runtime.GOMAXPROCS(0); got != tt.want {
			t.Errorf("%s: %d of %d, want %d", tt.name, got, tt.found, tt.want)
		}
		p.Borrow()
		if got := runtime.GOMAXPROCS(0); got != tt.borrowed {
			t.Errorf("%s: %d after the rest was borrowed, want %d", tt.name, got, tt.borrowed)
		}
	}
}

func TestProcessorsAreGivenUpAfterAQuietWhile(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	runtime.GOMAXPROCS(4)
	synctest.Test(t, func(t *testing.T) {
		p := ShareProcessors(none)
		want := func(n int, when string) {
			t.Helper()
			synctest.Wait()
			if got := runtime.GOMAXPROCS(0); got != n {
				t.Errorf("%d %s, want %d", got, when, n)
			}
		}
		pass := func(d time.Duration) { <-time.After(d) }
		p.Borrow()
		p.Borrow()
		p.Return()
		pass(2 * quietTime)
		want(4, "while one of two still has them")
		p.Return()
		pass(quietTime / 2)
		want(4, "a moment after the last return")
		p.Borrow()
		pass(quietTime)
		want(4, "as somebody borrowed again in time")
		p.Return()
		pass(quietTime - time.Nanosecond)
		want(4, "just before the quiet while is over")
		pass(2 * time.Nanosecond)
		want(2, "after it")
		p.Borrow()
		want(4, "when borrowed once more")
		p.Return()
		pass(quietTime + 1)
		want(2, "after the second quiet while")
	})
}

func TestProcessorsAreBorrowedByMany(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	runtime.GOMAXPROCS(4)
	p := ShareProcessors(none)
	p.quiet = time.Millisecond // so that giving up meets borrowing
	var wg conc.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 300 {
				p.Borrow()
				if got := runtime.GOMAXPROCS(0); got != 4 {
					t.Errorf("%d while borrowed, want 4", got)
				}
				p.Return()
			}
		})
	}
	wg.Wait()
	for end := time.Now().Add(10 * time.Second); runtime.GOMAXPROCS(0) != 2; time.Sleep(time.Millisecond) { // bounded polling
		if time.Now().After(end) {
			t.Fatal("the rest was never given up")
		}
	}
}

func TestNoProcessorsAreLentByNobody(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	var p *Processors
	p.Borrow()
	p.Return()
	if got := runtime.GOMAXPROCS(0); got != before {
		t.Errorf("%d, want %d", got, before)
	}
}
