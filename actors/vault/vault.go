// Package vault is the actor that keeps TLS client sessions, so that a backend
// is come back to without a full handshake, across client sessions and across
// restarts of the gateway.
//
// Its rules:
//   - No handshake waits for it. Reading takes no lock; what is to be kept goes
//     by the mailbox, and is dropped, counted and said when that is full.
//   - It writes behind: the store is a child's affair, and a store that is slow,
//     broken or damaged costs full handshakes and nothing else. It does so
//     rarely: nearly every login brings a new session in the place of one that
//     would do as well, and an orderly end writes what there is.
//   - A session is given to its owner only (a server and what it shows and asks
//     of backends), for a day at most. When there are too many the oldest go:
//     first of all those with backends that clients named (ProxyRole forward),
//     beginning with the client that has most. None has more than its share.
//   - What it holds are secrets. They are in no log line and no error.
package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/actors/outbox"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
	"github.com/sluice-gateway/sluice/stores"
)

// Config is what the actor needs. Zero values mean the defaults.
type Config struct {
	// Store gives the store, which the caller opens and closes. It is asked at
	// each start of Run: sessions may be meant for the vault before there is one.
	Store func() stores.Store

	Age        time.Duration    // longest life of a session; 0 means 24 h
	Most       int              // sessions kept; 0 means 1000
	MostBytes  int              // of all sessions together; 0 means 16 MiB
	PerClient  int              // with backends that one client named; 0 means a sixteenth of Most
	FlushEvery time.Duration    // longest age of a change in memory; 0 means 1 min
	SweepEvery time.Duration    // between two looks for what is too old; 0 means 10 min
	StopWithin time.Duration    // for the last writes at the end, and again for the store to let go; 0 means 2 s
	Mailbox    int              // capacity; 0 means 256
	Now        func() time.Time // nil: time.Now
	Log        zerolog.Logger
}

