package ftpsession

import (
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"
	"github.com/sluice-gateway/sluice/messages"
)

// Whoever looks at a user's name sees the one that the rules made of it.
func TestRewrite_comes_before_everything(t *testing.T) {
	var h heard
	own := serve(t, h.on())
	r, c := lateRig(t, dialogue.AtPass)
	d := r.lookUp(func(_ int, m messages.LookUpBackends) {
		m.Reply <- messages.BackendsFound{Backends: []messages.Backend{backendAt(own.addr())}}
	})
	p := r.check(func(_ int, m messages.CheckLogin) { m.Reply <- messages.LoginChecked{Granted: true, User: m.User} })
	var mu sync.Mutex
	var about []Rewriting
	r.setup.Rewrite = func(verb, arg string, of Rewriting) string {
		mu.Lock()
		defer mu.Unlock()
		about = append(about, of)
		if verb == "USER" {
			return strings.ToLower(strings.TrimPrefix(arg, `DOM\`))
		}
		return arg
	}
	r.start()
	r.hear("220 ")
	r.say(`USER DOM\Ann`, "331 Password required for ann\r\n")
	r.say("PASS "+canary, "230 ")
	r.quit()
	h.want(t, "USER ann", "PASS "+canary)
	if d.questions()[0].(messages.LookUpBackends).User != "ann" || p.questions()[0].(messages.CheckLogin).User != "ann" || c.seen()[0].User != "ann" {
		t.Errorf("asked %+v, %+v, %+v", d.questions(), p.questions(), c.seen())
	}
	mu.Lock()
	defer mu.Unlock()
	if len(about) < 2 || about[0].User != "" || about[1].User != "ann" || about[1].Server != "upstairs" || about[1].Class != "lan" || !about[1].Client.Addr().IsLoopback() {
		t.Errorf("the rules were told %+v", about)
	}
}

// Whatever rules make of a command, it stays one command (claim 3).
func TestRewrite_cannot_smuggle(t *testing.T) {
	s := serve(t, nil)
	for _, evil := range []string{"x\r\nDELE f", "x\nDELE f", "x\x00y", strings.Repeat("x", 1<<16)} {
		r := newRig(t, picking(s.addr()))
		r.setup.Rewrite = func(verb, arg string, _ Rewriting) string {
			if verb == "CWD" {
				return evil
			}
			return arg
		}
		r.start()
		login(r)
		r.say("CWD d", "500 ")
		r.say("PWD", "257 ")
		r.quit()
		if s.said("CWD") || s.said("DELE") {
			t.Errorf("%.20q reached the backend", evil)
		}
	}
}

// A backend that breaks off is told of, one that says goodbye is not.
func TestLost_backends_are_reported(t *testing.T) {
	for name, c := range map[string]struct {
		on   map[string]func(*visit, string)
		say  string
		want int
	}{
		"by_a_close":     {map[string]func(*visit, string){"NOOP": func(v *visit, _ string) { v.conn.Close() }}, "NOOP", 1},
		"by_a_reset":     {map[string]func(*visit, string){"NOOP": func(v *visit, _ string) { _ = v.conn.SetLinger(0); v.conn.Close() }}, "NOOP", 1},
		"not_by_a_421":   {map[string]func(*visit, string){"NOOP": func(v *visit, _ string) { v.say("421 bye"); v.conn.Close() }}, "NOOP", 0},
		"not_by_QUIT":    {nil, "QUIT", 0},
		"not_at_QUIT":    {map[string]func(*visit, string){"QUIT": func(v *visit, _ string) { v.conn.Close() }}, "QUIT", 0},
		"by_bad_replies": {map[string]func(*visit, string){"NOOP": func(v *visit, _ string) { v.say("what?") }}, "NOOP", 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, picking(serve(t, c.on).addr())).start()
			login(r)
			r.send(c.say + "\r\n")
			_, _ = io.ReadAll(r.in)
			_ = r.ended()
			r.policy.settled(t, "released")
			r.policy.mu.Lock()
			defer r.policy.mu.Unlock()
			if len(r.policy.lost) != c.want {
				t.Errorf("told of %v, want %d", r.policy.lost, c.want)
			}
		})
	}
}
