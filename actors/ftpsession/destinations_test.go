package ftpsession

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/destination"
)

// forwardRig is a session of the forward role that may be taken to this machine,
// and the desk where hosts are looked up.
func forwardRig(t *testing.T, answer func(n int, m messages.ResolveDestination)) (*rig, *desk[messages.ToDiscovery]) {
	t.Helper()
	r := newRig(t, func(int, messages.PickBackend) (messages.BackendPicked, bool) {
		t.Error("policy was asked for a backend")
		return messages.BackendPicked{}, false
	})
	r.setup.Dialogue.Selection = dialogue.AtDestination
	r.setup.Guard = func() (destination.Guard, error) {
		return destination.Guard{Named: func(a netip.AddrPort) bool { return a.Addr() == netip.MustParseAddr("127.0.0.1") }}, nil
	}
	d := openDesk(r, func(n int, m messages.ToDiscovery) { answer(n, m.(messages.ResolveDestination)) })
	r.setup.Services.Discovery = d.inbox
	return r, d
}

func at(addrs ...string) messages.DestinationResolved {
	var d messages.DestinationResolved
	for _, a := range addrs {
		d.Endpoints = append(d.Endpoints, netip.MustParseAddrPort(a))
	}
	return d
}

func TestForward_takes_clients_where_they_want(t *testing.T) {
	var h heard
	back := serve(t, h.on()).addr()
	r, d := forwardRig(t, func(_ int, m messages.ResolveDestination) {
		m.Reply <- at(fmt.Sprintf("169.254.169.254:%d", m.Port), fmt.Sprintf("127.0.0.1:%d", m.Port))
	})
	r.start()
	r.hear("220 127.0.0.1 FTP server ready")
	r.say(fmt.Sprintf("USER ann@Host.test:%d", back.Port()), "331 ")
	r.say("PASS "+canary, "230 ")
	r.say("EPSV", "229 ")
	r.quit()
	h.want(t, "USER ann", "PASS "+canary)
	if q := d.questions(); len(q) != 1 || q[0].(messages.ResolveDestination).Host != "host.test" {
		t.Errorf("asked %v", q)
	}
	if !strings.Contains(r.logs.String(), "address of a destination passed over") {
		t.Errorf("the forbidden address is not noted:\n%s", r.logs)
	}
	r.policy.settled(t)
}

// An address is judged and dialled as it is; nobody is asked for it.
func TestForward_by_address(t *testing.T) {
	back := serve(t, nil).addr()
	r, d := forwardRig(t, func(int, messages.ResolveDestination) {})
	r.start()
	r.hear("220 ")
	r.say(fmt.Sprintf("USER ann@%s", back), "331 ")
	r.say(fmt.Sprintf("USER ann@[::ffff:127.0.0.1]:%d", back.Port()), "331 ")
	r.say("PASS x", "230 ")
	r.quit()
	if len(d.questions()) > 0 {
		t.Error("discovery was asked for an address")
	}
}

func TestForward_refusals(t *testing.T) {
	gone := dead(t)
	r, _ := forwardRig(t, func(_ int, m messages.ResolveDestination) {
		switch m.Host {
		case "meta.test":
			m.Reply <- at("169.254.169.254:21", "[fe80::1]:21")
		case "gone.test":
			m.Reply <- at(gone.String())
		default:
			m.Reply <- messages.DestinationResolved{Err: errors.New("no such name")}
		}
	})
	r.setup.Services.limits = waits{write: patience, pick: patience, ask: 100 * time.Millisecond, tell: patience}
	r.start()
	r.hear("220 ")
	for who, want := range map[string]string{
		"ann@meta.test":                    "530 Login incorrect.",
		"ann@127.0.0.2":                    "530 Login incorrect.",
		"ann@[64:ff9b::7f00:2]":            "530 Login incorrect.",
		"ann@0x7f000001":                   "530 Login incorrect.",
		"ann@nowhere.test":                 "530 Login incorrect.",
		"ann@" + gone.String():             fmt.Sprintf("530 Unable to connect to %s: Connection refused", gone),
		fmt.Sprintf("ann@gone.test:%d", 9): "530 Unable to connect to gone.test:9: Connection refused",
	} {
		r.say("USER "+who, want)
	}
	r.say("NOOP", "200 ")
	r.quit()
	r.policy.settled(t)
}

// Without a guard, and without an answer, nobody is taken anywhere.
func TestForward_in_doubt_is_no(t *testing.T) {
	back := serve(t, nil).addr()
	late := make(chan chan<- messages.DestinationResolved, 1)
	r, _ := forwardRig(t, func(_ int, m messages.ResolveDestination) { late <- m.Reply })
	r.setup.Services.limits = waits{write: patience, pick: patience, ask: 50 * time.Millisecond, tell: patience}
	r.start()
	r.hear("220 ")
	r.say("USER ann@slow.test", "530 Login incorrect.")
	<-late <- at(back.String())
	r.say("NOOP", "200 ")
	r.quit()

	r, _ = forwardRig(t, func(int, messages.ResolveDestination) {})
	r.setup.Guard = nil
	r.start()
	r.hear("220 ")
	r.say("USER ann@"+back.String(), "530 Login incorrect.")
	r.quit()
}

// A destination may be the client's accomplice, and name an address for data that
// nobody is taken to.
func TestForward_data_connections_are_judged(t *testing.T) {
	inside := listen(t)
	defer inside.Close()
	port := addrPort(inside.Addr()).Port()
	back := serve(t, map[string]func(*visit, string){
		"PASV": func(v *visit, _ string) { v.say("227 Entering Passive Mode (127,0,0,2,%d,%d).", port>>8, port&255) },
		"EPSV": func(v *visit, _ string) { v.say("500 what?") },
		"RETR": func(v *visit, _ string) { v.say("150 here it comes"); v.say("226 done") },
	}).addr()
	r, _ := forwardRig(t, func(int, messages.ResolveDestination) {})
	r.setup.Dialogue.AllowForeign = true
	r.start()
	r.hear("220 ")
	r.say("USER ann@"+back.String(), "331 ")
	r.say("PASS x", "230 ")
	r.say("PASV", "500 PASV: Operation not permitted")
	r.say("NOOP", "200 ")
	r.quit()
	_ = inside.SetDeadline(time.Now().Add(20 * time.Millisecond))
	if c, err := inside.Accept(); err == nil {
		c.Close()
		t.Error("the data connection was made")
	}
}
