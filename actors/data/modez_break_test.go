package data

import (
	"bytes"
	"compress/zlib"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/messages"
)

// damages are what may be wrong with a zlib stream whose connection ends well.
func damages(t testing.TB, size int) map[string][]byte {
	good := deflated(t, noise(13, size), 6)
	flip := func(at int) []byte {
		b := bytes.Clone(good)
		b[at] ^= 0x55
		return b
	}
	var preset bytes.Buffer
	w, err := zlib.NewWriterLevelDict(&preset, 6, []byte("dictionary"))
	if err == nil {
		_, err = w.Write([]byte("a dictionary that nobody agreed on"))
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{
		"nothing_at_all":            nil,
		"half_a_header":             good[:1],
		"no_more_than_a_header":     good[:2],
		"cut_within_a_block":        good[:len(good)/2],
		"cut_before_the_checksum":   good[:len(good)-4],
		"cut_within_the_checksum":   good[:len(good)-1],
		"another_checksum":          flip(len(good) - 1),
		"another_header":            flip(0),
		"no_zlib_at_all":            []byte("220 this is a file in MODE S"),
		"a_block_type_that_is_none": {0x78, 0x9c, 0x07, 0, 0, 0, 0, 0},
		"a_byte_more":               append(bytes.Clone(good), 0),
		"a_second_stream":           append(bytes.Clone(good), good...),
		"a_preset_dictionary":       preset.Bytes(),
	}
}

func TestADamagedStreamIsABreak(t *testing.T) {
	for _, m := range []mix{{}, {front: tls13, back: tls13}} {
		h := newHouse(t, m)
		for _, w := range []way{download, upload} {
			source, _ := w.sides()
			for name, wire := range damages(t, 200_000) {
				t.Run(m.String()+"/"+w.String()+"/"+name, func(t *testing.T) {
					r := startSecure(t, w, h, zLegs{source: 6}.on(w), func(c *Config) { c.Stalled = patience })
					var wg conc.WaitGroup
					wg.Go(func() { _, _ = r.source.Write(wire); _ = r.source.closeWrite() })
					wantReset(t, r.dest.tcp)
					if done := r.broken(t, source, messages.StageCopy); !errors.Is(done.Err, errDamaged) {
						t.Errorf("told %+v", done)
					}
					wg.Wait()
				})
			}
		}
	}
}

// A source that breaks off in the middle of a block, or falls silent there, is to
// blame for that, and not for what its stream looks like.
func TestASourceThatBreaksWithinABlock(t *testing.T) {
	wire := deflated(t, noise(14, 200_000), 6)
	for _, m := range []mix{{}, {front: tls13, back: tls13}} {
		h := newHouse(t, m)
		for _, tc := range []struct {
			name  string
			act   func(*secureRig)
			stage messages.Stage
		}{
			{"reset", func(r *secureRig) { hangUp(r.source.tcp) }, messages.StageCopy},
			{"silent", func(*secureRig) {}, messages.StageStall},
			{"aborted", func(r *secureRig) { r.abort() }, messages.StageAbort},
		} {
			t.Run(m.String()+"/"+tc.name, func(t *testing.T) {
				r := startSecure(t, upload, h, zLegs{source: 6}.on(upload), func(c *Config) { c.Stalled = shortly })
				if _, err := r.source.Write(wire[:len(wire)/2]); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(r.dest, make([]byte, 50_000)); err != nil {
					t.Fatal(err)
				}
				tc.act(r)
				done := hear[messages.TransferFinished](t, r.rig)
				ours := tc.stage == messages.StageAbort // which nobody is to blame for
				if done.Err == nil || errors.Is(done.Err, errDamaged) || done.Stage != tc.stage || !ours && done.Side != messages.FrontSide {
					t.Errorf("told %+v", done)
				}
				wantReset(t, r.dest.tcp)
			})
		}
	}
}

// A stream that is complete proves its end itself where close_notify may be missing.
func TestLaxCloseInModeZ(t *testing.T) {
	h := newHouse(t, mix{front: tls13})
	wire := deflated(t, noise(15, 10_000), 6)
	lax := func(c *Config) { c.Front.LaxClose, c.Front.Deflate = true, 6 }
	t.Run("complete", func(t *testing.T) {
		r := startSecure(t, upload, h, lax)
		_, _ = r.source.Write(wire)
		_ = r.source.tcp.CloseWrite()
		if ended := hear[messages.DataEnded](t, r.rig); ended.Settle <= 0 {
			t.Errorf("told %+v; such an end may be faked", ended)
		}
	})
	t.Run("cut", func(t *testing.T) {
		r := startSecure(t, upload, h, lax)
		_, _ = r.source.Write(wire[:len(wire)-1])
		_ = r.source.tcp.CloseWrite()
		r.broken(t, messages.FrontSide, messages.StageCopy)
	})
}

// The limit is of the file, not of what travels: a small stream may be a large file.
func TestLimitInModeZ(t *testing.T) {
	const limit = 1 << 20
	h := newHouse(t, mix{})
	r := startSecure(t, upload, h, zLegs{source: 6}.on(upload), func(c *Config) { c.MaxBytes = limit })
	got := receive(r.dest)
	_, _ = r.source.Write(deflated(t, make([]byte, 8<<20), 9)) // 8 KiB of it
	r.wantTooLarge(t, upload, limit)
	got.wg.Wait()
	if got.Len() > limit {
		t.Errorf("%d bytes arrived, want %d at most", got.Len(), limit)
	}
}

// Content that trickles in is not kept for long, whatever compresses better.
func TestSlowContentIsFlushed(t *testing.T) {
	h := newHouse(t, mix{})
	r := startSecure(t, download, h, zLegs{dest: 6}.on(download), func(c *Config) { c.Rate = Rate{BytesPerSecond: 200} })
	began := time.Now()
	var wg conc.WaitGroup
	wg.Go(func() { _, _ = r.source.Write(make([]byte, 600)) })
	z, err := zlib.NewReader(r.dest)
	if err == nil {
		_, err = io.ReadFull(z, make([]byte, 100))
	}
	if took := time.Since(began); err != nil || took > patience/4 {
		t.Errorf("the first bytes came after %v, %v", took, err)
	}
	wg.Wait()
	r.abort()
}

// FuzzInflate holds what a peer may send against what the standard library says.
func FuzzInflate(f *testing.F) {
	for _, wire := range damages(f, 100) {
		f.Add(wire)
	}
	f.Add(deflated(f, []byte("content"), 9))
	var stock inflaters
	f.Fuzz(func(t *testing.T, wire []byte) {
		z := stock.take(bytes.NewReader(wire))
		defer stock.give(z)
		got, err := io.ReadAll(io.LimitReader(z, 1<<22))
		if len(got) == 1<<22 {
			return
		}
		want, wantErr := inflated(wire)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("inflated to %d bytes and %v, want %d and %v", len(got), err, len(want), wantErr)
		}
		if err == nil && !bytes.Equal(got, want) {
			t.Fatal("inflated to other bytes")
		}
	})
}
