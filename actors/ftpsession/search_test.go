package ftpsession

import (
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
)

const canary = "canary-4711"

// desk answers what comes to a mailbox, one after the other, and remembers it.
type desk[M any] struct {
	inbox mailbox.Mailbox[M]
	mu    sync.Mutex
	asked []M
}

func openDesk[M any](r *rig, answer func(n int, m M)) *desk[M] {
	d := &desk[M]{inbox: mailbox.New[M](1)}
	r.wg.Go(func() {
		for {
			select {
			case m := <-d.inbox.C():
				d.mu.Lock()
				d.asked = append(d.asked, m)
				n := len(d.asked)
				d.mu.Unlock()
				answer(n, m)
			case <-r.done:
				return
			}
		}
	})
	return d
}

func (d *desk[M]) questions() []M {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]M(nil), d.asked...)
}

func backendAt(addr netip.AddrPort) messages.Backend {
	return messages.Backend{
		URL:       backendurl.URL{Scheme: backendurl.FTP, Host: addr.Addr().String(), Port: addr.Port()},
		Endpoints: []netip.AddrPort{addr},
	}
}

// choosing picks the first candidate that was not tried, and keeps the picks.
type choosing struct {
	mu    sync.Mutex
	picks []messages.PickBackend
}

func (c *choosing) answer(_ int, p messages.PickBackend) (messages.BackendPicked, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.picks = append(c.picks, p)
	for _, b := range p.Candidates {
		if !strings.Contains(strings.Join(p.Tried, " "), b.URL.Key()) {
			return messages.BackendPicked{Backend: b}, true
		}
	}
	return messages.BackendPicked{Err: errors.New("no candidates")}, true
}

func (c *choosing) seen() []messages.PickBackend {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]messages.PickBackend(nil), c.picks...)
}

// heard gathers the arguments of USER and PASS that a backend hears.
type heard struct {
	mu   sync.Mutex
	said []string
}

func (h *heard) on(replies ...string) map[string]func(*visit, string) {
	note := func(verb string, reply string) func(*visit, string) {
		return func(v *visit, arg string) {
			h.mu.Lock()
			h.said = append(h.said, verb+" "+arg)
			h.mu.Unlock()
			v.say("%s", reply)
		}
	}
	if len(replies) == 0 {
		replies = []string{"331 Password please", "230 Welcome"}
	}
	return map[string]func(*visit, string){"USER": note("USER", replies[0]), "PASS": note("PASS", replies[1])}
}

func (h *heard) want(t *testing.T, want ...string) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if diff := cmp.Diff(want, h.said); diff != "" {
		t.Errorf("the backend heard (-want +got):\n%s", diff)
	}
}

// lateRig is a session whose backends are chosen late, from what is looked up.
func lateRig(t *testing.T, mode dialogue.Selection) (*rig, *choosing) {
	c := &choosing{}
	r := newRig(t, c.answer)
	r.setup.Dialogue.Selection = mode
	r.setup.Dialogue.Greeting = []string{"upstairs at %L"}
	r.setup.PerName, r.setup.Book, r.setup.Class = true, "book", "lan"
	return r, c
}

func (r *rig) lookUp(answer func(n int, m messages.LookUpBackends)) *desk[messages.ToDiscovery] {
	d := openDesk(r, func(n int, m messages.ToDiscovery) { answer(n, m.(messages.LookUpBackends)) })
	r.setup.Services.Discovery = d.inbox
	return d
}

func (r *rig) check(answer func(n int, m messages.CheckLogin)) *desk[messages.ToPorter] {
	d := openDesk(r, func(n int, m messages.ToPorter) { answer(n, m.(messages.CheckLogin)) })
	r.setup.Services.Porter = d.inbox
	return d
}

func (r *rig) say(line, reply string) {
	r.t.Helper()
	r.send(line + "\r\n")
	r.hear(reply)
}

func (r *rig) quit() {
	r.t.Helper()
	r.say("QUIT", "221 ")
	if err := r.ended(); err != nil {
		r.t.Errorf("the session ended with %v", err)
	}
	if strings.Contains(r.logs.String(), canary) {
		r.t.Errorf("the log shows the password:\n%s", r.logs)
	}
}

