package backend

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/sluice-gateway/sluice/runtime/sockets"
	"github.com/sluice-gateway/sluice/runtime/supervise"
)

// headStart is how long an endpoint is tried alone before the next one joins it
// (RFC 8305 §5, Connection Attempt Delay).
const headStart = 250 * time.Millisecond

var errNoAddress = errors.New("backend has no address")

// connect connects to the first endpoint that answers. All of them together have
// the time of one connect: a backend that is dead costs a client that, however many
// addresses it has.
func (l *Link) connect(ctx context.Context) (*net.TCPConn, error) {
	if l.cfg.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, l.cfg.Timeout)
		defer cancel()
	}
	switch len(l.cfg.Endpoints) {
	case 0:
		return nil, errNoAddress
	case 1:
		return l.dial(ctx, l.cfg.Endpoints[0])
	}
	return l.race(ctx, alternating(l.cfg.Endpoints))
}

// alternating orders endpoints so that the families take turns, beginning with that
// of the first; within a family the order stays (RFC 8305 §4).
func alternating(endpoints []netip.AddrPort) []netip.AddrPort {
	if len(endpoints) == 0 {
		return nil
	}
	first := isIPv4(endpoints[0])
	var same, other []netip.AddrPort
	for _, ep := range endpoints {
		if isIPv4(ep) == first {
			same = append(same, ep)
		} else {
			other = append(other, ep)
		}
	}
	order := make([]netip.AddrPort, 0, len(endpoints))
	for len(same) > 0 && len(other) > 0 {
		order = append(order, same[0], other[0])
		same, other = same[1:], other[1:]
	}
	return append(append(order, same...), other...)
}

func isIPv4(ep netip.AddrPort) bool { return ep.Addr().Unmap().Is4() }

// runner is one endpoint's part in a race.
type runner struct {
	link *Link
	to   netip.AddrPort
	conn *net.TCPConn // once it has arrived
}

func (r *runner) String() string { return fmt.Sprintf("connect to %s", r.to) }

// Run connects, until ctx ends.
func (r *runner) Run(ctx context.Context) (err error) {
	r.conn, err = r.link.dial(ctx, r.to)
	return err
}

// race sends one runner after the other, the next as soon as one has failed or
// headStart has passed. The first to arrive wins; the others are called back, and
// what they bring is closed.
func (l *Link) race(ctx context.Context, order []netip.AddrPort) (*net.TCPConn, error) {
	ctx, cancel := context.WithCancel(ctx)
	runners := supervise.NewGroup(len(order))
	defer runners.Wait()
	defer cancel()
	next := time.NewTimer(l.headStart)
	defer next.Stop()

	var (
		won  *net.TCPConn
		errs []error
		sent int
	)
	send := func() {
		if sent < len(order) && won == nil && ctx.Err() == nil {
			runners.Go(ctx, &runner{link: l, to: order[sent]}) // ends with the connect, or by cancel
			sent++
			next.Reset(l.headStart)
		}
	}
	send()
	for back := 0; back < sent; {
		select {
		case <-next.C:
			send()
		case exit := <-runners.Exits():
			back++
			r, _ := exit.Actor.(*runner)
			switch {
			case exit.Err != nil:
				errs = append(errs, exit.Err)
				send()
			case won == nil:
				won = r.conn
				cancel()
			default:
				_ = r.conn.Close() // nothing was said on it
			}
		}
	}
	switch {
	case won != nil:
		return won, nil
	case len(errs) == 0: // it was over before it began
		return nil, context.Cause(ctx)
	}
	return nil, errors.Join(errs...)
}

// dial connects to one endpoint.
func (l *Link) dial(ctx context.Context, ep netip.AddrPort) (*net.TCPConn, error) {
	conn, err := sockets.Dial(ctx, l.cfg.Source.For(ep.Addr()), ep, nil)
	switch {
	case err == nil:
		return conn, nil
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded): // either may be the first to notice
		return nil, fmt.Errorf("timed out connecting to %s after %v: %w", ep, l.cfg.Timeout, os.ErrDeadlineExceeded)
	}
	return nil, fmt.Errorf("connecting to %s: %w", ep, err)
}
