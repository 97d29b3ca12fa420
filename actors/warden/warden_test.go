package warden_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/actors/warden"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/stores/memory"
)

// soon is more than it takes to write behind and to hear of it.
const soon = 500 * time.Millisecond

func TestARuleBansItsHostForItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, warden.Config{}, mainServer(logins))
		defer h.stop()
		h.does(messages.MaxLoginAttempts, "joe@192.0.2.1", 2)
		h.does(messages.TLSHandshake, "@192.0.2.1", 9) // no rule is about it
		h.wantBanned("@192.0.2.1", false)
		h.does(messages.MaxLoginAttempts, "ann@192.0.2.1", 1)
		h.wantBanned("@192.0.2.2", false)
		got := h.wantBanned("eve@::ffff:192.0.2.1", true)
		if want := "192.0.2.1, eve of (none): come back later"; got.Text != want {
			t.Errorf("the banned hear %q, want %q", got.Text, want)
		}
		if want := "host 192.0.2.1 is banned: 3 MaxLoginAttempts within 10s"; !strings.HasPrefix(got.Why, want) {
			t.Errorf("the log is told %q, want %q", got.Why, want)
		}
		time.Sleep(time.Minute - time.Millisecond)
		h.wantBanned("@192.0.2.1", true)
		time.Sleep(time.Millisecond)
		h.wantBanned("@192.0.2.1", false)
		time.Sleep(2 * time.Second)
		if d := h.describe(); len(d.Bans) != 0 || d.Watched != 0 || d.Counted != 3 || d.Answered != 2 {
			t.Errorf("described as %+v", d)
		}
		if n := strings.Count(h.log.String(), `"message":"banned"`); n != 1 || !strings.Contains(h.log.String(), "its time is over") {
			t.Errorf("%d lines about one ban:\n%s", n, h.log)
		}
		h.does(messages.MaxLoginAttempts, "@192.0.2.1", 2) // counting began anew
		h.wantBanned("@192.0.2.1", false)
	})
}

func TestTheWindowSlides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, warden.Config{}, mainServer(logins))
		defer h.stop()
		for range 10 { // two in any ten seconds
			h.does(messages.MaxLoginAttempts, "@192.0.2.1", 1)
			time.Sleep(5 * time.Second)
		}
		h.wantBanned("@192.0.2.1", false)
		for range 3 { // three within ten seconds, over no boundary of clocks
			h.does(messages.MaxLoginAttempts, "@192.0.2.1", 1)
			time.Sleep(4999 * time.Millisecond)
		}
		h.wantBanned("@192.0.2.1", true)
	})
}

// A rule about many events counts them in lots, at most a 32nd of the window off.
func TestManyEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		many := messages.BanRule{On: messages.ClientConnectRate, Count: 1000, Window: 32 * time.Second}
		h := start(t, warden.Config{SweepEvery: time.Minute}, mainServer(many)) // six weeks pass
		defer h.stop()
		for range 999 {
			h.Happened(messages.EventHappened{What: messages.ClientConnectRate, By: visitor("@192.0.2.1")})
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(21 * time.Second) // 31 s after the first
		h.wantBanned("@192.0.2.1", false)
		h.does(messages.ClientConnectRate, "@192.0.2.1", 1)
		h.wantBanned("@192.0.2.1", true)
		time.Sleep(1000 * time.Hour) // a ban of no length has no end
		h.wantBanned("@192.0.2.1", true)

		h.does(messages.ClientConnectRate, "@192.0.2.2", 999)
		time.Sleep(32 * time.Second)
		h.does(messages.ClientConnectRate, "@192.0.2.2", 999)
		h.wantBanned("@192.0.2.2", false)
	})
}

func TestWhomEachEventBans(t *testing.T) {
	for what, of := range map[messages.Misdeed]string{
		messages.MaxClientsPerClass: "class", messages.MaxClientsPerUser: "user", messages.MaxHostsPerUser: "user",
		messages.MaxLoginAttemptsFromUser: "pair", messages.TLSHandshake: "host", messages.UnhandledCommand: "host",
		messages.BadProtocol: "host", messages.RootLogin: "host", messages.TimeoutIdle: "host",
	} {
		t.Run(what.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rule := messages.BanRule{On: what, Count: 1, Window: time.Second, Length: time.Minute, Text: "by rule"}
				staff := mainServer(rule)
				staff.Class = "staff"
				h := start(t, warden.Config{}, mainServer(rule), staff)
				defer h.stop()
				h.does(what, "joe@192.0.2.1/staff", 1)
				h.wantBanned("joe@192.0.2.1/staff", true)
				h.wantBanned("ann@192.0.2.1", of == "host")
				h.wantBanned("joe@192.0.2.2", of == "user")
				if got := h.wantBanned("ann@192.0.2.2/staff", of == "class"); got.Banned && got.Text != "by rule" {
					t.Errorf("the banned hear %q", got.Text)
				}
				h.wantBanned("ann@192.0.2.2", false)
			})
		})
	}
}

func TestServersAndClassesHaveTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lenient := mainServer(logins)
		lenient.Server, lenient.AnyServer = "any", true
		other := mainServer(logins)
		other.Server = "other"
		h := start(t, warden.Config{}, mainServer(logins), lenient, other)
		defer h.stop()
		at := func(server string) bool {
			v := visitor("@192.0.2.1")
			v.Server = server
			return h.Banned(messages.AskBan{Visitor: v}).Banned
		}
		h.does(messages.MaxLoginAttempts, "@192.0.2.1/trusted", 9) // a class without rules
		h.wantBanned("@192.0.2.1/trusted", false)
		h.does(messages.MaxLoginAttempts, "@192.0.2.1", 3)
		for server, want := range map[string]bool{"main": true, "other": false, "any": true, "none": false} {
			if at(server) != want {
				t.Errorf("at server %s: banned %v, want %v", server, !want, want)
			}
		}
		h.wantBanned("@192.0.2.1/trusted", false)
		h.configure(other) // main bans nobody any more
		if at("main") || len(h.describe().Bans) != 1 {
			t.Errorf("banned %v, with %+v", at("main"), h.describe().Bans)
		}
		h.configure(mainServer(logins))
		h.wantBanned("@192.0.2.1", true)
	})
}

// A reload that leaves a rule as it is leaves what it counted.
func TestARuleThatStaysGoesOnCounting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, warden.Config{}, mainServer(logins))
		defer h.stop()
		h.does(messages.MaxLoginAttempts, "@192.0.2.1", 2)
		h.configure(mainServer(messages.BanRule{On: messages.RootLogin, Count: 1, Window: time.Second}, logins))
		h.does(messages.MaxLoginAttempts, "@192.0.2.1", 1)
		h.wantBanned("@192.0.2.1", true)
	})
}

func TestAnAdministratorsWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, warden.Config{}, mainServer(logins))
		defer h.stop()
		for _, bad := range []messages.Ban{
			{Kind: messages.HostBan, Name: "joe"}, {Kind: messages.UserBan}, {Kind: messages.PairBan, Name: "@192.0.2.1"},
			{Kind: messages.UserBan, Name: strings.Repeat("x", 256)},
			{Kind: messages.UserBan, Name: "joe", Until: time.Now()}, {Kind: 9, Name: "joe"},
		} {
			if err := h.set(bad); err == nil {
				t.Errorf("%+v is taken", bad)
			}
		}
		if err := h.set(messages.Ban{Kind: messages.HostBan, Name: "::ffff:192.0.2.1", Why: "said so", Text: "go away"}); err != nil {
			t.Fatal(err)
		}
		if err := h.set(messages.Ban{Kind: messages.PairBan, Server: "main", Name: "a@b@2001:DB8:0::1"}); err != nil {
			t.Fatal(err)
		}
		if got := h.wantBanned("@192.0.2.1", true); got.Text != "go away" {
			t.Errorf("the banned hear %q", got.Text)
		}
		if v := visitor("@2001:db8::1"); true {
			v.User = "a@b"
			if !h.Banned(messages.AskBan{Visitor: v}).Banned {
				t.Error("the pair is not banned")
			}
		}
		h.does(messages.MaxLoginAttempts, "@192.0.2.1", 3) // adds a ban of the server's own
		if n := len(h.describe().Bans); n != 3 {
			t.Errorf("%d bans: %+v", n, h.describe().Bans)
		}
		if n := h.lift(messages.LiftBan{Kind: messages.HostBan, Server: "other", Name: "192.0.2.1"}); n != 0 {
			t.Errorf("%d lifted of another server", n)
		}
		if n := h.lift(messages.LiftBan{Kind: messages.HostBan, Name: "::ffff:192.0.2.1", Why: "a mistake"}); n != 2 {
			t.Errorf("%d lifted, want 2", n)
		}
		h.wantBanned("@192.0.2.1", false)
		if !strings.Contains(h.log.String(), "a mistake") {
			t.Errorf("the log does not say why:\n%s", h.log)
		}
	})
}

