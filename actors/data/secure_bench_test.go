package data

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/actors/stage"
	"github.com/sluice-gateway/sluice/messages"
)

// benchPeers has this binary be the peers of a benchmark: two addresses are
// connected to, over and over, and so many bytes sent to one and received from the
// other, so that the benchmark's own process is the gateway alone.
const benchPeers = "DATA_TEST_BENCH_PEERS"

func TestBenchPeers(t *testing.T) {
	var from, to string
	var fromTLS, toTLS uint16
	var size int
	if n, _ := fmt.Sscan(os.Getenv(benchPeers), &from, &fromTLS, &to, &toTLS, &size); n != 5 {
		t.Skip("a helper of BenchmarkSecureRelay")
	}
	content := make([]byte, 256<<10)
	scrap := make([]byte, 256<<10)
	for {
		src, err := net.Dial("tcp4", from)
		if err != nil {
			return // the benchmark is over
		}
		dst, err := net.Dial("tcp4", to)
		if err != nil {
			return
		}
		h := &house{mix: mix{front: fromTLS}, client: peerConfig(fromTLS)}
		source := h.peer(messages.FrontSide, src.(*net.TCPConn))
		h = &house{mix: mix{front: toTLS}, client: peerConfig(toTLS)}
		dest := h.peer(messages.FrontSide, dst.(*net.TCPConn))
		var wg conc.WaitGroup
		wg.Go(func() {
			for left := size; left > 0; left -= len(content) {
				_, _ = source.Write(content)
			}
			_ = source.closeWrite()
			discardAll(source, make([]byte, 512)) // with tickets unread, a close would be a reset
			src.Close()
		})
		wg.Go(func() {
			discardAll(dest, scrap)
			_ = dest.closeWrite()
			dst.Close()
		})
		wg.Wait()
	}
}

func discardAll(p peer, scrap []byte) {
	for {
		if _, err := p.Read(scrap); err != nil {
			return
		}
	}
}

// BenchmarkSecureRelay moves whole transfers between peers that are another
// process: the processor time told is the gateway's alone. With more streams
// than one it is that of all of them.
func BenchmarkSecureRelay(b *testing.B) {
	for _, bm := range []struct {
		name     string
		from, to uint16
	}{
		{"tls_to_tls", tls13, tls13}, {"tls_to_plain", tls13, 0}, {"plain_to_tls", 0, tls13},
		{"tls12_to_tls12", tls12, tls12}, {"plain_to_plain", 0, 0},
	} {
		for _, streams := range []int{1, 8} {
			b.Run(fmt.Sprintf("%s/%d", bm.name, streams), func(b *testing.B) {
				const size = 64 << 20
				guest := &benchGuest{guest: newBenchGuest(b)}
				from, to := benchListener(b), benchListener(b)
				for range streams {
					startPeers(b, from.Addr(), bm.from, to.Addr(), bm.to, size)
				}
				pipes := newPipes(b)
				one := func() {
					src, srcTLS := benchAccept(b, from, guest, bm.from)
					dst, dstTLS := benchAccept(b, to, guest, bm.to)
					ch := New(Config{Stalled: time.Minute, Pipes: pipes})
					ch.back, ch.front, ch.secured = src, dst, [2]*stage.Conn{dstTLS, srcTLS}
					if f := ch.copy(dst, src, messages.BackSide); f != nil || ch.bytes != size {
						b.Errorf("%+v after %d bytes", f, ch.bytes)
					}
					ch.answerEnd(b.Context(), messages.BackSide)
					if f := ch.finish(b.Context(), dst); f != nil {
						b.Errorf("%+v", f)
					}
					_ = src.Close()
					_ = dst.Close()
				}
				one()
				b.SetBytes(size * int64(streams))
				b.ReportAllocs()
				spent := cpuTime(b)
				for b.Loop() {
					var wg conc.WaitGroup
					for range streams {
						wg.Go(one)
					}
					wg.Wait()
				}
				moved := float64(size) * float64(streams) * float64(b.N) / (1 << 30)
				b.ReportMetric((cpuTime(b)-spent).Seconds()/moved, "cpu-s/GiB")
			})
		}
	}
}

// benchGuest does one handshake at a time.
type benchGuest struct {
	mu    sync.Mutex
	guest *stage.Guest
}

// newBenchGuest is somebody whose data connections need not resume anything.
func newBenchGuest(b *testing.B) *stage.Guest {
	h := newHouse(b, mix{front: tls13}, func(s *stage.ServerConfig, _ *stage.ClientConfig) { s.NoSessionReuseRequired = true })
	return h.guest
}

func startPeers(b *testing.B, from net.Addr, fromTLS uint16, to net.Addr, toTLS uint16, size int) {
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestBenchPeers$")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %s %d %d", benchPeers, from, fromTLS, to, toTLS, size))
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
}

func benchListener(b *testing.B) *net.TCPListener {
	ln, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { ln.Close() })
	return ln
}

func benchAccept(b *testing.B, ln *net.TCPListener, guest *benchGuest, version uint16) (*net.TCPConn, *stage.Conn) {
	tcp, err := ln.AcceptTCP()
	if err != nil {
		b.Error(err)
		runtime.Goexit()
	}
	if version == 0 {
		return tcp, nil
	}
	guest.mu.Lock()
	defer guest.mu.Unlock()
	conn, err := guest.guest.Data(context.Background(), tcp)
	if err != nil {
		b.Error(err)
	}
	return tcp, conn
}
