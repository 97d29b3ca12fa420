package reception

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/sluice-gateway/sluice/actors/ftpsession"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/ftp"
	"github.com/sluice-gateway/sluice/runtime/supervise"
)

// Where rules are about clients' names, a client is nobody's until DNS has said what
// it is called. That is waited for here, ahead of all admission and after a balancer
// has said whose the connection is. Its rules:
//
//   - The listener gets its nod at once, and clients whose names are known come in
//     meanwhile. A silent name server holds up only those whom it is asked about.
//   - All clients of one address wait for one look-up. There is a bound on those who
//     wait; beyond it clients are turned away, as nobody may get past a rule by having
//     others wait.
//   - Who has no name, or none that could be found, comes in without: what rules say
//     about names does not hold for it.

// maxNamings is how many clients may wait for their names at a time.
const maxNamings = 1024

// Names is who knows what clients are called. A name counts that leads back to the
// address; empty: it has none.
type Names interface {
	// Known is the name if no look-up is needed for it. It must not block.
	Known(netip.Addr) (name string, known bool)
	// Of looks it up, within some seconds.
	Of(context.Context, netip.Addr) (string, error)
}

// naming is the child that looks up one address.
type naming struct {
	names Names
	addr  netip.Addr
	name  string // set by Run

	waiting []unadmitted // owned by the reception
}

// unadmitted is a client who is to be admitted.
type unadmitted struct {
	client messages.AdmitClient
	by     ftpsession.Introduction
}

func (n *naming) String() string { return "look-up of the name of " + n.addr.String() }

// Run looks the name up.
func (n *naming) Run(ctx context.Context) (err error) {
	n.name, err = n.names.Of(ctx, n.addr)
	return err
}

// welcome admits a client, or first has its name looked up.
func (r *Reception) welcome(ctx context.Context, m messages.AdmitClient, by ftpsession.Introduction) {
	addr := m.Remote.Addr()
	if r.plan.Names == nil || r.plan.Door(m.Listener, m.Local) == nil {
		r.admit(ctx, m, by, "")
		return
	}
	if name, known := r.plan.Names.Known(addr); known {
		r.admit(ctx, m, by, name)
		return
	}
	if r.unnamed.waiting >= maxNamings {
		r.turnAway(m, ftp.Reply{}, "too many clients wait for their names to be looked up")
		_ = m.Conn.Close() // nothing was said on it
		return
	}
	n := r.namings[addr]
	if n == nil {
		n = &naming{names: r.plan.Names, addr: addr}
		r.namings[addr] = n
		r.kids.Go(ctx, n) // ends with the answer, within what Names allows, or when the house is closed
	}
	r.unnamed.waiting++
	n.waiting = append(n.waiting, unadmitted{m, by})
}

// named admits the clients of an address. If that falls, forget has those who are left.
func (r *Reception) named(ctx context.Context, n *naming, err error) {
	if err != nil {
		n.name = ""
		r.sayUnnamed(n.addr, err)
	}
	for len(n.waiting) > 0 {
		u := n.waiting[0]
		n.waiting = n.waiting[1:]
		r.unnamed.waiting--
		r.admit(ctx, u.client, u.by, n.name)
	}
	delete(r.namings, n.addr)
}

// dismiss closes the connections of clients who will not be admitted any more.
func (r *Reception) dismiss(n *naming) {
	for _, u := range n.waiting {
		_ = u.client.Conn.Close() // the house is closing, nothing was promised
	}
	r.unnamed.waiting -= len(n.waiting)
	delete(r.namings, n.addr)
}

// unnamed counts clients without names.
type unnamed struct {
	waiting int
	said    time.Time // when the log was last told of one that could not be found
	unsaid  int       // how many could not be since then
}

// sayEvery is how often the log is told that names could not be found.
const sayEvery = 10 * time.Second

// sayUnnamed tells that rules have not been applied. Where name servers are silent that is
// so for every client, and the log need not grow with them.
func (r *Reception) sayUnnamed(addr netip.Addr, err error) {
	var crash *supervise.Crash
	if errors.As(err, &crash) {
		r.cfg.Log.Error().Err(err).Bytes("stack", crash.Stack).Msg("looking up a client's name ended by a fault")
	}
	if now := time.Now(); r.unnamed.said.IsZero() || now.Sub(r.unnamed.said) >= sayEvery {
		line := r.cfg.Log.Warn().Err(err).Str("client", addr.String())
		if r.unnamed.unsaid > 0 {
			line.Int("others_before", r.unnamed.unsaid)
		}
		line.Msg("rules about names could not be judged: the client's name cannot be found, it comes in without one")
		r.unnamed.said, r.unnamed.unsaid = now, 0
		return
	}
	r.unnamed.unsaid++
}
