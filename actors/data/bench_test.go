package data

import (
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/messages"
)

// BenchmarkRelay moves whole transfers over fresh connections: ours, the
// standard library's kernel path, a copy through user space, and none at all.
func BenchmarkRelay(b *testing.B) {
	relays := []struct {
		name string
		run  func(p *Pipes, dst, src *net.TCPConn) error
	}{
		{"ours", func(p *Pipes, dst, src *net.TCPConn) error {
			ch := &Channel{cfg: Config{Stalled: time.Minute, Pipes: p}}
			if f := ch.copy(dst, src, messages.BackSide); f != nil {
				return f.err
			}
			return nil
		}},
		{"io_copy", func(_ *Pipes, dst, src *net.TCPConn) error {
			_, err := io.Copy(dst, src)
			return err
		}},
		{"user_space", func(_ *Pipes, dst, src *net.TCPConn) error {
			_, err := io.Copy(struct{ io.Writer }{dst}, struct{ io.Reader }{src})
			return err
		}},
		{"ours_copying", func(p *Pipes, dst, src *net.TCPConn) error {
			p.copyOnly.Store(true)
			ch := &Channel{cfg: Config{Stalled: time.Minute, Pipes: p}}
			if f := ch.copy(dst, src, messages.BackSide); f != nil {
				return f.err
			}
			return nil
		}},
	}
	for _, size := range []int{1 << 10, 64 << 10, 1 << 20, 8 << 20, 64 << 20} {
		for _, relay := range relays {
			b.Run(fmt.Sprintf("%dKiB/%s", size>>10, relay.name), func(b *testing.B) {
				pipes := newPipes(b)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				chunk := make([]byte, min(size, 256<<10))
				ln, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
				if err != nil {
					b.Fatal(err)
				}
				defer ln.Close()
				spent := cpuTime(b)
				for b.Loop() {
					b.StopTimer()
					source, in := pairOn(b, ln)
					dest, out := pairOn(b, ln)
					b.StartTimer()
					var wg conc.WaitGroup
					wg.Go(func() {
						for left := size; left > 0; left -= len(chunk) {
							_, _ = source.Write(chunk)
						}
						source.Close()
					})
					wg.Go(func() { _, _ = io.Copy(io.Discard, struct{ io.Reader }{dest}) })
					if err := relay.run(pipes, out, in); err != nil {
						b.Fatal(err)
					}
					out.Close()
					wg.Wait()
					b.StopTimer()
					in.Close()
					dest.Close()
					b.StartTimer()
				}
				// On a machine that others use, too, this says more than the time.
				b.ReportMetric(float64(cpuTime(b)-spent)/float64(b.N), "cpu-ns/op")
			})
		}
	}
}

// cpuTime is what this process, both peers included, has spent so far.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func pairOn(b *testing.B, ln *net.TCPListener) (far, near *net.TCPConn) {
	far, err := net.DialTCP("tcp4", nil, ln.Addr().(*net.TCPAddr))
	if err != nil {
		b.Fatal(err)
	}
	if near, err = ln.AcceptTCP(); err != nil {
		b.Fatal(err)
	}
	return far, near
}

// BenchmarkTransfer runs whole channels, from opening to the report.
func BenchmarkTransfer(b *testing.B) {
	for _, size := range []int{1 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			pipes := newPipes(b)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			content := make([]byte, size)
			for b.Loop() {
				r := start(b, download, func(c *Config) { c.Pipes, c.Stalled = pipes, time.Minute })
				var wg conc.WaitGroup
				wg.Go(func() { _, _ = r.source.Write(content); r.source.Close() })
				wg.Go(func() { _, _ = io.Copy(io.Discard, struct{ io.Reader }{r.dest}); r.dest.Close() })
				hear[messages.DataEnded](b, r)
				r.ch.Settle(true)
				hear[messages.TransferFinished](b, r)
				wg.Wait()
			}
		})
	}
}
