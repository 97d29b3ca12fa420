package ftpsession

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
	"github.com/sluice-gateway/sluice/runtime/supervise"
)

// briefly are limits for tests that wait for one to be reached.
var briefly = waits{write: 200 * time.Millisecond, pick: 150 * time.Millisecond, ask: 150 * time.Millisecond, tell: 2 * time.Second}

func never(int, messages.PickBackend) (messages.BackendPicked, bool) {
	return messages.BackendPicked{}, false
}

// deaf is an address that takes connections and never says a word.
func deaf(t *testing.T) netip.AddrPort {
	return serve(t, map[string]func(*visit, string){"banner": func(*visit, string) {}}).addr()
}

func dead(t *testing.T) netip.AddrPort {
	ln := listen(t)
	defer ln.Close()
	return addrPort(ln.Addr())
}

func login(r *rig) {
	r.t.Helper()
	r.hear("220 ")
	r.send("USER ann\r\n")
	r.hear("331 ")
	r.send("PASS canary-4711\r\n")
	r.hear("230 ")
}

func TestLease_is_returned_once(t *testing.T) {
	for name, c := range map[string]struct {
		backends func(*testing.T) []netip.AddrPort // nil: policy never answers
		live     func(*rig)
		want     []string
	}{
		"when_the_client_quits": {
			func(t *testing.T) []netip.AddrPort { return []netip.AddrPort{serve(t, nil).addr()} },
			func(r *rig) { login(r); r.send("QUIT\r\n"); r.hear("221 ") },
			[]string{"released"},
		},
		"when_the_client_is_gone_before_the_pick_is_answered": {
			nil,
			func(r *rig) {
				r.policy.await(r.t, "a pick", func() bool { return r.policy.picks == 1 })
				r.client.Close()
			},
			[]string{"withdrawn"},
		},
		"when_the_client_is_gone_before_the_banner": {
			func(t *testing.T) []netip.AddrPort { return []netip.AddrPort{deaf(t)} },
			func(r *rig) {
				r.logs.await(r.t, "selected backend server")
				r.client.Close()
			},
			[]string{"released"},
		},
		"after_retries": {
			func(t *testing.T) []netip.AddrPort { return []netip.AddrPort{dead(t), dead(t), serve(t, nil).addr()} },
			func(r *rig) { login(r); r.send("QUIT\r\n"); r.hear("221 ") },
			[]string{"failed", "failed", "released"},
		},
		"when_no_attempt_succeeds": {
			func(t *testing.T) []netip.AddrPort { return []netip.AddrPort{dead(t)} },
			func(r *rig) {
				if rest, err := r.hearEnd(); rest != "" || err != nil {
					r.t.Errorf("the client heard %q, %v, want nothing", rest, err)
				}
			},
			[]string{"failed", "failed", "failed"},
		},
		"when_the_gateway_shuts_down": {
			func(t *testing.T) []netip.AddrPort { return []netip.AddrPort{serve(t, nil).addr()} },
			func(r *rig) { login(r); r.end(); r.hear("421 Service is shutting down") },
			[]string{"released"},
		},
		"when_the_gateway_shuts_down_during_the_pick": {
			nil,
			func(r *rig) {
				r.policy.await(r.t, "a pick", func() bool { return r.policy.picks == 1 })
				r.end()
			},
			[]string{"withdrawn"},
		},
		"when_the_gateway_shuts_down_during_the_connect": {
			func(t *testing.T) []netip.AddrPort { return []netip.AddrPort{deaf(t)} },
			func(r *rig) {
				r.logs.await(r.t, "selected backend server")
				r.end()
			},
			[]string{"released"},
		},
		"when_the_backend_is_lost": {
			func(t *testing.T) []netip.AddrPort {
				return []netip.AddrPort{serve(t, map[string]func(*visit, string){"NOOP": func(v *visit, _ string) { v.conn.Close() }}).addr()}
			},
			func(r *rig) { login(r); r.send("NOOP\r\n"); r.hear("421 Lost connection") },
			[]string{"released"},
		},
		"when_it_is_drained": {
			func(t *testing.T) []netip.AddrPort { return []netip.AddrPort{serve(t, nil).addr()} },
			func(r *rig) {
				login(r)
				if err := r.session.Mailbox().Tell(messages.DrainRequested{}, patience); err != nil {
					r.t.Fatal(err)
				}
				r.hear("421 Service is being restarted")
			},
			[]string{"released"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			answer := never
			if c.backends != nil {
				answer = picking(c.backends(t)...)
			}
			r := newRig(t, answer).start()
			c.live(r)
			if err := r.ended(); err != nil {
				t.Errorf("the session ended with %v", err)
			}
			r.policy.settled(t, c.want...)
		})
	}
}

