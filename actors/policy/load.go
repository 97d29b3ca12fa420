package policy

import (
	"context"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/stores"
)

// remembered is what a store gave about pools and backends.
type remembered struct {
	rotations map[string]stores.Rotation
	counters  map[stores.Key]stores.Counters
}

// piece is a part of what a store gives, in this order: what is remembered
// about the pools, assignments, the end.
type piece struct {
	pools  *remembered
	sticky []assigned
	end    bool
	err    error // with the end: why there is no more
}

// assigned is a stored assignment; without a backend it was deleted.
type assigned struct {
	key    stores.Key
	record stores.Sticky
}

// perPiece is how many assignments come at a time: few enough for the picks
// in between not to wait.
const perPiece = 256

// loading is the reading of the store beside the loop.
type loading struct {
	pieces  chan piece // capacity 1
	running bool
	again   bool // something was missed: read once more after this
	over    bool // the store was read to the end, or cannot be
	begun   time.Time
	count   int
}

// load starts the child that reads the store. What is known already is merged.
func (a *Actor) load(ctx context.Context) {
	if a.loading.running {
		a.loading.again = true
		return
	}
	a.loading.running, a.loading.begun, a.loading.count = true, time.Now(), 0
	l := &loader{store: a.cfg.Store, log: a.log, pieces: a.loading.pieces}
	a.kids.Go(ctx, l) // ends with ctx
}

// loaded takes in a piece.
func (a *Actor) loaded(ctx context.Context, p piece) {
	if p.pools != nil {
		a.book.restore(*p.pools)
	}
	for _, s := range p.sticky {
		a.merge(s.key, s.record)
	}
	a.loading.count += len(p.sticky)
	if !p.end {
		return
	}
	a.loading.running, a.loading.over = false, true
	if p.err != nil {
		a.log.Error().Err(p.err).Msg("what the store remembers could not be read to the end; what is missing begins anew")
	} else if a.loading.count > 0 {
		a.log.Debug().Int("assignments", a.loading.count).Dur("took", time.Since(a.loading.begun)).Msg("the store was read")
	}
	if a.loading.again {
		a.loading.again = false
		a.load(ctx)
	}
}

// begin waits for the store, for as long as the configuration allows. A
// gateway with a slow or broken store starts all the same: positions and
// counters at zero, assignments as the hashes say until they come.
//
// A shared store is read once it is watched, so that nothing is missed. It is
// behind a network, which nobody waits for longer than for a turn: positions
// are its own affair, and the rest fills gaps whenever it comes.
func (a *Actor) begin(ctx context.Context) {
	within := a.cfg.LoadWithin
	if a.share.on() {
		within = min(within, a.cfg.ParkFor)
	} else {
		a.load(ctx)
	}
	late := time.NewTimer(within)
	defer late.Stop()
	for !a.loading.over || a.loading.running {
		select {
		case p := <-a.loading.pieces:
			a.loaded(ctx, p)
		case n := <-a.share.news:
			a.heardNews(ctx, n)
		case <-late.C:
			if a.share.on() {
				a.log.Info().Msg("the shared store is not read yet; the gateway serves with what has come, and takes in the rest when it comes")
				return
			}
			a.log.Error().Stringer("waited", within).Msg("the store is slow; the gateway serves with what has come, positions and counters begin at zero if they have not")
			return
		case <-ctx.Done():
			return
		}
	}
}

// loader is the child that reads the store from end to end.
type loader struct {
	store  stores.Loader
	log    zerolog.Logger
	pieces chan<- piece
}

func (l *loader) String() string { return "policy loader" }

// Run sends the pieces, the end in any case.
func (l *loader) Run(ctx context.Context) error {
	err := attempt(func() error { return l.read(ctx) })
	return l.send(ctx, piece{end: true, err: err})
}

func (l *loader) send(ctx context.Context, p piece) error {
	if ctx.Err() != nil {
		return context.Cause(ctx) // the end is no failure of the store
	}
	select {
	case l.pieces <- p:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l *loader) read(ctx context.Context) error {
	r, err := l.pools(ctx)
	if err != nil {
		return err
	}
	if err := l.send(ctx, piece{pools: &r}); err != nil {
		return err
	}
	part := make([]assigned, 0, perPiece)
	err = l.store.Each(ctx, stores.KindSticky, func(rec stores.Record) error {
		v, err := stores.ParseSticky(rec.Value)
		if err != nil {
			l.unreadable(rec.Key, err)
			return nil
		}
		if part = append(part, assigned{rec.Key, v}); len(part) < perPiece {
			return nil
		}
		full := part
		part = make([]assigned, 0, perPiece)
		return l.send(ctx, piece{sticky: full})
	})
	if err != nil {
		return fmt.Errorf("load assignments: %w", err)
	}
	return l.send(ctx, piece{sticky: part})
}

// pools decodes what is remembered about pools and backends.
func (l *loader) pools(ctx context.Context) (remembered, error) {
	r := remembered{rotations: map[string]stores.Rotation{}, counters: map[stores.Key]stores.Counters{}}
	rotations, err := l.store.Load(ctx, stores.KindRotation)
	if err != nil {
		return r, fmt.Errorf("load positions: %w", err)
	}
	counters, err := l.store.Load(ctx, stores.KindCounters)
	if err != nil {
		return r, fmt.Errorf("load counters: %w", err)
	}
	for _, rec := range rotations {
		if v, err := stores.ParseRotation(rec.Value); err == nil {
			r.rotations[rec.Key.Pool] = v
		} else {
			l.unreadable(rec.Key, err)
		}
	}
	for _, rec := range counters {
		if v, err := stores.ParseCounters(rec.Value); err == nil {
			r.counters[rec.Key] = v
		} else {
			l.unreadable(rec.Key, err)
		}
	}
	return r, nil
}

// unreadable says that a record is left out.
func (l *loader) unreadable(k stores.Key, err error) {
	l.log.Warn().Stringer("record", k).Err(err).Msg("a stored record cannot be read; it begins anew")
}

// heardNews takes in what other gateways did.
func (a *Actor) heardNews(ctx context.Context, n stores.News) {
	if n.Lost || len(n.Records) == 0 && !n.Counts {
		a.load(ctx) // listening begins, or begins again
	}
	if n.Counts {
		a.share.beatSoon()
	}
	for _, c := range n.Records {
		switch {
		case c.Key.Kind != stores.KindSticky:
		case c.Value == nil:
			a.sticky.Delete(c.Key.Pool, c.Key.Name)
		default:
			if v, err := stores.ParseSticky(c.Value); err == nil {
				a.merge(c.Key, v)
			} else {
				a.log.Warn().Stringer("record", c.Key).Err(err).Msg("another gateway's record cannot be read; it is left out")
			}
		}
	}
}
