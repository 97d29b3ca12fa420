// Package proxyproto is the PROXY protocol, versions 1 and 2: the header by which
// a proxy tells the server behind it whose connection it hands on. It turns bytes
// into values and back, and knows no sockets and no clock.
//
// The rules that hold in every file:
//
//   - Whether a header is there is never guessed: who decodes expects one, and
//     everything that is none is an error, at the first byte that shows it.
//   - A decoder says how many bytes belong to the header for certain, so that a
//     reader need not take a byte more from the connection.
//   - Every length has a named limit that is checked before memory is taken.
//   - Addresses are those of the connection before the proxy; a pair of mixed
//     families is written as IPv6, with the IPv4 one mapped.
//
// The specification is HAProxy's doc/proxy-protocol.txt; sections are quoted from
// it.
package proxyproto

import (
	"errors"
	"fmt"
	"net/netip"
)

// Version is the form of a header.
type Version uint8

// The versions: a line of text, and a binary block.
const (
	V1 Version = 1
	V2 Version = 2
)

// Header is what a proxy says of a connection. If Source is not valid, it says
// nothing of its addresses (UNKNOWN in version 1; UNSPEC in version 2, or a family
// that is none of TCP's).
type Header struct {
	Version     Version
	Local       bool           // the proxy speaks for itself, as in health checks (version 2 only)
	Source      netip.AddrPort // the client
	Destination netip.AddrPort // where the client connected to
	TLVs        []TLV          // version 2 only; without those that only fill or check
}

// Limits of a header, in bytes.
const (
	maxLine  = 107  // version 1, with CRLF (section 2.1)
	MaxBytes = 4096 // version 2; the specification's own is 16 + 65535
)

// ErrNoHeader says that what was received is no PROXY header.
var ErrNoHeader = errors.New("no PROXY header")

// Error is a PROXY header that breaks the specification.
type Error struct{ Reason string }

func (e *Error) Error() string { return "malformed PROXY header: " + e.Reason }

func malformed(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

// Known reports whether the header names the client.
func (h Header) Known() bool { return !h.Local && h.Source.IsValid() }

// pair is both addresses in one family; ok is false if there are none.
func (h Header) pair() (from, to netip.AddrPort, ok bool) {
	if !h.Known() || !h.Destination.IsValid() {
		return from, to, false
	}
	from, to = plain(h.Source), plain(h.Destination)
	if from.Addr().Is4() != to.Addr().Is4() {
		from, to = mapped(from), mapped(to)
	}
	return from, to, true
}

// plain is an address without what only this machine understands.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

func mapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16(a.Addr().As16()), a.Port())
}