func TestLookUp_finds_the_users_own_backend(t *testing.T) {
	var h heard
	own := serve(t, h.on())
	r, c := lateRig(t, dialogue.AtUser)
	d := r.lookUp(func(_ int, m messages.LookUpBackends) {
		m.Reply <- messages.BackendsFound{Backends: []messages.Backend{backendAt(dead(t)), backendAt(own.addr())}}
	})
	r.start()
	r.hear("220 upstairs at 127.0.0.1")
	r.say("SYST", "215 ")
	r.say("USER ann", "331 Password please")
	r.say("PASS "+canary, "230 ")
	r.say("PWD", "257 ")
	r.quit()
	r.policy.settled(t, "failed", "released")
	h.want(t, "USER ann", "PASS "+canary)
	if q := d.questions(); len(q) != 1 || q[0].(messages.LookUpBackends).User != "ann" || q[0].(messages.LookUpBackends).Pool != "pool" {
		t.Errorf("discovery was asked %+v, want once for ann", q)
	}
	if len(c.seen()) != 2 || len(c.seen()[1].Candidates) != 2 || c.seen()[1].User != "ann" || len(c.seen()[1].Tried) != 1 {
		t.Errorf("policy was asked %+v, want a retry with the same candidates", c.seen())
	}
	if !strings.Contains(r.logs.String(), `"backend-url":"ftp://`) {
		t.Errorf("the log does not name the backend:\n%s", r.logs)
	}
}

// Each of these leads to the same refusal, to no backend, and to a session that
// another user can still log in to.
func TestLookUp_that_gives_nothing(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(messages.LookUpBackends) // nil: no discovery at all
		picks  int
	}{
		"because_it_fails":         {func(m messages.LookUpBackends) { m.Reply <- messages.BackendsFound{Err: errors.New("no database")} }, 0},
		"because_nobody_knows_her": {func(m messages.LookUpBackends) { m.Reply <- messages.BackendsFound{} }, 1},
		"because_nobody_answers":   {func(messages.LookUpBackends) {}, 0},
		"because_there_is_none":    {nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var h heard
			own := serve(t, h.on())
			r, chosen := lateRig(t, dialogue.AtUser)
			r.setup.Services.limits = briefly
			if c.answer != nil {
				r.lookUp(func(n int, m messages.LookUpBackends) {
					if m.User == "ann" {
						c.answer(m)
						return
					}
					m.Reply <- messages.BackendsFound{Backends: []messages.Backend{backendAt(own.addr())}}
				})
			}
			r.start()
			r.hear("220 ")
			user := "530 Login incorrect."
			if c.picks > 0 { // which names there are is nobody's business
				user = "331 Password required for ann"
			}
			r.say("USER ann", user)
			r.say("PASS "+canary, "530 Login incorrect.")
			if len(chosen.seen()) != c.picks || c.picks > 0 && chosen.seen()[0].Candidates != nil {
				t.Errorf("policy was asked %+v", chosen.seen())
			}
			if c.answer != nil {
				r.say("USER joe", "331 ")
				r.say("PASS x", "230 ")
				h.want(t, "USER joe", "PASS x")
			}
			r.quit()
		})
	}
}

// A list that comes when nobody waits for it any more must not be taken for that
// of the next user.
func TestLookUp_whose_answer_is_late_is_forgotten(t *testing.T) {
	var hers, his heard
	herOwn, hisOwn := serve(t, hers.on()), serve(t, his.on())
	r, _ := lateRig(t, dialogue.AtUser)
	r.setup.Services.limits = briefly
	var first messages.LookUpBackends
	r.lookUp(func(n int, m messages.LookUpBackends) {
		if n == 1 {
			first = m
			return
		}
		first.Reply <- messages.BackendsFound{Backends: []messages.Backend{backendAt(herOwn.addr())}}
		m.Reply <- messages.BackendsFound{Backends: []messages.Backend{backendAt(hisOwn.addr())}}
	})
	r.start()
	r.hear("220 ")
	r.say("USER ann", "530 ")
	r.say("USER joe", "331 ")
	r.say("PASS x", "230 ")
	r.quit()
	hers.want(t)
	his.want(t, "USER joe", "PASS x")
}

