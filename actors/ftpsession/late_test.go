package ftpsession

import (
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"
	"github.com/sluice-gateway/sluice/messages"
)

// byName gives each user a backend of its own, as PerUser does.
func byName(addrs map[string]netip.AddrPort) func(int, messages.PickBackend) (messages.BackendPicked, bool) {
	return func(_ int, p messages.PickBackend) (messages.BackendPicked, bool) {
		return messages.BackendPicked{Backend: backendAt(addrs[p.User])}, true
	}
}

func TestUSER_again_leads_to_another_backend(t *testing.T) {
	var hers, his heard
	r := newRig(t, byName(map[string]netip.AddrPort{"ann": serve(t, hers.on()).addr(), "joe": serve(t, his.on()).addr()}))
	r.setup.Dialogue.Selection = dialogue.AtUser
	r.start()
	r.hear("220 ")
	r.say("USER ann", "331 ")
	r.say("EPSV", "229 ")
	r.say("USER joe", "331 ")
	r.say("PASS "+canary, "230 ")
	r.say("EPSV", "229 ")
	r.quit()
	r.policy.settled(t, "released", "released")
	hers.want(t, "USER ann")
	his.want(t, "USER joe", "PASS "+canary)
}

// Where the URL has credentials, the client's stay with us, and the URL's do not
// leave by a log.
func TestLate_credentials_of_the_URL(t *testing.T) {
	var h heard
	own := serve(t, h.on("331 svc, your password", "230 svc is in")).addr()
	r := newRig(t, func(int, messages.PickBackend) (messages.BackendPicked, bool) {
		b := backendAt(own)
		b.URL.HasUser, b.URL.User, b.URL.Password = true, "svc", canary
		return messages.BackendPicked{Backend: b}, true
	})
	r.setup.Dialogue.Selection = dialogue.AtPass
	r.check(func(_ int, m messages.CheckLogin) { m.Reply <- messages.LoginChecked{Granted: true, User: m.User} })
	r.start()
	r.hear("220 ")
	r.say("USER ann", "331 Password required for ann")
	r.say("PASS hers", "230 ann is in")
	r.quit()
	h.want(t, "USER svc", "PASS "+canary)
	if !strings.Contains(r.logs.String(), `"backend-url":"ftp://`) {
		t.Errorf("the log does not name the backend:\n%s", r.logs)
	}
}

// A dead backend costs one limit for connecting and its banner together.
func TestLate_a_deaf_backend_costs_one_limit(t *testing.T) {
	const limit = 500 * time.Millisecond
	r := newRig(t, picking(deaf(t), serve(t, nil).addr()))
	r.setup.Dialogue.Selection = dialogue.AtUser
	r.setup.Dialogue.TimeoutConnect, r.setup.ConnectTimeout = limit, limit
	r.start()
	r.hear("220 ")
	began := time.Now()
	r.say("USER ann", "331 ")
	if took := time.Since(began); took < limit || took >= 2*limit {
		t.Errorf("it took %v, want about %v", took, limit)
	}
	r.quit()
	r.policy.settled(t, "failed", "released")
}

func TestLate_no_backend_at_all(t *testing.T) {
	for mode, want := range map[dialogue.Selection]string{dialogue.AtUser: "530 Login incorrect.", dialogue.AtPass: "500 PASS: Operation not permitted"} {
		r := newRig(t, picking(dead(t)))
		r.setup.Dialogue.Selection = mode
		r.check(func(_ int, m messages.CheckLogin) { m.Reply <- messages.LoginChecked{Granted: true, User: m.User} })
		r.start()
		r.hear("220 ")
		if mode == dialogue.AtPass {
			r.say("USER ann", "331 ")
			r.say("PASS "+canary, want)
		} else {
			r.say("USER ann", want)
		}
		r.say("NOOP", "200 ")
		r.quit()
		r.policy.settled(t, "failed", "failed", "failed")
	}
}

