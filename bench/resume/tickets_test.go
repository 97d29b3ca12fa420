package resume_test

import (
	"crypto/tls"
	"testing"

	"github.com/sluice-gateway/sluice/bench/resume"
)

func TestTickets(t *testing.T) {
	var kept resume.Tickets
	if _, ok := kept.Get(""); ok {
		t.Error("there is a ticket although none was put in")
	}
	a, b, c := new(tls.ClientSessionState), new(tls.ClientSessionState), new(tls.ClientSessionState)
	kept.Put("one name", a)
	kept.Put("another", b)
	for i, want := range []*tls.ClientSessionState{a, b, b} {
		if got, ok := kept.Get("any"); !ok || got != want {
			t.Errorf("ticket %d is not the oldest, or the last is gone", i)
		}
	}
	kept.Put("", c)
	kept.Put("", nil) // the server refused b
	if got, _ := kept.Get(""); got != c {
		t.Error("the wrong ticket was dropped")
	}
	kept.Put("", nil) // now it is c's turn
	if kept.Len() != 0 {
		t.Errorf("%d tickets are kept after the last was refused", kept.Len())
	}
	for range 100 {
		kept.Put("", a)
	}
	if kept.Len() > 16 {
		t.Errorf("%d tickets are kept", kept.Len())
	}
}
