package vault_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/actors/vault"
	"github.com/sluice-gateway/sluice/stores/memory"
	"github.com/sluice-gateway/sluice/stores/storetest"
)

// named has a client's session kept with a backend that the client named.
func (h *house) named(client, backend string) {
	synctest.Wait()
	h.ForNamed("fwd").Save(backend, client, []byte("of "+client))
	h.describe()
}

func (h *house) wantNamed(backend, session string) {
	h.t.Helper()
	h.describe()
	if got := string(h.ForNamed("fwd").Load(backend)); got != session {
		h.t.Errorf("%s has %q, want %q", backend, got, session)
	}
}

// A client of the forward role names as many destinations as it likes. What is kept
// for others stays, in the store, too.
func TestOneWhoNamesThousandsPushesNobodyOut(t *testing.T) {
	there := func(i int) string { return fmt.Sprintf("ftp://d%d.example:21", i) }
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		h := start(t, vault.Config{Store: in(store), Most: 100, PerClient: 10, FlushEvery: time.Millisecond})
		for i := range 60 {
			h.save("pool", there(i), []byte("configured"))
		}
		h.named("ann", one)
		h.named("eve", one) // naming it after her gives no hold on it
		h.named("ann", two)
		for i := range 5000 {
			h.named("eve", there(i))
		}
		time.Sleep(time.Second)
		if d := h.describe(); d.Sessions != 60+2+10 {
			t.Errorf("%d sessions are kept, want those of all others, and 10", d.Sessions)
		}
		for i := range 60 {
			h.want("pool", there(i), "configured")
		}
		h.wantNamed(one, "of eve") // the newest session with it
		h.wantNamed(two, "of ann")
		h.wantNamed(there(4999), "of eve")
		h.wantNamed(there(4989), "")
		if n := len(storetest.Dump(t, store)); n != 72 {
			t.Errorf("the store has %d sessions, want 72", n)
		}

		// Many together: those make room who have most, and the configuration's last.
		for i := range 100 {
			for n := range 3 {
				h.named(fmt.Sprint("bot", i), fmt.Sprintf("ftp://b%d-%d.example:21", i, n))
			}
		}
		if d := h.describe(); d.Sessions != 100 {
			t.Errorf("%d sessions are kept, want 100", d.Sessions)
		}
		for i := range 60 {
			h.want("pool", there(i), "configured")
		}
		h.wantNamed(there(4999), "")
		time.Sleep(time.Second)
		h.stop()

		// In the next process nobody knows any more whose they were, but what they are.
		h = start(t, vault.Config{Store: in(store), Most: 100, PerClient: 10})
		defer h.stop()
		time.Sleep(time.Second)
		for i := range 30 {
			h.save("pool", there(100+i), []byte("configured"))
		}
		for i := range 5 {
			h.named("ann", there(i))
		}
		for i := range 60 {
			h.want("pool", there(i), "configured")
		}
		for i := range 5 {
			h.wantNamed(there(i), "of ann")
		}
	})
}
