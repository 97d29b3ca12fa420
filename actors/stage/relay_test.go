package stage

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
)

// relayMixes are the TLS versions of a relay's two lines; 0 is plain.
var relayMixes = []struct {
	name     string
	from, to uint16
}{
	{"tls13_to_tls13", tls.VersionTLS13, tls.VersionTLS13},
	{"tls12_to_tls12", tls.VersionTLS12, tls.VersionTLS12},
	{"tls12_to_tls13", tls.VersionTLS12, tls.VersionTLS13},
	{"tls13_to_plain", tls.VersionTLS13, 0},
	{"tls12_to_plain", tls.VersionTLS12, 0},
	{"plain_to_tls13", 0, tls.VersionTLS13},
	{"plain_to_tls12", 0, tls.VersionTLS12},
	{"plain_to_plain", 0, 0},
}

// relayNoise is size bytes that no other seed gives.
func relayNoise(seed byte, size int) []byte {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// endWell ends a peer's sending as its kind does: by close_notify or FIN.
func (p relayPeer) endWell(t testing.TB) {
	var err error
	if c, ok := p.Conn.(*tls.Conn); ok {
		err = c.CloseWrite()
	} else {
		err = p.tcp.CloseWrite()
	}
	if err != nil {
		t.Errorf("ending: %v", err)
	}
}

func (p relayPeer) reset() {
	_ = p.tcp.SetLinger(0)
	_ = p.tcp.Close()
}

// relayed runs a relay while drive plays the peers. A broken one's lines are reset,
// as its owner would do.
func relayed(t testing.TB, rings *Rings, job Job, drive func()) Outcome {
	t.Helper()
	var wg conc.WaitGroup
	wg.Go(drive)
	out := rings.Relay(job)
	if out.Err != nil {
		for _, near := range []Line{job.From, job.To} {
			_ = near.TCP.SetLinger(0)
			_ = near.TCP.Close()
		}
	}
	wg.Wait()
	return out
}

// With reads and writes of every size, in records of every size, nothing may be
// lost, doubled or put elsewhere.
func TestRelayToTheByte(t *testing.T) {
	size := 64 << 20
	if testing.Short() {
		size = 4 << 20
	}
	content := relayNoise(1, size)
	want := sha256.Sum256(content)
	for _, mix := range relayMixes {
		t.Run(mix.name, func(t *testing.T) {
			src, from := relayLine(t, mix.from)
			dst, to := relayLine(t, mix.to)
			rng := rand.New(rand.NewPCG(uint64(mix.from), uint64(mix.to)))
			sum := sha256.New()
			var rings Rings
			out := relayed(t, &rings, Job{From: from, To: to}, func() {
				var wg conc.WaitGroup
				wg.Go(func() {
					for rest := content; len(rest) > 0; {
						n := min(len(rest), 1+rng.IntN(1<<rng.IntN(20)))
						if _, err := src.Write(rest[:n]); err != nil {
							t.Errorf("sending: %v", err)
							return
						}
						rest = rest[n:]
					}
					src.endWell(t)
				})
				wg.Go(func() { readRandomly(t, sum, dst, size) })
				wg.Wait()
			})
			if out.Err != nil || out.Moved != int64(size) || out.Proven != (mix.from != 0) {
				t.Errorf("told %+v of %d bytes", out, size)
			}
			if got := [sha256.Size]byte(sum.Sum(nil)); got != want {
				t.Error("what arrived is not what was sent")
			}
		})
	}
}

// readRandomly reads size bytes, in pieces of every size.
func readRandomly(t testing.TB, sum hash.Hash, src io.Reader, size int) {
	rng := rand.New(rand.NewPCG(7, uint64(size)))
	buf := make([]byte, 1<<18)
	for left := size; left > 0; {
		n, err := src.Read(buf[:min(left, 1+rng.IntN(1<<rng.IntN(19)))])
		_, _ = sum.Write(buf[:n])
		left -= n
		if err != nil && left > 0 {
			t.Errorf("receiving: %v with %d bytes to come", err, left)
			return
		}
	}
}

func TestRelayEmpty(t *testing.T) {
	for _, mix := range relayMixes {
		t.Run(mix.name, func(t *testing.T) {
			src, from := relayLine(t, mix.from)
			_, to := relayLine(t, mix.to)
			out := relayed(t, new(Rings), Job{From: from, To: to}, func() { src.endWell(t) })
			if out.Err != nil || out.Moved != 0 || out.Proven != (mix.from != 0) {
				t.Errorf("told %+v", out)
			}
		})
	}
}

// What comes slowly is handed on at once: no record and no segment waits for
// more to fill it.
func TestRelayHandsOnWhatIsThere(t *testing.T) {
	for _, mix := range relayMixes {
		t.Run(mix.name, func(t *testing.T) {
			src, from := relayLine(t, mix.from)
			dst, to := relayLine(t, mix.to)
			out := relayed(t, new(Rings), Job{From: from, To: to}, func() {
				for i := range 200 {
					question := relayNoise(byte(i), 1+i*37)
					answer := make([]byte, len(question))
					begin := time.Now()
					if _, err := src.Write(question); err != nil {
						t.Error(err)
						break
					}
					if _, err := io.ReadFull(dst, answer); err != nil || !bytes.Equal(answer, question) {
						t.Errorf("%d bytes: %v, or others", len(question), err)
						break
					}
					if took := time.Since(begin); took > relayPatience/4 {
						t.Errorf("%d bytes took %v", len(question), took)
					}
				}
				src.endWell(t)
			})
			if out.Err != nil {
				t.Errorf("told %+v", out)
			}
		})
	}
}

// relayBreaks are the ways in which a relay that has moved four bytes breaks off.
var relayBreaks = []struct {
	name string
	act  func(t *testing.T, src, dst relayPeer, from, to Line)
	at   End
	err  error // nil: any
}{
	{"source_resets", func(t *testing.T, src, _ relayPeer, _, _ Line) {
		src.reset()
	}, Reading, syscall.ECONNRESET},
	{"source_ends_without_close_notify", func(t *testing.T, src, _ relayPeer, _, _ Line) {
		if err := src.tcp.CloseWrite(); err != nil {
			t.Error(err)
		}
	}, Reading, ErrNoCloseNotify},
	{"source_is_halted", func(t *testing.T, _, _ relayPeer, from, _ Line) {
		from.Pace.Halt()
	}, Reading, os.ErrDeadlineExceeded},
	{"source_is_silent", func(*testing.T, relayPeer, relayPeer, Line, Line) {
	}, Reading, os.ErrDeadlineExceeded},
	{"destination_resets", func(t *testing.T, src, dst relayPeer, _, _ Line) {
		dst.reset()
		flood(src)
	}, Writing, nil},
	{"destination_takes_nothing", func(t *testing.T, src, _ relayPeer, _, _ Line) {
		flood(src)
	}, Writing, os.ErrDeadlineExceeded},
	{"destination_is_halted", func(t *testing.T, src, _ relayPeer, _, to Line) {
		to.Pace.Halt()
		flood(src)
	}, Writing, os.ErrDeadlineExceeded},
}

// flood writes until the connection breaks.
func flood(p relayPeer) {
	for {
		if _, err := p.Write(make([]byte, 64<<10)); err != nil {
			return
		}
	}
}

func TestRelayBreaks(t *testing.T) {
	for _, mix := range relayMixes {
		for _, tc := range relayBreaks {
			if tc.err == ErrNoCloseNotify && mix.from == 0 {
				continue // FIN is the end of a plain one
			}
			t.Run(mix.name+"/"+tc.name, func(t *testing.T) {
				t.Parallel()
				src, from := relayLine(t, mix.from)
				dst, to := relayLine(t, mix.to)
				if errors.Is(tc.err, os.ErrDeadlineExceeded) {
					from.Pace.(*limit).wait, to.Pace.(*limit).wait = 500*time.Millisecond, 500*time.Millisecond
				}
				out := relayed(t, new(Rings), Job{From: from, To: to}, func() {
					if _, err := src.Write([]byte("some")); err != nil {
						t.Error(err)
					}
					if _, err := io.ReadFull(dst, make([]byte, 4)); err != nil {
						t.Error(err)
					}
					tc.act(t, src, dst, from, to)
				})
				if out.Err == nil || out.At != tc.at || out.Proven || out.Moved < 4 {
					t.Errorf("told %+v, want an error at end %v", out, tc.at)
				}
				if tc.err != nil && !errors.Is(out.Err, tc.err) {
					t.Errorf("told %v, want %v", out.Err, tc.err)
				}
			})
		}
	}
}

// A lax source may do without close_notify, but not end within a record.
func TestRelayLaxEnd(t *testing.T) {
	for _, mix := range relayMixes {
		if mix.from == 0 {
			continue
		}
		t.Run(mix.name+"/between_records", func(t *testing.T) {
			src, from := relayLine(t, mix.from)
			_, to := relayLine(t, mix.to)
			from.Lax = true
			out := relayed(t, new(Rings), Job{From: from, To: to}, func() {
				_, _ = src.Write([]byte("all"))
				_ = src.tcp.CloseWrite()
			})
			if out.Err != nil || out.Moved != 3 || out.Proven {
				t.Errorf("told %+v, want an end that nobody proved", out)
			}
		})
		t.Run(mix.name+"/within_a_record", func(t *testing.T) {
			src, from := relayLine(t, mix.from)
			_, to := relayLine(t, mix.to)
			from.Lax = true
			out := relayed(t, new(Rings), Job{From: from, To: to}, func() {
				_, _ = src.Write([]byte("some"))
				_, _ = src.tcp.Write([]byte{23, 3, 3, 1, 0, 'h', 'a', 'l', 'f'})
				_ = src.tcp.CloseWrite()
			})
			if !errors.Is(out.Err, io.ErrUnexpectedEOF) || out.At != Reading {
				t.Errorf("told %+v, want an end in the middle", out)
			}
		})
	}
}

// Deadlines pass at every moment here, as they do for a peer that is slow. No
// byte may be lost by that, and crypto/tls may not hear of it.
func TestRelayOutlivesDeadlines(t *testing.T) {
	content := relayNoise(3, 16<<20)
	want := sha256.Sum256(content)
	for _, mix := range relayMixes {
		t.Run(mix.name, func(t *testing.T) {
			src, from := relayLine(t, mix.from)
			dst, to := relayLine(t, mix.to)
			from.Pace, to.Pace = forgiving{from.TCP}, forgiving{to.TCP}
			over := make(chan struct{})
			var pest conc.WaitGroup
			pest.Go(func() {
				for tick := time.Tick(50 * time.Microsecond); ; {
					select {
					case <-over:
						return
					case <-tick: // the pace of the nuisance
						_ = from.TCP.SetDeadline(time.Unix(1, 0))
						_ = to.TCP.SetDeadline(time.Unix(1, 0))
					}
				}
			})
			sum := sha256.New()
			out := relayed(t, new(Rings), Job{From: from, To: to}, func() {
				var wg conc.WaitGroup
				wg.Go(func() {
					_, _ = src.Write(content)
					src.endWell(t)
				})
				wg.Go(func() { readRandomly(t, sum, dst, len(content)) })
				wg.Wait()
			})
			close(over)
			pest.Wait()
			if out.Err != nil || [sha256.Size]byte(sum.Sum(nil)) != want {
				t.Errorf("told %+v, or the bytes differ", out)
			}
		})
	}
}

// forgiving is a pace that no deadline impresses.
type forgiving struct{ tcp *net.TCPConn }

func (f forgiving) Restart()     {}
func (f forgiving) Moved()       {}
func (f forgiving) Full(uintptr) {}
func (f forgiving) Halt()        { _ = f.tcp.Close() }
func (f forgiving) Forgives(err error) bool {
	_ = f.tcp.SetDeadline(time.Time{})
	return errors.Is(err, os.ErrDeadlineExceeded)
}

// While nothing comes, a relay holds no buffer, and after its end it has given
// back what it held.
func TestRelayHoldsNothingWhileIdle(t *testing.T) {
	for _, mix := range relayMixes {
		t.Run(mix.name, func(t *testing.T) {
			src, from := relayLine(t, mix.from)
			dst, to := relayLine(t, mix.to)
			rg := newRing(new(Rings))
			in, err := newDecoder(from, rg)
			if err != nil {
				t.Fatal(err)
			}
			out, err := newEncoder(to, rg, nil)
			if err != nil {
				t.Fatal(err)
			}
			held := func() bool {
				rg.mu.Lock()
				defer rg.mu.Unlock()
				return rg.block != nil
			}
			var wg conc.WaitGroup
			wg.Go(func() { twoStages(Job{From: from, To: to}, rg, in, out) })
			for range 20 {
				if _, err := src.Write(make([]byte, 40_000)); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(dst, make([]byte, 40_000)); err != nil {
					t.Fatal(err)
				}
				for end := time.Now().Add(relayPatience); held(); runtime.Gosched() {
					if time.Now().After(end) {
						t.Fatal("a buffer is held although all is delivered")
					}
				}
			}
			src.endWell(t)
			wg.Wait()
			if held() {
				t.Error("a buffer is held after the end")
			}
			if err, _ := rg.verdict(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A transfer of a hundred times the size must not allocate more: nothing per
// buffer, and of a record nothing but what crypto/tls itself allocates for a
// read(2), 24 bytes.
func TestRelayAllocations(t *testing.T) {
	const small, large = 1 << 20, 128 << 20
	if raceEnabled {
		t.Skip("the race detector allocates, too")
	}
	for _, mix := range relayMixes {
		t.Run(mix.name, func(t *testing.T) {
			var rings Rings
			few, fewBytes := relayAllocations(t, &rings, mix.from, mix.to, small)
			many, manyBytes := relayAllocations(t, &rings, mix.from, mix.to, large)
			records := float64(large-small) / fullRecord
			perRecord, bytesPer := (many-few)/records, (manyBytes-fewBytes)/records
			t.Logf("%.2f allocations and %.1f bytes per record", perRecord, bytesPer)
			most := 0.1
			if mix.from != 0 {
				most = 1.1
			}
			if perRecord > most || bytesPer > 24*most+20 {
				t.Errorf("%.2f allocations and %.1f bytes per record", perRecord, bytesPer)
			}
		})
	}
}

// relayAllocations is what the relay of so many bytes allocates, its peers being
// parties to it that allocate nothing: one has sent ahead, the other discards.
func relayAllocations(t *testing.T, rings *Rings, fromVersion, toVersion uint16, size int) (count, bytes float64) {
	src, from := relayLine(t, fromVersion)
	dst, to := relayLine(t, toVersion)
	chunk, scrap := make([]byte, 256<<10), make([]byte, 256<<10)
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	out := relayed(t, rings, Job{From: from, To: to}, func() {
		var wg conc.WaitGroup
		wg.Go(func() {
			for left := size; left > 0; left -= len(chunk) {
				_, _ = src.Write(chunk)
			}
			src.endWell(t)
		})
		wg.Go(func() {
			for left := size; left > 0; {
				n, err := dst.tcp.Read(scrap) // the records as they are
				if left -= n; err != nil {
					return
				}
			}
		})
		wg.Wait()
	})
	runtime.ReadMemStats(&after)
	if out.Err != nil {
		t.Fatalf("%+v", out)
	}
	return float64(after.Mallocs - before.Mallocs), float64(after.TotalAlloc - before.TotalAlloc)
}

func BenchmarkRing(b *testing.B) {
	var rings Rings
	for _, n := range []int{512, fullRecord, portion} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			rg := newRing(&rings)
			b.ReportAllocs()
			for b.Loop() {
				rg.space()
				rg.filled(n)
				rg.pause()
				p, _, _ := rg.portion()
				rg.taken(len(p))
			}
		})
	}
}
