package porter

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sluice-gateway/sluice/messages"
)

// Whatever comes and goes, the queue is within its bounds, nobody is lost or
// served twice, a client's logins are served in their order, and no client is
// passed over: between two turns of one, nobody else has two.
func TestQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most, perClient := rapid.IntRange(1, 12).Draw(t, "most"), rapid.IntRange(1, 5).Draw(t, "per client")
		q := newQueue(most, perClient)
		waiting := map[byte][]*check{}
		var served []byte // since somebody came or left otherwise
		now := time.Unix(0, 0)
		total := func() (n int) {
			for _, line := range waiting {
				n += len(line)
			}
			return n
		}
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				who := byte(rapid.IntRange(0, 4).Draw(t, "client"))
				now = now.Add(time.Second)
				c := &check{m: messages.CheckLogin{Client: netip.AddrFrom4([4]byte{192, 0, 2, who})}, until: now.Add(10 * time.Second)}
				room := total() < most && len(waiting[who]) < perClient
				if got := q.push(c); got != room {
					t.Fatalf("taken in: %v, want %v", got, room)
				}
				if room {
					waiting[who] = append(waiting[who], c)
				}
				served = nil
			},
			"pop": func(t *rapid.T) {
				c := q.pop()
				if c == nil {
					if total() > 0 {
						t.Fatal("somebody waits and is not served")
					}
					return
				}
				who := c.m.Client.As4()[3]
				if len(waiting[who]) == 0 || waiting[who][0] != c {
					t.Fatalf("client %d is served out of turn", who)
				}
				for other, line := range waiting {
					last := slices.Index(served, who)
					if other != who && len(line) > 0 && last >= 0 && !slices.Contains(served[last:], other) {
						t.Fatalf("client %d is served again before client %d", who, other)
					}
				}
				waiting[who] = waiting[who][1:]
				served = append([]byte{}, append(served, who)...)
				if i := slices.Index(served, who); i < len(served)-1 {
					served = served[i+1:]
				}
			},
			"expire": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 12).Draw(t, "seconds")) * time.Second)
				late := q.expired(now)
				want := 0
				for who, line := range waiting {
					n := 0
					for n < len(line) && !now.Before(line[n].until) {
						n++
					}
					want, waiting[who] = want+n, line[n:]
				}
				if len(late) != want {
					t.Fatalf("%d are late, want %d", len(late), want)
				}
				served = nil
			},
			"": func(t *rapid.T) {
				if q.length != total() || q.length > most {
					t.Fatalf("%d wait, want %d of at most %d", q.length, total(), most)
				}
			},
		})
	})
}