func TestCheckLogin(t *testing.T) {
	var h heard
	own := serve(t, h.on("331 go on", "230-Welcome\r\n230 to b1"))
	r, c := lateRig(t, dialogue.AtPass)
	d := r.lookUp(func(_ int, m messages.LookUpBackends) {
		m.Reply <- messages.BackendsFound{Backends: []messages.Backend{backendAt(own.addr())}}
	})
	p := r.check(func(_ int, m messages.CheckLogin) {
		m.Reply <- messages.LoginChecked{Granted: m.Password == canary, User: m.User, Group: "staff", Reason: "Incorrect password"}
	})
	r.start()
	r.hear("220 ")
	r.say("USER ann", "331 Password required for ann")
	r.say("PASS wrong", "530 Login incorrect.")
	if len(c.seen()) > 0 || len(d.questions()) > 0 {
		t.Error("a backend was looked for before the password was right")
	}
	r.say("USER ann", "331 ")
	r.say("PASS "+canary, "230-Welcome")
	r.hear("230 to b1")
	r.say("PWD", "257 ")
	r.quit()
	h.want(t, "USER ann", "PASS "+canary)
	if q := p.questions(); len(q) != 2 || q[1].(messages.CheckLogin).Book != "book" || q[1].(messages.CheckLogin).Class != "lan" ||
		q[1].(messages.CheckLogin).User != "ann" || !q[1].(messages.CheckLogin).Client.IsLoopback() {
		t.Errorf("the porter was asked %+v", q)
	}
	if len(c.seen()) != 1 || c.seen()[0].Group != "staff" || c.seen()[0].User != "ann" || d.questions()[0].(messages.LookUpBackends).Group != "staff" {
		t.Errorf("policy was asked %+v, discovery %+v", c.seen(), d.questions())
	}
	if !strings.Contains(r.logs.String(), "Incorrect password") {
		t.Errorf("the log does not say why:\n%s", r.logs)
	}
}

// A word for one user that comes late must not let the next one in.
func TestCheckLogin_whose_answer_is_late_lets_nobody_in(t *testing.T) {
	r, c := lateRig(t, dialogue.AtPass)
	r.setup.Services.limits = briefly
	var first messages.CheckLogin
	r.check(func(n int, m messages.CheckLogin) {
		if n == 1 {
			first = m
			return
		}
		first.Reply <- messages.LoginChecked{Granted: true, User: "ann"}
		m.Reply <- messages.LoginChecked{Reason: "Incorrect password"}
	})
	r.start()
	r.hear("220 ")
	began := time.Now()
	r.say("USER ann", "331 ")
	r.say("PASS "+canary, "530 Login incorrect.")
	if took := time.Since(began); took < briefly.ask {
		t.Errorf("it gave up after %v", took)
	}
	r.say("USER joe", "331 ")
	r.say("PASS guess", "530 Login incorrect.")
	r.quit()
	if len(c.seen()) > 0 {
		t.Errorf("policy was asked %+v", c.seen())
	}
	if !strings.Contains(r.logs.String(), errPorterSilent.Error()) {
		t.Errorf("the log does not say why:\n%s", r.logs)
	}
}

func TestCheckLogin_without_a_porter_lets_nobody_in(t *testing.T) {
	for name, prepare := range map[string]func(*rig){
		"none_is_there": func(*rig) {},
		"it_is_gone": func(r *rig) {
			r.setup.Services.Porter = mailbox.New[messages.ToPorter](1)
			r.setup.Services.Porter.Retire()
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, c := lateRig(t, dialogue.AtPass)
			prepare(r)
			r.start()
			r.hear("220 ")
			r.say("USER ann", "331 ")
			r.say("PASS "+canary, "530 Login incorrect.")
			r.quit()
			if len(c.seen()) > 0 {
				t.Errorf("policy was asked %+v", c.seen())
			}
		})
	}
}

// A client that goes away while it is being checked leaves nothing behind.
func TestSearch_ends_with_the_client(t *testing.T) {
	for _, mode := range []dialogue.Selection{dialogue.AtUser, dialogue.AtPass} {
		r, _ := lateRig(t, mode)
		asked := make(chan struct{}, 1)
		r.lookUp(func(int, messages.LookUpBackends) { asked <- struct{}{} })
		r.check(func(int, messages.CheckLogin) { asked <- struct{}{} })
		r.start()
		r.hear("220 ")
		r.send("USER ann\r\n")
		if mode == dialogue.AtPass {
			r.say("PASS x", "331 ") // the answer to USER
		}
		select {
		case <-asked:
		case <-time.After(patience):
			t.Fatal("nobody was asked")
		}
		r.client.Close()
		if err := r.ended(); err != nil {
			t.Errorf("the session ended with %v", err)
		}
	}
}
