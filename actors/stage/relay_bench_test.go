package stage

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
)

// benchPeers has this binary be the peers of a benchmark: from=ADDR and to=ADDR
// are connected to, over and over, and size bytes sent and received, so that the
// benchmark's own process is the gateway alone.
const benchPeers = "STAGE_BENCH_PEERS"

func TestBenchPeers(t *testing.T) {
	var from, to string
	var fromTLS, toTLS uint16
	var size int
	if n, _ := fmt.Sscan(os.Getenv(benchPeers), &from, &fromTLS, &to, &toTLS, &size); n != 5 {
		t.Skip("a helper of BenchmarkRelay")
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
		if fromTLS != 0 {
			src = tls.Client(src, relayConfig(fromTLS))
		}
		if toTLS != 0 {
			dst = tls.Client(dst, relayConfig(toTLS))
		}
		var wg conc.WaitGroup
		wg.Go(func() {
			for left := size; left > 0; left -= len(content) {
				_, _ = src.Write(content)
			}
			src.Close()
		})
		wg.Go(func() {
			for {
				if _, err := dst.Read(scrap); err != nil {
					break
				}
			}
			dst.Close()
		})
		wg.Wait()
	}
}

// BenchmarkRelay moves whole transfers between peers that are another process.
// The processor time told is this side's alone.
func BenchmarkRelay(b *testing.B) {
	const v12, v13 = tls.VersionTLS12, tls.VersionTLS13
	for _, bm := range []struct {
		name     string
		from, to uint16
	}{
		{"tls_to_tls", v13, v13}, {"tls_to_plain", v13, 0}, {"plain_to_tls", 0, v13},
		{"tls12_to_tls12", v12, v12}, {"plain_to_plain", 0, 0},
	} {
		b.Run(bm.name, func(b *testing.B) {
			const size = 256 << 20
			from, to := benchListener(b), benchListener(b)
			self, err := os.Executable()
			if err != nil {
				b.Fatal(err)
			}
			cmd := exec.Command(self, "-test.run=^TestBenchPeers$")
			cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %s %d %d", benchPeers, from.Addr(), bm.from, to.Addr(), bm.to, size))
			if procs, err := strconv.Atoi(os.Getenv("PEERPROCS")); err == nil {
				cmd.Env = append(cmd.Env, fmt.Sprintf("GOMAXPROCS=%d", procs))
			}
			if err := cmd.Start(); err != nil {
				b.Fatal(err)
			}
			defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
			var rings Rings
			b.SetBytes(size)
			b.ReportAllocs()
			one := func() {
				src, dst := benchAccept(b, from, bm.from), benchAccept(b, to, bm.to)
				out := rings.Relay(Job{From: src, To: dst})
				if out.Err != nil || out.Moved != size {
					b.Fatalf("%+v", out)
				}
				if dst.TLS != nil {
					_ = dst.TLS.CloseNotify()
				}
				src.TCP.Close()
				_ = dst.TCP.CloseWrite()
				_, _ = io.Copy(io.Discard, struct{ io.Reader }{dst.TCP})
				dst.TCP.Close()
			}
			one()
			spent := benchCPU(b)
			for b.Loop() {
				one()
			}
			b.ReportMetric((benchCPU(b)-spent).Seconds()/float64(b.N)*(1<<30)/size, "cpu-s/GiB")
		})
	}
}

func benchListener(b *testing.B) *net.TCPListener {
	ln, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { ln.Close() })
	return ln
}

func benchAccept(b *testing.B, ln *net.TCPListener, version uint16) Line {
	tcp, err := ln.AcceptTCP()
	if err != nil {
		b.Fatal(err)
	}
	line := Line{TCP: tcp, Pace: newLimit(tcp)}
	if version != 0 {
		line.TLS, err = attempt{limit: relayPatience, wrap: func(c net.Conn) *tls.Conn {
			return tls.Server(c, relayConfig(version))
		}}.handshake(context.Background(), tcp)
		if err != nil {
			b.Fatal(errors.Join(err, tcp.Close()))
		}
	}
	return line
}

func benchCPU(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
