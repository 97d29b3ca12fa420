//go:build unix

package load

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/sluice-gateway/sluice/bench/reactor"
	"github.com/sluice-gateway/sluice/bench/wire"
)

// pipe is one data connection of a movingClient.
type pipe struct {
	owner *movingClient
	crew  *movingCrew
	fd    int
	moved int64
	over  bool // the last byte is received, or handed to the kernel
}

// dial connects; what is fetched may arrive from here on.
func (p *pipe) dial(to netip.AddrPort) (err error) {
	if p.fd, err = wire.Dial(to); err != nil {
		return err
	}
	if p.crew.files.Store {
		return nil
	}
	return p.crew.loop.Watch(p.fd, reactor.Readable, p)
}

// start is called with the 150: what is stored may leave from here on.
func (p *pipe) start() error {
	if !p.crew.files.Store || p.over {
		return nil
	}
	return p.crew.loop.Watch(p.fd, reactor.Writable, p)
}

// Ready moves what can be moved now.
func (p *pipe) Ready() error {
	if p.fd < 0 {
		return nil
	}
	if p.crew.files.Store {
		return p.pour()
	}
	n, err := p.crew.sink.Discard(p.fd)
	switch {
	case wire.Again(err):
		return nil
	case err != nil:
		return fmt.Errorf("fetch: the data connection broke after %d bytes: %w", p.moved, err)
	case n == 0:
		p.close()
		p.over = true
		return p.owner.settle()
	}
	p.moved += n
	p.crew.bytes += n
	return nil
}

func (p *pipe) pour() error {
	size := p.crew.files.Size
	if p.crew.endless() {
		size = p.moved + 1<<30
	}
	n, err := p.crew.source.Send(p.fd, p.moved, size-p.moved)
	if err != nil && !wire.Again(err) {
		return fmt.Errorf("store: the data connection broke after %d bytes: %w", p.moved, err)
	}
	p.moved += n
	if p.moved < size {
		return nil
	}
	p.close()
	p.over = true
	return p.owner.settle()
}

// enough ends an endless file.
func (p *pipe) enough() {
	p.close()
	p.over = true
}

func (p *pipe) close() {
	if p.fd >= 0 {
		p.crew.loop.Forget(p.fd)
		wire.Close(&p.fd)
	}
}

// passiveAddr reads the six numbers of a 227 reply (RFC 959, section 4.1.2).
func passiveAddr(text []byte) (netip.AddrPort, error) {
	_, list, _ := bytes.Cut(text, []byte{'('})
	list, _, _ = bytes.Cut(list, []byte{')'})
	var n [6]uint8
	parts := bytes.Split(list, []byte{','})
	if len(parts) != len(n) {
		return netip.AddrPort{}, fmt.Errorf("read the address in %q: want six numbers", text)
	}
	for i, part := range parts {
		v, err := strconv.ParseUint(string(part), 10, 8)
		if err != nil {
			return netip.AddrPort{}, fmt.Errorf("read the address in %q: %w", text, err)
		}
		n[i] = uint8(v)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(n[:4])), uint16(n[4])<<8|uint16(n[5])), nil
}
