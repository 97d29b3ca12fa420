package reception

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	"github.com/sluice-gateway/sluice/actors/ftpsession"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/ftp"
	"github.com/sluice-gateway/sluice/protocols/proxyproto"
	"github.com/sluice-gateway/sluice/runtime/sockets"
	"github.com/sluice-gateway/sluice/runtime/supervise"
)

// A client whom a balancer hands on is not known until the balancer has said whose
// the connection is. That is waited for here, ahead of all admission, so that every
// limit, class and log line is about the client. Its rules:
//
//   - The listener gets its nod at once. Balancers that are slow to speak hold up
//     nobody, and take no place of MaxInstances; there is a bound on them of its own.
//   - A balancer of ProxyProtocolFrom must speak, and nobody else is listened to:
//     there is nothing to guess.

// maxArrivals is how many balancers may be about to speak at a time.
const maxArrivals = 1024

// arrival is the child that hears one balancer out.
type arrival struct {
	client messages.AdmitClient
	header proxyproto.Header // set by Run
}

func (a *arrival) String() string { return "arrival by way of " + a.client.Remote.String() }

// Run reads the header. Whoever hears of its end has the connection again.
func (a *arrival) Run(ctx context.Context) (err error) {
	a.header, err = sockets.Introduced(ctx, a.client.Conn, sockets.HeaderTime)
	return err
}

// trusts reports whether a peer of this door is a balancer.
func (d *Door) trusts(peer netip.Addr) bool {
	return slices.ContainsFunc(d.Balancers, func(p netip.Prefix) bool { return p.Contains(peer.WithZone("")) })
}

// receive admits a client, or first hears the balancer that hands it on.
func (r *Reception) receive(ctx context.Context, m messages.AdmitClient) {
	door := r.plan.Door(m.Listener, m.Local)
	switch {
	case door == nil || !door.trusts(m.Remote.Addr()):
		r.welcome(ctx, m, ftpsession.Introduction{})
	case len(r.arrivals) >= maxArrivals:
		r.turnAway(m, ftp.Reply{}, "too many connections wait for their PROXY header")
		_ = m.Conn.Close() // nothing was said on it
	default:
		a := &arrival{client: m}
		r.arrivals[a] = struct{}{}
		r.kids.Go(ctx, a) // ends with the header, within sockets.HeaderTime, or when the house is closed
	}
}

var errNobody = errors.New("the PROXY header names no client")

// heard admits the client of whom a balancer spoke, or the balancer itself if it
// came on its own account, to see whether the gateway is well (LOCAL). A client
// without an address would pass for the balancer, whom more may be allowed.
func (r *Reception) heard(ctx context.Context, a *arrival, err error) {
	delete(r.arrivals, a)
	m, h := a.client, a.header
	var crash *supervise.Crash
	switch {
	case errors.As(err, &crash):
		r.cfg.Log.Error().Err(err).Bytes("stack", crash.Stack).Msg("reading a PROXY header ended by a fault")
	case err == nil && h.Local:
		r.welcome(ctx, m, ftpsession.Introduction{})
		return
	case err == nil && !nameable(h):
		err = errNobody
	}
	if err != nil {
		r.turnAway(m, ftp.Reply{}, err.Error())
		_ = m.Conn.Close() // nothing was said on it
		return
	}
	by := ftpsession.Introduction{Balancer: m.Remote, Destination: h.Destination, PassOn: h.PassedOn()}
	if id, ok := h.Find(proxyproto.TypeUniqueID); ok {
		by.UniqueID = string(id)
	}
	m.Remote = h.Source
	r.welcome(ctx, m, by)
}

// nameable reports whether a header names somebody who can have connected.
func nameable(h proxyproto.Header) bool {
	a := h.Source.Addr()
	return h.Known() && !a.IsUnspecified() && !a.IsMulticast()
}

// forget closes the connections that nobody will look after.
func (r *Reception) forget() {
	for _, n := range r.namings {
		r.dismiss(n)
	}
	for a := range r.arrivals {
		_ = a.client.Conn.Close() // nothing was said on it
	}
	clear(r.arrivals)
}
