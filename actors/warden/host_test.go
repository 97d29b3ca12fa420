package warden_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/actors/warden"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/memory"
)

// Whoever has one IPv6 address has a network of them. It is counted and banned as
// one host, and its neighbours are not; where strangers share one, and with IPv4,
// each address is a host.
func TestWhatAHostIs(t *testing.T) {
	for name, tt := range map[string]struct {
		does   []string // one misdeed each
		banned string   // as others are told; empty: nobody is
		out    []string // who is kept out, too
		in     []string // who is not
	}{
		"a_network_of_64_bits": {
			does: []string{"2001:db8:1:2::1", "2001:db8:1:2:ffff::2", "2001:db8:1:2:3:4:5:6"}, banned: "host 2001:db8:1:2::/64",
			out: []string{"2001:db8:1:2::", "2001:db8:1:2:a:b:c:d"}, in: []string{"2001:db8:1:3::1", "2001:db8:1::1", "192.0.2.1"},
		},
		"its_neighbours_are_others": {does: []string{"2001:db8:1:2::1", "2001:db8:1:3::1", "2001:db8:1:4::1"}, in: []string{"2001:db8:1:2::1"}},
		"an_ipv4_address":           {does: []string{"192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1"}, banned: "host 192.0.2.1", in: []string{"192.0.2.2"}},
		"ipv4_is_no_network":        {does: []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"}, in: []string{"192.0.2.1"}},
		"behind_nat64":              {does: []string{"64:ff9b::192.0.2.1", "64:ff9b::192.0.2.2", "64:ff9b::192.0.2.3"}, in: []string{"64:ff9b::192.0.2.1"}},
		"the_one_behind_nat64":      {does: []string{"64:ff9b::192.0.2.1", "64:ff9b::192.0.2.1", "64:ff9b::c000:201"}, banned: "host 64:ff9b::c000:201", in: []string{"64:ff9b::192.0.2.2"}},
		"on_one_link":               {does: []string{"fe80::1%eth0", "fe80::2%eth0", "fe80::3%eth0"}, in: []string{"fe80::1"}},
		"the_machine_itself":        {does: []string{"::1", "::1", "::1"}, banned: "host ::1", in: []string{"::2"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := start(t, warden.Config{}, mainServer(logins))
				defer h.stop()
				for _, who := range tt.does {
					h.does(messages.MaxLoginAttempts, "@"+who, 1)
				}
				for _, who := range tt.out {
					h.wantBanned("@"+who, true)
				}
				for _, who := range tt.in {
					h.wantBanned("@"+who, false)
				}
				if got := h.wantBanned("@"+tt.does[0], tt.banned != ""); !strings.HasPrefix(got.Why, tt.banned) {
					t.Errorf("the log is told %q, want %s", got.Why, tt.banned)
				} else if got.Banned && !strings.HasPrefix(got.Text, strings.TrimPrefix(tt.does[0], "::ffff:")+",") && tt.does[0] != "64:ff9b::192.0.2.1" {
					t.Errorf("%s is told %q, which names somebody else", tt.does[0], got.Text)
				}
			})
		})
	}
}

// Administrators name a host by any of its addresses, or as they are shown it.
func TestHostsAsPeopleWriteThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, warden.Config{}, mainServer())
		defer h.stop()
		for _, bad := range []string{"2001:db8::/48", "2001:db8::/128", "192.0.2.0/24", "64:ff9b::/64", "fe80::/64", "::1/64", "host"} {
			if err := h.set(messages.Ban{Kind: messages.HostBan, Name: bad}); err == nil {
				t.Errorf("%s is taken", bad)
			}
		}
		for _, name := range []string{"2001:DB8::1", "2001:db8::/64", "2001:db8::9/64"} {
			if err := h.set(messages.Ban{Kind: messages.HostBan, Name: name}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		h.wantBanned("@2001:db8::7", true)
		if n := h.lift(messages.LiftBan{Kind: messages.HostBan, Name: "2001:db8::/64"}); n != 1 {
			t.Errorf("%d lifted, want the one that three names have", n)
		}
		h.wantBanned("@2001:db8::7", false)
	})
}

// A record of a single address, which no visitor is known by, does not stay for ever.
func TestARecordOfNobodyIsThrownAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		key := stores.Key{Kind: stores.KindBan, Pool: "main", Name: "h:2001:db8::1"}
		if err := store.Apply(t.Context(), []stores.Change{stores.Put(key, stores.AppendBan(nil, stores.Ban{Since: time.Now()}))}); err != nil {
			t.Fatal(err)
		}
		h := start(t, warden.Config{Store: in(store)}, mainServer())
		defer h.stop()
		time.Sleep(soon)
		if left, err := store.Load(t.Context(), stores.KindBan); err != nil || len(left) != 0 {
			t.Errorf("the store has %v, %v", left, err)
		}
	})
}
