package data

import (
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/messages"
)

// sides returns where a transfer's source and destination are.
func (w way) sides() (source, dest messages.Side) {
	if w.upload {
		return messages.FrontSide, messages.BackSide
	}
	return messages.BackSide, messages.FrontSide
}

// begun is a transfer in the middle: some bytes have arrived, more may come.
func begun(t *testing.T, w way, adjust ...func(*Config)) *rig {
	t.Helper()
	r := start(t, w, adjust...)
	if _, err := r.source.Write([]byte("some")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r.dest, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestABreakIsNeverAnEnd(t *testing.T) {
	for _, w := range []way{download, upload} {
		source, dest := w.sides()
		breaks := map[string]func(*testing.T, *rig){
			"source_resets": func(t *testing.T, r *rig) {
				hangUp(r.source)
				wantReset(t, r.dest)
				if done := r.broken(t, source, messages.StageCopy); done.Bytes != 4 {
					t.Errorf("%d bytes were reported, want 4", done.Bytes)
				}
			},
			"destination_resets": func(t *testing.T, r *rig) {
				hangUp(r.dest)
				for { // the channel notices when it writes
					if _, err := r.source.Write(make([]byte, 1000)); err != nil {
						break
					}
				}
				r.broken(t, dest, messages.StageCopy)
			},
			"destination_closes_early": func(t *testing.T, r *rig) {
				r.dest.Close()
				for {
					if _, err := r.source.Write(make([]byte, 1000)); err != nil {
						break
					}
				}
				r.broken(t, dest, messages.StageCopy)
			},
			"session_aborts": func(t *testing.T, r *rig) {
				r.abort()
				wantReset(t, r.dest)
				wantReset(t, r.source)
				done := hear[messages.TransferFinished](t, r)
				if !errors.Is(done.Err, ErrAborted) || done.Stage != messages.StageAbort || done.Bytes != 4 {
					t.Errorf("told %+v, want an abort after 4 bytes", done)
				}
			},
			"session_settles_as_broken": func(t *testing.T, r *rig) {
				r.source.Close()
				hear[messages.DataEnded](t, r)
				r.ch.Settle(false)
				wantReset(t, r.dest)
				r.broken(t, source, messages.StageAbort)
			},
			"session_aborts_before_it_settles": func(t *testing.T, r *rig) {
				r.source.Close()
				hear[messages.DataEnded](t, r)
				r.abort()
				wantReset(t, r.dest)
				r.broken(t, source, messages.StageAbort)
			},
			"session_is_gone": func(t *testing.T, r *rig) {
				r.inbox.Retire()
				r.source.Close()
				wantReset(t, r.dest)
			},
			"destination_resets_before_the_session_settles": func(t *testing.T, r *rig) {
				r.source.Close()
				hear[messages.DataEnded](t, r)
				hangUp(r.dest)
				r.ch.Settle(true)
				r.broken(t, dest, messages.StageCopy)
			},
		}
		for name, act := range breaks {
			t.Run(w.String()+"/"+name, func(t *testing.T) {
				eachPath(t, func(t *testing.T, path func(*Config)) {
					t.Parallel()
					act(t, begun(t, w, path, func(c *Config) { c.Stalled = patience }))
				})
			})
		}
	}
}

func TestABreakWithBytesUnderWay(t *testing.T) {
	eachPath(t, func(t *testing.T, path func(*Config)) {
		r := start(t, download, path)
		var wg conc.WaitGroup
		wg.Go(func() {
			_, _ = r.source.Write(noise(3, 8<<20)) // more than the way holds: the client does not read
		})
		_, _ = io.ReadFull(r.dest, make([]byte, 1<<20))
		r.abort()
		wantReset(t, r.dest)
		if done := hear[messages.TransferFinished](t, r); !errors.Is(done.Err, ErrAborted) || done.Stage != messages.StageAbort {
			t.Errorf("told %+v, want an abort", done)
		}
		wg.Wait()
	})
}

// An abort may come between any two steps of the channel. Whatever it meets,
// it ends the transfer, and a renewed deadline does not undo it.
func TestAbortAtAnyMoment(t *testing.T) {
	eachPath(t, func(t *testing.T, path func(*Config)) {
		t.Parallel()
		for range 60 {
			abortSometime(t, path)
		}
	})
}

func abortSometime(t *testing.T, path func(*Config)) {
	r := start(t, download, path, func(c *Config) { c.Stalled = 400 * time.Millisecond }) // renewed after a quarter of that
	var wg conc.WaitGroup
	wg.Go(func() {
		for {
			if _, err := r.source.Write(make([]byte, 100)); err != nil {
				return
			}
		}
	})
	wg.Go(func() { _, _ = io.Copy(io.Discard, r.dest) })
	wg.Go(func() {
		<-time.After(time.Duration(rand.IntN(120_000)) * time.Microsecond)
		r.abort()
	})
	if done := hear[messages.TransferFinished](t, r); done.Err == nil {
		t.Error("an endless transfer was reported as clean")
	}
	wg.Wait()
}
