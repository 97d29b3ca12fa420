package readiness

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
)

func TestAwait(t *testing.T) {
	begin := func(t *testing.T) (near, far *net.TCPConn, r *Reader) {
		a, b := connected(t, "tcp", "127.0.0.1:0")
		near, far = a.(*net.TCPConn), b.(*net.TCPConn)
		t.Cleanup(func() { near.Close(); far.Close() })
		_ = near.SetDeadline(time.Now().Add(patience))
		return near, far, reader(t, near, new(Buffers))
	}
	t.Run("returns_when_bytes_come_and_leaves_them_there", func(t *testing.T) {
		_, far, r := begin(t)
		var wg conc.WaitGroup
		var err error
		wg.Go(func() { err = r.Await() })
		if _, err := far.Write([]byte("NOOP")); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		if err != nil || r.Borrowed() {
			t.Fatalf("got %v, holds a buffer: %v", err, r.Borrowed())
		}
		for range 2 { // it may be asked again and again
			if err := r.Await(); err != nil {
				t.Fatal(err)
			}
		}
		if b, err := r.Read(); string(b) != "NOOP" || err != nil {
			t.Errorf("read %q, %v", b, err)
		}
	})
	t.Run("the_end_counts_as_something_to_read", func(t *testing.T) {
		_, far, r := begin(t)
		far.Close()
		if err := r.Await(); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Read(); !errors.Is(err, io.EOF) {
			t.Errorf("got %v, want io.EOF", err)
		}
	})
	t.Run("a_reset_is_told_by_one_of_the_two", func(t *testing.T) {
		_, far, r := begin(t)
		_ = far.SetLinger(0)
		far.Close()
		err := r.Await()
		if err == nil {
			_, err = r.Read()
		}
		if !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("got %v, want a reset", err)
		}
	})
	t.Run("a_close_ends_the_wait", func(t *testing.T) {
		near, _, r := begin(t)
		var wg conc.WaitGroup
		var err error
		wg.Go(func() { err = r.Await() })
		near.Close()
		wg.Wait()
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v, want net.ErrClosed", err)
		}
	})
	t.Run("a_connection_without_a_descriptor_is_not_waited_for", func(t *testing.T) {
		near, far := net.Pipe()
		defer near.Close()
		defer far.Close()
		if err := reader(t, near, new(Buffers)).Await(); err != nil {
			t.Error(err)
		}
	})
}
