package stage

import (
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
)

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

// diary is a pace that notes what it is told.
type diary struct {
	forgiving
	told []string
}

func (d *diary) Restart() { d.told = append(d.told, "restart") }
func (d *diary) Moved()   { d.told = append(d.told, "moved") }

// What there is to write may be there before the stage that writes it. Its pace
// begins all the same, or a deadline that passes then finds one that never did.
func TestAWriterThatNeedNotWaitStartsItsPace(t *testing.T) {
	for _, version := range []uint16{0, tls.VersionTLS13} {
		dst, to := relayLine(t, version)
		pace := &diary{forgiving: forgiving{to.TCP}}
		to.Pace = pace
		rg := newRing(new(Rings))
		space, _ := rg.space()
		rg.filled(copy(space, "there"))
		rg.end()
		out, err := newEncoder(to, rg, nil)
		if err != nil {
			t.Fatal(err)
		}
		to.heed(pace)
		if err := out.run(); err != nil {
			t.Fatal(err)
		}
		to.heed(nil)
		if len(pace.told) < 2 || pace.told[0] != "restart" {
			t.Errorf("version %x: its pace was told %v", version, pace.told)
		}
		if _, err := io.ReadFull(dst, make([]byte, 5)); err != nil {
			t.Error(err)
		}
	}
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
				for end := time.Now().Add(patience); held(); runtime.Gosched() {
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
			if _, err := rg.verdict(); err != nil {
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
		t.Skip("the race detector allocates, too: counted without it by `task test`")
	}
	for _, mix := range relayMixes {
		t.Run(mix.name, func(t *testing.T) {
			var rings Rings
			few, fewBytes := relayAllocations(t, &rings, mix.from, mix.to, small)
			many, manyBytes := relayAllocations(t, &rings, mix.from, mix.to, large)
			records := float64(large-small) / fullRecord
			perRecord, bytesPer := (many-few)/records, (manyBytes-fewBytes)/records
			// crypto/tls keeps its buffers in a pool, and a busy machine has it make a
			// dozen more of 16 KiB; one for each record would be a hundred times as much.
			if perRecord > 0.1 || bytesPer > 180 {
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
	own := after.Mallocs - before.Mallocs
	bytesOwn := after.TotalAlloc - before.TotalAlloc
	for i := range after.BySize { // all but what crypto/tls allocates for each read(2)
		if after.BySize[i].Size == tlsReadSize {
			reads := after.BySize[i].Mallocs - before.BySize[i].Mallocs
			own, bytesOwn = own-reads, bytesOwn-reads*tlsReadSize
		}
	}
	return float64(own), float64(bytesOwn)
}

// tlsReadSize is what crypto/tls allocates for each read(2) that it wants.
const tlsReadSize = 24

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
				p, _, _ := rg.portion(portion)
				rg.taken(len(p))
			}
		})
	}
}
