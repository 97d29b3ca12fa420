package vault_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/actors/vault"
	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/memory"
	"github.com/sluice-gateway/sluice/stores/storetest"
)

func TestSessionsAreKeptByOwnerAndBackend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, vault.Config{})
		defer h.stop()
		ann, bob := h.For("ann"), h.For("bob")
		h.want("ann", one, "")
		h.save("ann", one, []byte("first"))
		h.save("ann", two, []byte("other"))
		h.save("ann", one, []byte("second"))
		h.want("ann", one, "second")
		h.want("ann", two, "other")
		h.want("bob", one, "")
		h.save("bob", one, []byte("bob's"))
		h.want("ann", one, "second")
		synctest.Wait()
		ann.Drop(one)
		synctest.Wait()
		ann.Drop("ftp://never.example:21")
		h.want("ann", one, "")
		h.want("bob", one, "bob's")
		copied := bob.Load(one)
		copied[0] = 'X'
		h.want("bob", one, "bob's")
	})
}

func TestSessionsSurviveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		h := start(t, vault.Config{Store: in(store)})
		h.save("ann", one, []byte("first"))
		h.save("ann", two, []byte("gone"))
		h.save("bob", two, []byte("dropped"))
		time.Sleep(2 * time.Second) // the flush is due
		if d := h.describe(); d.Unwritten != 0 || d.Sessions != 3 {
			t.Errorf("%+v after the flush was due", d)
		}
		h.save("ann", two, []byte("stays"))
		synctest.Wait()
		h.For("bob").Drop(two)
		h.save("bob", one, []byte("late")) // written at the end
		h.stop()

		slow := &faulty{Store: store, gate: make(chan struct{})}
		h = start(t, vault.Config{Store: in(slow)})
		defer h.stop()
		h.save("ann", two, []byte("newer than what is stored"))
		h.want("ann", two, "newer than what is stored")
		h.want("ann", one, "")
		close(slow.gate)
		synctest.Wait()
		h.want("ann", one, "first")
		h.want("bob", one, "late")
		h.want("bob", two, "")
		h.want("ann", two, "newer than what is stored")
		if d := h.describe(); !d.Loaded || d.Sessions != 3 {
			t.Errorf("%+v", d)
		}
	})
}

func TestSessionsGrowOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		h := start(t, vault.Config{Store: in(store)})
		h.save("ann", one, []byte("first"))
		time.Sleep(23 * time.Hour)
		h.save("ann", two, []byte("second"))
		h.want("ann", one, "first")
		time.Sleep(time.Hour)
		if got := h.For("ann").Load(one); got != nil {
			t.Errorf("after a day there still is %q", got)
		}
		time.Sleep(11 * time.Minute) // swept, and written
		if d := h.describe(); d.Sessions != 1 || d.Bytes != len("second") {
			t.Errorf("%+v after the sweep", d)
		}
		if left := storetest.Dump(t, store); len(left) != 1 {
			t.Errorf("the store has %q", left)
		}
		h.stop()
		time.Sleep(24 * time.Hour)
		h = start(t, vault.Config{Store: in(store)})
		defer h.stop()
		time.Sleep(2 * time.Second)
		h.want("ann", two, "")
		if left := storetest.Dump(t, store); len(left) != 0 {
			t.Errorf("after a restart a day later the store has %q", left)
		}
	})
}