// What is remembered is bounded; those make room who were not heard of for longest.
func TestMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, warden.Config{Most: 40, Watched: 10}, mainServer(logins))
		defer h.stop()
		who := func(i int) string { return fmt.Sprintf("@10.0.%d.%d", i/250, i%250+1) }
		for i := range 1000 {
			h.does(messages.MaxLoginAttempts, who(i), 2)
			h.does(messages.MaxLoginAttempts, "@192.0.2.1", 1)
		}
		if d := h.describe(); d.Watched > 10 || len(d.Bans) != 1 {
			t.Errorf("%d watched, bans %+v", d.Watched, d.Bans)
		}
		if err := h.set(messages.Ban{Kind: messages.UserBan, Name: "for ever"}); err != nil {
			t.Fatal(err)
		}
		for i := range 1000 {
			h.does(messages.MaxLoginAttempts, who(i), 3)
			time.Sleep(time.Millisecond)
			h.wantBanned(who(i), true)
		}
		if d := h.describe(); len(d.Bans) > 40 {
			t.Errorf("%d bans", len(d.Bans))
		}
		h.wantBanned("for ever", true)
		h.does(messages.MaxLoginAttempts, strings.Repeat("x", 300)+"@192.0.2.7", 3) // a host has a name of its own
		h.wantBanned("@192.0.2.7", true)
	})
}

// Many bans, published in parts, are all found, and all end.
func TestManyBansAreAllFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, warden.Config{}, mainServer(logins))
		defer h.stop()
		const n = 1500
		for i := range n {
			name := fmt.Sprintf("u%d", i)
			if err := h.set(messages.Ban{Kind: messages.UserBan, Name: name, Until: time.Now().Add(time.Minute)}); err != nil {
				t.Fatal(err)
			}
			if i%3 == 0 {
				h.lift(messages.LiftBan{Kind: messages.UserBan, Name: name})
			}
		}
		for i := range n {
			h.wantBanned(fmt.Sprintf("u%d", i), i%3 != 0)
		}
		time.Sleep(61 * time.Second)
		for i := range n {
			h.wantBanned(fmt.Sprintf("u%d", i), false)
		}
		if d := h.describe(); len(d.Bans) != 0 {
			t.Errorf("%d bans are left", len(d.Bans))
		}
	})
}

func TestBansOutliveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		h := start(t, warden.Config{Store: in(store)}, mainServer(logins))
		h.does(messages.MaxLoginAttempts, "@192.0.2.1", 3)
		h.does(messages.MaxLoginAttempts, "@192.0.2.2", 3)
		h.lift(messages.LiftBan{Kind: messages.HostBan, Name: "192.0.2.2"})
		h.stop()
		time.Sleep(30 * time.Second)
		h = start(t, warden.Config{Store: in(store)}, mainServer(logins))
		h.wantBanned("@192.0.2.1", true)
		h.wantBanned("@192.0.2.2", false)
		time.Sleep(30 * time.Second)
		h.wantBanned("@192.0.2.1", false)
		h.stop()
		time.Sleep(2 * time.Minute)
		h = start(t, warden.Config{Store: in(store)}, mainServer(logins))
		time.Sleep(2 * time.Second)
		h.stop()
		if left, err := store.Load(t.Context(), 'b'); err != nil || len(left) != 0 {
			t.Errorf("what is over is still in the store: %v, %v", left, err)
		}
	})
}

func TestGatewaysShareTheirBans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet := memory.NewFleet(0, nil)
		one := start(t, warden.Config{Store: in(fleet.Join())}, mainServer(logins))
		two := start(t, warden.Config{Store: in(fleet.Join())}, mainServer(logins))
		defer one.stop()
		defer two.stop()
		one.does(messages.MaxLoginAttempts, "@192.0.2.1", 3)
		time.Sleep(soon)
		two.wantBanned("@192.0.2.1", true)
		two.lift(messages.LiftBan{Kind: messages.HostBan, Name: "192.0.2.1", Why: "a mistake"})
		time.Sleep(soon)
		one.wantBanned("@192.0.2.1", false)

		fleet.Cut(true) // each goes on with what it knows
		one.does(messages.MaxLoginAttempts, "@192.0.2.3", 3)
		one.wantBanned("@192.0.2.3", true)
		two.wantBanned("@192.0.2.3", false)
		fleet.Cut(false)
		time.Sleep(20 * time.Second)
		two.wantBanned("@192.0.2.3", true)

		fleet.Forget() // and what was lost is written again
		if err := one.set(messages.Ban{Kind: messages.UserBan, Name: "joe"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		three := start(t, warden.Config{Store: in(fleet.Join())}, mainServer(logins))
		defer three.stop()
		three.wantBanned("@192.0.2.3", true)
		three.wantBanned("joe", true)
		time.Sleep(2 * time.Minute)
		three.wantBanned("@192.0.2.3", false)
		two.wantBanned("joe", true)
	})
}
