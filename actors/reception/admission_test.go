package reception_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/actors/ftpsession"
	"github.com/sluice-gateway/sluice/actors/reception"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
)

func TestAdmission(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*reception.Plan, *reception.Door)
		want   string // what the third client hears
		why    string // in the log
	}{
		"more_than_MaxInstances_are_closed_silently": {
			func(p *reception.Plan, _ *reception.Door) { p.MaxInstances = 2 },
			"", "MaxInstances (2) reached",
		},
		"more_than_MaxClientsPerHost_hear_its_text": {
			func(_ *reception.Plan, d *reception.Door) {
				d.PerHost = reception.Cap{Max: 2, Text: "at most %m, %m from your host"}
			},
			"530 at most 2, 2 from your host", "MaxClientsPerHost reached",
		},
		"more_than_MaxConnectionsPerHost_hear_its_text": {
			func(_ *reception.Plan, d *reception.Door) { d.Conns = reception.Cap{Max: 2, Text: "only %m"} },
			"530 only 2", "MaxConnectionsPerHost reached",
		},
		"who_understands_nothing_in_clear_hears_nothing": {
			func(_ *reception.Plan, d *reception.Door) {
				d.Conns, d.Mute = reception.Cap{Max: 2, Text: "only %m"}, true
			},
			"", "MaxConnectionsPerHost reached",
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, time.Second, c.change)
			first, second := h.knock().login(), h.knock().login()
			if got := h.knock().last(); got != c.want {
				t.Errorf("the third client heard %q, want %q", got, c.want)
			}
			if !strings.Contains(h.logs.String(), c.why) {
				t.Errorf("the log does not say %q:\n%s", c.why, h.logs)
			}
			if d := h.describe(); d.Open != 2 || d.LoggedIn != 2 || d.Served != 2 || d.Refused != 1 {
				t.Errorf("described as %+v", d)
			}
			first.say("QUIT", "221")
			until(t, "the end of the first session", func() bool { return h.describe().Open == 1 })
			h.knock().login()
			second.say("PWD", "257")
		})
	}
}

func TestAdmission_without_a_server_says_so(t *testing.T) {
	h := open(t, time.Second, func(p *reception.Plan, _ *reception.Door) {
		p.Door = func(string, netip.AddrPort) *reception.Door { return nil }
	})
	if got, want := h.knock().last(), "500 Sorry, no server available to handle request on 127.0.0.1"; got != want {
		t.Errorf("the client heard %q, want %q", got, want)
	}
}

func TestAdmission_of_a_client_that_is_not_permitted_is_silent(t *testing.T) {
	h := open(t, time.Second, func(_ *reception.Plan, d *reception.Door) {
		d.Setup = func(netip.Addr, string) (*ftpsession.Setup, error) {
			return nil, errors.New("ProxyEngine is off for this client")
		}
	})
	if got := h.knock().last(); got != "" {
		t.Errorf("the client heard %q", got)
	}
	if d := h.describe(); d.Open != 0 || d.Refused != 1 || !strings.Contains(h.logs.String(), "ProxyEngine is off") {
		t.Errorf("%+v, and the log says\n%s", d, h.logs)
	}
}

func TestMaxConnectionRate(t *testing.T) {
	for text, want := range map[string]string{"": "", "too fast": "530 too fast"} {
		h := open(t, time.Second, func(p *reception.Plan, _ *reception.Door) {
			p.Rate = reception.Rate{Max: 2, Per: time.Hour, Text: text}
		})
		h.knock()
		h.knock()
		if got := h.knock().last(); got != want {
			t.Errorf("the third client heard %q, want %q", got, want)
		}
	}
}

// MaxClients counts logins, not connections: it is asked at USER, and a slot
// is free again when its session ends, however it does.
func TestMaxClients(t *testing.T) {
	h := open(t, time.Second, func(_ *reception.Plan, d *reception.Door) {
		d.MaxLogins = reception.Cap{Max: 1, Text: "full (%m)"}
	})
	first, second := h.knock(), h.knock()
	first.login()
	second.hear("220")
	second.say("USER ben", "530 full (1)")
	if rest := second.last(); rest != "" {
		t.Errorf("after the refusal came %q", rest)
	}
	first.say("USER ann", "") // a second USER of the same session takes no second slot
	first.conn.Close()
	until(t, "the end of all sessions", func() bool { return h.describe().Open == 0 })
	h.knock().login().say("QUIT", "221")
	until(t, "the end of all sessions", func() bool { return h.describe().Open == 0 })
	h.knock().login()
	if d := h.describe(); d.Served != 4 || d.Refused != 1 || d.LoggedIn != 1 {
		t.Errorf("described as %+v", d)
	}
}

