package stores_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-gateway/sluice/stores"
)

var rotations = map[string]stores.Rotation{
	"never_turned": {},
	"turned":       {Turn: 7, List: math.MaxUint64, Last: "ftp://c.example:21"},
	"the_last":     {Turn: stores.MaxTurn},
}

var counters = map[string]stores.Counters{
	"fresh":   {},
	"used":    {Connects: 12, Failures: 3, ConnectTime: 1500 * time.Microsecond, LastSeen: time.Unix(1_790_000_000, 0)},
	"extreme": {Connects: math.MaxUint64, Failures: math.MaxUint64, ConnectTime: math.MaxInt64, LastSeen: time.Unix(0, 0)},
}

func TestRecordsComeBackAsTheyWent(t *testing.T) {
	for name, want := range rotations {
		b := stores.AppendRotation(nil, want)
		if got, err := stores.ParseRotation(b); err != nil || !cmp.Equal(got, want) {
			t.Errorf("rotation %s: %v\n%s", name, err, cmp.Diff(want, got))
		}
		checkStrictness(t, "rotation "+name, b, func(b []byte) error { _, err := stores.ParseRotation(b); return err })
	}
	for name, want := range counters {
		b := stores.AppendCounters(nil, want)
		if got, err := stores.ParseCounters(b); err != nil || !cmp.Equal(got, want) {
			t.Errorf("counters %s: %v\n%s", name, err, cmp.Diff(want, got))
		}
		checkStrictness(t, "counters "+name, b, func(b []byte) error { _, err := stores.ParseCounters(b); return err })
	}
}

var sessions = map[string]stores.TLSSession{
	"short":                {At: time.Unix(1_790_000_000, 0), Session: stores.Secret("a master secret")},
	"no_time":              {At: time.Unix(0, 0), Session: stores.Secret{0}},
	"as_long_as_it_may_be": {At: time.Unix(1<<36, 0), Session: make(stores.Secret, stores.MaxTLSSession)},
}

func TestTLSSessionsComeBackAsTheyWent(t *testing.T) {
	for name, want := range sessions {
		b := stores.AppendTLSSession(nil, want)
		got, err := stores.ParseTLSSession(b)
		if err != nil || !got.At.Equal(want.At) || !bytes.Equal(got.Session, want.Session) {
			t.Errorf("TLS session %s came back as of %v with %d bytes, %v", name, got.At, len(got.Session), err)
		}
		if len(b) < 1000 { // each prefix is tried
			checkStrictness(t, "TLS session "+name, b, func(b []byte) error { _, err := stores.ParseTLSSession(b); return err })
		}
		clear(b) // what was parsed must not change with the buffer it came in
		if !bytes.Equal(got.Session, want.Session) {
			t.Errorf("TLS session %s shares the store's memory", name)
		}
	}
	for name, bad := range map[string][]byte{
		"no_session":       stores.AppendTLSSession(nil, stores.TLSSession{At: time.Unix(1, 0)}),
		"too_long_a_one":   stores.AppendTLSSession(nil, stores.TLSSession{Session: make(stores.Secret, stores.MaxTLSSession+1)}),
		"a_time_past_time": append([]byte{1}, binary.AppendUvarint(nil, 1<<40)...),
	} {
		if _, err := stores.ParseTLSSession(bad); !errors.Is(err, stores.ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", name, err)
		}
	}
}

// However a session is printed, its secret stays inside.
func TestTLSSessionsShowNoSecret(t *testing.T) {
	const word = "canary-Pa55"
	s := stores.TLSSession{Session: stores.Secret(word)}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	all := string(text)
	forms := []string{"%s", "%q", "%x", "%X", "%d", "%v", "%+v", "%#v"}
	for _, form := range forms {
		all += fmt.Sprintf(form, s) + fmt.Sprintf(form, s.Session)
	}
	for _, form := range forms {
		if shown := strings.Trim(fmt.Sprintf(form, []byte(word)), "[]"); strings.Contains(all, shown) {
			t.Errorf("%s shows the secret: %s", form, all)
		}
	}
	if base64 := "Y2FuYXJ5"; strings.Contains(all, base64) {
		t.Errorf("JSON shows the secret: %s", all)
	}
}

