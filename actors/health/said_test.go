package health_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/actors/health"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/memory"
)

// What an administrator has to know of the checks stands in the log.
func TestChecksThatAreOthersThanAskedFor(t *testing.T) {
	cases := map[string]struct {
		kind messages.CheckKind
		url  string
		gist string // empty: nothing is said
	}{
		"login_without_an_account": {messages.LoginCheck, "ftp://h", "lacks an account"},
		"login_of_ssh":             {messages.LoginCheck, "sftp://u:p@h", "does not fit the backend"},
		"tls_of_ssh":               {messages.TLSCheck, "sftp://h", "does not fit the backend"},
		"ssh_of_ftp":               {messages.SSHCheck, "ftp://h", "does not fit the backend"},
		"tls_without_verification": {messages.TLSCheck, "ftp://h", "take any certificate"},
		"login_by_tls":             {messages.LoginCheck, "ftps://u:p@h", "take any certificate"},
		"banner_by_tls":            {messages.BannerCheck, "ftps://h:990", "take any certificate"},
		"login_in_clear":           {messages.LoginCheck, "ftp://u:p@h", ""},
		"banner":                   {messages.BannerCheck, "ftps://h", ""},
		"ssh":                      {messages.SSHCheck, "sftp://h", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := start(t, health.Config{Dial: newNetwork().dial})
				defer h.stop()
				url, err := backendurl.Parse(c.url)
				if err != nil {
					t.Fatal(err)
				}
				active := connect
				active.Kind = c.kind
				h.send(messages.WatchPools{Pools: []messages.HealthPool{{ID: "p", Active: active, Backends: []messages.Backend{{URL: url}}}}})
				h.describe()
				if log := h.log.String(); (log == "") != (c.gist == "") || !strings.Contains(log, c.gist) {
					t.Errorf("want %q in the log:\n%s", c.gist, log)
				}
			})
		})
	}
}

// A password never reaches the log, whatever a check meets.
func TestNoSecretIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		n.kill(0, true)
		h := start(t, health.Config{Dial: n.dial})
		defer h.stop()
		url, err := backendurl.Parse("ftp://joe:canary-Pa55@h")
		if err != nil {
			t.Fatal(err)
		}
		active := connect
		active.Kind, active.User, active.Password = messages.LoginCheck, "probe", "canary-Pa55"
		h.send(messages.WatchPools{Pools: []messages.HealthPool{{
			ID: "p", Active: active, Passive: passive, Backends: []messages.Backend{{URL: url, Endpoints: endpoints(0)}}}}})
		time.Sleep(time.Minute)
		if d := fmt.Sprintf("%+v", h.describe()); !strings.Contains(d, "down") || strings.Contains(d+h.log.String(), "canary") {
			t.Errorf("%s\n%s", d, h.log)
		}
	})
}

func TestRecordsThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		h := start(t, health.Config{Store: in(store)})
		h.watch("ab", none)
		h.mode("b", messages.Drain)
		h.stop()
		bad := stores.Key{Kind: stores.KindHealth, Pool: "p", Name: keyOf("a")}
		if err := store.Apply(context.Background(), []stores.Change{stores.Put(bad, []byte{200, 1})}); err != nil {
			t.Fatal(err)
		}
		h = start(t, health.Config{Store: in(store)})
		defer h.stop()
		h.watch("ab", none)
		h.want("a", "up/-1")
		h.want("b", "draining/-1")
		if !strings.Contains(h.log.String(), "cannot be read") {
			t.Errorf("the log does not say so:\n%s", h.log)
		}
	})
}

// More backends left their list than guests are watched: those in worst need of
// it stay, the others begin anew.
func TestACrowdThatLeavesItsList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, health.Config{Guests: 2})
		defer h.stop()
		h.watch("abcdef", none)
		for _, host := range []string{"a", "b", "c"} {
			h.meet(host, "xx")
		}
		h.send(messages.WatchPool{ID: "p"})
		down := 0
		for _, b := range h.describe() {
			if b.State == messages.Down {
				down++
			}
		}
		if n := len(h.describe()); n != 2 || down != 2 {
			t.Errorf("%d are watched, %d of them down", n, down)
		}
		h.watch("abcdef", none)
		for _, host := range []string{"d", "e", "f"} {
			h.want(host, "up/-1")
		}
	})
}

func TestTwoPoolsOfOneName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, health.Config{})
		defer h.stop()
		p := messages.HealthPool{ID: "p", Passive: passive, Backends: backends("a")}
		h.send(messages.WatchPools{Pools: []messages.HealthPool{p, p}})
		if n := len(h.describe()); n != 1 || !strings.Contains(h.log.String(), "two pools bear this name") {
			t.Errorf("%d backends:\n%s", n, h.log)
		}
	})
}
