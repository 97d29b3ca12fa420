package data

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/messages"
)

// deflated is content as a peer in MODE Z sends it.
func deflated(t testing.TB, content []byte, level int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := zlib.NewWriterLevel(&b, level)
	if err == nil {
		_, err = w.Write(content)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// inflated is what a peer in MODE Z makes of what it received, to the last byte.
func inflated(wire []byte) ([]byte, error) {
	all := bytes.NewReader(wire)
	r, err := zlib.NewReader(all)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(r)
	if err == nil && all.Len() > 0 {
		err = fmt.Errorf("%d bytes follow the stream", all.Len())
	}
	return content, err
}

// contents are of every kind that compression cares for.
func contents() map[string][]byte {
	return map[string][]byte{
		"nothing": nil, "a_byte": []byte("x"), "noise": noise(11, 400_001), // six portions and some
		"text":  []byte(strings.Repeat("drwxr-xr-x 2 ftp ftp 4096 Jan 1 00:00 dir\r\n", 10_000)),
		"zeros": make([]byte, 600_000),
	}
}

// zLegs are the legs that are in MODE Z.
type zLegs struct{ source, dest int }

func (z zLegs) on(w way) func(*Config) {
	return func(c *Config) {
		c.Front.Deflate, c.Back.Deflate = z.dest, z.source
		if w.upload {
			c.Front.Deflate, c.Back.Deflate = z.source, z.dest
		}
	}
}

func TestModeZ(t *testing.T) {
	for _, m := range []mix{{}, {front: tls13, back: tls12}, {back: tls13}} {
		t.Run(m.String(), func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, m)
			for _, w := range []way{download, upload} {
				for _, z := range []zLegs{{source: 6}, {dest: 6}, {source: 1, dest: 9}} {
					for name, content := range contents() {
						t.Run(fmt.Sprintf("%v/source_%d_dest_%d/%s", w, z.source, z.dest, name), func(t *testing.T) {
							r := startSecure(t, w, h, z.on(w), func(c *Config) { c.Stalled = patience })
							wholeModeZ(t, r, z, content)
						})
					}
				}
			}
		})
	}
}

// wholeModeZ runs a transfer to its end.
func wholeModeZ(t *testing.T, r *secureRig, z zLegs, content []byte) {
	sent := content
	if z.source > 0 {
		sent = deflated(t, content, z.source)
	}
	got := receive(r.dest)
	var wg conc.WaitGroup
	wg.Go(func() { _, _ = r.source.Write(sent); _ = r.source.closeWrite() })
	if ended := hear[messages.DataEnded](t, r.rig); ended.Bytes != int64(len(content)) {
		t.Errorf("told %+v of %d bytes", ended, len(content))
	}
	r.ch.Settle(true)
	got.wg.Wait()
	_ = r.dest.closeWrite()
	r.dest.tcp.Close()
	if got.err != nil {
		t.Errorf("the destination's connection ended with %v", got.err)
	}
	arrived, err := got.Bytes(), error(nil)
	if z.dest > 0 {
		arrived, err = inflated(got.Bytes())
	}
	if err != nil || !bytes.Equal(arrived, content) {
		t.Errorf("%d bytes were sent, %d others arrived, %v", len(content), len(arrived), err)
	}
	if done := hear[messages.TransferFinished](t, r.rig); done.Err != nil || done.Bytes != int64(len(content)) {
		t.Errorf("told %+v", done)
	}
	want := Counts{Read: int64(len(sent)), Content: int64(len(content)), Written: int64(got.Len())}
	if counts := r.ch.Counts(); counts != want {
		t.Errorf("counted %+v, want %+v", counts, want)
	}
	wg.Wait()
}

func TestModeZLevels(t *testing.T) {
	text := contents()["text"]
	for level := 1; level <= 9; level++ {
		t.Run(fmt.Sprint(level), func(t *testing.T) {
			h := newHouse(t, mix{})
			z := zLegs{dest: level}
			wholeModeZ(t, startSecure(t, download, h, z.on(download)), z, text)
		})
	}
}

// The end of a compressed stream tells a receiver that the file is whole, so it
// comes only when that is settled; and then whatever happens next.
func TestModeZEndsWhenItIsSettled(t *testing.T) {
	content := noise(12, 100_000)
	for _, m := range []mix{{}, {front: tls13, back: tls13}} {
		h := newHouse(t, m)
		run := func(t *testing.T, act func(*secureRig)) (wire []byte, end error) {
			r := startSecure(t, download, h, zLegs{dest: 6}.on(download))
			got := receive(r.dest)
			if _, err := r.source.Write(content); err != nil {
				t.Fatal(err)
			}
			_ = r.source.closeWrite()
			hear[messages.DataEnded](t, r.rig)
			act(r)
			got.wg.Wait()
			r.dest.tcp.Close()
			hear[messages.TransferFinished](t, r.rig)
			return got.Bytes(), got.err
		}
		for name, act := range map[string]func(*secureRig){
			"as_broken": func(r *secureRig) { r.ch.Settle(false) },
			"aborted":   func(r *secureRig) { r.abort() },
		} {
			t.Run(m.String()+"/"+name, func(t *testing.T) {
				wire, end := run(t, act)
				arrived, err := inflated(wire)
				if !errors.Is(end, syscall.ECONNRESET) || !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.Equal(arrived, content) {
					t.Errorf("%d bytes arrived, %v; the connection ended with %v", len(arrived), err, end)
				}
			})
		}
		t.Run(m.String()+"/as_whole_and_then_aborted", func(t *testing.T) {
			for range 30 {
				wire, end := run(t, func(r *secureRig) { r.ch.Settle(true); r.abort() })
				if arrived, err := inflated(wire); err != nil || end != nil || !bytes.Equal(arrived, content) {
					t.Fatalf("%d bytes arrived, %v; the connection ended with %v", len(arrived), err, end)
				}
			}
		})
	}
}