// checkStrictness holds a decoder to its manners around a valid encoding.
func checkStrictness(t *testing.T, name string, b []byte, parse func([]byte) error) {
	t.Helper()
	for n := range b {
		if err := parse(b[:n]); !errors.Is(err, stores.ErrMalformed) {
			t.Errorf("%s cut to %d of %d bytes: %v, want ErrMalformed", name, n, len(b), err)
		}
	}
	if err := parse(append(bytes.Clone(b), 0)); !errors.Is(err, stores.ErrMalformed) {
		t.Errorf("%s with a trailing byte: %v, want ErrMalformed", name, err)
	}
	newer := bytes.Clone(b)
	newer[0] = 200
	if err := parse(newer); !errors.Is(err, stores.ErrVersion) {
		t.Errorf("%s of version 200: %v, want ErrVersion", name, err)
	}
}

func TestKeysComeBackAndKeepPoolsApart(t *testing.T) {
	keys := []stores.Key{
		{Kind: stores.KindRotation, Pool: "main"},
		{Kind: stores.KindCounters, Pool: "main", Name: "ftp://a:21"},
		{Kind: stores.KindCounters, Pool: "mainf", Name: "tp://a:21"},
		{Kind: stores.KindCounters, Pool: "", Name: "\x00\xff"},
		{Kind: 't', Pool: string(make([]byte, 300)), Name: "x"},
	}
	seen := map[string]stores.Key{}
	for _, want := range keys {
		b, err := stores.AppendKey(nil, want)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := stores.ParseKey(b); err != nil || got != want {
			t.Errorf("%v came back as %v, %v", want, got, err)
		}
		if other, taken := seen[string(b)]; taken {
			t.Errorf("%v and %v share a stored key", want, other)
		}
		seen[string(b)] = want
	}
	if _, err := stores.AppendKey(nil, stores.Key{Pool: string(make([]byte, 1<<20))}); !errors.Is(err, stores.ErrKey) {
		t.Errorf("a key of 1 MiB: %v, want ErrKey", err)
	}
}

func FuzzParseRotation(f *testing.F) {
	for _, r := range rotations {
		f.Add(stores.AppendRotation(nil, r))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := stores.ParseRotation(b)
		if err != nil {
			return
		}
		again, err := stores.ParseRotation(stores.AppendRotation(nil, r))
		if err != nil || !cmp.Equal(again, r) {
			t.Fatalf("%#v became %#v, %v", r, again, err)
		}
	})
}

func FuzzParseCounters(f *testing.F) {
	for _, c := range counters {
		f.Add(stores.AppendCounters(nil, c))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := stores.ParseCounters(b)
		if err != nil {
			return
		}
		again, err := stores.ParseCounters(stores.AppendCounters(nil, c))
		if err != nil || !cmp.Equal(again, c) {
			t.Fatalf("%#v became %#v, %v", c, again, err)
		}
	})
}

func FuzzParseTLSSession(f *testing.F) {
	f.Add(stores.AppendTLSSession(nil, sessions["short"]))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := stores.ParseTLSSession(b)
		if err != nil {
			return
		}
		again, err := stores.ParseTLSSession(stores.AppendTLSSession(nil, s))
		if err != nil || !again.At.Equal(s.At) || !bytes.Equal(again.Session, s.Session) {
			t.Fatalf("a session of %v with %d bytes became one of %v with %d, %v", s.At, len(s.Session), again.At, len(again.Session), err)
		}
	})
}

func FuzzParseKey(f *testing.F) {
	f.Add([]byte("c\x04mainftp://a:21"))
	f.Add([]byte{'r', 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := stores.ParseKey(b)
		if err != nil {
			return
		}
		stored, err := stores.AppendKey(nil, k)
		if err != nil {
			t.Fatalf("%v parsed but cannot be stored: %v", k, err)
		}
		if again, err := stores.ParseKey(stored); err != nil || again != k {
			t.Fatalf("%v became %v, %v", k, again, err)
		}
	})
}
