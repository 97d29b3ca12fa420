package service

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Housekeeper gives memory back to the system after a busy time. Go collects
// garbage when the heap has doubled, or after two minutes; until then sessions
// that rest cost what their logins took: the stacks of handshakes, their messages
// and keys, up to half as much again as they need. So once nothing much is
// allocated any more, what is left over is collected and returned, once.
//
// It is an actor.
type Housekeeper struct {
	// Every is how often it looks; 0 means half a second.
	Every time.Duration
	// Clean is what it does; nil means debug.FreeOSMemory.
	Clean func()

	samples []metrics.Sample
	seen    uint64 // bytes allocated since the start, at the last look
	clean   uint64 // … at the end of the last cleaning
	calm    int    // looks in a row at which little had been allocated
}

const (
	// calmLooks in a row make a quiet time: one and a half seconds.
	calmLooks = 3
	// calmBytes between two looks are no work worth waiting for the end of.
	calmBytes = 1 << 20
	// litterBytes allocated since the last cleaning make one worth its while, or
	// an eighth of the heap: collecting costs time by the size of that.
	litterBytes = 8 << 20
)

func (h *Housekeeper) String() string { return "housekeeper" }

// Run looks after the memory until ctx ends.
func (h *Housekeeper) Run(ctx context.Context) error {
	if h.Every <= 0 {
		h.Every = 500 * time.Millisecond
	}
	if h.Clean == nil {
		h.Clean = debug.FreeOSMemory
	}
	h.samples = []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}}
	ticks := time.NewTicker(h.Every)
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
			h.look()
		case <-ctx.Done():
			return nil
		}
	}
}

func (h *Housekeeper) look() {
	allocated, heap := h.read()
	if allocated-h.seen < calmBytes {
		h.calm++
	} else {
		h.calm = 0
	}
	h.seen = allocated
	if h.calm < calmLooks || allocated-h.clean < max(litterBytes, heap/8) {
		return
	}
	h.Clean()
	h.clean, _ = h.read()
	h.seen = h.clean
}

func (h *Housekeeper) read() (allocated, heap uint64) {
	metrics.Read(h.samples)
	return h.samples[0].Value.Uint64(), h.samples[1].Value.Uint64()
}
