package data

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/actors/stage"
	"github.com/sluice-gateway/sluice/messages"
)

// sendSecure sends everything, says the end and sees it answered.
func sendSecure(t testing.TB, p peer, content []byte) {
	if _, err := p.Write(content); err != nil {
		t.Errorf("sending: %v", err)
	}
	if err := p.closeWrite(); err != nil {
		t.Errorf("ending the source: %v", err)
	}
	if n, err := p.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("the source's end was answered with %d bytes and %v", n, err)
	}
	p.tcp.Close()
}

// whole runs a transfer of content to its end.
func whole(t testing.TB, r *secureRig, m mix, w way, content []byte) {
	t.Helper()
	from, _ := w.sides()
	var wg conc.WaitGroup
	wg.Go(func() { sendSecure(t, r.source, content) })
	got := make([]byte, len(content))
	if _, err := io.ReadFull(r.dest, got); err != nil || !bytes.Equal(got, content) {
		t.Fatalf("of %d bytes others arrived, or %v", len(content), err)
	}
	ended := hear[messages.DataEnded](t, r.rig)
	if ended.Transfer != 7 || ended.Bytes != int64(len(content)) || (ended.Settle == 0) != (m.on(from) != 0) {
		t.Errorf("told %+v of %d bytes", ended, len(content))
	}
	r.ch.Settle(true)
	if n, err := r.dest.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("after the last byte came %d more and %v, want a proper end", n, err)
	}
	_ = r.dest.closeWrite()
	r.dest.tcp.Close()
	if done := hear[messages.TransferFinished](t, r.rig); done.Err != nil || done.Bytes != int64(len(content)) {
		t.Errorf("told %+v, want %d bytes and no error", done, len(content))
	}
	wg.Wait()
}

func TestSecureProperEnd(t *testing.T) {
	for _, m := range mixes {
		t.Run(m.String(), func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, m)
			for _, w := range ways()[:8] { // IPv4
				for _, size := range []int{0, 1, 1_500_001} {
					r := startSecure(t, w, h, func(c *Config) { c.Stalled = patience })
					whole(t, r, m, w, noise(1, size))
				}
			}
		})
	}
}

// A hundred data connections resume one session, also with a server whose tickets
// work once each, and after uploads, in which the backend's tickets are read last.
func TestAHundredTransfersInOneSession(t *testing.T) {
	for _, m := range mixes {
		t.Run(m.String(), func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, m)
			used := make(map[string]bool)
			again := 0
			h.backend.UnwrapSession = func(ticket []byte, cs tls.ConnectionState) (*tls.SessionState, error) {
				if used[string(ticket)] {
					again++
				}
				used[string(ticket)] = true
				return h.backend.DecryptTicket(ticket, cs)
			}
			content := noise(5, 20_000)
			for i := range 100 {
				w := download
				if i%3 > 0 {
					w = upload
				}
				r := startSecure(t, w, h)
				if !r.source.resumed() || !r.dest.resumed() {
					t.Fatalf("transfer %d: the source resumed: %v, the destination: %v", i, r.source.resumed(), r.dest.resumed())
				}
				whole(t, r, m, w, content)
			}
			if m.back == tls13 && again > 0 {
				t.Errorf("%d tickets were used again, which some servers refuse", again)
			}
		})
	}
}

