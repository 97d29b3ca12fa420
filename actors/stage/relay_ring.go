package stage

import "sync"

const (
	// ringSize is what may lie between the two stages of a relay.
	ringSize = 256 << 10
	// portion is what the encoder takes at a time: as much as one segment of the
	// kernel may hold, and a whole number of records.
	portion = 64 << 10
	// fullRecord is what a TLS record holds at most (RFC 8446 section 5.1).
	fullRecord = 16 << 10
)

type block [ringSize]byte

// burst is what a relay sends at once: the records of a whole ring, each of which
// has up to 5 bytes of header and 256 of expansion (RFC 8446 section 5.2).
type burst [ringSize + ringSize/fullRecord*(recordHeader+256)]byte

// Rings lends what relays keep between their stages, and what they gather while
// they encrypt. The zero value is ready; it is safe for concurrent use.
type Rings struct{ pool, bursts sync.Pool }

func (r *Rings) takeBurst() *burst {
	if b, ok := r.bursts.Get().(*burst); ok {
		return b
	}
	return new(burst)
}

func (r *Rings) take() *block {
	if b, ok := r.pool.Get().(*block); ok {
		return b
	}
	return new(block)
}

// ring is the buffer between a decoder, which fills it, and an encoder, which
// empties it. It borrows its block with the first byte, and gives it back when it
// is empty and the source silent.
type ring struct {
	rings *Rings

	mu         sync.Mutex
	room, news sync.Cond // what the decoder and the encoder wait for
	block      *block
	head, used int
	dry        bool // the decoder has nothing for now, and no part of the block
	ended      bool // the source ended properly
	err        error
	at         End // where err happened
}

func newRing(rings *Rings) *ring {
	r := &ring{rings: rings, dry: true}
	r.room.L, r.news.L = &r.mu, &r.mu
	return r
}

// space waits for room and returns some of it, or nothing when the relay failed.
// waited says that the encoder was the slower one.
func (r *ring) space() (p []byte, waited bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ringSize-r.used < portion {
		for r.used > ringSize/2 && r.err == nil { // not for every portion anew
			waited = true
			r.room.Wait()
		}
	}
	if r.err != nil {
		return nil, waited
	}
	if r.block == nil {
		r.block = r.rings.take()
	}
	r.dry = false
	tail := r.head + r.used
	if tail >= ringSize {
		return r.block[tail-ringSize : r.head], waited
	}
	return r.block[tail:], waited
}

// filled hands on n bytes of what space returned.
func (r *ring) filled(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used += n
	if r.used >= portion {
		r.news.Signal()
	}
}

// pause says that the source is silent: what is there is all there is for now. It
// reports whether there is anything.
func (r *ring) pause() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dry = true
	r.freeIfIdle()
	r.news.Signal()
	return r.used > 0
}

// drained waits until the encoder has taken everything, and reports whether there
// was anything to wait for.
func (r *ring) drained() (waited bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.used > 0 && r.err == nil {
		waited = true
		r.room.Wait()
	}
	return waited
}

// portion waits for bytes and returns some, most at most, or nothing at the end. While more are
// on their way it returns full records only. more says that others follow for
// certain; waited, that the decoder was the slower one.
func (r *ring) portion(most int) (p []byte, more, waited bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.err == nil && !r.ended && r.used < portion && (!r.dry || r.used == 0) {
		waited = true
		r.news.Wait()
	}
	if r.err != nil || r.used == 0 {
		return nil, false, waited
	}
	n := min(r.used, ringSize-r.head, most)
	return r.block[r.head : r.head+n], r.used > n, waited
}

// taken makes room where the portion was.
func (r *ring) taken(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used -= n
	if r.head += n; r.head == ringSize || r.used == 0 && r.dry {
		r.head = 0
	}
	r.freeIfIdle()
	if r.used == 0 || r.used <= ringSize/2 && !r.dry {
		r.room.Signal()
	}
}

// end says that nothing more comes.
func (r *ring) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dry, r.ended = true, true
	r.freeIfIdle()
	r.news.Signal()
}

// fail ends the relay, and reports whether nobody had done so before.
func (r *ring) fail(at End, err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return false
	}
	r.at, r.err = at, err
	r.room.Signal()
	r.news.Signal()
	return true
}

func (r *ring) verdict() (End, error) { return r.at, r.err }

// freeIfIdle gives the block back while nobody has a part of it.
func (r *ring) freeIfIdle() {
	if r.dry && r.used == 0 && r.block != nil {
		r.rings.pool.Put(r.block)
		r.block, r.head = nil, 0
	}
}

// release comes when both stages have ended.
func (r *ring) release() {
	r.dry, r.used = true, 0
	r.freeIfIdle()
}
