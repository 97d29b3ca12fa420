package ftpsession

import (
	"crypto/tls"
	"io"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"
	"github.com/sluice-gateway/sluice/actors/stage"
	"github.com/sluice-gateway/sluice/messages"
)

// neighbours are two servers of one address and port.
func neighbours(t *testing.T) (r *tlsRig, here, there *server, elsewhere identity) {
	t.Helper()
	here, there = serve(t, nil), serve(t, map[string]func(*visit, string){"banner": func(v *visit, _ string) { v.say("220 there") }})
	r = newTLSRig(t, here, there)
	r.setup.BackendTLS = nil
	elsewhere = newIdentity(t, "there.example")
	other := *r.setup
	other.Server, other.Door, other.Pool, other.TLS = "there", "door there", "pool there", elsewhere.towardsClients(t, nil)
	other.Dialogue.ServerNames = []string{"there.example"}
	r.setup.Dialogue.ServerNames = []string{"here.example"}
	byName := map[string]*Setup{"here.example": r.setup, "alias.example": r.setup, "there.example": &other, "clear.example": {}}
	r.setup.Names = func(name string) *Setup { return byName[name] }
	other.Names = r.setup.Names
	r.policy.answer = func(n int, p messages.PickBackend) (messages.BackendPicked, bool) {
		if p.Pool == other.Pool {
			return picking(there.addr())(1, p)
		}
		return picking(here.addr())(1, p)
	}
	return r, here, there, elsewhere
}

func TestTLS_SNI_moves_the_session(t *testing.T) {
	r, here, there, elsewhere := neighbours(t)
	r.start()
	r.config.ServerName, r.config.RootCAs = "there.example", elsewhere.pool
	r.authTLS()
	r.private()
	r.login() // without a second banner
	r.ask("HOST there.example", "503 ")
	d := r.open("RETR f")
	if got, err := io.ReadAll(d); err != nil || string(got) != "some bytes" {
		t.Errorf("got %q, %v; log:\n%s", got, err, r.logs)
	}
	d.Close()
	r.hear("226 ")
	r.ask("QUIT", "221 ")
	r.leftAlone()
	if here.said("USER") || !there.said("USER") {
		t.Error("the login went to the wrong backend")
	}
	r.policy.settled(t, "released", "released")
}

func TestTLS_SNI_that_nobody_has_is_refused(t *testing.T) {
	for _, name := range []string{"nobody.example", "clear.example"} {
		r, _, _, _ := neighbours(t)
		r.start()
		r.hear("220 ")
		r.ask("AUTH TLS", "234 ")
		r.config.ServerName = name
		_ = r.client.SetDeadline(time.Now().Add(patience))
		if err := tls.Client(r.client, r.config).Handshake(); err == nil {
			t.Errorf("%s is served", name)
		}
		_ = r.ended()
		r.policy.settled(t, "released")
	}
}

// A server's own names lead nowhere else, also those that only Names knows of.
func TestTLS_SNI_of_the_same_server(t *testing.T) {
	for _, name := range []string{"here.example", "alias.example"} {
		r, here, _, _ := neighbours(t)
		r.front = newIdentity(t, name)
		r.setup.TLS = r.front.towardsClients(t, nil)
		r.start()
		r.config.ServerName, r.config.RootCAs = name, r.front.pool
		r.authTLS()
		r.ask("HOST "+name, "220 HOST command successful")
		r.login()
		r.ask("QUIT", "221 ")
		_ = r.ended()
		if !here.said("USER") {
			t.Errorf("%s: the login went to the wrong backend", name)
		}
		r.policy.settled(t, "released")
	}
}

func TestHOST_moves_the_session(t *testing.T) {
	r, here, there, _ := neighbours(t)
	r.start()
	r.hear("220 scripted")
	r.ask("HOST nobody.example", "504 ")
	r.ask("HOST here.example", "220 HOST command successful")
	r.ask("HOST alias.example", "220 HOST command successful")
	r.ask("HOST there.example", "220 there")
	r.login()
	r.ask("QUIT", "221 ")
	_ = r.ended()
	if here.said("USER") || !there.said("USER") {
		t.Error("the login went to the wrong backend")
	}
	r.policy.settled(t, "released", "released")
}

// What is known of the client's certificate goes to policy with the pick.
func TestTLS_variables_reach_the_pick(t *testing.T) {
	s := serve(t, nil)
	r := newTLSRig(t, s)
	seen := make(chan map[string]string, 1)
	r.policy.answer = func(n int, p messages.PickBackend) (messages.BackendPicked, bool) {
		seen <- p.Vars
		return picking(s.addr())(n, p)
	}
	r.setup.TLS = r.front.towardsClients(t, func(c *stage.ServerConfig) { c.Vars.Std = true })
	r.setup.Dialogue.TLS = dialogue.TLS{Implicit: true}
	r.start()
	r.handshake()
	r.hear("220 ")
	if vars := <-seen; vars["TLS_PROTOCOL"] != "TLSv1.3" {
		t.Errorf("policy was told of %v", vars)
	}
}

// Logins count for the server that the client has come to.
func TestHOST_moves_the_login(t *testing.T) {
	r, _, _, _ := neighbours(t)
	asked := make(chan messages.AskLogin, 1)
	r.setup.Names("there.example").Dialogue.LimitLogins = true
	r.start()
	r.wg.Go(func() {
		select {
		case m := <-r.setup.Services.Reception.C():
			ask := m.(messages.AskLogin)
			asked <- ask
			ask.Reply <- messages.LoginAnswered{}
		case <-r.done:
		}
	})
	r.hear("220 scripted")
	r.ask("HOST there.example", "220 there")
	r.login()
	if got := <-asked; got.Server != "door there" || got.User != "ann" {
		t.Errorf("asked %+v", got)
	}
}
