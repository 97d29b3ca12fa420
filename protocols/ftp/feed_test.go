package ftp

import (
	"errors"
	"fmt"
	"testing"
)

// decoder is what both decoders have in common, for tests that hold for both.
type decoder[T any] interface {
	Feed([]byte)
	Next() (T, bool, error)
	Buffered() int
}

// event is one answer of Next: a value or what went wrong.
type event[T any] struct {
	Value T
	Err   error // the bare cause, for comparing
}

// drain calls Next until it has no more. An error without ok ends the stream.
func drain[T any](d decoder[T]) (events []event[T], ended bool) {
	for {
		v, ok, err := d.Next()
		if err != nil {
			events = append(events, event[T]{Err: errors.Unwrap(err)})
		} else if ok {
			events = append(events, event[T]{Value: v})
		}
		if !ok {
			return events, err != nil
		}
	}
}

// feed hands the pieces over one at a time from a buffer that is overwritten
// after each, as a reader's buffer is.
func feed[T any](d decoder[T], pieces ...string) (events []event[T]) {
	for _, p := range pieces {
		b := []byte(p)
		d.Feed(b)
		more, ended := drain(d)
		events = append(events, more...)
		for i := range b {
			b[i] = '!'
		}
		if ended {
			break
		}
	}
	return events
}

func bytewise(s string) []string {
	out := make([]string, len(s))
	for i := range len(s) {
		out[i] = s[i : i+1]
	}
	return out
}

// cutsOf lists ways to cut the input that must not change what comes out.
func cutsOf(s string) map[string][]string {
	cuts := map[string][]string{"whole": {s}, "bytewise": bytewise(s)}
	if len(s) <= 256 {
		for i := 1; i < len(s); i++ {
			cuts[fmt.Sprintf("cut at %d", i)] = []string{s[:i], s[i:]}
		}
	}
	return cuts
}

func sameEvents[T comparable](t *testing.T, got, want []event[T]) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d events %.300v, want %d %.300v", len(got), got, len(want), want)
	}
	for i := range want {
		if got[i].Value != want[i].Value || !errors.Is(got[i].Err, want[i].Err) {
			t.Fatalf("event %d is %+v, want %+v", i, got[i], want[i])
		}
	}
}
