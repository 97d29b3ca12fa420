package readiness

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
)

// paired is a layer that gives bytes away in pairs only, as TLS gives records: a
// single byte is something to read of the descriptor, and nothing of the layer.
type paired struct {
	*net.TCPConn
	raw  syscall.RawConn
	held []byte
	err  error
}

func pair(t *testing.T, conn net.Conn) *paired {
	t.Helper()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	return &paired{TCPConn: conn.(*net.TCPConn), raw: raw}
}

func (p *paired) TryRead(b []byte) (int, error) {
	if len(p.held) < 2 && p.err == nil {
		var scrap [16]byte
		var n int
		var err error
		if werr := p.raw.Read(func(fd uintptr) bool {
			n, err = sockets.Read(int(fd), scrap[:])
			return true
		}); werr != nil {
			return 0, werr
		}
		switch {
		case errors.Is(err, syscall.EAGAIN):
			return 0, ErrEmpty
		case err != nil:
			p.err = err
		case n == 0:
			p.err = io.EOF
		}
		p.held = append(p.held, scrap[:max(n, 0)]...)
	}
	if len(p.held) >= 2 {
		n := copy(b, p.held[:2])
		p.held = p.held[n:]
		return n, nil
	}
	if p.err != nil {
		return 0, p.err
	}
	return 0, ErrEmpty
}

func layered(t *testing.T) (near *paired, far *net.TCPConn, r *Reader) {
	t.Helper()
	a, b := kinds["tcp"](t)
	t.Cleanup(func() { a.Close(); b.Close() })
	_ = a.SetDeadline(time.Now().Add(patience))
	near = pair(t, a)
	return near, b.(*net.TCPConn), reader(t, near, new(Buffers))
}

func TestLayered(t *testing.T) {
	t.Run("bytes_arrive_as_sent", func(t *testing.T) {
		_, far, r := layered(t)
		want := bytes.Repeat([]byte("0123456789"), 100)
		var wg conc.WaitGroup
		wg.Go(func() {
			for i := range want { // one at a time: half a pair each
				_, _ = far.Write(want[i : i+1])
			}
			far.Close()
		})
		var got []byte
		for {
			b, err := r.Read()
			if err != nil {
				if err != io.EOF {
					t.Error(err)
				}
				break
			}
			got = append(got, b...)
		}
		wg.Wait()
		if !bytes.Equal(got, want) || r.Borrowed() {
			t.Errorf("%d of %d bytes, or they differ; a buffer is held: %v", len(got), len(want), r.Borrowed())
		}
	})
	t.Run("what_the_layer_holds_back_is_not_waited_for", func(t *testing.T) {
		_, far, r := layered(t)
		_, _ = far.Write([]byte("aabbcc")) // one read of the descriptor, three of the layer
		for _, want := range []string{"aa", "bb", "cc"} {
			if b, err := r.Read(); string(b) != want || err != nil {
				t.Fatalf("got %q, %v, want %q", b, err, want)
			}
		}
	})
	t.Run("half_a_record_is_waited_beyond_with_nothing_held", func(t *testing.T) {
		near, far, r := layered(t)
		_, _ = far.Write([]byte("a"))
		_ = near.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if err := r.Await(); !errors.Is(err, os.ErrDeadlineExceeded) || r.Borrowed() {
			t.Fatalf("got %v, a buffer is held: %v", err, r.Borrowed())
		}
		_ = near.SetReadDeadline(time.Now().Add(patience))
		_, _ = far.Write([]byte("b"))
		if b, err := r.Read(); string(b) != "ab" || err != nil {
			t.Errorf("got %q, %v", b, err)
		}
	})
	t.Run("what_await_read_is_what_read_returns", func(t *testing.T) {
		_, far, r := layered(t)
		_, _ = far.Write([]byte("ab"))
		for range 2 {
			if err := r.Await(); err != nil {
				t.Fatal(err)
			}
			r.Release() // must not lose it
		}
		if b, err := r.Read(); string(b) != "ab" || err != nil {
			t.Fatalf("got %q, %v", b, err)
		}
		r.Release()
		if r.Borrowed() {
			t.Error("a buffer is held after Release")
		}
	})
	t.Run("the_end_is_told_by_read", func(t *testing.T) {
		_, far, r := layered(t)
		far.Close()
		if err := r.Await(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := r.Read(); err != io.EOF || r.Borrowed() {
				t.Errorf("got %v, a buffer is held: %v", err, r.Borrowed())
			}
		}
	})
	t.Run("a_close_ends_the_wait", func(t *testing.T) {
		near, _, r := layered(t)
		var wg conc.WaitGroup
		var err error
		wg.Go(func() { _, err = r.Read() })
		near.Close()
		wg.Wait()
		if !errors.Is(err, net.ErrClosed) || r.Borrowed() {
			t.Errorf("got %v, a buffer is held: %v", err, r.Borrowed())
		}
	})
}
