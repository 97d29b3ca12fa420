package listing

import (
	"bytes"
	"math/rand/v2"
)

// failer is a test, a fuzz test or a property's.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// today is when the recorded listings were made.
var today = Date{2026, 1, 15, 12, 0, 0}

// run translates the pieces one at a time, from a buffer that is overwritten
// after each, as a reader's buffer is.
func run(t failer, opts Options, pieces ...[]byte) (out []byte, counts Counts) {
	t.Helper()
	tr := NewTranslator(opts)
	for _, p := range pieces {
		b := bytes.Clone(p)
		tr.Feed(b)
		out = tr.Append(out)
		for i := range b {
			b[i] = '!'
		}
		if tr.Buffered() > MaxLine+1 {
			t.Fatalf("%d bytes are held", tr.Buffered())
		}
	}
	return tr.End(out), tr.Counts()
}

func bytewise(in []byte) (pieces [][]byte) {
	for i := range in {
		pieces = append(pieces, in[i:i+1])
	}
	return pieces
}

// torn cuts at random places.
func torn(in []byte, seed uint64) (pieces [][]byte) {
	random := rand.New(rand.NewPCG(seed, 1))
	for len(in) > 0 {
		n := 1 + random.IntN(min(len(in), 100))
		pieces, in = append(pieces, in[:n]), in[n:]
	}
	return pieces
}

// splits feeds the input whole, byte by byte, and torn up; all must agree.
func splits(t failer, opts Options, in []byte) []byte {
	t.Helper()
	whole, counts := run(t, opts, in)
	for name, pieces := range map[string][][]byte{"byte by byte": bytewise(in), "torn": torn(in, 1), "torn again": torn(in, 2)} {
		if got, other := run(t, opts, pieces...); !bytes.Equal(got, whole) || other != counts {
			t.Fatalf("%s it becomes %q %+v, whole %q %+v", name, got, other, whole, counts)
		}
	}
	return whole
}
