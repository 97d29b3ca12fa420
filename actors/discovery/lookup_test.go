package discovery_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sluice-gateway/sluice/actors/discovery"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/stores"
)

func TestLookUpJoinsWhatTheSourcesHave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, discovery.Config{}).open()
		defer h.stop()
		list := func(s ...string) []backendurl.URL { return urls(t, s...) }
		missing := fmt.Errorf("%w: %w", stores.ErrNoList, fs.ErrNotExist)
		broken := errors.New("it is broken")
		first := &source{
			name: "file:1",
			lists: map[string][]backendurl.URL{"joe": list("ftp://10.0.0.1"), "both": list("ftp://10.0.0.1"), "same": list("ftp://10.0.0.1"),
				"last": list("ftp://10.0.0.1")},
			errs: map[string]error{"missing": missing, "broken": broken, "half": broken, "gone": missing},
		}
		second := &source{
			name:  "file:2",
			lists: map[string][]backendurl.URL{"both": list("ftp://10.0.0.2", "ftp://10.0.0.3?backup"), "missing": list("ftp://10.0.0.66"), "half": list("ftp://10.0.0.2")},
			errs:  map[string]error{"last": missing},
		}
		third := &source{
			name:  "sql:/q",
			lists: map[string][]backendurl.URL{"both": list("ftp://10.0.0.4"), "missing": list("ftp://10.0.0.4"), "same": list("ftp://10.0.0.1")},
			errs:  map[string]error{"badsql": broken, "joe": broken},
		}
		plan := h.pool("p", "ftp://192.0.2.1")
		plan.Files, plan.Queries = []stores.Source{first, second}, []stores.Source{third}
		h.adopt(plan, h.pool("static", "ftp://192.0.2.1"))
		for name, c := range map[string]struct{ user, want, gist string }{
			"one_file":                              {"last", "ftp://10.0.0.1 10.0.0.1:21", ""},
			"files_then_queries":                    {"both", "ftp://10.0.0.1 10.0.0.1:21, ftp://10.0.0.2 10.0.0.2:21, tier 65536: ftp://10.0.0.3?backup 10.0.0.3:21, ftp://10.0.0.4 10.0.0.4:21", ""},
			"joined_as_they_are":                    {"same", "ftp://10.0.0.1 10.0.0.1:21, ftp://10.0.0.1 10.0.0.1:21", ""},
			"a_missing_file_ends_the_files":         {"missing", "ftp://10.0.0.4 10.0.0.4:21", ""},
			"a_broken_one_is_skipped_for_a_list":    {"half", "ftp://10.0.0.2 10.0.0.2:21", ""},
			"a_broken_query_beside_a_list":          {"joe", "ftp://10.0.0.1 10.0.0.1:21", ""},
			"nothing_anywhere_is_the_pools_list":    {"nobody", "", ""},
			"missing_everywhere_is_the_pools_list":  {"gone", "", ""},
			"nothing_beside_a_broken_one_refuses":   {"broken", "", "looking up the backends of user 'broken': file:1: it is broken"},
			"nothing_beside_a_broken_query_refuses": {"badsql", "", "sql:/q: it is broken"},
		} {
			found := h.lookUp("p", c.user)
			if shown(found.Backends) != c.want || (found.Err == nil) != (c.gist == "") || found.Err != nil && !strings.Contains(found.Err.Error(), c.gist) {
				t.Errorf("%s: %s, %v; want %s, %q", name, shown(found.Backends), found.Err, c.want, c.gist)
			}
		}
		if found := h.lookUp("static", "joe"); found.Err != nil || found.Backends != nil {
			t.Errorf("a pool without sources: %+v", found)
		}
		if found := h.lookUp("other", "joe"); found.Err == nil {
			t.Errorf("a pool that is not there: %+v", found)
		}
		time.Sleep(time.Minute)
		if h.log.Count("took too long") > 0 {
			t.Errorf("all were answered at once:\n%s", h.log)
		}
		if n := h.log.Count("a source of backends is skipped"); n != 2 {
			t.Errorf("what was skipped was said %d times:\n%s", n, h.log)
		}
	})
}

func TestSourcesHearWhoAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, discovery.Config{}).open()
		defer h.stop()
		var got stores.Asker
		plan := h.pool("p")
		plan.Queries = []stores.Source{&source{ask: func(_ context.Context, who stores.Asker) { got = who }}}
		h.adopt(plan)
		want := stores.Asker{User: "joe", Group: "staff", Client: netip.MustParseAddr("192.0.2.7"), Vars: map[string]string{"TLS_CLIENT_S_DN_CN": "Joe"}}
		reply := make(chan messages.BackendsFound, 1)
		_ = h.Mailbox().Tell(messages.LookUpBackends{Pool: "p", User: want.User, Group: want.Group, Client: want.Client, Vars: want.Vars, Reply: reply}, time.Minute)
		<-reply
		if d := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); d != "" {
			t.Error(d)
		}
	})
}

func TestLookedUpNamesAreResolvedAndRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, discovery.Config{Names: 2}).open()
		defer h.stop()
		plan := h.pool("p")
		plan.Queries = []stores.Source{&source{lists: map[string][]backendurl.URL{
			"joe": urls(t, "ftp://joe:a@a.test"), "ann": urls(t, "ftp://ann:b@A.test?weight=2", "ftp://lost.test"), "bob": urls(t, "ftp://lost.test", "ftp://gone.test"),
			"eve": urls(t, "ftp://c.test", "ftp://d.test", "ftp://e.test"),
		}}}
		h.adopt(plan)
		h.world.put("a.test", 10*time.Second, "10.0.0.1")
		h.world.mu.Lock()
		h.world.takes = time.Second
		h.world.mu.Unlock()
		// Many at one time ask once.
		var replies []<-chan messages.BackendsFound
		for range 20 {
			replies = append(replies, h.ask("p", "joe"), h.ask("p", "ann"))
		}
		for i, reply := range replies {
			want := []string{"ftp://joe:a@a.test 10.0.0.1:21", "ftp://ann:b@A.test?weight=2 10.0.0.1:21"}[i%2]
			if found := <-reply; found.Err != nil || shown(found.Backends) != want {
				t.Fatalf("%s, %v", shown(found.Backends), found.Err)
			}
		}
		if a, lost := h.world.times("a.test"), h.world.times("lost.test"); a != 1 || lost != 1 {
			t.Errorf("a.test was asked for %d times, lost.test %d times", a, lost)
		}
		// None that resolves is an error, and that is remembered for a moment.
		for range 3 {
			if found := h.lookUp("p", "bob"); found.Err == nil || !strings.Contains(found.Err.Error(), "error parsing 'ftp://gone.test': no such name") {
				t.Errorf("%+v", found)
			}
		}
		if n := h.world.times("gone.test"); n != 1 {
			t.Errorf("gone.test was asked for %d times", n)
		}
		// After its TTL a name is asked for again; when that fails, what was known counts.
		h.world.put("a.test", 10*time.Second, "10.0.0.2")
		h.lookUp("p", "joe")
		time.Sleep(11 * time.Second)
		if found := h.lookUp("p", "joe"); shown(found.Backends) != "ftp://joe:a@a.test 10.0.0.2:21" {
			t.Errorf("%+v", found)
		}
		h.world.fail("a.test", errors.New("servfail"))
		time.Sleep(11 * time.Second)
		if found := h.lookUp("p", "joe"); shown(found.Backends) != "ftp://joe:a@a.test 10.0.0.2:21" {
			t.Errorf("while DNS is away: %+v", found)
		}
		// There is room for two names only.
		h.lookUp("p", "eve")
		h.world.put("a.test", time.Hour, "10.0.0.3")
		if found := h.lookUp("p", "joe"); shown(found.Backends) != "ftp://joe:a@a.test 10.0.0.3:21" {
			t.Errorf("a name that there was no room for: %+v", found)
		}
	})
}

// hanging is a source that minds no deadline.
func hanging(released <-chan struct{}, asked *atomic.Int64) *source {
	return &source{ask: func(context.Context, stores.Asker) {
		asked.Add(1)
		<-released
	}}
}

func TestEveryLookUpIsAnsweredWithinTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, discovery.Config{Limit: 3 * time.Second, Workers: 4, Waiting: 6}).open()
		defer h.stop()
		released := make(chan struct{})
		var asked atomic.Int64
		stuck, fine := h.pool("stuck"), h.pool("fine")
		stuck.Queries = []stores.Source{hanging(released, &asked)}
		fine.Queries = []stores.Source{&source{lists: map[string][]backendurl.URL{"joe": urls(t, "ftp://10.0.0.1")}}}
		h.adopt(stuck, fine)
		start := time.Now()
		var replies []<-chan messages.BackendsFound
		for range 11 {
			replies = append(replies, h.ask("stuck", "joe"))
		}
		busy := 0
		for _, reply := range replies {
			found := <-reply
			if errors.Is(found.Err, discovery.ErrBusy) {
				busy++
			} else if found.Err == nil || !strings.Contains(found.Err.Error(), "no answer within 3s") {
				t.Errorf("%+v", found)
			}
		}
		if took := time.Since(start); took > 3*time.Second || busy != 1 || asked.Load() != 4 {
			t.Errorf("it took %v, %d were sent away, the source was asked %d times", took, busy, asked.Load())
		}
		if found := h.lookUp("fine", "joe"); found.Err == nil {
			t.Error("there was no worker, and somebody answered") // the bound holds
		}
		close(released)
		synctest.Wait()
		if found := h.lookUp("fine", "joe"); found.Err != nil || len(found.Backends) != 1 {
			t.Errorf("after the source came back: %+v", found)
		}
		if n := asked.Load(); n != 4 {
			t.Errorf("the source was asked %d times, for some who had been answered", n)
		}
	})
}

func TestASourceThatMindsItsDeadlineSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, discovery.Config{}).open()
		defer h.stop()
		slow := &source{errs: map[string]error{}}
		slow.ask = func(ctx context.Context, who stores.Asker) {
			<-ctx.Done()
			slow.errs[who.User] = context.Cause(ctx)
		}
		plan := h.pool("p", "ftp://192.0.2.1")
		plan.Queries = []stores.Source{slow}
		h.adopt(plan)
		start := time.Now()
		if found := h.lookUp("p", "joe"); found.Err == nil || !strings.Contains(found.Err.Error(), "no answer within 5s") || time.Since(start) != 5*time.Second {
			t.Errorf("%+v after %v", found, time.Since(start))
		}
	})
}

func TestASourceThatCrashesRefusesOneClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, discovery.Config{}).open()
		defer h.stop()
		plan := h.pool("p", "ftp://192.0.2.1")
		plan.Queries = []stores.Source{&source{
			lists: map[string][]backendurl.URL{"joe": urls(t, "ftp://10.0.0.1")},
			ask: func(_ context.Context, who stores.Asker) {
				if who.User == "eve" {
					panic("source")
				}
			},
		}}
		h.adopt(plan)
		for range 3 {
			if found := h.lookUp("p", "eve"); found.Err == nil || !strings.Contains(found.Err.Error(), "crashed") {
				t.Errorf("%+v", found)
			}
			if found := h.lookUp("p", "joe"); found.Err != nil || len(found.Backends) != 1 {
				t.Errorf("%+v", found)
			}
		}
	})
}

func TestTheEndAnswersThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, discovery.Config{Workers: 1}).open()
		plan := h.pool("p", "ftp://192.0.2.1")
		plan.Queries = []stores.Source{&source{ask: func(ctx context.Context, _ stores.Asker) { <-ctx.Done() }}}
		h.adopt(plan)
		one, two := h.ask("p", "joe"), h.ask("p", "ann")
		synctest.Wait()
		h.stop()
		for _, reply := range []<-chan messages.BackendsFound{one, two} {
			select {
			case found := <-reply:
				if found.Err == nil {
					t.Errorf("%+v", found)
				}
			default:
				t.Error("nobody answered")
			}
		}
	})
}
