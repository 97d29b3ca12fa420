package warden

import (
	"fmt"
	"math"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sluice-gateway/sluice/messages"
)

// However events are spread, a tally counts those of the window: exactly as far as
// it has marks, and beyond that at least those of all but a 32nd of the window.
func TestTalliesAgreeWithThePlainLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rule := messages.BanRule{
			Count:  rapid.SampledFrom([]int{2, 5, marks, marks + 1, 1000}).Draw(t, "count"),
			Window: rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 24 * time.Hour}).Draw(t, "window"),
		}
		y := &tally{of: counted{rule: rule}}
		now := time.Unix(1_790_000_000, 0)
		var all []time.Time
		within := func(span time.Duration) (n int) {
			for _, at := range all {
				if now.Sub(at) < span {
					n++
				}
			}
			return n
		}
		for range rapid.IntRange(1, 300).Draw(t, "events") {
			// Most come in a rush, some after a pause.
			now = now.Add(time.Duration(math.Pow(rapid.Float64Range(0, 1).Draw(t, "pause"), 6) * 1.5 * float64(rule.Window)))
			all = append(all, now)
			got, most := y.add(now), within(rule.Window)
			least := most
			if rule.Count > marks {
				least = within(rule.Window - rule.Window/marks)
			}
			if got > most || got < least {
				t.Fatalf("%d counted, %d to %d were within the window", got, least, most)
			}
			if len(y.seen) > marks+1 && rule.Count > marks {
				t.Fatalf("%d marks are kept", len(y.seen))
			}
			if got >= rule.Count { // the visitor is banned, and counting begins anew
				y, all = &tally{of: counted{rule: rule}}, nil
			}
			if len(y.seen) > marks+1 {
				t.Fatalf("%d marks are kept", len(y.seen))
			}
		}
	})
}

func TestRecordsFindTheirBans(t *testing.T) {
	for _, want := range []id{
		{subject{messages.HostBan, "192.0.2.1"}, "main"}, {subject{messages.HostBan, "2001:db8::/64"}, ""},
		{subject{messages.UserBan, "a:b@c"}, "x@y:21"}, {subject{messages.ClassBan, "staff"}, "main"}, {subject{messages.PairBan, "joe@::1"}, "main"},
	} {
		if got, ok := idOfKey(want.key()); !ok || got != want {
			t.Errorf("%+v came back as %+v, %v", want, got, ok)
		}
	}
	for _, bad := range []string{"", "h", "h:", "z:1", "hu:1", ":x"} {
		k := id{subject{messages.HostBan, "x"}, "main"}.key()
		k.Name = bad
		if got, ok := idOfKey(k); ok {
			t.Errorf("%q is taken for %+v", bad, got)
		}
	}
}

// What a listener asks about each client, with as many bans as there may be.
func BenchmarkBanned(b *testing.B) {
	for _, n := range []int{0, 1000, 1 << 16} {
		b.Run(fmt.Sprintf("bans=%d", n), func(b *testing.B) {
			a := New(Config{Store: nil})
			a.view.Store(&view{rules: map[place]*rules{{"main", ""}: newRules(messages.BanRules{Server: "main"})}})
			a.atOnce(func() {
				for i := range n {
					a.put(messages.Ban{Server: "main", Name: netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}).String()})
				}
			})
			by := messages.AskBan{Visitor: messages.Visitor{Server: "main", Host: netip.MustParseAddr("192.0.2.1")}}
			b.ReportAllocs()
			for b.Loop() {
				if a.Banned(by).Banned {
					b.Fatal("banned")
				}
			}
		})
	}
}
