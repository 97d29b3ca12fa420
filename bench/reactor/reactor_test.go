//go:build unix

package reactor

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// on is a handler in one function.
type on func() error

func (f on) Ready() error { return f() }

func loop(t *testing.T) *Loop {
	t.Helper()
	l, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.Close()
		w.Close()
	})
	return r, w
}

func TestRunEnds(t *testing.T) {
	fault := errors.New("handler")
	cause := errors.New("cause")
	cases := map[string]struct {
		handler func(*Loop) error
		ctx     func() context.Context
		until   time.Duration
		want    error
	}{
		"when it is stopped":      {handler: func(l *Loop) error { l.Stop(); return nil }},
		"with a handler's error":  {handler: func(*Loop) error { return fault }, want: fault},
		"when its time is over":   {handler: func(*Loop) error { return nil }, until: time.Millisecond},
		"with its context":        {handler: func(*Loop) error { return nil }, ctx: func() context.Context { return ended(cause) }, want: cause},
		"with a context it waits": {ctx: func() context.Context { return soon(cause) }, want: cause},
	}
	for claim, c := range cases {
		t.Run(claim, func(t *testing.T) {
			l := loop(t)
			_, w := pipe(t)
			if c.handler != nil {
				if err := l.Watch(int(w.Fd()), Writable, on(func() error { return c.handler(l) })); err != nil {
					t.Fatal(err)
				}
			}
			ctx, until := t.Context(), time.Time{}
			if c.ctx != nil {
				ctx = c.ctx()
			}
			if c.until > 0 {
				until = time.Now().Add(c.until)
			}
			if err := l.Run(ctx, until); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func ended(cause error) context.Context {
	ctx, stop := context.WithCancelCause(context.Background())
	stop(cause)
	return ctx
}

// soon ends by its own clock, most likely while the loop waits.
func soon(cause error) context.Context {
	ctx, stop := context.WithTimeoutCause(context.Background(), 20*time.Millisecond, cause)
	context.AfterFunc(ctx, stop)
	return ctx
}

func TestWhatIsForgottenIsNotCalled(t *testing.T) {
	l := loop(t)
	_, w := pipe(t)
	calls := 0
	if err := l.Watch(int(w.Fd()), Writable, on(func() error {
		calls++
		l.Forget(int(w.Fd()))
		return nil
	})); err != nil {
		t.Fatal(err)
	}
	if err := l.Run(t.Context(), time.Now().Add(20*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if calls != 1 {
		t.Errorf("called %d times, want once", calls)
	}
	l.Forget(int(w.Fd())) // a second time is no harm
	l.Forget(-1)
}

func TestUntilEOF(t *testing.T) {
	r, w := pipe(t)
	var wg conc.WaitGroup
	var err error
	wg.Go(func() { err = UntilEOF(t.Context(), int(r.Fd())) })
	if _, failed := unix.Write(int(w.Fd()), make([]byte, 2000)); failed != nil { // more than one read of it
		t.Fatal(failed)
	}
	w.Close()
	wg.Wait()
	if err != nil {
		t.Error(err)
	}
}