func TestASecureBreakIsNeverAnEnd(t *testing.T) {
	chatter := func(p peer) { // the channel notices when it writes
		for {
			if _, err := p.Write(make([]byte, 1000)); err != nil {
				return
			}
		}
	}
	for _, m := range mixes {
		h := newHouse(t, m)
		for _, w := range []way{download, upload} {
			source, dest := w.sides()
			breaks := map[string]func(*testing.T, *secureRig){
				"source_resets": func(t *testing.T, r *secureRig) {
					hangUp(r.source.tcp)
					wantReset(t, r.dest.tcp)
					if done := r.broken(t, source, messages.StageCopy); done.Bytes != 4 {
						t.Errorf("%d bytes were reported, want 4", done.Bytes)
					}
				},
				"destination_resets": func(t *testing.T, r *secureRig) {
					hangUp(r.dest.tcp)
					chatter(r.source)
					r.broken(t, dest, messages.StageCopy)
				},
				"destination_ends_early": func(t *testing.T, r *secureRig) {
					_ = r.dest.closeWrite()
					r.dest.tcp.Close()
					chatter(r.source)
					r.broken(t, dest, messages.StageCopy)
				},
				"session_aborts": func(t *testing.T, r *secureRig) {
					r.abort()
					wantReset(t, r.dest.tcp)
					wantReset(t, r.source.tcp)
					done := hear[messages.TransferFinished](t, r.rig)
					if !errors.Is(done.Err, ErrAborted) || done.Stage != messages.StageAbort || done.Bytes != 4 {
						t.Errorf("told %+v, want an abort after 4 bytes", done)
					}
				},
				"session_settles_as_broken": func(t *testing.T, r *secureRig) {
					_ = r.source.closeWrite()
					hear[messages.DataEnded](t, r.rig)
					r.ch.Settle(false)
					wantReset(t, r.dest.tcp)
					r.broken(t, source, messages.StageAbort)
				},
				"session_aborts_before_it_settles": func(t *testing.T, r *secureRig) {
					_ = r.source.closeWrite()
					hear[messages.DataEnded](t, r.rig)
					r.abort()
					wantReset(t, r.dest.tcp)
					r.broken(t, source, messages.StageAbort)
				},
				"session_is_gone": func(t *testing.T, r *secureRig) {
					r.inbox.Retire()
					_ = r.source.closeWrite()
					wantReset(t, r.dest.tcp)
				},
				"destination_resets_before_the_session_settles": func(t *testing.T, r *secureRig) {
					_ = r.source.closeWrite()
					hear[messages.DataEnded](t, r.rig)
					hangUp(r.dest.tcp)
					r.ch.Settle(true)
					r.broken(t, dest, messages.StageCopy)
				},
			}
			if m.on(source) != 0 {
				breaks["source_closes_without_close_notify"] = func(t *testing.T, r *secureRig) {
					r.source.tcp.Close()
					wantReset(t, r.dest.tcp)
					done := r.broken(t, source, messages.StageCopy)
					if !errors.Is(done.Err, stage.ErrNoCloseNotify) || done.Reason != "Connection closed without TLS close_notify" {
						t.Errorf("told %+v", done)
					}
				}
				breaks["source_is_cut_within_a_record"] = func(t *testing.T, r *secureRig) {
					_, _ = r.source.tcp.Write([]byte{23, 3, 3, 0x40, 0x11, 'h', 'a', 'l', 'f'})
					r.source.tcp.Close()
					wantReset(t, r.dest.tcp)
					r.broken(t, source, messages.StageCopy)
				}
				breaks["source_sends_what_is_no_record_of_its"] = func(t *testing.T, r *secureRig) {
					_, _ = r.source.tcp.Write(append([]byte{23, 3, 3, 0, 32}, make([]byte, 32)...))
					wantReset(t, r.dest.tcp)
					r.broken(t, source, messages.StageCopy)
				}
			}
			for name, act := range breaks {
				t.Run(m.String()+"/"+w.String()+"/"+name, func(t *testing.T) {
					act(t, begunSecure(t, w, h, func(c *Config) { c.Stalled = patience }))
				})
			}
		}
	}
}

// A peer that is known to leave out its close_notify may do so.
func TestLaxClose(t *testing.T) {
	for _, m := range mixes {
		for _, w := range []way{download, upload} {
			source, _ := w.sides()
			if m.on(source) == 0 {
				continue
			}
			lax := func(c *Config) {
				c.Front.LaxClose, c.Back.LaxClose = source == messages.FrontSide, source == messages.BackSide
			}
			h := newHouse(t, m)
			t.Run(m.String()+"/"+w.String()+"/between_records", func(t *testing.T) {
				r := begunSecure(t, w, h, lax)
				_ = r.source.tcp.CloseWrite()
				if ended := hear[messages.DataEnded](t, r.rig); ended.Bytes != 4 || ended.Settle <= 0 {
					t.Errorf("told %+v; such an end may be faked", ended)
				}
				r.ch.Settle(true)
				if n, err := r.dest.Read(make([]byte, 1)); n != 0 || err != io.EOF {
					t.Errorf("the destination saw %d bytes and %v", n, err)
				}
				r.dest.tcp.Close()
				if done := hear[messages.TransferFinished](t, r.rig); done.Err != nil {
					t.Errorf("told %+v", done)
				}
			})
			t.Run(m.String()+"/"+w.String()+"/within_one", func(t *testing.T) {
				r := begunSecure(t, w, h, lax)
				_, _ = r.source.tcp.Write([]byte{23, 3, 3, 0x40, 0x11, 'h', 'a', 'l', 'f'})
				r.source.tcp.Close()
				wantReset(t, r.dest.tcp)
				r.broken(t, source, messages.StageCopy)
			})
		}
	}
}

// A transfer that is settled ends properly, whatever the session does next.
func TestAbortDoesNotUndoASecureSettlement(t *testing.T) {
	for _, m := range mixes {
		t.Run(m.String(), func(t *testing.T) {
			h := newHouse(t, m)
			for i := range 20 {
				r := startSecure(t, ways()[i%8], h)
				if _, err := r.source.Write([]byte("whole")); err != nil {
					t.Fatal(err)
				}
				if err := r.source.closeWrite(); err != nil {
					t.Fatal(err)
				}
				hear[messages.DataEnded](t, r.rig)
				r.ch.Settle(true)
				r.abort()
				got, err := io.ReadAll(r.dest)
				if err != nil || string(got) != "whole" {
					t.Fatalf("the destination got %q and %v, want a proper end", got, err)
				}
				if done := hear[messages.TransferFinished](t, r.rig); done.Err != nil {
					t.Fatalf("told %+v, want a clean finish", done)
				}
				<-r.over // nothing is waited for
			}
		})
	}
}