// An answer that comes when nobody waits any more must not become the lease of
// the next pick, nor be lost.
func TestPick_that_policy_does_not_answer_in_time_is_withdrawn(t *testing.T) {
	r := newRig(t, never)
	r.setup.Services.limits = briefly
	began := time.Now()
	r.start()
	if rest, err := r.hearEnd(); rest != "" || err != nil {
		t.Errorf("the client heard %q, %v, want a close without a word", rest, err)
	}
	if err := r.ended(); err != nil {
		t.Errorf("the session ended with %v", err)
	}
	if took := time.Since(began); took < briefly.pick {
		t.Errorf("it gave up after %v", took)
	}
	r.policy.settled(t, "withdrawn")
	if !strings.Contains(r.logs.String(), errPolicySilent.Error()) {
		t.Errorf("the log does not say why:\n%s", r.logs)
	}
}

func TestPick_with_policy_gone_ends_the_session_at_once(t *testing.T) {
	r := newRig(t, never)
	r.policy.inbox.Retire()
	r.start()
	if rest, err := r.hearEnd(); rest != "" || err != nil {
		t.Errorf("the client heard %q, %v", rest, err)
	}
	if err := r.ended(); err != nil {
		t.Errorf("the session ended with %v", err)
	}
	if !strings.Contains(r.logs.String(), mailbox.ErrGone.Error()) {
		t.Errorf("the log does not say why:\n%s", r.logs)
	}
}

// Three ways to fall: a child at the start, a child in mid transfer, and the
// session itself. The client is told, the lease comes back.
func TestCrash_ends_the_session_properly(t *testing.T) {
	explode := func(netip.Addr) bool { panic("boom") }
	t.Run("of_the_frontend_reader", func(t *testing.T) {
		r := newRig(t, never)
		r.setup.Services.Buffers = nil
		r.start()
		r.send("NOOP\r\n") // to be read into no buffer
		crashed(t, r, "frontend reader")
		r.policy.settled(t, "withdrawn")
	})
	t.Run("of_the_data_channel", func(t *testing.T) {
		r := newRig(t, picking(serve(t, nil).addr()))
		r.setup.Dialogue.ForeignAllowed = explode
		r.start()
		login(r)
		r.send("EPSV\r\n")
		port := portOf(t, r.hear("229 "))
		stranger := dialFrom(t, "127.0.0.9", port)
		defer stranger.Close()
		r.send("RETR f\r\n")
		r.hear("150 ")
		crashed(t, r, "data channel")
		r.policy.settled(t, "released")
	})
	t.Run("of_the_session_itself", func(t *testing.T) {
		r := newRig(t, picking(serve(t, nil).addr()))
		r.setup.Dialogue.ForeignAllowed = explode
		r.start()
		login(r)
		r.send("PORT 127,0,0,9,200,1\r\n")
		crashed(t, r, "session 7")
		r.policy.settled(t, "released")
	})
}

// crashed checks that the client is told and the crash is reported.
func crashed(t *testing.T, r *rig, actor string) {
	t.Helper()
	r.hear("421 Internal error, closing control connection")
	var crash *supervise.Crash
	if err := r.ended(); !errors.As(err, &crash) || !strings.Contains(crash.Actor, actor) {
		t.Fatalf("the session ended with %v, want a crash of the %s", err, actor)
	}
	if !strings.Contains(string(crash.Stack), "panic") {
		t.Errorf("the stack does not show the panic:\n%s", crash.Stack)
	}
}
