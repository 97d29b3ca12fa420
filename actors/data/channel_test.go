package data

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/sockets/socketstest"
)

func ways() []way {
	var all []way
	for _, ip := range []string{"127.0.0.1", "::1"} {
		for i := range 8 {
			all = append(all, way{ip, i&1 > 0, i&2 > 0, i&4 > 0})
		}
	}
	return all
}

// send writes everything and closes properly.
func send(t testing.TB, conn *net.TCPConn, content []byte) {
	if _, err := conn.Write(content); err != nil {
		t.Errorf("sending: %v", err)
	}
	if err := conn.Close(); err != nil {
		t.Errorf("closing the source: %v", err)
	}
}

func TestProperEnd(t *testing.T) {
	for _, w := range ways() {
		t.Run(w.String(), func(t *testing.T) {
			if w.ip == "::1" {
				socketstest.NeedIPv6(t)
			}
			t.Parallel()
			eachPath(t, func(t *testing.T, path func(*Config)) {
				t.Parallel()
				for _, size := range []int{0, 1, 1_500_001} {
					r := start(t, w, path, func(c *Config) { c.Stalled = patience })
					content := noise(1, size)
					var wg conc.WaitGroup
					wg.Go(func() { send(t, r.source, content) })
					var got bytes.Buffer
					if _, err := io.CopyN(&got, r.dest, int64(size)); err != nil {
						t.Fatalf("%d bytes: %v", size, err)
					}
					ended := hear[messages.DataEnded](t, r)
					if ended.Transfer != 7 || ended.Bytes != int64(size) || ended.Settle <= 0 {
						t.Errorf("told %+v of %d bytes", ended, size)
					}
					stillOpen(t, r.dest)
					r.ch.Settle(true)
					if n, err := io.Copy(io.Discard, r.dest); n != 0 || err != nil {
						t.Errorf("after the last byte came %d more and %v, want a proper end", n, err)
					}
					r.dest.Close()
					if done := hear[messages.TransferFinished](t, r); done.Err != nil || done.Bytes != int64(size) {
						t.Errorf("told %+v, want %d bytes and no error", done, size)
					}
					if !bytes.Equal(got.Bytes(), content) {
						t.Errorf("what arrived of %d bytes is not what was sent", size)
					}
					wg.Wait()
				}
			})
		})
	}
}

// stillOpen proves that no end has been sent yet. The end could be late, so
// this may miss a fault, but never invents one.
func stillOpen(t testing.TB, conn *net.TCPConn) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
	if n, err := conn.Read(make([]byte, 1)); n != 0 || !isTimeout(err) {
		t.Errorf("before it was settled the destination saw %d bytes and %v", n, err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(patience))
}

func isTimeout(err error) bool {
	ne, ok := err.(net.Error)
	return ok && ne.Timeout()
}

func TestHalfClosedPeers(t *testing.T) {
	content := noise(2, 200_000)
	t.Run("a_source_that_still_listens_has_ended", func(t *testing.T) {
		r := start(t, upload)
		var wg conc.WaitGroup
		wg.Go(func() { _, _ = r.source.Write(content); _ = r.source.CloseWrite() })
		got := make([]byte, len(content))
		if _, err := io.ReadFull(r.dest, got); err != nil || !bytes.Equal(got, content) {
			t.Fatalf("content differs or %v", err)
		}
		hear[messages.DataEnded](t, r)
		r.ch.Settle(true)
		r.dest.Close()
		if done := hear[messages.TransferFinished](t, r); done.Err != nil {
			t.Errorf("told %+v", done)
		}
		wg.Wait()
	})
	t.Run("a_destination_that_will_not_send_still_gets_everything", func(t *testing.T) {
		r := start(t, download)
		if err := r.dest.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		var wg conc.WaitGroup
		wg.Go(func() { send(t, r.source, content) })
		got := make([]byte, len(content))
		if _, err := io.ReadFull(r.dest, got); err != nil || !bytes.Equal(got, content) {
			t.Fatalf("content differs or %v", err)
		}
		hear[messages.DataEnded](t, r)
		r.ch.Settle(true)
		if done := hear[messages.TransferFinished](t, r); done.Err != nil {
			t.Errorf("told %+v", done)
		}
		wg.Wait()
	})
}

func TestUploadWaitsForTheBackend(t *testing.T) {
	settled := func(t *testing.T, adjust ...func(*Config)) *rig {
		r := start(t, upload, adjust...)
		send(t, r.source, []byte("all of it"))
		if _, err := io.ReadFull(r.dest, make([]byte, 9)); err != nil {
			t.Fatal(err)
		}
		hear[messages.DataEnded](t, r)
		r.ch.Settle(true)
		if n, err := r.dest.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Fatalf("the backend saw %d bytes and %v, want a proper end", n, err)
		}
		return r
	}
	t.Run("its_reset_after_our_end_is_an_error", func(t *testing.T) {
		r := settled(t)
		hangUp(r.dest)
		r.broken(t, messages.BackSide, messages.StageCopy)
	})
	t.Run("its_silence_is_a_stall", func(t *testing.T) {
		r := settled(t, func(c *Config) { c.Stalled = 100 * time.Millisecond })
		r.broken(t, messages.BackSide, messages.StageStall)
	})
	t.Run("what_it_sends_does_not_prolong_the_wait", func(t *testing.T) {
		r := settled(t, func(c *Config) { c.Stalled = 100 * time.Millisecond })
		var wg conc.WaitGroup
		wg.Go(func() {
			for { // until the channel gives up on it
				if _, err := r.dest.Write([]byte("chatter")); err != nil {
					return
				}
			}
		})
		r.broken(t, messages.BackSide, messages.StageStall)
		wg.Wait()
	})
	t.Run("an_abort_ends_the_wait_even_while_it_sends", func(t *testing.T) {
		for range 20 {
			r := settled(t)
			var wg conc.WaitGroup
			wg.Go(func() {
				for {
					if _, err := r.dest.Write([]byte("chatter")); err != nil {
						return
					}
				}
			})
			r.abort()
			if done := hear[messages.TransferFinished](t, r); done.Err != nil || done.Bytes != 9 {
				t.Errorf("told %+v, want a clean end of 9 bytes", done)
			}
			wg.Wait()
		}
	})
}