// Names that nobody has are guesses, and guesses are counted. A database that is
// down is nobody's guess.
func TestLate_guessed_names_end_the_session(t *testing.T) {
	for name, c := range map[string]struct {
		found messages.BackendsFound
		ends  bool
	}{
		"nobody_has_them":    {messages.BackendsFound{}, true},
		"nobody_can_tell":    {messages.BackendsFound{Err: io.ErrUnexpectedEOF}, false},
		"the_backend_is_off": {messages.BackendsFound{Backends: []messages.Backend{backendAt(dead(t))}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := lateRig(t, dialogue.AtUser)
			r.setup.Dialogue.MaxLoginAttempts = 2
			r.lookUp(func(_ int, m messages.LookUpBackends) { m.Reply <- c.found })
			r.start()
			r.hear("220 ")
			for _, user := range []string{"ann", "joe"} {
				if !c.ends {
					r.say("USER "+user, "530 ")
					continue
				}
				r.say("USER "+user, "331 Password required for "+user)
				r.say("PASS wrong", "530 Login incorrect.")
			}
			if c.ends {
				if rest, err := r.hearEnd(); rest != "" || err != nil {
					t.Errorf("the client heard %q, %v, want the end", rest, err)
				}
				return
			}
			r.say("USER eve", "530 ")
			r.quit()
		})
	}
}

// Two servers of one address may choose their backends at different moments, and
// the client finds its way by HOST and by SNI.
func TestLate_neighbours(t *testing.T) {
	t.Run("HOST_leads_to_a_greeting", func(t *testing.T) {
		r, here, there, _ := neighbours(t)
		r.setup.Names("there.example").Dialogue.Selection = dialogue.AtUser
		r.start()
		r.hear("220 scripted")
		r.ask("HOST there.example", "220 127.0.0.1 FTP server ready")
		r.ask("USER ann", "331 ")
		r.ask("PASS "+canary, "230 ")
		r.ask("QUIT", "221 ")
		_ = r.ended()
		if here.said("USER") || !there.said("USER") {
			t.Error("the login went to the wrong backend")
		}
		r.policy.settled(t, "released", "released")
	})
	t.Run("HOST_leads_to_a_banner", func(t *testing.T) {
		r, here, there, _ := neighbours(t)
		r.setup.Dialogue.Selection = dialogue.AtUser
		r.start()
		r.hear("220 127.0.0.1 FTP server ready")
		r.ask("HOST there.example", "220 there")
		r.login()
		r.ask("QUIT", "221 ")
		_ = r.ended()
		if here.said("USER") || !there.said("USER") {
			t.Error("the login went to the wrong backend")
		}
		r.policy.settled(t, "released")
	})
	t.Run("SNI_leads_there_in_silence", func(t *testing.T) {
		r, _, there, elsewhere := neighbours(t)
		r.setup.Dialogue.Selection = dialogue.AtPass
		r.setup.Names("there.example").Dialogue.Selection = dialogue.AtUser
		r.start()
		r.config.ServerName, r.config.RootCAs = "there.example", elsewhere.pool
		r.authTLS()
		r.private()
		r.login()
		d := r.open("RETR f")
		if got, err := io.ReadAll(d); err != nil || string(got) != "some bytes" {
			t.Errorf("got %q, %v; log:\n%s", got, err, r.logs)
		}
		d.Close()
		r.hear("226 ")
		r.ask("QUIT", "221 ")
		r.leftAlone()
		if !there.said("USER") {
			t.Error("the login went to the wrong backend")
		}
		r.policy.settled(t, "released")
	})
}

// The backend's side follows a client whose TLS is known by then (MatchClient).
func TestLate_MatchClient(t *testing.T) {
	s := serve(t, nil)
	r := newTLSRig(t, s)
	r.setup.Dialogue.Selection = dialogue.AtUser
	r.setup.Dialogue.BackendTLS = dialogue.TLSLikeClient
	r.start()
	r.authTLS()
	r.login()
	r.ask("QUIT", "221 ")
	_ = r.ended()
	if !s.said("AUTH") {
		t.Errorf("the backend was spoken with in clear; log:\n%s", r.logs)
	}
}
