package dns

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"
)

const (
	// udpSize is what fits through every path without fragments (DNS Flag Day 2020).
	udpSize = 1232
	// restFor is how long a server that gave no answer is asked last.
	restFor = 30 * time.Second
)

// exchange asks the servers in turn until one answers.
func (r *Resolver) exchange(ctx context.Context, name string, qtype uint16) (*dns.Msg, error) {
	files := r.files()
	var whys []error
	for attempt := range r.cfg.Attempts {
		for _, server := range r.inTurn(files.servers) {
			m, err := r.try(ctx, server, name, qtype)
			if err == nil {
				r.judge(server, true)
				return m, nil
			}
			if ctx.Err() != nil {
				return nil, fmt.Errorf("asking the DNS server %v for %s: %w", server, dns.TypeToString[qtype], context.Cause(ctx))
			}
			r.judge(server, false)
			if attempt == 0 { // the later rounds tell the same
				whys = append(whys, fmt.Errorf("DNS server %v: %w", server, err))
			}
		}
	}
	if len(whys) == 0 {
		whys = append(whys, errors.New("no DNS server is known: name one with ProxyDNSServer or in resolv.conf"))
	}
	return nil, errors.Join(append(whys, files.trouble)...)
}

// inTurn puts servers that lately failed behind the others.
func (r *Resolver) inTurn(servers []netip.AddrPort) []netip.AddrPort {
	servers = slices.Clone(servers)
	r.mu.Lock()
	defer r.mu.Unlock()
	rests := func(s netip.AddrPort) int {
		if at, ok := r.failed[s]; ok && time.Since(at) < restFor {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(servers, func(a, b netip.AddrPort) int { return cmp.Compare(rests(a), rests(b)) })
	return servers
}

func (r *Resolver) judge(server netip.AddrPort, good bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if good {
		delete(r.failed, server)
		return
	}
	if len(r.failed) > 4*maxServers { // of files that have changed since
		clear(r.failed)
	}
	r.failed[server] = time.Now()
}

// try asks one server: by UDP, by TCP what does not fit, without EDNS what
// does not know it.
func (r *Resolver) try(ctx context.Context, server netip.AddrPort, name string, qtype uint16) (*dns.Msg, error) {
	q := new(dns.Msg).SetQuestion(name, qtype)
	q.SetEdns0(udpSize, false)
	m, err := r.talk(ctx, "udp", server, q)
	if err == nil && (m.Rcode == dns.RcodeFormatError || m.Rcode == dns.RcodeNotImplemented) {
		q = new(dns.Msg).SetQuestion(name, qtype)
		m, err = r.talk(ctx, "udp", server, q)
	}
	if err == nil && m.Truncated {
		if m, err = r.talk(ctx, "tcp", server, q); err == nil && m.Truncated {
			err = errors.New("it cut off its answer even on TCP")
		}
	}
	if err != nil {
		return nil, err
	}
	return m, verdict(m)
}

// talk sends one question and waits for what answers it.
func (r *Resolver) talk(ctx context.Context, network string, server netip.AddrPort, q *dns.Msg) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.cfg.Timeout, fmt.Errorf("no answer within %v", r.cfg.Timeout))
	defer cancel()
	q.Id = dns.Id() // a new one for each attempt, as the port is
	raw, err := (&net.Dialer{}).DialContext(ctx, network, server.String())
	if err != nil {
		return nil, because(ctx, err)
	}
	defer raw.Close()
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) }) // wakes what waits; a closed socket needs no waking
	defer stop()
	conn := &dns.Conn{Conn: raw, UDPSize: udpSize}
	if err := conn.WriteMsg(q); err != nil {
		return nil, because(ctx, err)
	}
	strange := 0
	for {
		p, err := conn.ReadMsgHeader(nil)
		if err != nil && !errors.Is(err, dns.ErrShortRead) {
			if err = because(ctx, err); strange > 0 {
				err = fmt.Errorf("%w, but %d that do not fit the question", err, strange)
			}
			return nil, err
		}
		m := new(dns.Msg)
		if err == nil && m.Unpack(p) == nil && fits(m, q) {
			return m, nil
		}
		if strange++; network == "tcp" {
			return nil, errors.New("its answer does not fit the question, or cannot be read")
		}
		// Anybody can send a datagram: a forged one must not end the wait for the true one.
	}
}

// because prefers why the wait ended over how the socket shows it.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// fits tells whether m can be an answer to q. Servers that could not even read
// a question answer without it.
func fits(m, q *dns.Msg) bool {
	if !m.Response || m.Id != q.Id || m.Opcode != q.Opcode {
		return false
	}
	if len(m.Question) == 0 {
		return m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError
	}
	asked, got := q.Question[0], m.Question[0]
	return len(m.Question) == 1 && got.Qtype == asked.Qtype && got.Qclass == asked.Qclass && sameName(got.Name, asked.Name)
}
