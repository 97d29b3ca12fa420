package data

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"golang.org/x/sys/unix"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/sockets/socketstest"
)

// ioCount reads what this process moved through read and write calls.
func ioCount(t *testing.T) (read, written int64) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/io")
	if err != nil {
		socketstest.GiveUp(t, err.Error())
	}
	for _, line := range strings.Split(string(b), "\n") {
		name, value, _ := strings.Cut(line, ": ")
		n, _ := strconv.ParseInt(value, 10, 64)
		switch name {
		case "rchar":
			read = n
		case "wchar":
			written = n
		}
	}
	return read, written
}

// relayed carries content from end to end and returns what this process, which
// is both peers, too, moved through user space beyond what the peers did.
func relayed(t *testing.T, size int, path func(*Config)) (read, written int64) {
	ch, source, dest := copying(t, patience, path)
	content := noise(5, size)
	got := make([]byte, size)
	r0, w0 := ioCount(t)
	var wg conc.WaitGroup
	wg.Go(func() { send(t, source, content) })
	wg.Go(func() {
		if _, err := io.ReadFull(dest, got); err != nil {
			t.Error(err)
		}
	})
	if f := ch.copy(ch.front, ch.back, messages.BackSide); f != nil {
		t.Fatal(f.err)
	}
	wg.Wait()
	r1, w1 := ioCount(t)
	return r1 - r0 - int64(size), w1 - w0 - int64(size)
}

func TestBytesStayInTheKernel(t *testing.T) {
	const size, slack = 32 << 20, 1 << 20
	t.Run("kernel", func(t *testing.T) {
		if r, w := relayed(t, size, func(*Config) {}); r > slack || w > slack {
			t.Errorf("%d bytes were read and %d written to relay %d", r, w, size)
		}
	})
	t.Run("the_count_would_show_a_copy", func(t *testing.T) {
		r, w := relayed(t, size, func(c *Config) { c.Pipes.copyOnly.Store(true) })
		if r < size || w < size {
			t.Errorf("%d bytes were read and %d written to copy %d", r, w, size)
		}
	})
}

func TestAllocationsDoNotGrowWithSize(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	count := func(size int) float64 {
		pipes := newPipes(t)
		chunk := make([]byte, size)
		return testing.AllocsPerRun(20, func() {
			a, b := socketstest.UnownedPair(t)
			x, y := socketstest.UnownedPair(t)
			ch := &Channel{cfg: Config{Stalled: patience, Pipes: pipes}}
			var wg conc.WaitGroup
			wg.Go(func() { _, _ = a.Write(chunk); a.Close() })
			wg.Go(func() { _, _ = io.CopyN(io.Discard, y, int64(size)) })
			if f := ch.copy(x, b, messages.BackSide); f != nil {
				t.Fatal(f.err)
			}
			wg.Wait()
			for _, c := range []*net.TCPConn{b, x, y} {
				c.Close()
			}
		})
	}
	empty, small, large := count(0), count(1000), count(16<<20)
	t.Logf("allocations with connections: %v empty, %v for 1000 bytes, %v for 16 MiB", empty, small, large)
	if large > small+10 {
		t.Errorf("16 MiB cost %v allocations, 1000 bytes %v", large, small)
	}
}

func TestPipes(t *testing.T) {
	t.Run("an_empty_pipe_is_used_again", func(t *testing.T) {
		s := newPipes(t)
		p, err := s.stock.take()
		if err != nil {
			t.Fatal(err)
		}
		s.stock.give(p, true)
		if q, err := s.stock.take(); q != p {
			t.Errorf("got another pipe, %v", err)
		}
		s.stock.give(p, true)
	})
	t.Run("one_that_may_hold_bytes_is_closed", func(t *testing.T) {
		s := newPipes(t)
		p, err := s.stock.take()
		if err != nil {
			t.Fatal(err)
		}
		s.stock.give(p, false)
		if len(s.stock.free) != 0 {
			t.Error("it was kept")
		}
	})
	t.Run("only_so_many_are_kept_and_grown", func(t *testing.T) {
		before := descriptors()
		s := NewPipes()
		var taken []*pipe
		grown := 0
		for range keptPipes + 20 {
			p, err := s.stock.take()
			if err != nil {
				t.Fatal(err)
			}
			s.stock.grow(p)
			if p.grown {
				grown++
			}
			taken = append(taken, p)
		}
		for _, p := range taken {
			s.stock.give(p, true)
		}
		if len(s.stock.free) != keptPipes || grown > maxGrown {
			t.Errorf("%d kept, %d grown", len(s.stock.free), grown)
		}
		s.Close()
		if n := s.stock.grown.Load(); n != 0 {
			t.Errorf("%d still count as grown", n)
		}
		if now := descriptors(); now != before {
			t.Errorf("%d descriptors, %d before", now, before)
		}
	})
}

