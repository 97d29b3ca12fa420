package sockets_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/runtime/sockets"
	"github.com/sluice-gateway/sluice/runtime/sockets/socketstest"
)

func TestWriter(t *testing.T) {
	t.Run("writes_more_than_the_kernel_takes_at_once", func(t *testing.T) {
		a, b := socketstest.Pair(t)
		w, err := sockets.NewWriter(a)
		if err != nil {
			t.Fatal(err)
		}
		sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
		var got []byte
		var wg conc.WaitGroup
		wg.Go(func() { got, _ = io.ReadAll(b) })
		if err := w.Write(sent); err != nil {
			t.Fatal(err)
		}
		a.Close()
		wg.Wait()
		if !bytes.Equal(got, sent) {
			t.Errorf("%d of %d bytes arrived, or others", len(got), len(sent))
		}
	})
	t.Run("keeps_to_the_deadline", func(t *testing.T) {
		a, _ := socketstest.Pair(t)
		w, err := sockets.NewWriter(a)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if err := w.Write(make([]byte, 64<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v, want the deadline's error", err)
		}
	})
	t.Run("tells_of_a_peer_that_is_gone", func(t *testing.T) {
		a, b := socketstest.Pair(t)
		w, err := sockets.NewWriter(a)
		if err != nil {
			t.Fatal(err)
		}
		_ = b.SetLinger(0)
		b.Close()
		for range 1000 { // the reset may still be under way
			if err = w.Write([]byte("x")); err != nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		if !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("got %v, want a broken pipe or a reset", err)
		}
	})
	t.Run("a_closed_connection_is_an_error", func(t *testing.T) {
		a, _ := socketstest.Pair(t)
		w, err := sockets.NewWriter(a)
		if err != nil {
			t.Fatal(err)
		}
		a.Close()
		if err := w.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v, want net.ErrClosed", err)
		}
	})
	t.Run("allocates_nothing", func(t *testing.T) {
		a, b := socketstest.Pair(t)
		w, err := sockets.NewWriter(a)
		if err != nil {
			t.Fatal(err)
		}
		line, scrap := []byte("200 OK\r\n"), make([]byte, 64)
		if n := testing.AllocsPerRun(100, func() {
			if err := w.Write(line); err != nil {
				t.Fatal(err)
			}
			if _, err := b.Read(scrap); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%v allocations for a line", n)
		}
	})
}