func TestTheOldestGo(t *testing.T) {
	backend := func(i int) string { return fmt.Sprintf("ftp://b%d.example:21", i) }
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		h := start(t, vault.Config{Store: in(store), Most: 3})
		for i := range 4 {
			h.save("ann", backend(i), []byte{byte('0' + i)})
			h.save("ann", backend(1), []byte("1")) // always newer than the one before
			time.Sleep(2 * time.Second)
		}
		for i, want := range []string{"", "1", "2", "3"} {
			h.want("ann", backend(i), want)
		}
		h.stop()
		// With room for fewer, those that were kept last stay.
		h = start(t, vault.Config{Store: in(store), Most: 2})
		defer h.stop()
		time.Sleep(2 * time.Second)
		for i, want := range []string{"", "1", "", "3"} {
			h.want("ann", backend(i), want)
		}
		if left := storetest.Dump(t, store); len(left) != 2 {
			t.Errorf("the store has %q", left)
		}
		// Their size counts as well.
		small := start(t, vault.Config{MostBytes: 1000})
		defer small.stop()
		for i := range 5 {
			small.save("ann", backend(i), make([]byte, 300))
		}
		if d := small.describe(); d.Sessions != 3 || d.Bytes != 900 {
			t.Errorf("%+v, want 3 of 300 bytes", d)
		}
		small.save("ann", backend(9), make([]byte, stores.MaxTLSSession+1))
		small.save("ann", backend(4), nil)
		if d := small.describe(); d.Sessions != 2 {
			t.Errorf("%+v after one too large and one empty", d)
		}
	})
}

func TestDamagedRecordsAreThrownAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		key := func(backend string) stores.Key {
			return stores.Key{Kind: stores.KindTLSSession, Pool: "ann", Name: backend}
		}
		good := stores.AppendTLSSession(nil, stores.TLSSession{At: time.Now(), Session: stores.Secret("canary-session")})
		if err := store.Apply(t.Context(), []stores.Change{
			stores.Put(key(one), good),
			stores.Put(key(two), []byte("canary-garbage")),
			stores.Put(key("of a successor"), append([]byte{77}, good[1:]...)),
			stores.Put(key("cut"), good[:len(good)-1]),
			stores.Put(key("of tomorrow"), stores.AppendTLSSession(nil, stores.TLSSession{At: time.Now().Add(time.Hour), Session: stores.Secret("x")})),
		}); err != nil {
			t.Fatal(err)
		}
		h := start(t, vault.Config{Store: in(store)})
		defer h.stop()
		time.Sleep(2 * time.Second)
		h.want("ann", one, "canary-session")
		h.want("ann", two, "")
		h.want("ann", "of tomorrow", "x")
		if left := storetest.Dump(t, store); len(left) != 2 {
			t.Errorf("the store has %d records, want 2", len(left))
		}
		if log := h.log.String(); strings.Count(log, "thrown away") != 1 || !strings.Contains(log, `"records":3`) {
			t.Errorf("it said %s", log)
		}
		time.Sleep(23*time.Hour + 59*time.Minute)
		if got := h.For("ann").Load("of tomorrow"); got == nil {
			t.Error("a session that a clock put back had kept ended early")
		}
		time.Sleep(2 * time.Minute)
		if got := h.For("ann").Load("of tomorrow"); got != nil {
			t.Error("a session of tomorrow lives longer than a day")
		}
		if strings.Contains(h.log.String(), "canary") {
			t.Errorf("a secret is in the log: %s", h.log)
		}
	})
}

func TestAFailingStoreIsWrittenOnceItRecovers(t *testing.T) {
	errDisk := errors.New("the disk is gone")
	for name, broken := range map[string]func(*faulty){
		"errors":  func(f *faulty) { f.err.Store(&errDisk) },
		"panics":  func(f *faulty) { f.panic.Store(true) },
		"renewed": func(f *faulty) { err := stores.ErrRenewed; f.err.Store(&err) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &faulty{Store: memory.New()}
				broken(store) // it does not even load
				h := start(t, vault.Config{Store: in(store)})
				defer h.stop()
				for i := range 300 { // more than one batch
					h.save("ann", fmt.Sprintf("ftp://b%d.example:21", i), make([]byte, 2000))
					h.describe()
				}
				time.Sleep(20 * time.Second)
				h.want("ann", "ftp://b7.example:21", string(make([]byte, 2000)))
				store.err.Store(nil)
				store.panic.Store(false)
				time.Sleep(2 * time.Minute)
				if n := len(storetest.Dump(t, store.Store)); n != 300 {
					t.Errorf("the store has %d sessions, want 300", n)
				}
				if said := strings.Count(h.log.String(), "writing is tried again"); name != "renewed" && said != 1 {
					t.Errorf("said %d times: %s", said, h.log)
				}
			})
		})
	}
}

