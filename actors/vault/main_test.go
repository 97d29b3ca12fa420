package vault_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/actors/vault"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/logfile/logtest"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
	"github.com/sluice-gateway/sluice/runtime/supervise/supervisetest"
	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	one = "ftp://one.example:21"
	two = "ftp://two.example:21"
)

// in opens a store that is open already.
func in(store stores.Store) func() stores.Store { return func() stores.Store { return store } }

// house is a vault under a supervisor, as in the real tree.
type house struct {
	*vault.Vault
	t    testing.TB
	log  *logtest.Lines
	stop func() // ends the actor and waits
}

// build makes a vault; open lets it run.
func build(t testing.TB, cfg vault.Config) *house {
	h := &house{t: t, log: &logtest.Lines{}, stop: func() {}}
	if cfg.Store == nil {
		cfg.Store = in(memory.New())
	}
	if cfg.FlushEvery == 0 {
		cfg.FlushEvery = time.Second
	}
	cfg.Log = zerolog.New(h.log).Level(zerolog.InfoLevel)
	h.Vault = vault.New(cfg)
	return h
}

func (h *house) open() *house {
	h.stop = supervisetest.Run(h.t, h.Vault, h.Mailbox().Retire, nil)
	return h
}

func start(t testing.TB, cfg vault.Config) *house { return build(t, cfg).open() }

func (h *house) describe() messages.VaultDescribed {
	h.t.Helper()
	d, err := mailbox.Ask(context.Background(), h.Mailbox(), 10*time.Second, func(reply chan<- messages.VaultDescribed) messages.ToVault {
		return messages.DescribeVault{Reply: reply}
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return d
}

// save waits until there is room: with a mailbox that holds nothing, until the
// actor listens.
func (h *house) save(owner, backend string, session []byte) {
	synctest.Wait()
	h.For(owner).Save(backend, "", session)
}

func (h *house) want(owner, backend, session string) {
	h.t.Helper()
	h.describe() // all that was sent before is done
	if got := string(h.For(owner).Load(backend)); got != session {
		h.t.Errorf("for %s %s has %q, want %q", owner, backend, got, session)
	}
}

// faulty is a store whose calls fail or wait when told to.
type faulty struct {
	stores.Store
	err   atomic.Pointer[error]
	gate  chan struct{} // nil: open
	panic atomic.Bool
}

func (f *faulty) pass() error {
	if f.gate != nil {
		<-f.gate
	}
	if f.panic.Load() {
		panic("canary of the store")
	}
	if err := f.err.Load(); err != nil {
		return *err
	}
	return nil
}

func (f *faulty) Load(ctx context.Context, k stores.Kind) ([]stores.Record, error) {
	if err := f.pass(); err != nil {
		return nil, err
	}
	return f.Store.Load(ctx, k)
}

func (f *faulty) Apply(ctx context.Context, c []stores.Change) error {
	if err := f.pass(); err != nil {
		return err
	}
	return f.Store.Apply(ctx, c)
}
