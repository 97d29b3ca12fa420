package data

import (
	"bytes"
	"errors"
	"io"
	"syscall"
	"testing"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/messages"
)

// received is what the destination got, and how it ended, when it is over.
type received struct {
	bytes.Buffer
	err error
	wg  conc.WaitGroup
}

func receive(conn io.Reader) *received {
	var got received
	got.wg.Go(func() { _, got.err = io.Copy(&got.Buffer, struct{ io.Reader }{conn}) })
	return &got
}

// wantTooLarge hears of a transfer that passed its limit.
func (r *rig) wantTooLarge(t testing.TB, w way, limit int) {
	t.Helper()
	source, _ := w.sides()
	done := r.broken(t, source, messages.StageLimit)
	reason, errno := "Operation not permitted", error(syscall.EPERM)
	if w.upload {
		reason, errno = "File too large", syscall.EFBIG
	}
	var size *SizeError
	if !errors.Is(done.Err, ErrTooLarge) || !errors.Is(done.Err, errno) || !errors.As(done.Err, &size) ||
		size.Limit != int64(limit) || size.Upload != w.upload || done.Reason != reason {
		t.Errorf("told %+v", done)
	}
	if done.Bytes != int64(limit) || r.ch.Counts().Written != int64(limit) {
		t.Errorf("told of %d bytes and counted %+v, want %d", done.Bytes, r.ch.Counts(), limit)
	}
}

// wantStart says whether what arrived is the content up to the limit, or the start
// of that where a reset overtook the rest.
func (r *received) wantStart(t testing.TB, content []byte, limit int) {
	t.Helper()
	short := len(content) > limit && r.Len() <= limit
	if !bytes.HasPrefix(content, r.Bytes()) || !short && r.Len() != len(content) {
		t.Errorf("%d bytes arrived, want the first %d of %d", r.Len(), min(len(content), limit), len(content))
	}
}

func TestLimit(t *testing.T) {
	const limit = 100_000
	for _, w := range []way{download, upload} {
		for name, size := range map[string]int{"one_less": limit - 1, "all_of_it": limit, "one_more": limit + 1, "much_more": 40 * limit, "nothing": 0} {
			t.Run(w.String()+"/"+name, func(t *testing.T) {
				eachPath(t, func(t *testing.T, path func(*Config)) {
					t.Parallel()
					r := start(t, w, path, func(c *Config) { c.MaxBytes, c.Stalled = limit, patience })
					content := noise(8, size)
					var wg conc.WaitGroup
					defer wg.Wait()
					var sent error
					wg.Go(func() { _, sent = r.source.Write(content); _ = r.source.CloseWrite() })
					got := receive(r.dest)
					if size > limit {
						r.wantTooLarge(t, w, limit)
						wg.Wait()
						if sent == nil { // else it was told of the reset there
							wantReset(t, r.source)
						}
					} else {
						hear[messages.DataEnded](t, r)
						r.ch.Settle(true)
					}
					got.wg.Wait()
					got.wantStart(t, content, limit)
					if broken := errors.Is(got.err, syscall.ECONNRESET); broken != (size > limit) || !broken && got.err != nil {
						t.Errorf("the destination's connection ended with %v", got.err)
					}
					r.dest.Close()
					if size <= limit {
						if done := hear[messages.TransferFinished](t, r); done.Err != nil || done.Bytes != int64(size) {
							t.Errorf("told %+v", done)
						}
					}
				})
			})
		}
	}
}

func TestSecureLimit(t *testing.T) {
	const limit = 100_000
	for _, m := range mixes {
		if m.measured {
			continue // the same with this limit
		}
		h := newHouse(t, m)
		for _, w := range []way{download, upload} {
			t.Run(m.String()+"/"+w.String()+"/one_more", func(t *testing.T) {
				r := startSecure(t, w, h, func(c *Config) { c.MaxBytes, c.Stalled = limit, patience })
				var wg conc.WaitGroup
				defer wg.Wait()
				content := noise(9, limit+1)
				wg.Go(func() { _, _ = r.source.Write(content); _ = r.source.closeWrite() })
				got := receive(r.dest)
				r.wantTooLarge(t, w, limit)
				got.wg.Wait()
				got.wantStart(t, content, limit)
				if !errors.Is(got.err, syscall.ECONNRESET) {
					t.Errorf("the destination's connection ended with %v", got.err)
				}
			})
			t.Run(m.String()+"/"+w.String()+"/all_of_it", func(t *testing.T) {
				r := startSecure(t, w, h, func(c *Config) { c.MaxBytes, c.Stalled = limit, patience })
				whole(t, r, m, w, noise(9, limit))
			})
		}
	}
}
