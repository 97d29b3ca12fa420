package reception_test

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/actors/reception"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
)

// asked tries to log in as USER would have it.
func (h *house) asked(id messages.SessionID, server, user string) string {
	h.t.Helper()
	got, err := mailbox.Ask(h.t.Context(), h.r.Mailbox(), patience, func(reply chan<- messages.LoginAnswered) messages.ToReception {
		return messages.AskLogin{Session: id, Server: server, User: user, Reply: reply}
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return got.Refusal
}

// as logs in under a name of the client's own.
func (c *client) as(user string) *client {
	c.t.Helper()
	c.hear("220")
	c.say("USER "+user, "331")
	c.say("PASS x", "230")
	return c
}

func TestMaxClientsPerUser(t *testing.T) {
	h := open(t, time.Second, func(_ *reception.Plan, d *reception.Door) {
		d.PerUser = reception.Cap{Max: 2, Text: "%m of you are here"}
	})
	for range 3 { // what is taken comes back
		first, second, third := h.knock().as("ann"), h.knock().as("ann"), h.knock()
		other := h.knock().as("ben")
		third.hear("220")
		third.say("USER ann", "530 2 of you are here")
		if rest := third.last(); rest != "" {
			t.Errorf("after the refusal came %q", rest)
		}
		first.conn.Close()
		until(t, "the end of the first", func() bool { return h.describe().Open == 2 })
		h.knock().as("ann").conn.Close()
		second.conn.Close()
		other.conn.Close()
		until(t, "an empty house", func() bool { return h.describe().Open == 0 })
	}
	if !strings.Contains(h.logs.String(), "MaxClientsPerUser reached") {
		t.Errorf("the log does not say why:\n%s", h.logs)
	}
}

// A session that names another user counts for that one, and for it alone.
func TestMaxClientsPerUser_of_a_session_that_changes_its_mind(t *testing.T) {
	h := open(t, time.Second, func(_ *reception.Plan, d *reception.Door) {
		d.PerUser = reception.Cap{Max: 1, Text: "full"}
	})
	for range 2 {
		h.knock().hear("220")
	}
	for i, step := range []struct {
		id   messages.SessionID
		user string
		want string
	}{
		{1, "ann", ""}, {1, "ann", ""}, {2, "ann", "full"}, {1, "ben", ""}, {2, "ann", ""}, {1, "ann", "full"}, {2, "ben", "full"},
		{1, "", ""}, {2, "ben", ""}, {7, "ben", ""},
	} {
		if got := h.asked(step.id, "", step.user); got != step.want {
			t.Errorf("step %d: session %d as %q: %q, want %q", i+1, step.id, step.user, got, step.want)
		}
	}
}

func TestMaxClientsPerClass(t *testing.T) {
	h := open(t, time.Second, func(_ *reception.Plan, d *reception.Door) {
		d.Class = func(netip.Addr, string) string { return "local" }
		d.PerClass = map[string]reception.Cap{"local": {Max: 1, Text: "class of %m"}, "other": {Max: 7, Text: "other"}}
	})
	first := h.knock().as("ann")
	if got := h.asked(1, "", "cat"); got != "" {
		t.Errorf("a second USER of the one session is told %q", got)
	}
	second := h.knock()
	second.hear("220")
	second.say("USER ben", "530 class of 1")
	first.conn.Close()
	until(t, "an empty house", func() bool { return h.describe().Open == 0 })
	h.knock().as("ben")
}

// Hosts count, not sessions; and merely naming a user elsewhere counts for nothing.
func TestMaxHostsPerUser(t *testing.T) {
	h := open(t, time.Second, func(_ *reception.Plan, d *reception.Door) {
		d.HostsPerUser = reception.Cap{Max: 2, Text: "at most %m hosts"}
		d.PerUser = reception.Cap{Max: 9, Text: "full"}
	})
	from := func(n int) *client { return h.knockFrom(fmt.Sprintf("127.0.0.%d", n)) }
	for n := 11; n < 20; n++ { // nine who only use the name
		c := from(n)
		c.hear("220")
		c.say("USER ann", "331")
	}
	from(2).as("ann")
	from(2).as("ann")
	second := from(3).as("ann")
	third := from(4)
	third.hear("220")
	third.say("USER ann", "530 at most 2 hosts")
	from(4).as("ben")
	more := from(3).as("ann") // one of the two hosts
	second.conn.Close()
	c := from(4)
	c.hear("220")
	c.say("USER ann", "530 at most 2 hosts") // 127.0.0.3 has another session
	more.conn.Close()
	until(t, "the end of all of 127.0.0.3", func() bool { return h.describe().Open == 12 })
	from(4).as("ann")
}

// recorder bans who it is told to, and notes what it hears.
type recorder struct {
	mu    sync.Mutex
	bans  map[string]messages.BanAnswered // by address, or user
	heard []string
}

func (r *recorder) Banned(q messages.AskBan) messages.BanAnswered {
	r.mu.Lock()
	defer r.mu.Unlock()
	if b, ok := r.bans[q.User]; ok {
		return b
	}
	return r.bans[q.Host.String()]
}

func (r *recorder) Happened(e messages.EventHappened) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heard = append(r.heard, fmt.Sprintf("%v by %q from %v of %q at %s", e.What, e.By.User, e.By.Host, e.By.Class, e.By.Server))
}

// take returns what was heard since the last time.
func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	heard := r.heard
	r.heard = nil
	return heard
}

