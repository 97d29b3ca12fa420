package data

import (
	"crypto/sha256"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/messages"
)

// shortly is a limit for peers that stall. It is long enough that a machine with
// other work does not make a stall of its own.
const shortly = time.Second

func TestSecureStall(t *testing.T) {
	for i, m := range mixes {
		w := []way{download, upload}[i%2] // the mixes have each version as the source's and the destination's
		for name, stalls := range map[string]func(*testing.T, way, *house){
			"a_silent_source_is_reported":                           silentSource,
			"a_source_that_dribbled_before_its_silence_is_reported": dribblingSource,
			"a_destination_that_takes_nothing_is_reported":          idleDestination,
		} {
			t.Run(m.String()+"/"+w.String()+"/"+name, func(t *testing.T) {
				t.Parallel()
				stalls(t, w, newHouse(t, m))
			})
		}
	}
}

func stalledShortly(c *Config) { c.Stalled = shortly }

func silentSource(t *testing.T, w way, h *house) {
	source, _ := w.sides()
	r := begunSecure(t, w, h, stalledShortly)
	begin := time.Now()
	done := r.broken(t, source, messages.StageStall)
	if took := time.Since(begin); took < shortly/2 || done.Bytes != 4 || done.Reason != "Connection timed out" {
		t.Errorf("told %+v after %v", done, took)
	}
	wantReset(t, r.dest.tcp)
	wantReset(t, r.source.tcp)
}

func dribblingSource(t *testing.T, w way, h *house) {
	source, _ := w.sides()
	r := begunSecure(t, w, h, stalledShortly)
	for range 8 { // so that its last byte is younger than the deadline under way
		time.Sleep(10 * time.Millisecond) // the pace, no synchronisation
		if _, err := r.source.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if done := r.broken(t, source, messages.StageStall); done.Bytes != 12 {
		t.Errorf("told %+v", done)
	}
}

func idleDestination(t *testing.T, w way, h *house) {
	_, dest := w.sides()
	r := startSecure(t, w, h, stalledShortly)
	var wg conc.WaitGroup
	wg.Go(func() { // until it is told of the reset
		for {
			if _, err := r.source.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	})
	r.broken(t, dest, messages.StageStall)
	wg.Wait()
}

// copyingSecure runs only the copy of a download, like copying.
func copyingSecure(t *testing.T, m mix, stalled time.Duration) (ch *Channel, source, dest peer) {
	t.Helper()
	h := newHouse(t, m)
	cfg := Config{Stalled: stalled, Pipes: newPipes(t)}
	h.secure(&cfg)
	ch = New(cfg)
	src, back := pair(t)
	dst, front := pair(t)
	ch.back, ch.front = back, front
	source, dest = h.peer(messages.BackSide, src), h.peer(messages.FrontSide, dst)
	var wg conc.WaitGroup
	var serr, derr error
	wg.Go(func() { serr = source.greet() })
	wg.Go(func() { derr = dest.greet() })
	ctx, cancel := background()
	defer cancel()
	for _, f := range []*fault{
		ch.secure(ctx, messages.BackSide, cfg.Back, back),
		ch.secure(ctx, messages.FrontSide, cfg.Front, front),
	} {
		if f != nil {
			t.Fatal(f.err)
		}
	}
	wg.Wait()
	if serr != nil || derr != nil {
		t.Fatal(serr, derr)
	}
	return ch, source, dest
}

// A source that has said what it has for now is not to blame for its silence
// while the destination has not even taken that.
func TestTheOneWhoTakesNothingIsToBlame(t *testing.T) {
	for _, m := range mixes {
		t.Run(m.String(), func(t *testing.T) {
			t.Parallel()
			ch, source, dest := copyingSecure(t, m, shortly)
			_ = ch.front.SetWriteBuffer(4 << 10)
			_ = dest.tcp.SetReadBuffer(4 << 10)
			if _, err := source.Write(make([]byte, 200<<10)); err != nil {
				t.Fatal(err)
			}
			f := ch.copy(ch.front, ch.back, messages.BackSide)
			if f == nil || f.side != messages.FrontSide || f.stage != messages.StageStall {
				t.Errorf("got %+v, want a stall of the client", f)
			}
		})
	}
}

// Deadlines pass at every moment here, on both connections, as they do for a
// peer that is just slower than them. crypto/tls may not hear of any. What is
// measured sets none for writes in TLS.
func TestSecureSlowIsNotStalled(t *testing.T) {
	for _, m := range mixes {
		t.Run(m.String(), func(t *testing.T) {
			ch, source, dest := copyingSecure(t, m, patience)
			content := noise(4, 12<<20)
			var wg conc.WaitGroup
			wg.Go(func() {
				_, _ = source.Write(content)
				_ = source.closeWrite()
			})
			var over atomic.Bool
			wg.Go(func() {
				for !over.Load() {
					expire(ch.back)
					if !m.measured || m.front == 0 {
						expire(ch.front)
					}
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
}

// trickle sends one record in pieces, at a pace.
func (p peer) trickle(content []byte, piece int, pace time.Duration) {
	p.throttle.pace, p.throttle.piece = pace, piece
	defer func() { p.throttle.pace = 0 }()
	_, _ = p.Write(content)
}

// A record that trickles in for longer than the limit is slow.
func TestASlowRecordIsNotStalled(t *testing.T) {
	for _, m := range mixes {
		t.Run(m.String(), func(t *testing.T) {
			t.Parallel()
			ch, source, dest := copyingSecure(t, m, shortly)
			var wg conc.WaitGroup
			wg.Go(func() {
				source.trickle(make([]byte, 5000), 100, 30*time.Millisecond)
				_ = source.closeWrite()
			})
			wg.Go(func() { _, _ = io.Copy(io.Discard, dest) })
			if f := ch.copy(ch.front, ch.back, messages.BackSide); f != nil {
				t.Errorf("%v at the %v, stage %v", f.err, f.side, f.stage)
			}
			ch.front.Close()
			ch.back.Close()
			wg.Wait()
		})
	}
}

// A client on a slow line, with much in the send buffer towards it: the socket
// takes nothing new for longer than the limit, yet all the time bytes move. It
// breaks off in the end, so that there is an end.
func TestSecureLargeSendBufferOnASlowLine(t *testing.T) {
	for _, m := range mixes {
		t.Run(m.String(), func(t *testing.T) {
			t.Parallel()
			ch, source, dest := copyingSecure(t, m, shortly)
			_ = dest.tcp.SetReadBuffer(16 << 10)
			_ = ch.front.SetWriteBuffer(1 << 20)
			var wg conc.WaitGroup
			wg.Go(func() { _, _ = source.Write(make([]byte, 4<<20)) })
			wg.Go(func() {
				tick := time.NewTicker(30 * time.Millisecond)
				defer tick.Stop()
				buf := make([]byte, 10<<10)
				for begin := time.Now(); time.Since(begin) < 3*shortly; <-tick.C {
					if _, err := dest.tcp.Read(buf); err != nil { // records as they are
						break
					}
				}
				hangUp(dest.tcp)
			})
			f := ch.copy(ch.front, ch.back, messages.BackSide)
			if f == nil || f.side != messages.FrontSide || f.stage != messages.StageCopy {
				t.Errorf("got %+v after %d bytes, want the client's reset", f, ch.bytes)
			}
			hangUp(ch.front)
			hangUp(ch.back)
			wg.Wait()
		})
	}
}