func (c Config) withDefaults() Config {
	c.Age = cmp.Or(c.Age, 24*time.Hour)
	c.Most = cmp.Or(c.Most, 1000)
	c.MostBytes = cmp.Or(c.MostBytes, 16<<20)
	c.PerClient = cmp.Or(c.PerClient, max(1, c.Most/16))
	c.FlushEvery = cmp.Or(c.FlushEvery, time.Minute)
	c.SweepEvery = cmp.Or(c.SweepEvery, 10*time.Minute)
	c.StopWithin = cmp.Or(c.StopWithin, 2*time.Second)
	c.Mailbox = cmp.Or(c.Mailbox, 256)
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Vault is the actor. Run may be called again after it ended, never twice at a
// time; what is kept outlives a crash.
type Vault struct {
	// immutable
	cfg Config
	log zerolog.Logger
	box mailbox.Mailbox[messages.ToVault]

	// shared
	lost atomic.Uint64 // messages there was no room for, not yet said

	// owned by the loop; shelf.open is read by everybody
	shelf  *shelf
	loaded bool
	out    *outbox.Outbox
}

// New returns a vault that waits for Run.
func New(cfg Config) *Vault {
	cfg = cfg.withDefaults()
	v := &Vault{cfg: cfg, box: mailbox.New[messages.ToVault](cfg.Mailbox), shelf: newShelf(cfg.Most, cfg.MostBytes, cfg.PerClient)}
	v.log = cfg.Log.With().Str("actor", v.String()).Logger()
	v.out = newOutbox(v)
	return v
}

func (v *Vault) String() string { return "vault" }

// Mailbox is where the actor is spoken to. Its supervisor retires it.
func (v *Vault) Mailbox() mailbox.Mailbox[messages.ToVault] { return v.box }

// Run serves until ctx ends, then writes what is unwritten. It returns nil for
// that proper end.
func (v *Vault) Run(ctx context.Context) error {
	// The store must still answer when ctx has ended, for the last writes.
	storeCtx, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	v.out.Open(storeCtx, !v.loaded)
	defer v.out.Close(abandon)
	sweep := time.NewTicker(v.cfg.SweepEvery)
	defer sweep.Stop()
	for {
		v.settle()
		select {
		case m := <-v.box.C():
			v.handle(m)
		case found := <-v.out.Found():
			v.restore(found)
		case <-v.out.Due():
			v.out.Flush()
		case err := <-v.out.Done():
			if v.out.Flushed(err) {
				v.shelf.touchAll()
			}
		case <-sweep.C:
			v.shelf.sweep(v.cfg.Now().Add(-v.cfg.Age))
		case exit := <-v.out.Exits():
			return fmt.Errorf("the %v ended early: %w", exit.Actor, errors.Join(exit.Err, errEarly))
		case <-ctx.Done():
			v.box.Drain(v.handle)
			v.out.Finish()
			return nil
		}
	}
}

var errEarly = errors.New("it should outlive the vault")

// settle does what any event may have led to.
func (v *Vault) settle() {
	if n := v.lost.Swap(0); n > 0 {
		v.log.Warn().Uint64("dropped", n).Msg("too many TLS sessions at once; those dropped are not resumed")
	}
	v.out.Changed()
}

func (v *Vault) handle(m messages.ToVault) {
	switch m := m.(type) {
	case messages.KeepSession:
		v.keep(m)
	case messages.ForgetSession:
		v.shelf.remove(place{m.Owner, m.Backend})
	case messages.DescribeVault:
		m.Reply <- messages.VaultDescribed{
			Sessions: len(v.shelf.entries), Bytes: v.shelf.bytes, Unwritten: v.shelf.unwritten(), Loaded: v.loaded,
		}
	default:
		v.log.Error().Type("message", m).Msg("a message that the vault does not know; it is dropped")
	}
}

func (v *Vault) keep(m messages.KeepSession) {
	if n := len(m.Session); n == 0 || n > stores.MaxTLSSession {
		v.log.Warn().Str("backend", m.Backend).Int("bytes", n).
			Msg("a TLS session of this size is not kept; the next handshake with the backend is a full one")
		v.shelf.remove(place{m.Owner, m.Backend})
		return
	}
	v.shelf.put(place{m.Owner, m.Backend}, m.By, stores.TLSSession{At: v.cfg.Now(), Session: m.Session})
}

// restore takes in what an earlier process left.
func (v *Vault) restore(given outbox.Found) {
	f := sift(given.Records)
	switch {
	case given.Err != nil:
		v.log.Warn().Err(fmt.Errorf("load TLS sessions: %w", given.Err)).Msg("TLS sessions could not be loaded; backends are met with full handshakes first")
	case f.unreadable != nil:
		v.log.Warn().Err(f.unreadable).Int("records", f.bad).Msg("stored TLS sessions that cannot be read are thrown away")
	}
	v.shelf.restore(f, v.cfg.Now(), v.cfg.Age)
	v.loaded = true
}

// For returns the sessions of one owner. Two owners never meet each other's,
// even for the same backend.
func (v *Vault) For(owner string) *Drawer { return &Drawer{vault: v, owner: owner} }

// ForNamed is For where clients name the backends.
func (v *Vault) ForNamed(owner string) *Drawer { return v.For(named + owner) }

// named begins the names of owners whose backends clients name, in the store, too:
// so that they are known as such in the next process.
const named = "~"

// Drawer gives access to the sessions of one owner. Its methods may be called
// by anybody at any time and never wait.
type Drawer struct {
	vault *Vault
	owner string
}

// Load returns a copy of the session with a backend; nil: there is none.
func (d *Drawer) Load(backend string) []byte {
	s, ok := d.vault.shelf.look(place{d.owner, backend})
	if !ok || d.vault.cfg.Now().Sub(s.At) >= d.vault.cfg.Age {
		return nil
	}
	return append([]byte(nil), s.Session...)
}

// Save has a session kept; the caller must not change it any more. by is the
// client that named the backend, if one did.
func (d *Drawer) Save(backend, by string, session []byte) {
	d.vault.tell(messages.KeepSession{Owner: d.owner, Backend: backend, By: by, Session: session})
}

// Drop has a session thrown away.
func (d *Drawer) Drop(backend string) {
	d.vault.tell(messages.ForgetSession{Owner: d.owner, Backend: backend})
}

func (v *Vault) tell(m messages.ToVault) {
	if v.box.TrySend(m) != nil {
		v.lost.Add(1)
	}
}