func TestBans_are_looked_at_by_the_way(t *testing.T) {
	bans := &recorder{bans: map[string]messages.BanAnswered{
		"127.0.0.5": {Banned: true, Text: "come back later", Why: "host 127.0.0.5 is banned"},
		"127.0.0.6": {Banned: true, Why: "host 127.0.0.6 is banned"},
		"eve":       {Banned: true, Text: "not you", Why: "user eve is banned"},
		"mal":       {Banned: true, Why: "user mal is banned"},
	}}
	h := openWith(t, reception.Config{Drain: time.Second, Bans: bans}, func(_ *reception.Plan, d *reception.Door) {
		d.Class = func(netip.Addr, string) string { return "local" }
		d.PerUser, d.HostsPerUser = reception.Cap{Max: 1, Text: "one"}, reception.Cap{Max: 1, Text: "one host"}
		d.PerClass = map[string]reception.Cap{"local": {Max: 2, Text: "class"}}
		d.PerHost = reception.Cap{Max: 3, Text: "host"}
	})
	for from, want := range map[string]string{"127.0.0.5": "530 come back later", "127.0.0.6": ""} {
		if got := h.knockFrom(from).last(); got != want {
			t.Errorf("a banned host heard %q, want %q", got, want)
		}
	}
	for user, want := range map[string]string{"eve": "530 not you", "mal": "530 Login incorrect."} {
		c := h.knock()
		c.hear("220")
		c.say("USER "+user, want)
		if rest := c.last(); rest != "" {
			t.Errorf("after the refusal came %q", rest)
		}
	}
	until(t, "an empty house", func() bool { return h.describe().Open == 0 })
	bans.take()
	h.knock().as("ann")
	one := h.knock()
	one.hear("220")
	one.say("USER ann", "530 one")
	h.knock().as("ben")
	elsewhere := h.knockFrom("127.0.0.7")
	elsewhere.hear("220")
	elsewhere.say("USER cat", "530 class")
	want := []string{
		`ClientConnectRate by "" from 127.0.0.1 of "local" at main`,
		`ClientConnectRate by "" from 127.0.0.1 of "local" at main`,
		`MaxClientsPerUser by "ann" from 127.0.0.1 of "local" at main`,
		`ClientConnectRate by "" from 127.0.0.1 of "local" at main`,
		`ClientConnectRate by "" from 127.0.0.7 of "local" at main`,
		`MaxClientsPerClass by "cat" from 127.0.0.7 of "local" at main`,
	}
	if got := strings.Join(bans.take(), "\n"); got != strings.Join(want, "\n") {
		t.Errorf("it heard of\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	for _, want := range []string{"host 127.0.0.6 is banned", "user mal is banned", "MaxClientsPerClass reached"} {
		if !strings.Contains(h.logs.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, h.logs)
		}
	}
}