// Who goes on to another server by name counts for that one.
func TestMaxClients_of_a_server_behind(t *testing.T) {
	h := open(t, time.Second, func(_ *reception.Plan, d *reception.Door) {
		d.MaxLogins = reception.Cap{Max: 1, Text: "full"}
		d.Behind = map[string]*reception.Door{"behind": {Server: "behind", MaxLogins: reception.Cap{Max: 1, Text: "full behind"}}}
	})
	ask := func(id messages.SessionID, server, want string) {
		t.Helper()
		got, err := mailbox.Ask(t.Context(), h.r.Mailbox(), patience, func(reply chan<- messages.LoginAnswered) messages.ToReception {
			return messages.AskLogin{Session: id, Server: server, Reply: reply}
		})
		if err != nil || got.Refusal != want {
			t.Errorf("session %d at %q: %q, %v, want %q", id, server, got.Refusal, err, want)
		}
	}
	first := h.knock()
	first.hear("220")
	for range 3 {
		h.knock().hear("220")
	}
	ask(1, "behind", "")
	ask(2, "behind", "full behind")
	ask(2, "", "")
	ask(3, "of no such name", "full")
	first.conn.Close()
	until(t, "the end of the first", func() bool { return h.describe().Open == 3 })
	ask(3, "behind", "")
	ask(4, "behind", "full behind")
}

func TestAdopt_changes_the_rules_for_the_next_client_only(t *testing.T) {
	h := open(t, time.Second, nil)
	old := h.knock().login()
	h.r.Adopt(h.plan(func(p *reception.Plan, _ *reception.Door) { p.MaxInstances = 7 })) // superseded at once
	h.r.Adopt(h.plan(func(_ *reception.Plan, d *reception.Door) { d.PerHost = reception.Cap{Max: 1, Text: "new rules"} }))
	until(t, "the new rules", func() bool { return h.knock().greeting() == "530 new rules" })
	old.say("PWD", "257")
	old.say("QUIT", "221")
	until(t, "an empty house", func() bool { return h.describe().Open == 0 })
	h.knock().login()
}

func TestCounts_return_to_zero(t *testing.T) {
	h := open(t, time.Second, func(_ *reception.Plan, d *reception.Door) {
		d.PerHost = reception.Cap{Max: 8, Text: "full"}
		d.MaxLogins = reception.Cap{Max: 8, Text: "full"}
	})
	for range 5 { // more often than the limits would let pass if a count were kept
		for i := range 8 {
			c := h.knock()
			if i%2 == 0 {
				c.login()
			}
			if i%3 == 0 {
				c.conn.Close()
			} else {
				if err := c.conn.CloseWrite(); err != nil {
					t.Fatal(err)
				}
			}
		}
		until(t, "an empty house", func() bool { return h.describe().Open == 0 })
	}
	until(t, "the return of all leases", func() bool { return h.leases() == 0 })
}

// A session that falls takes nobody along, and its place is free again.
func TestCrash_of_a_session_stays_its_own(t *testing.T) {
	h := open(t, time.Second, func(_ *reception.Plan, d *reception.Door) {
		d.MaxLogins = reception.Cap{Max: 2, Text: "full"}
	})
	h.setup.Dialogue.ForeignAllowed = func(netip.Addr) bool { panic("boom") }
	other, victim := h.knock().login(), h.knock().login()
	victim.say("PORT 127,0,0,9,200,1", "421 Internal error")
	if rest := victim.last(); rest != "" {
		t.Errorf("after the goodbye came %q", rest)
	}
	until(t, "the victim's end", func() bool { return h.describe().Open == 1 })
	until(t, "the return of its lease", func() bool { return h.leases() == 1 })
	other.say("PWD", "257")
	h.knock().login()
	log := h.logs.String()
	for _, want := range []string{"session ended by a fault", "boom", `"stack"`, `"session":"session 2 (`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not say %q:\n%s", want, log)
		}
	}
}

// If the reception itself falls, its listener is not kept waiting, the client
// in hand is not left hanging, sessions get a proper goodbye, and the next
// life begins with an empty house.
func TestCrash_of_the_reception(t *testing.T) {
	h := open(t, time.Second, nil)
	guest := h.knock().login()
	h.r.Adopt(h.plan(func(_ *reception.Plan, d *reception.Door) {
		once := true
		setup := d.Setup
		d.Setup = func(a netip.Addr, name string) (*ftpsession.Setup, error) {
			if once {
				once = false
				panic("boom")
			}
			return setup(a, name)
		}
	}))
	until(t, "the fall", func() bool { return h.knock().greeting() == "" })
	guest.hear("421 ")
	until(t, "a new life", func() bool { return h.describe().Open == 0 })
	h.knock().login()
	until(t, "the return of leases", func() bool { return h.leases() == 1 })
}

// greeting is the first line, if there is one, of a client that then leaves.
func (c *client) greeting() string {
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	line, _ := c.in.ReadString('\n')
	c.conn.Close()
	return strings.TrimRight(line, "\r\n")
}
