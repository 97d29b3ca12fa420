package discovery_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/actors/discovery"
	"github.com/sluice-gateway/sluice/messages"
)

func (h *house) askFor(host string, port uint16) <-chan messages.DestinationResolved {
	h.t.Helper()
	reply := make(chan messages.DestinationResolved, 1)
	if err := h.Mailbox().Tell(messages.ResolveDestination{Host: host, Port: port, Reply: reply}, time.Minute); err != nil {
		h.t.Fatal(err)
	}
	return reply
}

func (h *house) destination(host string, port uint16) messages.DestinationResolved {
	h.t.Helper()
	select {
	case found := <-h.askFor(host, port):
		return found
	case <-time.After(time.Minute):
		h.t.Fatal("no answer within a minute")
		return messages.DestinationResolved{}
	}
}

func TestDestinations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, discovery.Config{}).open()
		defer h.stop()
		h.world.put("two.test", 10*time.Second, "192.0.2.1", "2001:db8::1")
		want := func(host string, port uint16, addrs ...string) {
			t.Helper()
			var all []netip.AddrPort
			for _, a := range addrs {
				all = append(all, netip.MustParseAddrPort(a))
			}
			if found := h.destination(host, port); found.Err != nil || !slices.Equal(found.Endpoints, all) {
				t.Errorf("%s stands for %v, %v; want %v", host, found.Endpoints, found.Err, all)
			}
		}
		want("two.test", 21, "192.0.2.1:21", "[2001:db8::1]:21")
		h.world.put("two.test", 10*time.Second, "192.0.2.2")
		want("two.test", 2121, "192.0.2.1:2121", "[2001:db8::1]:2121") // for as long as DNS said
		if n := h.world.times("two.test"); n != 1 {
			t.Errorf("asked %d times, want one for all ports", n)
		}
		time.Sleep(11 * time.Second)
		want("two.test", 21, "192.0.2.2:21")

		// Addresses of a name that is gone may be somebody else's.
		h.world.fail("two.test", errors.New("NXDOMAIN"))
		time.Sleep(11 * time.Second)
		if found := h.destination("two.test", 21); found.Err == nil || len(found.Endpoints) > 0 {
			t.Errorf("a name that is gone: %+v", found)
		}
		h.world.put("two.test", time.Second, "192.0.2.3")
		time.Sleep(time.Minute)
		want("two.test", 21, "192.0.2.3:21")
		if found := h.destination("nowhere.test", 21); found.Err == nil || !strings.Contains(found.Err.Error(), "nowhere.test") {
			t.Errorf("a name that nobody has: %+v", found)
		}
		h.world.put("empty.test", time.Minute)
		if found := h.destination("empty.test", 21); found.Err == nil {
			t.Errorf("a name without an address: %+v", found)
		}
	})
}

// What clients name is bounded in every way, and costs pools nothing.
func TestDestinationsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, discovery.Config{Names: 4, Workers: 2, Waiting: 2, Limit: 5 * time.Second}).open()
		defer h.stop()
		h.world.put("pool.test", time.Hour, "192.0.2.9")
		h.adopt(h.pool("p", "ftp://pool.test"))
		for i := range 50 {
			name := fmt.Sprintf("n%d.test", i)
			h.world.put(name, time.Hour, "192.0.2.1")
			if found := h.destination(name, 21); found.Err != nil {
				t.Fatal(found.Err)
			}
		}
		h.prepare(h.pool("p", "ftp://pool.test"))
		if n := h.world.times("pool.test"); n != 1 {
			t.Errorf("the pool's name was asked for %d times: clients drove it out", n)
		}
		if h.destination("n0.test", 21); h.world.times("n0.test") != 2 {
			t.Error("more names are remembered than may be")
		}

		h.world.takes = time.Minute
		var replies []<-chan messages.DestinationResolved
		for i := range 5 {
			replies = append(replies, h.askFor(fmt.Sprintf("slow%d.test", i), 21))
		}
		synctest.Wait()
		if found := <-replies[4]; !errors.Is(found.Err, discovery.ErrBusy) {
			t.Errorf("the fifth was answered %v, want %v", found.Err, discovery.ErrBusy)
		}
		began := time.Now()
		for i, r := range replies[:4] {
			if found := <-r; found.Err == nil {
				t.Errorf("number %d has an answer: %+v", i, found)
			}
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("answered after %v, want the limit", took)
		}
		time.Sleep(time.Minute) // the world's own goroutines
	})
}
