// Package reception is the actor that admits clients and supervises their
// sessions. It knows how many there are, in all, per server and per host, and
// turns away who is one too many with the reply that the limit's directive
// names.
package reception

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/actors/ftpsession"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/ftp"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
	"github.com/sluice-gateway/sluice/runtime/supervise"
)

// Cap is a limit and the text for those beyond it; %m in it stands for Max.
type Cap struct {
	Max  int // 0: no limit
	Text string
}

func (c Cap) full(n int) bool { return c.Max > 0 && n >= c.Max }

func (c Cap) text() string { return strings.ReplaceAll(c.Text, "%m", strconv.Itoa(c.Max)) }

// Door is what the reception knows of one virtual server.
type Door struct {
	Server    string // stable name, for counting
	MaxLogins Cap    // MaxClients
	PerHost   Cap    // MaxClientsPerHost
	Conns     Cap    // MaxConnectionsPerHost
	PerUser   Cap    // MaxClientsPerUser
	// HostsPerUser is MaxHostsPerUser: how many a user may be logged in from.
	HostsPerUser Cap
	PerClass     map[string]Cap                            // MaxClientsPerClass, by class
	Class        func(host netip.Addr, name string) string // of a client; nil: there are no classes
	// Mute turns clients away without a word: they begin with TLS and understand
	// nothing in clear.
	Mute bool
	// Behind are the doors of the servers that a client of this one may go on to
	// by name (HOST, SNI), by their Server. It has come in by this one all the
	// same: only logins count for them.
	Behind map[string]*Door
	// Balancers are networks of proxies that hand clients on, each with a PROXY header
	// ahead of everything else (ProxyProtocolFrom). Nobody else may send one.
	Balancers []netip.Prefix
	// Setup makes what a client's session needs; an error turns the client
	// away without a word (ProxyEngine off, a client that is not permitted).
	// name is the client's in DNS; empty: it has none, or no rule is about names.
	Setup func(client netip.Addr, name string) (*ftpsession.Setup, error)
}

// refusal is what a client that is turned away hears; empty: nothing.
func (d *Door) refusal(text string) ftp.Reply {
	if text == "" || d.Mute {
		return ftp.Reply{}
	}
	return ftp.LoginRefused(text)
}

// Plan is what the configuration says about admission. A reload makes a new
// one; sessions keep what they were opened with.
type Plan struct {
	MaxInstances int // 0: no limit
	Rate         Rate
	// Door finds the server for a listener and the address a client arrived
	// at; nil means that no server serves it.
	Door func(listener string, local netip.AddrPort) *Door
	// Names knows clients' names, which rules are about; nil: none is.
	Names Names
}

// Config of the actor.
type Config struct {
	Log      zerolog.Logger
	Capacity int           // of the mailbox; 0 means 64
	Drain    time.Duration // how long sessions may take to end at shutdown; 0 means 30 s
	Bans     Bans          // who knows the banned; nil: nobody is
}

// Reception is the actor.
type Reception struct {
	// immutable
	cfg   Config
	inbox mailbox.Mailbox[messages.ToReception]
	plans chan Plan // holds the newest plan that Run has not taken yet

	// owned by Run
	plan     Plan
	kids     *supervise.Group
	sessions map[messages.SessionID]*guest
	arrivals map[*arrival]struct{}  // clients whose balancers are yet to say who they are
	namings  map[netip.Addr]*naming // whose clients' names are being looked up
	unnamed  unnamed
	counts   map[place]int // connections per server and host
	logins   map[string]int
	classes  map[ward]int // logins, too
	users    map[account]map[*guest]struct{}
	recent   window
	lastID   messages.SessionID
	served   uint64
	refused  uint64
}

type place struct {
	server string
	host   netip.Addr
}

// guest is a session in the books.
type guest struct {
	session *ftpsession.Session
	place   place
	name    string // of its host in DNS
	door    *Door
	claim   claim
}

// New returns a reception with its first plan.
func New(cfg Config, plan Plan) *Reception {
	if cfg.Capacity == 0 {
		cfg.Capacity = 64
	}
	if cfg.Drain <= 0 {
		cfg.Drain = 30 * time.Second
	}
	if cfg.Bans == nil {
		cfg.Bans = nobodyBanned{}
	}
	return &Reception{
		cfg: cfg, plan: plan, plans: make(chan Plan, 1),
		inbox:    mailbox.New[messages.ToReception](cfg.Capacity),
		sessions: map[messages.SessionID]*guest{},
		arrivals: map[*arrival]struct{}{},
		namings:  map[netip.Addr]*naming{},
		counts:   map[place]int{},
		logins:   map[string]int{},
		classes:  map[ward]int{},
		users:    map[account]map[*guest]struct{}{},
	}
}

func (r *Reception) String() string { return "reception" }

// Mailbox is where the reception is told things.
func (r *Reception) Mailbox() mailbox.Mailbox[messages.ToReception] { return r.inbox }

// Adopt makes the reception use a new plan from the next client on. It may be
// called by one goroutine at a time.
func (r *Reception) Adopt(p Plan) {
	select {
	case <-r.plans: // superseded before it was ever used
	default:
	}
	r.plans <- p
}

