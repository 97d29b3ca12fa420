package stage

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"hash"
	"io"
	"math/rand/v2"
	"os"
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
					if took := time.Since(begin); took > patience/4 {
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
