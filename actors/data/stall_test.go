package data

import (
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/messages"
)

func TestStall(t *testing.T) {
	for _, w := range []way{download, upload} {
		source, dest := w.sides()
		t.Run(w.String()+"/a_silent_source_is_reported", func(t *testing.T) {
			t.Parallel()
			eachPath(t, func(t *testing.T, path func(*Config)) {
				t.Parallel()
				r := begun(t, w, path, stalledShortly)
				begin := time.Now()
				done := r.broken(t, source, messages.StageStall)
				if took := time.Since(begin); took < shortly/2 || done.Bytes != 4 {
					t.Errorf("reported after %v with %d bytes", took, done.Bytes)
				}
				if done.Reason != "Connection timed out" {
					t.Errorf("a client would be told %q", done.Reason)
				}
				wantReset(t, r.dest)
				wantReset(t, r.source)
			})
		})
		t.Run(w.String()+"/a_destination_that_takes_nothing_is_reported", func(t *testing.T) {
			t.Parallel()
			eachPath(t, func(t *testing.T, path func(*Config)) {
				t.Parallel()
				r := start(t, w, path, stalledShortly)
				var wg conc.WaitGroup
				wg.Go(func() {
					for {
						if _, err := r.source.Write(make([]byte, 64<<10)); err != nil {
							return
						}
					}
				})
				r.broken(t, dest, messages.StageStall)
				wg.Wait()
			})
		})
	}
}

// copying runs only the copy of a channel, between connections that the test
// can reach from both ends.
func copying(t *testing.T, stalled time.Duration, path func(*Config)) (ch *Channel, source, dest *net.TCPConn) {
	cfg := Config{Stalled: stalled, Pipes: newPipes(t)}
	path(&cfg)
	ch = New(cfg)
	source, ch.back = pair(t)
	dest, ch.front = pair(t)
	return ch, source, dest
}

// Deadlines pass at every moment here, on both connections, as they do for a
// peer that is just slower than them. No byte may be lost or doubled by that.
func TestSlowIsNotStalled(t *testing.T) {
	eachPath(t, func(t *testing.T, path func(*Config)) {
		ch, source, dest := copying(t, patience, path)
		content := noise(4, 24<<20)
		var wg conc.WaitGroup
		wg.Go(func() { send(t, source, content) })
		var over atomic.Bool
		wg.Go(func() {
			for !over.Load() {
				expire(ch.back)
				expire(ch.front)
				time.Sleep(50 * time.Microsecond) // the pace, no synchronisation
			}
		})
		sum := sha256.New()
		wg.Go(func() { _, _ = io.Copy(sum, io.LimitReader(dest, int64(len(content)))) })
		if f := ch.copy(ch.front, ch.back, messages.BackSide); f != nil {
			t.Errorf("%v at the %v, stage %v", f.err, f.side, f.stage)
			hangUp(ch.front)
		}
		over.Store(true)
		wg.Wait()
		want := sha256.Sum256(content)
		if ch.bytes != int64(len(content)) || [sha256.Size]byte(sum.Sum(nil)) != want {
			t.Errorf("%d bytes arrived, want %d, or they differ", ch.bytes, len(content))
		}
	})
}

// A client on a slow line, with much in the send buffer towards it: the socket
// takes nothing new for longer than the limit, yet all the time bytes move.
func TestALargeSendBufferOnASlowLine(t *testing.T) {
	eachPath(t, func(t *testing.T, path func(*Config)) {
		t.Parallel()
		onASlowLine(t, path)
	})
}

func onASlowLine(t *testing.T, path func(*Config)) {
	ch, source, dest := copying(t, shortly, path)
	_ = dest.SetReadBuffer(16 << 10)
	_ = ch.front.SetWriteBuffer(1 << 20)
	var wg conc.WaitGroup
	wg.Go(func() {
		_, _ = source.Write(make([]byte, 4<<20))
		source.Close()
	})
	wg.Go(func() {
		tick := time.NewTicker(30 * time.Millisecond)
		defer tick.Stop()
		buf := make([]byte, 10<<10)
		for begin := time.Now(); time.Since(begin) < 3*shortly; <-tick.C {
			if _, err := dest.Read(buf); err != nil {
				return
			}
		}
		_ = dest.SetReadBuffer(4 << 20) // the rest comes over a fast line
		_, _ = io.Copy(io.Discard, dest)
	})
	if f := ch.copy(ch.front, ch.back, messages.BackSide); f != nil {
		t.Errorf("%v at the %v, stage %v, after %d bytes", f.err, f.side, f.stage, ch.bytes)
	}
	ch.front.Close()
	ch.back.Close()
	wg.Wait()
}

func TestClockForgivesDeadlinesOnly(t *testing.T) {
	a, b := pair(t)
	var aborted atomic.Bool
	clock := &stallClock{limit: patience, dst: a, src: b, aborted: &aborted}
	clock.start()
	for err, want := range map[error]bool{
		os.ErrDeadlineExceeded:                                true,
		&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}: true,
		os.NewSyscallError("splice", syscall.ETIMEDOUT):       false, // the connection is dead
		syscall.ECONNRESET:                                    false,
		io.EOF:                                                false,
	} {
		if got := clock.forgives(err); got != want {
			t.Errorf("forgives %v: %v", err, got)
		}
	}
	aborted.Store(true)
	if clock.forgives(os.ErrDeadlineExceeded) {
		t.Error("an abort's deadline was forgiven")
	}
	clock.renew()
	begin := time.Now()
	if _, err := b.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) > patience/2 {
		t.Errorf("a renewal undid an abort: %v after %v", err, time.Since(begin))
	}
}
