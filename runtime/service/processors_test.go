package service

import (
	"runtime"
	"testing"
)

func TestShareProcessors(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	for _, tt := range []struct {
		name        string
		env         string
		found, want int
	}{
		{"one of one", "", 1, 1},
		{"one of two", "", 2, 1},
		{"half of many", "", 8, 4},
		{"the administrator's choice stays", "8", 8, 8},
	} {
		runtime.GOMAXPROCS(tt.found)
		got := ShareProcessors(func(string) string { return tt.env })
		if got != tt.want || runtime.GOMAXPROCS(0) != tt.want {
			t.Errorf("%s: %d of %d, want %d", tt.name, got, tt.found, tt.want)
		}
	}
}
