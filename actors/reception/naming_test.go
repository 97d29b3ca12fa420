package reception_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/actors/ftpsession"
	"github.com/sluice-gateway/sluice/actors/reception"
)

// directory is a name server of a test's own: who is not in it is asked for until the
// test says what its name is.
type directory struct {
	mu     sync.Mutex
	known  map[string]string
	asked  []string
	answer map[string]chan said
}

type said struct {
	name string
	err  error
}

func newDirectory(slow ...string) *directory {
	d := &directory{known: map[string]string{}, answer: map[string]chan said{}}
	for _, s := range slow {
		d.answer[s] = make(chan said)
	}
	return d
}

func (d *directory) Known(a netip.Addr) (string, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	name, known := d.known[a.String()]
	return name, known
}

func (d *directory) Of(ctx context.Context, a netip.Addr) (string, error) {
	d.mu.Lock()
	d.asked = append(d.asked, a.String())
	answer := d.answer[a.String()]
	d.mu.Unlock()
	select {
	case s := <-answer:
		if s.name == "boom" {
			panic("boom")
		}
		return s.name, s.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

func (d *directory) questions() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.asked)
}

// called is a house that asks a directory, and what it was told of its clients.
func called(t *testing.T, d *directory, change func(*reception.Plan, *reception.Door)) (*house, func() []string) {
	var mu sync.Mutex
	var seen []string
	h := open(t, time.Second, func(p *reception.Plan, door *reception.Door) {
		p.Names = d
		setup := door.Setup
		door.Setup = func(a netip.Addr, name string) (*ftpsession.Setup, error) {
			mu.Lock()
			seen = append(seen, a.String()+" "+name)
			mu.Unlock()
			if strings.HasSuffix(name, ".evil.test") {
				return nil, errors.New("not you")
			}
			return setup(a, name)
		}
		if change != nil {
			change(p, door)
		}
	})
	return h, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), seen...)
	}
}

func TestNames_are_known_before_admission(t *testing.T) {
	d := newDirectory("127.0.0.5", "127.0.0.6")
	var classes sync.Map
	h, seen := called(t, d, func(_ *reception.Plan, door *reception.Door) {
		door.Class = func(_ netip.Addr, name string) string {
			classes.Store(name, true)
			return name
		}
	})
	friend, friend2, evil := h.knockFrom("127.0.0.5"), h.knockFrom("127.0.0.5"), h.knockFrom("127.0.0.6")
	if got := h.describe(); got.Open != 0 || len(seen()) > 0 {
		t.Fatalf("somebody came in without a name: %+v, %v", got, seen())
	}
	d.answer["127.0.0.6"] <- said{name: "mail.evil.test"}
	if got := evil.shut(); got != "" {
		t.Errorf("who is not to come in heard %q", got)
	}
	d.answer["127.0.0.5"] <- said{name: "a.friend.test"}
	friend.login()
	friend2.login()
	if d.questions() != 2 {
		t.Errorf("%d questions for two addresses", d.questions())
	}
	if want := []string{"127.0.0.6 mail.evil.test", "127.0.0.5 a.friend.test", "127.0.0.5 a.friend.test"}; strings.Join(seen(), ",") != strings.Join(want, ",") {
		t.Errorf("seen were %q, want %q", seen(), want)
	}
	if _, ok := classes.Load("a.friend.test"); !ok {
		t.Error("the class was chosen without the name")
	}
	if want := `"client":"127.0.0.5","client_name":"a.friend.test"`; !strings.Contains(h.logs.String(), want) {
		t.Errorf("the log does not say %s:\n%s", want, h.logs)
	}
}

// The name counts at the login, too, where classes have limits of their own.
func TestNames_count_at_logins(t *testing.T) {
	d := newDirectory()
	d.known["127.0.0.5"], d.known["127.0.0.6"] = "a.friend.test", ""
	h, _ := called(t, d, func(_ *reception.Plan, door *reception.Door) {
		door.Class = func(_ netip.Addr, name string) string { return name }
		door.PerClass = map[string]reception.Cap{"a.friend.test": {Max: 1, Text: "one friend"}}
	})
	h.knockFrom("127.0.0.5").login()
	h.knockFrom("127.0.0.6").login()
	h.knockFrom("127.0.0.6").login()
	second := h.knockFrom("127.0.0.5")
	second.hear("220")
	second.say("USER ann", "530 one friend")
	if d.questions() != 0 {
		t.Errorf("%d questions about clients who are known", d.questions())
	}
}

