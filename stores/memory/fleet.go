package memory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/stores"
)

// ErrCut is the answer of a fleet that cannot be reached.
var ErrCut = errors.New("the shared store cannot be reached")

// DefaultLease is how long a gateway counts as living after its last Beat.
const DefaultLease = 5 * time.Second

// Fleet is one store for several gateways of a process. It keeps the contract
// of stores.Shared without a network, and has outages on demand.
type Fleet struct {
	lease time.Duration
	now   func() time.Time

	mu      sync.Mutex
	records table
	turns   map[string]uint64 // the next of a pool
	members map[*Gateway]struct{}
	cut     bool
	life    int // counts how often everything was forgotten
}

// NewFleet returns an empty fleet. A zero lease means DefaultLease, no clock
// that of the system.
func NewFleet(lease time.Duration, now func() time.Time) *Fleet {
	if lease == 0 {
		lease = DefaultLease
	}
	if now == nil {
		now = time.Now
	}
	return &Fleet{lease: lease, now: now, records: table{}, turns: map[string]uint64{}, members: map[*Gateway]struct{}{}}
}

// Join returns the store of one more gateway, to be closed by the caller.
func (f *Fleet) Join() *Gateway {
	f.mu.Lock()
	defer f.mu.Unlock()
	g := &Gateway{fleet: f}
	f.members[g] = struct{}{}
	return g
}

// Cut begins or ends an outage for all gateways.
func (f *Fleet) Cut(away bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cut = away
	for g := range f.members {
		g.broken()
	}
}

// Forget is the fleet's restart with nothing left. Each gateway hears of it by
// stores.ErrRenewed.
func (f *Fleet) Forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.records, f.turns = table{}, map[string]uint64{}
	f.life++
	for g := range f.members {
		g.counts = nil
		g.broken()
	}
}

// epoch tells the lives apart; the first is no empty text.
func (f *Fleet) epoch() string { return strconv.Itoa(f.life) }

// tell passes news to all but the one it came from.
func (f *Fleet) tell(from *Gateway, n stores.News) {
	for g := range f.members {
		if g != from {
			g.hear(n)
		}
	}
}

// expire takes the counts of those whose lease ran out.
func (f *Fleet) expire() {
	now := f.now()
	for g := range f.members {
		if g.counts != nil && !g.until.After(now) {
			g.counts = nil
		}
	}
}

// Gateway is one gateway's store in a fleet. It implements stores.Shared.
type Gateway struct {
	fleet  *Fleet
	epochs stores.Epochs

	// Guarded by the fleet's lock.
	counts   map[stores.Key]int // nil: no lease
	until    time.Time          // end of the lease
	watchers []*watcher
	cut      bool
	closed   bool
}

var _ stores.Shared = (*Gateway)(nil)

// Cut begins or ends an outage for this gateway alone.
func (g *Gateway) Cut(away bool) {
	g.fleet.mu.Lock()
	defer g.fleet.mu.Unlock()
	g.cut = away
	g.broken()
}

// away reports an outage; the fleet is locked.
func (g *Gateway) away() bool { return g.cut || g.fleet.cut }

// ready reports why a call cannot be served; the fleet is locked.
func (g *Gateway) ready(ctx context.Context) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case g.closed:
		return stores.ErrClosed
	case g.away():
		return ErrCut
	}
	return nil
}

// Load implements stores.Loader.
func (g *Gateway) Load(ctx context.Context, kind stores.Kind) ([]stores.Record, error) {
	g.fleet.mu.Lock()
	defer g.fleet.mu.Unlock()
	if err := g.ready(ctx); err != nil {
		return nil, fmt.Errorf("load %v from the fleet: %w", kind, err)
	}
	g.epochs.Learn(g.fleet.epoch(), nil)
	return g.fleet.records.load(kind), nil
}

// Each implements stores.Loader; nobody else is served meanwhile.
func (g *Gateway) Each(ctx context.Context, kind stores.Kind, visit func(stores.Record) error) error {
	g.fleet.mu.Lock()
	defer g.fleet.mu.Unlock()
	if err := g.ready(ctx); err != nil {
		return fmt.Errorf("visit %v in the fleet: %w", kind, err)
	}
	g.epochs.Learn(g.fleet.epoch(), nil)
	return g.fleet.records.each(ctx, kind, visit)
}

// Apply implements stores.Writer.
func (g *Gateway) Apply(ctx context.Context, changes []stores.Change) error {
	f := g.fleet
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := g.ready(ctx); err != nil {
		return fmt.Errorf("apply %d changes in the fleet: %w", len(changes), err)
	}
	if _, err := stores.Encode(changes); err != nil {
		return fmt.Errorf("apply in the fleet: %w", err)
	}
	if !g.epochs.Learn(f.epoch(), changes) {
		return stores.ErrRenewed
	}
	var done, late []stores.Change
	for _, c := range changes {
		if f.records.apply(c) {
			done = append(done, stores.Change{Key: c.Key, Value: slices.Clone(c.Value)})
		} else {
			late = append(late, stores.Delete(c.Key))
		}
	}
	for i, c := range late { // what is there in the end
		late[i].Value = slices.Clone(f.records[c.Key.Kind][c.Key])
	}
	if len(done) > 0 {
		f.tell(g, stores.News{Records: done})
	}
	if len(late) > 0 {
		g.hear(stores.News{Records: late})
	}
	return nil
}

// Sync implements stores.Writer; there is nothing to do.
func (g *Gateway) Sync(ctx context.Context) error {
	g.fleet.mu.Lock()
	defer g.fleet.mu.Unlock()
	return g.ready(ctx)
}

// Turns implements stores.Shared.
func (g *Gateway) Turns(ctx context.Context, pool string, n int, atLeast uint64) (uint64, error) {
	g.fleet.mu.Lock()
	defer g.fleet.mu.Unlock()
	if err := g.ready(ctx); err != nil {
		return 0, fmt.Errorf("take %d turns of pool %q: %w", n, pool, err)
	}
	first := max(g.fleet.turns[pool], atLeast)
	if err := stores.CheckTurns(pool, n, first); err != nil {
		return 0, err
	}
	g.fleet.turns[pool] = first + uint64(n)
	return first, nil
}

// Beat implements stores.Shared.
func (g *Gateway) Beat(ctx context.Context, own map[stores.Key]int) (map[stores.Key]int, error) {
	f := g.fleet
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := g.ready(ctx); err != nil {
		return nil, fmt.Errorf("renew the lease: %w", err)
	}
	f.expire()
	before := g.counts
	g.counts, g.until = map[stores.Key]int{}, f.now().Add(f.lease)
	changed := false
	for k, n := range own {
		if n >= 1 {
			g.counts[k] = n
			changed = changed || before[k] != n
		}
	}
	if changed || len(before) != len(g.counts) {
		f.tell(g, stores.News{Counts: true})
	}
	others := map[stores.Key]int{}
	for other := range f.members {
		if other == g {
			continue
		}
		for k, n := range other.counts {
			others[k] += n
		}
	}
	return others, nil
}

// Close gives up the gateway's lease. Closing again is harmless.
func (g *Gateway) Close() error {
	g.fleet.mu.Lock()
	defer g.fleet.mu.Unlock()
	if g.closed {
		return nil
	}
	g.closed = true
	delete(g.fleet.members, g)
	if len(g.counts) > 0 && !g.away() {
		g.fleet.tell(g, stores.News{Counts: true})
	}
	for _, w := range g.watchers {
		w.stir()
	}
	return nil
}