// Run admits clients until ctx ends, then waits for the sessions to end:
// running transfers may finish within the drain time. If it crashes, its
// sessions end with it; the next Run starts with an empty house.
func (r *Reception) Run(ctx context.Context) error {
	r.kids = supervise.NewGroup(64)
	clear(r.sessions)
	clear(r.counts)
	clear(r.logins)
	clear(r.classes)
	clear(r.users)
	// Sessions live on while the house is being emptied.
	sessionCtx, end := context.WithCancelCause(context.WithoutCancel(ctx))
	defer r.forget() // third
	defer r.kids.Wait()
	defer end(errors.New("reception ended"))
	for {
		select {
		case m := <-r.inbox.C():
			r.handle(sessionCtx, m)
		case r.plan = <-r.plans:
		case exit := <-r.kids.Exits():
			switch a := exit.Actor.(type) {
			case *arrival:
				r.heard(sessionCtx, a, exit.Err)
			case *naming:
				r.named(sessionCtx, a, exit.Err)
			default:
				r.sessionEnded(exit)
			}
		case <-ctx.Done():
			r.drain(end)
			return nil
		}
	}
}

func (r *Reception) handle(ctx context.Context, m messages.ToReception) {
	switch m := m.(type) {
	case messages.AdmitClient:
		defer nod(m) // even if we fall: a listener must not wait for a reception that forgot it
		r.receive(ctx, m)
	case messages.AskLogin:
		m.Reply <- r.login(m)
	case messages.DescribeSessions:
		m.Reply <- r.describe()
	}
}

// nod lets the listener accept again. It never blocks: one that gave up waiting
// has an old nod in its slot.
func nod(m messages.AdmitClient) {
	select {
	case m.Nod <- struct{}{}:
	default:
	}
}

// admit opens a session, or turns the client away. by is what its balancer said, name
// is the client's in DNS.
func (r *Reception) admit(ctx context.Context, m messages.AdmitClient, by ftpsession.Introduction, name string) {
	admitted := false
	defer func() {
		if !admitted {
			_ = m.Conn.Close() // what was to be said on it was written
		}
	}()
	host := m.Remote.Addr()
	door := r.plan.Door(m.Listener, m.Local)
	if door == nil {
		r.turnAway(m, ftp.NoServer(m.Local.Addr()), "no server for this address")
		return
	}
	at, who := place{door.Server, host}, door.visitor(host, name, "")
	switch now := time.Now(); {
	case r.plan.MaxInstances > 0 && len(r.sessions) >= r.plan.MaxInstances:
		r.turnAway(m, ftp.Reply{}, fmt.Sprintf("MaxInstances (%d) reached", r.plan.MaxInstances))
		return
	case r.shutOut(m, door, who):
		return
	case r.recent.full(r.plan.Rate, now):
		r.turnAway(m, door.refusal(r.plan.Rate.Text), "MaxConnectionRate reached")
		return
	case door.PerHost.full(r.counts[at]):
		r.misdeed(messages.MaxClientsPerHost, who)
		r.turnAway(m, door.refusal(door.PerHost.text()), "MaxClientsPerHost reached")
		return
	case door.Conns.full(r.counts[at]):
		r.misdeed(messages.MaxConnectionsPerHost, who)
		r.turnAway(m, door.refusal(door.Conns.text()), "MaxConnectionsPerHost reached")
		return
	}
	setup, err := door.Setup(host, name)
	if err != nil {
		r.turnAway(m, ftp.Reply{}, err.Error())
		return
	}
	r.lastID++
	r.served++
	s := ftpsession.New(r.lastID, m.Conn, m.Remote, m.Local, setup)
	s.Introduce(by)
	s.Name(name)
	r.sessions[s.ID()] = &guest{session: s, place: at, name: name, door: door}
	r.counts[at]++
	admitted = true
	r.kids.Go(ctx, s) // ends with its client, or when the house is closed
}

// turnAway says why a client is not admitted: to the log, and to the client if
// there is a reply for it.
func (r *Reception) turnAway(m messages.AdmitClient, reply ftp.Reply, why string) {
	r.refused++
	r.cfg.Log.Warn().Str("client", m.Remote.Addr().String()).Str("listener", m.Listener).Str("reason", why).
		Msg("connection refused")
	if reply.Code == 0 {
		return
	}
	// The socket is new, so its buffer takes the line at once; a client is
	// never waited for here.
	_ = m.Conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	_, _ = m.Conn.Write(reply.Append(nil)) // a client that is gone misses nothing
}

func (r *Reception) describe() messages.SessionsDescribed {
	d := messages.SessionsDescribed{Open: len(r.sessions), Served: r.served, Refused: r.refused}
	for _, g := range r.sessions {
		if g.session.LoggedIn() {
			d.LoggedIn++
		}
	}
	return d
}

// sessionEnded strikes a session off the books.
func (r *Reception) sessionEnded(exit supervise.Exit) {
	s, ok := exit.Actor.(*ftpsession.Session)
	if !ok {
		return
	}
	if exit.Err != nil {
		e := r.cfg.Log.Error().Err(exit.Err).Stringer("session", s)
		var crash *supervise.Crash
		if errors.As(exit.Err, &crash) {
			e.Bytes("stack", crash.Stack)
		}
		e.Msg("session ended by a fault")
	}
	g, ok := r.sessions[s.ID()]
	if !ok {
		return
	}
	delete(r.sessions, s.ID())
	if r.counts[g.place]--; r.counts[g.place] <= 0 {
		delete(r.counts, g.place)
	}
	r.unclaim(g)
}