// After a download the report does not wait for the client's close_notify, but the
// connection does, for a while.
func TestPartingFromTheClient(t *testing.T) {
	parting := func(t *testing.T, m mix) *secureRig {
		r := begunSecure(t, download, newHouse(t, m))
		_ = r.source.closeWrite()
		hear[messages.DataEnded](t, r.rig)
		r.ch.Settle(true)
		if done := hear[messages.TransferFinished](t, r.rig); done.Err != nil {
			t.Fatalf("told %+v", done)
		}
		return r
	}
	for _, m := range []mix{{front: tls13, back: tls13}, {front: tls12}} {
		t.Run(m.String()+"/its_end_is_awaited", func(t *testing.T) {
			t.Parallel()
			r := parting(t, m)
			select {
			case <-r.over:
				t.Error("the connection was closed before the client's end")
			case <-time.After(20 * time.Millisecond): // too short a time misses a fault, but invents none
			}
			if _, err := r.dest.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("the client read %v", err)
			}
			for range 50 { // chatter behind the end that a reset would answer
				if _, err := r.dest.Write([]byte("late")); err != nil {
					t.Errorf("the client's last words: %v", err)
				}
			}
			_ = r.dest.closeWrite()
			r.dest.tcp.Close()
			<-r.over
		})
		t.Run(m.String()+"/but_not_for_ever", func(t *testing.T) {
			t.Parallel()
			r := parting(t, m)
			begin := time.Now()
			<-r.over
			if took := time.Since(begin); took > partTime+patience/4 {
				t.Errorf("the channel lived on for %v", took)
			}
			if _, err := r.dest.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("the client read %v, want a proper end", err)
			}
		})
		t.Run(m.String()+"/nor_beyond_the_session", func(t *testing.T) {
			t.Parallel()
			r := parting(t, m)
			if _, err := r.dest.Write(make([]byte, 100_000)); err != nil { // unread, it would reset the connection
				t.Error(err)
			}
			begin := time.Now()
			r.abort()
			<-r.over
			if took := time.Since(begin); took > partTime/2 {
				t.Errorf("the channel lived on for %v", took)
			}
			if _, err := r.dest.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("the client read %v, want a proper end", err)
			}
		})
	}
}

// lender counts what is borrowed.
type lender struct{ now, ever atomic.Int32 }

func (l *lender) Borrow() { l.now.Add(1); l.ever.Add(1) }
func (l *lender) Return() { l.now.Add(-1) }

func TestProcessorsAreBorrowedForMuch(t *testing.T) {
	for _, tc := range []struct {
		name string
		mix  mix
		size int
		want int32
	}{
		{"large_tls", mix{front: tls13, back: tls13}, 3 << 20, 1},
		{"large_tls_on_one_side", mix{back: tls13}, 3 << 20, 1},
		{"small_tls", mix{front: tls13, back: tls13}, 100_000, 0},
		{"large_plain", mix{}, 3 << 20, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHouse(t, tc.mix)
			var l lender
			r := startSecure(t, download, h, func(c *Config) { c.Pipes.Processors = &l })
			if tc.mix == (mix{}) {
				wholePlain(t, r, noise(6, tc.size))
			} else {
				whole(t, r, tc.mix, download, noise(6, tc.size))
			}
			if l.ever.Load() != tc.want || l.now.Load() != 0 {
				t.Errorf("borrowed %d times, not returned %d times", l.ever.Load(), l.now.Load())
			}
		})
	}
	t.Run("broken_off", func(t *testing.T) {
		h := newHouse(t, mix{front: tls13, back: tls13})
		var l lender
		r := startSecure(t, download, h, func(c *Config) { c.Pipes.Processors = &l })
		arrived := make(chan struct{})
		var wg conc.WaitGroup
		wg.Go(func() {
			_, _ = r.source.Write(make([]byte, 3<<20))
			<-arrived // a reset takes with it what is still under way
			hangUp(r.source.tcp)
		})
		_, _ = io.CopyN(io.Discard, r.dest, 2<<20)
		close(arrived)
		_, _ = io.Copy(io.Discard, r.dest)
		hear[messages.TransferFinished](t, r.rig)
		wg.Wait()
		if l.ever.Load() != 1 || l.now.Load() != 0 {
			t.Errorf("borrowed %d times, not returned %d times", l.ever.Load(), l.now.Load())
		}
	})
}

func wholePlain(t testing.TB, r *secureRig, content []byte) {
	var wg conc.WaitGroup
	wg.Go(func() { send(t, r.source.tcp, content) })
	wg.Go(func() { _, _ = io.Copy(io.Discard, r.dest) })
	hear[messages.DataEnded](t, r.rig)
	r.ch.Settle(true)
	hear[messages.TransferFinished](t, r.rig)
	wg.Wait()
}
