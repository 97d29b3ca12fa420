package socketstest_test

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/runtime/sockets/socketstest"
)

func TestPairIsOneConnection(t *testing.T) {
	a, b := socketstest.Pair(t)
	if _, err := io.WriteString(a, "there"); err != nil {
		t.Fatal(err)
	}
	_ = a.CloseWrite()
	if got, err := io.ReadAll(b); string(got) != "there" || err != nil {
		t.Errorf("%q arrived, %v", got, err)
	}
}

func TestNobodyAnswers(t *testing.T) {
	if _, err := net.Dial("tcp", socketstest.Refused(t).String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dialling where nobody listens gave %v", err)
	}
	var late net.Error
	if _, err := net.DialTimeout("tcp", socketstest.Blackhole(t).String(), 50*time.Millisecond); !errors.As(err, &late) || !late.Timeout() {
		t.Errorf("dialling where there is no room gave %v", err)
	}
}

// told is a test that only notes how it ended.
type told struct {
	testing.TB
	skipped, failed bool
}

func (t *told) Helper()               {}
func (t *told) Skip(...any)           { t.skipped = true; panic(t) }
func (t *told) Fatalf(string, ...any) { t.failed = true; panic(t) }

func TestNothingGoesUntestedInCI(t *testing.T) {
	for ci, failed := range map[string]bool{"": false, "true": true} {
		t.Setenv("CI", ci)
		test := &told{TB: t}
		func() {
			defer func() { _ = recover() }() // of its end
			socketstest.GiveUp(test, "there is no moon")
		}()
		if test.failed != failed || test.skipped == failed {
			t.Errorf("with CI=%q it failed: %v, was skipped: %v", ci, test.failed, test.skipped)
		}
	}
}