// A store that stands still delays neither those who use the vault nor its end
// by more than the time set for it.
func TestAStoppedStoreDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faulty{Store: memory.New(), gate: make(chan struct{})}
		h := start(t, vault.Config{Store: in(store), Most: 10})
		begin := time.Now()
		for i := range 1000 { // what is to be written does not pile up either
			h.save("ann", fmt.Sprintf("ftp://b%d.example:21", i), []byte("s"))
			if d := h.describe(); d.Sessions > 10 || d.Unwritten > 60 {
				t.Fatalf("%+v", d)
			}
		}
		h.want("ann", "ftp://b999.example:21", "s")
		if time.Since(begin) != 0 {
			t.Errorf("it took %v", time.Since(begin))
		}
		time.AfterFunc(3*time.Second, func() { close(store.gate) })
		h.stop()
		if d := time.Since(begin); d > 5*time.Second {
			t.Errorf("the end took %v", d)
		}
	})
}

// A full mailbox costs sessions, not time, and that is said.
func TestAFullMailboxIsCounted(t *testing.T) {
	h := build(t, vault.Config{Mailbox: 4})
	for i := range 10 {
		h.For("ann").Save(fmt.Sprintf("ftp://b%d.example:21", i), "", []byte("canary"))
	}
	h.open()
	d := h.describe()
	h.stop()
	room := cap(h.Mailbox().C())
	if d.Sessions != room {
		t.Errorf("%d sessions kept, want %d", d.Sessions, room)
	}
	if log := h.log.String(); !strings.Contains(log, fmt.Sprintf(`"dropped":%d`, 10-room)) || strings.Contains(log, "canary") {
		t.Errorf("it said %s", log)
	}
	h.For("ann").Save(one, "", []byte("x")) // the vault is gone
	h.For("ann").Drop(one)
}

// What is kept outlives a fall of the actor.
func TestSessionsSurviveACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		var trap atomic.Bool
		h := start(t, vault.Config{Store: in(store), Now: func() time.Time {
			if trap.CompareAndSwap(true, false) {
				panic("forced")
			}
			return time.Now()
		}})
		defer h.stop()
		h.save("ann", one, []byte("first"))
		h.describe()
		synctest.Wait() // what the store had is loaded
		trap.Store(true)
		h.save("ann", two, []byte("in hand at the crash"))
		h.want("ann", one, "first")
		h.want("ann", two, "")
		h.save("ann", two, []byte("second"))
		h.want("ann", two, "second")
		time.Sleep(2 * time.Second)
		if n := len(storetest.Dump(t, store)); n != 2 {
			t.Errorf("the store has %d sessions, want 2", n)
		}
	})
}

// Many handshakes at once use the vault while it works.
func TestManyHandshakes(t *testing.T) {
	h := start(t, vault.Config{Most: 50, FlushEvery: time.Millisecond, Mailbox: 10000})
	var wg conc.WaitGroup
	for owner := range 8 {
		drawer := h.For(fmt.Sprint("owner", owner))
		wg.Go(func() {
			for i := range 500 {
				backend := fmt.Sprintf("ftp://b%d.example:21", i%10)
				if got := drawer.Load(backend); got != nil && string(got) != fmt.Sprint(owner, backend) {
					t.Errorf("owner %d was given %q", owner, got)
				}
				drawer.Save(backend, "", fmt.Append(nil, owner, backend))
				if i%7 == 0 {
					drawer.Drop(backend)
				}
			}
		})
	}
	wg.Wait()
	if d := h.describe(); d.Sessions > 50 {
		t.Errorf("%d sessions, want at most 50", d.Sessions)
	}
	h.stop()
}
