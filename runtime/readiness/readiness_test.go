package readiness

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/sourcegraph/conc"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// kinds are the ways to get two ends of a connection.
var kinds = map[string]func(t testing.TB) (near, far net.Conn){
	"tcp":  func(t testing.TB) (net.Conn, net.Conn) { return connected(t, "tcp", "127.0.0.1:0") },
	"unix": func(t testing.TB) (net.Conn, net.Conn) { return connected(t, "unix", filepath.Join(t.TempDir(), "s")) },
	"pipe": func(t testing.TB) (net.Conn, net.Conn) { a, b := net.Pipe(); return a, b },
}

func connected(t testing.TB, network, address string) (near, far net.Conn) {
	t.Helper()
	ln, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if far, err = net.Dial(network, ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if near, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	return near, far
}

func reader(t testing.TB, conn net.Conn, buffers *Buffers) *Reader {
	t.Helper()
	r, err := NewReader(conn, buffers)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func each(t *testing.T, test func(t *testing.T, near, far net.Conn, r *Reader)) {
	for name, open := range kinds {
		t.Run(name, func(t *testing.T) {
			near, far := open(t)
			defer near.Close()
			defer far.Close()
			_ = near.SetDeadline(time.Now().Add(patience))
			_ = far.SetDeadline(time.Now().Add(patience))
			test(t, near, far, reader(t, near, new(Buffers)))
		})
	}
}

func TestBytesArriveAsSent(t *testing.T) {
	each(t, func(t *testing.T, _, far net.Conn, r *Reader) {
		want := bytes.Repeat([]byte("a line of a dialogue\r\n"), 3000) // many buffers
		var wg conc.WaitGroup
		wg.Go(func() {
			for rest, n := want, 1; len(rest) > 0; n = n%4999 + 7 { // pieces of all sizes
				k, err := far.Write(rest[:min(n, len(rest))])
				if err != nil {
					t.Error(err)
					return
				}
				rest = rest[k:]
			}
			far.Close()
		})
		var got []byte
		for {
			b, err := r.Read()
			if err == io.EOF {
				break
			}
			if err != nil || len(b) == 0 || len(b) > BufferSize {
				t.Fatalf("%d bytes, %v", len(b), err)
			}
			got = append(got, b...)
		}
		wg.Wait()
		if !bytes.Equal(got, want) {
			t.Errorf("%d bytes arrived, %d were sent, or they differ", len(got), len(want))
		}
		if r.Borrowed() {
			t.Error("a buffer is held after the end")
		}
		if _, err := r.Read(); err != io.EOF {
			t.Errorf("the end came again as %v", err)
		}
	})
}

func TestErrors(t *testing.T) {
	t.Run("a_deadline", func(t *testing.T) {
		each(t, func(t *testing.T, near, far net.Conn, r *Reader) {
			_ = near.SetReadDeadline(time.Now().Add(-time.Second))
			if b, err := r.Read(); !errors.Is(err, os.ErrDeadlineExceeded) || len(b) > 0 || r.Borrowed() {
				t.Fatalf("got %q, %v, buffer held: %v", b, err, r.Borrowed())
			}
			_ = near.SetReadDeadline(time.Now().Add(patience)) // it can go on
			var wg conc.WaitGroup
			wg.Go(func() { _, _ = far.Write([]byte("late")) })
			if b, err := r.Read(); string(b) != "late" || err != nil {
				t.Errorf("after the deadline: %q, %v", b, err)
			}
			wg.Wait()
		})
	})
	t.Run("a_close_from_elsewhere", func(t *testing.T) {
		each(t, func(t *testing.T, near, _ net.Conn, r *Reader) {
			var wg conc.WaitGroup
			wg.Go(func() {
				<-time.After(5 * time.Millisecond) // most likely inside Read; before it is as good
				near.Close()
			})
			_, err := r.Read()
			if !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.ErrClosedPipe) || r.Borrowed() {
				t.Errorf("got %v, buffer held: %v", err, r.Borrowed())
			}
			wg.Wait()
		})
	})
	t.Run("a_reset", func(t *testing.T) {
		near, far := kinds["tcp"](t)
		defer near.Close()
		r := reader(t, near, new(Buffers))
		_ = far.(*net.TCPConn).SetLinger(0)
		far.Close()
		if _, err := r.Read(); !errors.Is(err, syscall.ECONNRESET) || r.Borrowed() {
			t.Errorf("got %v, buffer held: %v", err, r.Borrowed())
		}
	})
	t.Run("a_closed_connection", func(t *testing.T) {
		near, far := kinds["tcp"](t)
		far.Close()
		near.Close()
		r, err := NewReader(near, new(Buffers))
		if err == nil {
			_, err = r.Read()
		}
		if err == nil {
			t.Error("no error")
		}
	})
}

// withOwnRead has a descriptor by embedding, and bytes that are not in it.
type withOwnRead struct {
	*net.TCPConn
	read io.Reader
}

func (c withOwnRead) Read(b []byte) (int, error) { return c.read.Read(b) }

func TestAReadOfItsOwnIsNotPassedBy(t *testing.T) {
	near, far := kinds["tcp"](t)
	defer near.Close()
	_, _ = far.Write([]byte(" and the rest"))
	far.Close()
	held := io.MultiReader(iotest.OneByteReader(bytes.NewReader([]byte("held back"))), near)
	r := reader(t, withOwnRead{near.(*net.TCPConn), held}, new(Buffers))
	var got []byte
	for {
		b, err := r.Read()
		if err != nil {
			break
		}
		got = append(got, b...)
	}
	if string(got) != "held back and the rest" {
		t.Errorf("got %q", got)
	}
}

// countingBuffers notes how many buffers exist at all.
func countingBuffers() (*Buffers, *atomic.Int32) {
	made := new(atomic.Int32)
	b := &Buffers{}
	b.pool.New = func() any { made.Add(1); return new(Buffer) }
	return b, made
}

func TestIdleReadersHoldNothing(t *testing.T) {
	const idle = 100
	buffers, made := countingBuffers()
	var wg conc.WaitGroup
	var conns []net.Conn
	heard := make(chan struct{}, idle)
	for range idle {
		near, far := kinds["tcp"](t)
		conns = append(conns, far, near)
		r := reader(t, near, buffers)
		wg.Go(func() {
			for {
				b, err := r.Read()
				if err != nil {
					return
				}
				if string(b) != "hello" {
					t.Errorf("got %q", b)
				}
				r.Release()
				heard <- struct{}{}
			}
		})
	}
	for range 3 {
		for i := 0; i < len(conns); i += 2 {
			_, _ = conns[i].Write([]byte("hello"))
			<-heard // one at a time: more buffers than a few cannot be needed
		}
	}
	for _, c := range conns {
		c.Close()
	}
	wg.Wait()
	// At the start all may try at once; the detector drops a quarter of what
	// is given back.
	if n := made.Load(); !raceEnabled && n > idle/4 {
		t.Errorf("%d buffers were made for %d idle readers", n, idle)
	}
	if made.Load() == 0 {
		t.Error("nothing was counted")
	}
}

func TestReadDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector drops pooled buffers")
	}
	near, far := kinds["tcp"](t)
	defer near.Close()
	defer far.Close()
	r := reader(t, near, new(Buffers))
	line := []byte("NOOP\r\n")
	if n := testing.AllocsPerRun(500, func() {
		_, _ = far.Write(line)
		if b, err := r.Read(); err != nil || len(b) == 0 {
			t.Fatal(err)
		}
		r.Release()
	}); n != 0 {
		t.Errorf("%v allocations per read", n)
	}
}

func BenchmarkRead(b *testing.B) {
	line := []byte("RETR a/file/of/usual/length\r\n")
	run := func(b *testing.B, read func(net.Conn) func() (int, error)) {
		near, far := kinds["tcp"](b)
		defer near.Close()
		defer far.Close()
		next := read(near)
		b.SetBytes(int64(len(line)))
		b.ReportAllocs()
		for b.Loop() {
			_, _ = far.Write(line)
			if n, err := next(); n != len(line) || err != nil {
				b.Fatal(n, err)
			}
		}
	}
	b.Run("reader", func(b *testing.B) {
		run(b, func(c net.Conn) func() (int, error) {
			r := reader(b, c, new(Buffers))
			return func() (int, error) {
				p, err := r.Read()
				r.Release()
				return len(p), err
			}
		})
	})
	b.Run("conn", func(b *testing.B) {
		run(b, func(c net.Conn) func() (int, error) {
			buf := make([]byte, BufferSize)
			return func() (int, error) { return c.Read(buf) }
		})
	})
}
