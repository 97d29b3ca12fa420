// Package destination is the language in which clients of a forward proxy say
// where they want to be taken (ProxyForwardMethod), and the judgement whether
// they may be.
//
// The rules that hold in every file:
//
//   - Text is judged as it was typed, for that is what ProxyForwardTo speaks of,
//     and addresses are judged after names were resolved: exactly the address
//     that was judged is to be dialled.
//   - One host has one form. Numbers that resolvers take for addresses (octal,
//     hexadecimal, decimal, short) are refused, as are zones; IPv4 addresses in
//     IPv6 clothes are taken out of them.
//   - Where in doubt, no.
package destination

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// Ports that mean something.
const (
	DefaultPort  = 21
	ImplicitPort = 990 // TLS from the first byte
)

const (
	maxHost  = 253 // RFC 1035 section 2.3.4, without the last dot
	maxLabel = 63
)

// Method is a ProxyForwardMethod.
type Method uint8

// The methods, named after what the directive calls them.
const (
	UserAtHost              Method = iota // user@host
	ProxyUserThenUserAtHost               // proxyuser,user@host: of the second USER
	ProxyUserAtHostThenUser               // proxyuser@host,user: of the first USER
	UserAtSNI                             // user@sni
)

// Why an argument names no destination. None of them holds a part of it.
var (
	ErrNoHost    = errors.New("no destination: expected user@host or user@host:port")
	ErrNoUser    = errors.New("no user name before the '@'")
	ErrNoSNI     = errors.New("no destination: the client named no host in its TLS handshake (SNI)")
	ErrBadPort   = errors.New("the port of the destination is no number from 1 to 65535")
	ErrBadHost   = errors.New("the destination is no host name and no address")
	ErrBadIPv6   = errors.New("the destination is no IPv6 address, or where its port begins cannot be said: write [2001:db8::1]")
	ErrNumeric   = errors.New("the destination is a number that may be read as an address: write it with four decimal parts")
	ErrZone      = errors.New("the destination names a network interface (%zone)")
	ErrForbidden = errors.New("the user name holds CR, LF or NUL")
)

// Destination is where a client wants to be taken.
type Destination struct {
	User      string     // at the destination; empty under ProxyUserAtHostThenUser, where it comes later
	ProxyUser string     // at the gateway; only under ProxyUserAtHostThenUser
	Host      string     // name in lower case, or address, in the one form it has; no brackets
	Addr      netip.Addr // of Host, if it is an address; never an IPv4 address within IPv6
	Port      uint16
	Implicit  bool // TLS from the first byte

	typed string // host as it was typed, in brackets if it is an IPv6 address
}

// Parse reads the argument of USER. sni is the name that the client asked for
// in its TLS handshake, which counts under UserAtSNI and may have a port.
func Parse(m Method, arg, sni string) (Destination, error) {
	name, where := arg, sni
	if m != UserAtSNI {
		at := strings.LastIndexByte(arg, '@') // the name may hold others
		if at < 0 {
			return Destination{}, ErrNoHost
		}
		name, where = arg[:at], arg[at+1:]
	}
	switch {
	case m == UserAtSNI && where == "":
		return Destination{}, ErrNoSNI
	case name == "":
		return Destination{}, ErrNoUser
	case strings.ContainsAny(name, "\r\n\x00"):
		return Destination{}, ErrForbidden
	}
	d, err := parseHostPort(where)
	if err != nil {
		return Destination{}, err
	}
	if m == ProxyUserAtHostThenUser {
		d.ProxyUser = name
	} else {
		d.User = name
	}
	return d, nil
}

// parseHostPort reads host[:port].
func parseHostPort(s string) (Destination, error) {
	if s == "" {
		return Destination{}, ErrNoHost
	}
	host, rest := s, ""
	if s[0] == '[' {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return Destination{}, ErrBadIPv6
		}
		host, rest = s[:end+1], s[end+1:]
	} else if i := strings.IndexByte(s, ':'); strings.Count(s, ":") > 1 {
		if !bare(s) {
			return Destination{}, ErrBadIPv6
		}
		host = "[" + s + "]"
	} else if i >= 0 {
		host, rest = s[:i], s[i:]
	}
	d := Destination{Port: DefaultPort, typed: host}
	if rest != "" {
		port, err := parsePort(rest)
		if err != nil {
			return Destination{}, err
		}
		d.Port = port
	}
	d.Implicit = d.Port == ImplicitPort
	return d, d.readHost(host)
}

// bare reports whether text is an IPv6 address without brackets that cannot be meant
// to have a port: what stands behind its last colon would be none, or what is left
// before that no address.
func bare(s string) bool {
	if a, err := netip.ParseAddr(s); err != nil || a.Zone() != "" {
		return false
	}
	last := strings.LastIndexByte(s, ':')
	if _, err := parsePort(s[last:]); err != nil {
		return true
	}
	a, err := netip.ParseAddr(s[:last])
	return err != nil || !a.Is6()
}

// parsePort reads ":port".
func parsePort(s string) (uint16, error) {
	digits, colon := strings.CutPrefix(s, ":")
	if !colon || len(digits) > 5 || strings.Trim(digits, "0123456789") != "" {
		return 0, ErrBadPort
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || n == 0 {
		return 0, ErrBadPort
	}
	return uint16(n), nil
}

func (d *Destination) readHost(host string) error {
	if strings.HasPrefix(host, "[") {
		inner := host[1 : len(host)-1]
		if strings.Contains(inner, "%") {
			return ErrZone
		}
		a, err := netip.ParseAddr(inner)
		if err != nil || !a.Is6() {
			return ErrBadIPv6
		}
		d.setAddr(a)
		return nil
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	if err := checkName(name); err != nil {
		return err
	}
	if a, err := netip.ParseAddr(name); err == nil {
		d.setAddr(a)
		return nil
	}
	if endsInNumber(name) {
		return ErrNumeric
	}
	d.Host = name
	return nil
}

func (d *Destination) setAddr(a netip.Addr) {
	d.Addr = a.Unmap()
	d.Host = d.Addr.String()
}

// checkName accepts what the DNS does. Names in other alphabets have to come in
// their ASCII form: some resolvers take wide digits for digits.
func checkName(name string) error {
	if name == "" || len(name) > maxHost {
		return ErrBadHost
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
			return ErrBadHost
		}
		for i := range len(label) {
			c := label[i]
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return ErrBadHost
			}
		}
	}
	return nil
}

// endsInNumber tells what inet_aton and browsers might read as an IPv4 address:
// no name of the DNS ends in a number.
func endsInNumber(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	if strings.Trim(last, "0123456789") == "" {
		return true
	}
	hex, found := strings.CutPrefix(last, "0x")
	return found && strings.Trim(hex, "0123456789abcdef") == ""
}

// String is what ProxyForwardTo is compared with: host:port, the host as the
// client typed it, brackets included.
func (d Destination) String() string { return d.typed + ":" + strconv.Itoa(int(d.Port)) }

// Canonical is host:port in the one form that a host has.
func (d Destination) Canonical() string {
	host := d.Host
	if d.Addr.Is6() {
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(int(d.Port))
}

// Permitted asks ProxyForwardTo. match is the expression with its "!", which
// negate tells of. What a client typed has to fit; where the directive says what
// is not allowed, the canonical form has to as well, so that "HOST", "host." or
// "[::ffff:10.1.1.1]" do not slip by what "host" and "10.1.1.1" would not.
func (d Destination) Permitted(match func(string) bool, negate bool) bool {
	return match(d.String()) && (!negate || match(d.Canonical()))
}
