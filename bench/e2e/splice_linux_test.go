package e2e

import (
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/bench/peers"
)

const (
	spliceSize = 64 << 20
	// spliceSlack is what a gateway may read itself during such a transfer: replies, logs.
	spliceSlack = 2 << 20
)

// grown is how many bytes a process read into its own memory while act ran.
func grown(t *testing.T, pid int, act func()) int64 {
	t.Helper()
	before, err := peers.ReadBytes(pid)
	if err != nil {
		t.Skipf("this machine does not count a process's reads: %v", err)
	}
	act()
	after, err := peers.ReadBytes(pid)
	if err != nil {
		t.Fatal(err)
	}
	return after - before
}

// TestSplice_metric shows that the measure can tell the two apart: a relay in this process by
// splice(2) and one through user space.
func TestSplice_metric(t *testing.T) {
	const size = 8 << 20
	plain := func(dst, src *net.TCPConn) error { _, err := io.Copy(dst, src); return err }
	copied := func(dst, src *net.TCPConn) error {
		_, err := io.Copy(struct{ io.Writer }{dst}, struct{ io.Reader }{src}) // hides the fast path
		return err
	}
	if n := grown(t, os.Getpid(), func() { relay(t, size, plain) }); n > size+size/2 {
		t.Errorf("a spliced relay shows %d bytes read, want no more than the %d its sink reads", n, size)
	}
	if n := grown(t, os.Getpid(), func() { relay(t, size, copied) }); n < 2*size {
		t.Errorf("a copying relay shows only %d bytes read, want at least %d", n, 2*size)
	}
}

// relay moves size bytes from a source over two connections to a sink, all in this process.
func relay(t *testing.T, size int, move func(dst, src *net.TCPConn) error) {
	t.Helper()
	sourceOut, relayIn := tcpPair(t)
	relayOut, sinkIn := tcpPair(t)
	var work conc.WaitGroup
	work.Go(func() {
		_, _ = sourceOut.Write(make([]byte, size)) // a short write shows as a short read below
		sourceOut.Close()
	})
	work.Go(func() {
		if err := move(relayOut, relayIn); err != nil {
			t.Errorf("relay: %v", err)
		}
		relayOut.Close()
	})
	if n, err := io.Copy(io.Discard, struct{ io.Reader }{sinkIn}); err != nil || n != int64(size) {
		t.Errorf("the sink got %d of %d bytes: %v", n, size, err)
	}
	work.Wait()
}

func tcpPair(t *testing.T) (a, b *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	left, err := net.DialTimeout("tcp", l.Addr().String(), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	right, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { left.Close(); right.Close() })
	return left.(*net.TCPConn), right.(*net.TCPConn)
}

// TestSplice: plain data passes through the kernel, not through the gateway's memory.
func TestSplice(t *testing.T) {
	tg := throughGateway(t, peers.ProFTPD)
	body := noise(spliceSize)
	tg.put(t, "down", body)
	for _, mode := range []peers.Mode{peers.EPSV, peers.EPRT} {
		t.Run("RETR/"+string(mode), func(t *testing.T) {
			c := tg.login(t)
			var got []byte
			n := grown(t, tg.gateway.PID(), func() { got = c.Fetch(mode, "RETR down") })
			sameBytes(t, "the file", got, body)
			if n > spliceSlack {
				t.Errorf("the gateway read %d bytes itself for %d relayed", n, spliceSize)
			}
		})
		t.Run("STOR/"+string(mode), func(t *testing.T) {
			c := tg.login(t)
			n := grown(t, tg.gateway.PID(), func() { c.Store(mode, body, "STOR up") })
			sameBytes(t, "the file", tg.onDisk(t, "up"), body)
			if n > spliceSlack {
				t.Errorf("the gateway read %d bytes itself for %d relayed", n, spliceSize)
			}
		})
	}
}