// A large transfer grows its pipe, a small one does not.
func TestPipesGrowForLargeTransfers(t *testing.T) {
	for size, want := range map[int]bool{100_000: false, 8 << 20: true} {
		s := newPipes(t)
		relayed(t, size, func(c *Config) { c.Pipes = s })
		p, err := s.stock.take()
		if err != nil {
			t.Fatal(err)
		}
		if p.grown != want {
			t.Errorf("after %d bytes grown is %v", size, p.grown)
		}
		s.stock.give(p, true)
	}
}

// Where pipes are not to be had, transfers are copied: no descriptor left, or
// a system that knows no splice.
func TestWithoutPipes(t *testing.T) {
	t.Run("no_descriptor_is_left", func(t *testing.T) {
		ch, source, dest := copying(t, patience, func(*Config) {})
		var was unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
			t.Fatal(err)
		}
		limit := was
		limit.Cur = 3 // below what is open: pipe2 fails with EMFILE
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
				t.Fatal(err)
			}
		}()
		if p, err := ch.cfg.Pipes.stock.take(); err == nil {
			t.Fatalf("the system still gave %+v", p)
		}
		wantRelayed(t, ch, source, dest)
	})
	t.Run("no_splice", func(t *testing.T) {
		for _, err := range []error{unix.ENOSYS, unix.EINVAL, unix.EPERM} {
			if !noSplice(os.NewSyscallError("splice", err)) {
				t.Errorf("%v is not taken for the lack of splice", err)
			}
		}
		for _, err := range []error{nil, io.EOF, unix.ECONNRESET, unix.EPIPE, unix.ETIMEDOUT} {
			if noSplice(fmt.Errorf("relaying: %w", err)) {
				t.Errorf("%v is taken for the lack of splice", err)
			}
		}
	})
	t.Run("splice_refuses", func(t *testing.T) {
		// A file opened for appending is what splice does not write to: EINVAL.
		f, err := os.OpenFile(t.TempDir()+"/f", os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		ch, source, dest := copying(t, patience, func(*Config) {})
		fd, err := unix.Dup(int(f.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		r, err := unix.Dup(int(f.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		ch.cfg.Pipes.stock.give(&pipe{r: r, w: fd, size: pipeSize}, true) // poses as a pipe
		wantRelayed(t, ch, source, dest)
		if !ch.cfg.Pipes.copyOnly.Load() {
			t.Error("the next transfer would try again")
		}
	})
}

func wantRelayed(t *testing.T, ch *Channel, source, dest *net.TCPConn) {
	t.Helper()
	content := noise(6, 300_000)
	got := make([]byte, len(content))
	var wg conc.WaitGroup
	wg.Go(func() { send(t, source, content) })
	wg.Go(func() {
		if _, err := io.ReadFull(dest, got); err != nil || string(got) != string(content) {
			t.Errorf("content differs, or %v", err)
		}
	})
	if f := ch.copy(ch.front, ch.back, messages.BackSide); f != nil {
		t.Errorf("%v, stage %v", f.err, f.stage)
		hangUp(ch.front)
	}
	wg.Wait()
	if ch.bytes != int64(len(content)) {
		t.Errorf("%d bytes were counted", ch.bytes)
	}
}

// A destination that takes nothing leaves the pipe of its transfer full.
func TestWhatABreakLeavesReachesNobody(t *testing.T) {
	shared := newPipes(t)
	for range 3 {
		ch, source, _ := copying(t, 50*time.Millisecond, func(c *Config) { c.Pipes = shared })
		var wg conc.WaitGroup
		wg.Go(func() {
			for {
				if _, err := source.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		})
		if f := ch.copy(ch.front, ch.back, messages.BackSide); f == nil || f.stage != messages.StageStall {
			t.Errorf("got %+v, want a stall", f)
		}
		ch.back.Close()
		ch.front.Close()
		wg.Wait()
		ch, source, dest := copying(t, patience, func(c *Config) { c.Pipes = shared })
		wantRelayed(t, ch, source, dest)
	}
}
