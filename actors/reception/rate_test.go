package reception

import (
	"testing"
	"time"
)

func TestWindow(t *testing.T) {
	begin := time.Unix(1_700_000_000, 0)
	rate := Rate{Max: 2, Per: 10 * time.Second}
	var w window
	for _, step := range []struct {
		at   time.Duration
		full bool
	}{
		{0, false}, {time.Second, false}, {2 * time.Second, true}, {9 * time.Second, true},
		{10 * time.Second, false}, // the first has left the window, the refused never were in it
		{10500 * time.Millisecond, true}, {11 * time.Second, false}, {time.Hour, false},
	} {
		if got := w.full(rate, begin.Add(step.at)); got != step.full {
			t.Errorf("after %v: full is %v, want %v", step.at, got, step.full)
		}
	}
	for range 100 {
		if w.full(Rate{}, begin) {
			t.Fatal("no limit is a limit")
		}
	}
}
