package health

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/protocols/proxyproto"
	"github.com/sluice-gateway/sluice/runtime/sockets"
)

// check is the child that asks one backend once. What it found is read after
// its end.
type check struct {
	// immutable
	of             *backend // for the loop; the check itself does not look inside
	kind           messages.CheckKind
	url            backendurl.URL
	endpoints      []netip.AddrPort
	source         sockets.Source
	proxy          proxyproto.Version // of the header to begin with; 0: none
	timeout        time.Duration
	user, password string
	tls            Terms
	dial           func(ctx context.Context, source netip.Addr, to netip.AddrPort) (net.Conn, error)

	// set by Run
	err  error
	took time.Duration
}

func (c *check) String() string { return c.kind.String() + " check of " + c.url.Key() }

func (a *Actor) tlsFor(id messages.PoolID, u backendurl.URL) Terms {
	if a.cfg.TLS == nil {
		return Terms{}
	}
	return a.cfg.TLS(id, u)
}

func (a *Actor) checkOf(b *backend, active messages.ActiveChecks) *check {
	c := &check{
		of: b, kind: fitting(active, b.url), url: b.url, endpoints: b.endpoints, source: b.pool.source, proxy: b.pool.proxy,
		timeout: active.Timeout, dial: a.cfg.Dial,
	}
	c.user, c.password = account(active, b.url)
	if c.kind != messages.ConnectCheck && b.url.Scheme != backendurl.SFTP {
		c.tls = a.tlsFor(b.place.pool, b.url)
	}
	return c
}

// account is whose login is tried. The URL's own name and password go before
// those of the directive.
func account(active messages.ActiveChecks, u backendurl.URL) (user, password string) {
	user, password = active.User, active.Password
	if u.HasUser {
		user = u.User
		if u.Password != "" {
			password = u.Password
		}
	}
	return user, password
}

// fitting is the check that suits a backend's protocol. What cannot be asked of
// it is its banner instead.
func fitting(active messages.ActiveChecks, u backendurl.URL) messages.CheckKind {
	isSSH := u.Scheme == backendurl.SFTP
	switch active.Kind {
	case messages.LoginCheck:
		if user, _ := account(active, u); isSSH || user == "" {
			return messages.BannerCheck
		}
	case messages.TLSCheck:
		if isSSH {
			return messages.BannerCheck
		}
	case messages.SSHCheck:
		if !isSSH {
			return messages.BannerCheck
		}
	}
	return active.Kind
}

// Run asks, within the time for all of it.
func (c *check) Run(ctx context.Context) error {
	began := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("not done within %v", c.timeout))
	defer cancel()
	c.err = c.ask(ctx)
	if c.err != nil && ctx.Err() != nil { // what failed then was interrupted
		c.err = fmt.Errorf("%w (%w)", context.Cause(ctx), c.err)
	}
	c.took = time.Since(began)
	return nil
}

func (c *check) ask(ctx context.Context) error {
	conn, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := c.announce(conn); err != nil {
		return err
	}
	switch {
	case c.kind == messages.ConnectCheck:
		return nil
	case c.kind == messages.SSHCheck:
		return exchangeKeys(conn, c.url.Addr())
	case c.url.Scheme == backendurl.SFTP:
		return sshVersion(conn)
	}
	return c.speakFTP(ctx, conn)
}

// announce begins a connection to a backend that demands PROXY headers. A check is
// nobody's but the gateway's: LOCAL, or in version 1, which has no such word, its
// own addresses (proxy-protocol.txt, section 2.1).
func (c *check) announce(conn net.Conn) error {
	if c.proxy == 0 {
		return nil
	}
	h := proxyproto.Header{Version: c.proxy, Local: c.proxy != proxyproto.V1, Source: addrPort(conn.LocalAddr()), Destination: addrPort(conn.RemoteAddr())}
	b, err := h.Append(nil)
	if err == nil {
		_, err = conn.Write(b)
	}
	if err != nil {
		return fmt.Errorf("sending the PROXY header: %w", err)
	}
	return nil
}

func addrPort(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.AddrPort()
	}
	return netip.AddrPort{}
}

// connect tries the endpoints in order, as sessions do. Each has a fair share of
// what is left of the time.
func (c *check) connect(ctx context.Context) (net.Conn, error) {
	if len(c.endpoints) == 0 {
		return nil, errors.New("its name has no address")
	}
	deadline, _ := ctx.Deadline()
	var errs []error
	for i, ep := range c.endpoints {
		share := time.Until(deadline) / time.Duration(len(c.endpoints)-i)
		if i == len(c.endpoints)-1 {
			share = time.Until(deadline)
		}
		within, cancel := context.WithTimeoutCause(ctx, share, fmt.Errorf("no connection to %s within %v", ep, share.Round(time.Millisecond)))
		conn, err := c.dial(within, c.source.For(ep.Addr()), ep)
		if err != nil && within.Err() != nil {
			err = context.Cause(within)
		}
		cancel()
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}
