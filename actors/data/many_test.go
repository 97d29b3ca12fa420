package data

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/sourcegraph/conc/pool"

	"github.com/sluice-gateway/sluice/messages"
)

// Transfers share pipes and buffers. One that breaks off in the middle must
// leave nothing in them that the next would deliver, and nothing open.
func TestManyTransfersShareNothingButPipes(t *testing.T) {
	eachPath(t, func(t *testing.T, path func(*Config)) {
		pair(t) // the first connection of a process opens more than itself
		before := descriptors()
		shared := NewPipes()
		share := func(c *Config) {
			c.Pipes = shared
			path(c)
		}
		t.Run("transfers", func(t *testing.T) {
			crew := pool.New().WithMaxGoroutines(24)
			all := ways()[:8] // IPv4
			for i := range 300 {
				crew.Go(func() { one(t, all[i%len(all)], uint64(i), share) })
			}
			crew.Wait()
		})
		shared.Close()
		for end := time.Now().Add(patience); descriptors() != before; {
			if time.Now().After(end) {
				t.Fatalf("%d descriptors are open, %d were at the start", descriptors(), before)
			}
			time.Sleep(time.Millisecond) // bounded polling of the system's count
		}
	})
}

// one runs a transfer that ends properly, by an abort or by a reset.
func one(t *testing.T, w way, seed uint64, share func(*Config)) {
	rng := rand.New(rand.NewPCG(seed, 0))
	size := 1 << rng.IntN(22)
	content := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(content)
	r := start(t, w, share, func(c *Config) { c.Stalled = patience })
	defer r.source.Close()
	defer r.dest.Close()

	fate := rng.IntN(3)
	cut := rng.IntN(size)
	peers := pool.New()
	peers.Go(func() {
		if fate == 1 {
			_, _ = r.source.Write(content[:cut])
			hangUp(r.source)
			return
		}
		_, _ = r.source.Write(content)
		_ = r.source.CloseWrite()
	})
	var got bytes.Buffer
	var end error
	peers.Go(func() {
		if fate == 2 {
			_, _ = io.CopyN(&got, r.dest, int64(cut))
			r.abort()
		}
		_, end = io.Copy(&got, r.dest)
		_ = r.dest.Close()
	})
	m := <-r.inbox.C()
	if _, ended := m.(messages.DataEnded); ended {
		r.ch.Settle(true)
		m = <-r.inbox.C()
	}
	done := m.(messages.TransferFinished)
	peers.Wait()
	if !bytes.HasPrefix(content, got.Bytes()) {
		t.Errorf("%v %d, fate %d: foreign bytes arrived", w, seed, fate)
	}
	clean := end == nil
	switch {
	case clean && (got.Len() != size || fate == 1):
		t.Errorf("%v %d, fate %d: a proper end after %d of %d bytes", w, seed, fate, got.Len(), size)
	case !clean && !errors.Is(end, syscall.ECONNRESET):
		t.Errorf("%v %d, fate %d: ended with %v", w, seed, fate, end)
	case fate == 0 && (done.Err != nil || done.Bytes != int64(size) || !clean):
		t.Errorf("%v %d: told %+v, ended with %v", w, seed, done, end)
	case fate == 1 && (done.Err == nil || done.Bytes > int64(cut)):
		t.Errorf("%v %d: told %+v of a source that broke off after %d", w, seed, done, cut)
	}
}