// A silent name server holds up those whom it is asked about, and nobody else: not the
// listener, not others, and it takes no place of MaxInstances.
func TestNames_that_are_slow(t *testing.T) {
	d := newDirectory("127.0.0.5")
	d.known["127.0.0.1"] = "localhost"
	h, _ := called(t, d, func(p *reception.Plan, _ *reception.Door) { p.MaxInstances = 1 })
	slow := h.knockFrom("127.0.0.5")
	until(t, "a question", func() bool { return d.questions() == 1 })
	h.knock().login().say("QUIT", "221")
	until(t, "the end of the session", func() bool { return h.describe().Open == 0 })
	d.answer["127.0.0.5"] <- said{err: errors.New("no answer within 5s")}
	slow.login()
	if want := "rules about names could not be judged"; !strings.Contains(h.logs.String(), want) || !strings.Contains(h.logs.String(), "no answer within 5s") {
		t.Errorf("the log does not say %q:\n%s", want, h.logs)
	}
	if strings.Contains(h.logs.String(), `"client":"127.0.0.5","client_name"`) {
		t.Errorf("a client without a name has one:\n%s", h.logs)
	}
}

// Who cannot be named is told of once in a while.
func TestNames_that_cannot_be_found(t *testing.T) {
	d := newDirectory("127.0.0.5", "127.0.0.6", "127.0.0.7")
	h, _ := called(t, d, nil)
	for _, host := range []string{"127.0.0.5", "127.0.0.6", "127.0.0.7"} {
		c := h.knockFrom(host)
		d.answer[host] <- said{name: map[bool]string{true: "boom"}[host == "127.0.0.7"], err: errors.New("SERVFAIL")}
		c.login()
	}
	if n := strings.Count(h.logs.String(), "could not be judged"); n != 1 {
		t.Errorf("said %d times:\n%s", n, h.logs)
	}
	if !strings.Contains(h.logs.String(), "name ended by a fault") {
		t.Errorf("the log does not tell of the fault:\n%s", h.logs)
	}
}

func TestNames_at_closing_time(t *testing.T) {
	d := newDirectory("127.0.0.5")
	h, _ := called(t, d, nil)
	first, second := h.knockFrom("127.0.0.5"), h.knockFrom("127.0.0.5")
	began := time.Now()
	h.stop()
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("closing took %v", took)
	}
	for _, c := range []*client{first, second} {
		if got := c.shut(); got != "" {
			t.Errorf("who waited heard %q", got)
		}
	}
}

// There is a bound on those who wait, and nobody gets past rules by having it reached.
func TestNames_have_a_bound_on_those_who_wait(t *testing.T) {
	d := newDirectory("127.0.0.5", "127.0.0.6")
	d.known["127.0.0.1"] = ""
	h, seen := called(t, d, nil)
	waiting := make([]*client, 1024)
	for i := range waiting {
		waiting[i] = h.knockFrom("127.0.0.5")
	}
	if got := h.knockFrom("127.0.0.6").shut(); got != "" || len(seen()) > 0 {
		t.Errorf("one too many heard %q, came in: %q", got, seen())
	}
	h.knock().login()
	for _, c := range waiting[1:] {
		c.conn.Close()
	}
	d.answer["127.0.0.5"] <- said{}
	waiting[0].login()
	until(t, "the end of those who left", func() bool { return h.describe().Open == 2 })
	again := h.knockFrom("127.0.0.6")
	d.answer["127.0.0.6"] <- said{}
	again.login()
}

// Balancers speak first: the client's address is the one that is looked up.
func TestNames_of_clients_behind_balancers(t *testing.T) {
	d := newDirectory("192.0.2.1")
	h, seen := called(t, d, func(_ *reception.Plan, door *reception.Door) {
		door.Balancers = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	c := h.knock().sends("PROXY TCP4 192.0.2.1 198.51.100.1 1111 21\r\n")
	d.answer["192.0.2.1"] <- said{name: "a.friend.test"}
	c.login()
	if got := seen(); len(got) != 1 || got[0] != "192.0.2.1 a.friend.test" {
		t.Errorf("seen were %q", got)
	}
}
