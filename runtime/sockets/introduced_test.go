package sockets

import (
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/protocols/proxyproto"
	"github.com/sluice-gateway/sluice/runtime/sockets/socketstest"
)

const line = "PROXY TCP4 192.0.2.1 192.0.2.2 1 21\r\n"

func TestIntroduced(t *testing.T) {
	t.Run("takes_the_header_and_not_a_byte_more", func(t *testing.T) {
		far, near := socketstest.Pair(t)
		_, _ = io.WriteString(far, line+"USER bob\r\n")
		h, err := Introduced(t.Context(), near, 10*time.Second)
		if err != nil || h.Source.String() != "192.0.2.1:1" {
			t.Fatalf("got %+v, %v", h, err)
		}
		rest := make([]byte, 10)
		if _, err := io.ReadFull(near, rest); err != nil || string(rest) != "USER bob\r\n" {
			t.Errorf("behind it is %q, %v", rest, err)
		}
	})
	t.Run("byte_by_byte", func(t *testing.T) {
		far, near := socketstest.Pair(t)
		var wg conc.WaitGroup
		defer wg.Wait()
		wg.Go(func() {
			for i := range line {
				_, _ = far.Write([]byte{line[i]})
			}
		})
		if h, err := Introduced(t.Context(), near, 10*time.Second); err != nil || h.Destination.String() != "192.0.2.2:21" {
			t.Errorf("got %+v, %v", h, err)
		}
	})
	t.Run("lifts_its_deadline", func(t *testing.T) {
		far, near := socketstest.Pair(t)
		_, _ = io.WriteString(far, line)
		if _, err := Introduced(t.Context(), near, 50*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		var wg conc.WaitGroup
		defer wg.Wait()
		wg.Go(func() {
			time.Sleep(150 * time.Millisecond) // longer than the limit was
			_, _ = far.Write([]byte{1})
		})
		if _, err := near.Read(make([]byte, 1)); err != nil {
			t.Errorf("a read later gave %v", err)
		}
	})
	t.Run("waits_no_longer_than_its_time", func(t *testing.T) {
		far, near := socketstest.Pair(t)
		_, _ = io.WriteString(far, line[:len(line)-1])
		began := time.Now()
		_, err := Introduced(t.Context(), near, 100*time.Millisecond)
		if took := time.Since(began); !errors.Is(err, os.ErrDeadlineExceeded) || took > 5*time.Second {
			t.Errorf("%v after %v", err, took)
		}
	})
	t.Run("its_time_is_for_all_of_it", func(t *testing.T) {
		far, near := socketstest.Pair(t)
		var wg conc.WaitGroup
		defer wg.Wait()
		gone := make(chan struct{})
		defer close(gone)
		wg.Go(func() {
			for i := 0; i < len(line)-2; i++ {
				_, _ = far.Write([]byte{line[i]})
				select {
				case <-gone:
					return
				case <-time.After(50 * time.Millisecond):
				}
			}
		})
		began := time.Now()
		if _, err := Introduced(t.Context(), near, 300*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) > time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
	t.Run("the_context_ends_it", func(t *testing.T) {
		_, near := socketstest.Pair(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("the house is closed")
		time.AfterFunc(50*time.Millisecond, func() { cancel(why) })
		if _, err := Introduced(ctx, near, 10*time.Second); !errors.Is(err, why) {
			t.Errorf("ended by %v", err)
		}
	})
	t.Run("what_is_no_header_is_refused_at_once", func(t *testing.T) {
		far, near := socketstest.Pair(t)
		_, _ = io.WriteString(far, "USER bob\r\n")
		if _, err := Introduced(t.Context(), near, 10*time.Second); !errors.Is(err, proxyproto.ErrNoHeader) {
			t.Errorf("ended by %v", err)
		}
	})
	t.Run("a_peer_that_leaves", func(t *testing.T) {
		far, near := socketstest.Pair(t)
		far.Close()
		if _, err := Introduced(t.Context(), near, 10*time.Second); !errors.Is(err, io.EOF) {
			t.Errorf("ended by %v", err)
		}
	})
}
