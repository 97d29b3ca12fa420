package stores_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-gateway/sluice/stores"
)

const aDay = 24 * time.Hour

var assignments = map[string]stores.Sticky{
	"usual":      {Backend: "ftp://b.example:21", Since: time.UnixMilli(1_790_000_000_123), Seen: time.Unix(0, 0).Add(20_700 * aDay)},
	"never_seen": {Backend: "sftp://[::1]:22", Seen: time.Unix(0, 0)},
	"longest":    {Backend: strings.Repeat("b", 8<<10), Since: time.UnixMilli(0), Seen: time.Unix(0, 0).Add(aDay)},
}

var healths = map[string]stores.Health{
	"up":   {},
	"down": {State: 2, Since: time.UnixMilli(1_790_000_000_123), Until: time.UnixMilli(1_790_000_030_123), Failures: 3, Reason: "connection refused"},
	"extreme": {State: stores.MaxState, Mode: stores.MaxMode, Since: time.UnixMilli(0), Failures: stores.MaxFailures,
		Reason: strings.Repeat("r", stores.MaxReason)},
}

// comesBack holds a pair of functions to each other, and the decoder to its
// manners.
func comesBack[T any](t *testing.T, cases map[string]T, encode func([]byte, T) []byte, decode func([]byte) (T, error)) {
	t.Helper()
	for name, want := range cases {
		b := encode([]byte("before"), want)[len("before"):]
		got, err := decode(bytes.Clone(b))
		if err != nil || !cmp.Equal(got, want) {
			t.Errorf("%s: %v\n%s", name, err, cmp.Diff(want, got))
		}
		if len(b) < 2000 { // each prefix is tried
			checkStrictness(t, name, b, func(b []byte) error { _, err := decode(b); return err })
		}
	}
}

func TestAssignmentsComeBackAsTheyWent(t *testing.T) {
	comesBack(t, assignments, stores.AppendSticky, stores.ParseSticky)
}

func TestHealthComesBackAsItWent(t *testing.T) {
	comesBack(t, healths, stores.AppendHealth, stores.ParseHealth)
}

func TestTimesAreCutToWhatIsKept(t *testing.T) {
	at := time.Date(2026, 11, 22, 23, 59, 59, 999_999_999, time.UTC)
	s, err := stores.ParseSticky(stores.AppendSticky(nil, stores.Sticky{Backend: "b", Since: at, Seen: at}))
	if err != nil || !s.Since.Equal(at.Truncate(time.Millisecond)) || !s.Seen.Equal(at.Truncate(aDay)) {
		t.Errorf("%v became %v and %v, %v", at, s.Since, s.Seen, err)
	}
	old := time.Date(1000, 1, 1, 0, 0, 0, 0, time.UTC)
	s, err = stores.ParseSticky(stores.AppendSticky(nil, stores.Sticky{Backend: "b", Since: old, Seen: old}))
	if err != nil || !s.Since.IsZero() || s.Seen.Unix() != 0 {
		t.Errorf("%v became %v and %v, %v", old, s.Since, s.Seen, err)
	}
}

func TestWhatIsTooLongOrTooHighIsCut(t *testing.T) {
	h, err := stores.ParseHealth(stores.AppendHealth(nil, stores.Health{Failures: stores.MaxFailures + 1, Reason: strings.Repeat("r", 2*stores.MaxReason)}))
	if err != nil || h.Failures != stores.MaxFailures || len(h.Reason) != stores.MaxReason {
		t.Errorf("came back with %d failures and %d bytes of reason, %v", h.Failures, len(h.Reason), err)
	}
	h, err = stores.ParseHealth(stores.AppendHealth(nil, stores.Health{Failures: -1}))
	if err != nil || h.Failures != 0 {
		t.Errorf("-1 failures became %d, %v", h.Failures, err)
	}
}

func TestMalformedAssignmentsAndHealth(t *testing.T) {
	sticky := func(b []byte) error { _, err := stores.ParseSticky(b); return err }
	health := func(b []byte) error { _, err := stores.ParseHealth(b); return err }
	rotation := func(b []byte) error { _, err := stores.ParseRotation(b); return err }
	for name, tt := range map[string]struct {
		parse func([]byte) error
		b     []byte
	}{
		"an_assignment_to_nothing": {sticky, stores.AppendSticky(nil, stores.Sticky{})},
		"a_backend_too_long":       {sticky, stores.AppendSticky(nil, stores.Sticky{Backend: strings.Repeat("b", 9<<10)})},
		"a_state_to_come":          {health, stores.AppendHealth(nil, stores.Health{State: stores.MaxState + 1})},
		"a_mode_to_come":           {health, stores.AppendHealth(nil, stores.Health{Mode: stores.MaxMode + 1})},
		"a_turn_past_the_last":     {rotation, stores.AppendRotation(nil, stores.Rotation{Turn: stores.MaxTurn + 1})},
	} {
		if err := tt.parse(tt.b); !errors.Is(err, stores.ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", name, err)
		}
	}
}

// stands fuzzes a decoder: what it takes must come back as it was taken.
func stands[T any](f *testing.F, cases map[string]T, encode func([]byte, T) []byte, decode func([]byte) (T, error)) {
	for _, v := range cases {
		f.Add(encode(nil, v))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := decode(b)
		if err != nil {
			return
		}
		again, err := decode(encode(nil, v))
		if err != nil || !cmp.Equal(again, v) {
			t.Fatalf("%#v became %#v, %v", v, again, err)
		}
	})
}

func FuzzParseSticky(f *testing.F) {
	stands(f, assignments, stores.AppendSticky, stores.ParseSticky)
}

func FuzzParseHealth(f *testing.F) { stands(f, healths, stores.AppendHealth, stores.ParseHealth) }
