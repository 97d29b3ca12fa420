package ftp

import (
	"net/netip"
	"strconv"
	"strings"
)

// The data addresses of RFC 959 (PORT, PASV: h1,h2,h3,h4,p1,p2) and RFC 2428
// (EPRT: |family|address|port|, EPSV: |||port|). Which addresses are allowed
// is no question of grammar and not asked here; only address and port zero,
// which name nothing, are refused. In a 227 address zero is the server's own, as
// some behind NAT write it. All errors are *AddrError.

// ParsePORT reads the argument of PORT.
func ParsePORT(arg string) (netip.AddrPort, error) {
	six, rest, ok := sixNumbers(strings.Trim(arg, " "))
	if ok && rest == "" {
		if ap, ok := six.addrPort(); ok && !ap.Addr().IsUnspecified() {
			return ap, nil
		}
	}
	return netip.AddrPort{}, addrError(PORT, arg, ErrBadAddress)
}

// FormatPORT writes the argument of PORT. ErrUnknownFamily: not IPv4.
func FormatPORT(ap netip.AddrPort) (string, error) {
	ap, err := named(PORT, ap)
	if err != nil {
		return "", err
	}
	if !ap.Addr().Is4() {
		return "", addrError(PORT, ap.String(), ErrUnknownFamily)
	}
	return string(appendSix(nil, ap)), nil
}

// ParsePASVReply reads the address of a 227 reply: the first six numbers
// joined by commas anywhere in its text, since RFC 959 does not say where they
// stand (RFC 1123 §4.1.2.6). Address zero is passed on.
func ParsePASVReply(text string) (netip.AddrPort, error) {
	for rest := text; ; {
		i := strings.IndexAny(rest, "0123456789")
		if i < 0 {
			return netip.AddrPort{}, addrError(PASV, text, ErrBadAddress)
		}
		rest = rest[i:]
		if six, _, ok := sixNumbers(rest); ok {
			if ap, ok := six.addrPort(); ok {
				return ap, nil
			}
			return netip.AddrPort{}, addrError(PASV, text, ErrBadAddress)
		}
		rest = strings.TrimLeft(rest, "0123456789")
	}
}

// FormatPASV is the text of our 227 reply. ErrUnknownFamily: not IPv4.
func FormatPASV(ap netip.AddrPort) (string, error) {
	ap, err := named(PASV, ap)
	if err != nil {
		return "", err
	}
	if !ap.Addr().Is4() {
		return "", addrError(PASV, ap.String(), ErrUnknownFamily)
	}
	return string(append(appendSix([]byte("Entering Passive Mode ("), ap), ")."...)), nil
}

// ParseEPRT reads the argument of EPRT. An empty address field stands for the
// peer of the control connection; then hasAddr is false and only the port is
// set. ErrUnknownFamily: neither 1 (IPv4) nor 2 (IPv6), answered with 522.
func ParseEPRT(arg string) (ap netip.AddrPort, hasAddr bool, err error) {
	bad := func(err error) (netip.AddrPort, bool, error) {
		return netip.AddrPort{}, false, addrError(EPRT, arg, err)
	}
	s := strings.Trim(arg, " ")
	if s == "" || !isDelimiter(s[0]) || len(s) > MaxReplyLine {
		return bad(ErrBadAddress)
	}
	f := strings.SplitN(s, s[:1], 6)
	if len(f) != 5 || f[4] != "" {
		return bad(ErrBadAddress)
	}
	family, ok := number(f[1], 1<<16)
	if !ok {
		return bad(ErrBadAddress)
	}
	if family != 1 && family != 2 {
		return bad(ErrUnknownFamily)
	}
	port, ok := number(f[3], 1<<16-1)
	if !ok || port == 0 {
		return bad(ErrBadAddress)
	}
	if f[2] == "" {
		return netip.AddrPortFrom(netip.Addr{}, uint16(port)), false, nil
	}
	addr, err := netip.ParseAddr(f[2])
	if err != nil || addr.Zone() != "" || addr.Is4() != (family == 1) || addr.Unmap().IsUnspecified() {
		return bad(ErrBadAddress)
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(port)), true, nil
}

// FormatEPRT writes the argument of EPRT. A mapped address is written as IPv4.
func FormatEPRT(ap netip.AddrPort) (string, error) {
	ap, err := named(EPRT, ap)
	if err != nil {
		return "", err
	}
	b := []byte("|1|")
	if ap.Addr().Is6() {
		b = []byte("|2|")
	}
	b = append(ap.Addr().AppendTo(b), '|')
	b = strconv.AppendUint(b, uint64(ap.Port()), 10)
	return string(append(b, '|')), nil
}

// ParseEPSVReply reads the port of a 229 reply: "(|||port|)" with any printable
// delimiter. Address and family must be empty, as RFC 2428 §3 demands.
func ParseEPSVReply(text string) (port uint16, err error) {
	for rest := text; ; {
		_, after, ok := strings.Cut(rest, "(")
		if !ok {
			return 0, addrError(EPSV, text, ErrBadAddress)
		}
		if port, ok := extendedPort(after); ok {
			return port, nil
		}
		rest = after
	}
}

// FormatEPSV is the text of our 229 reply.
func FormatEPSV(port uint16) string {
	return "Entering Extended Passive Mode (|||" + strconv.Itoa(int(port)) + "|)"
}

// extendedPort reads "|||port|)" at the beginning of s.
func extendedPort(s string) (port uint16, ok bool) {
	if len(s) < len("|||1|)") || !isDelimiter(s[0]) || s[1] != s[0] || s[2] != s[0] {
		return 0, false
	}
	// Ports have five digits at most, so the rest of a long text is not searched.
	digits, rest, ok := strings.Cut(s[3:min(len(s), len("|||65535|)"))], s[:1])
	if !ok || !strings.HasPrefix(rest, ")") {
		return 0, false
	}
	n, ok := number(digits, 1<<16-1)
	return uint16(n), ok && n > 0
}

func isDelimiter(c byte) bool { return c >= 33 && c <= 126 }

// six are the numbers of PORT and 227, not yet checked for their range.
type six [6]int

func (n six) addrPort() (netip.AddrPort, bool) {
	var b [6]byte
	for i, v := range n {
		if v > 255 {
			return netip.AddrPort{}, false
		}
		b[i] = byte(v)
	}
	addr, port := netip.AddrFrom4([4]byte(b[:4])), uint16(b[4])<<8|uint16(b[5])
	return netip.AddrPortFrom(addr, port), port != 0
}

// sixNumbers reads six numbers joined by commas, spaces allowed after a comma,
// at the beginning of s. Numbers too large to be of use are read as such.
func sixNumbers(s string) (n six, rest string, ok bool) {
	for i := range n {
		if i > 0 {
			if s == "" || s[0] != ',' {
				return n, s, false
			}
			s = strings.TrimLeft(s[1:], " ")
		}
		digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
		if digits == 0 {
			return n, s, false
		}
		if n[i], ok = number(s[:digits], 255); !ok {
			n[i] = 256
		}
		s = s[digits:]
	}
	return n, s, true
}

// number reads decimal digits only: no sign, no space, at most limit.
func number(s string, limit int) (int, bool) {
	n := 0
	for i := range len(s) {
		c := s[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		if n = n*10 + int(c-'0'); n > limit {
			return 0, false
		}
	}
	return n, s != ""
}

// named unmaps ap and refuses one that names nothing.
func named(verb string, ap netip.AddrPort) (netip.AddrPort, error) {
	addr := ap.Addr().Unmap().WithZone("")
	if !addr.IsValid() || addr.IsUnspecified() || ap.Port() == 0 {
		return ap, addrError(verb, ap.String(), ErrBadAddress)
	}
	return netip.AddrPortFrom(addr, ap.Port()), nil
}

func appendSix(b []byte, ap netip.AddrPort) []byte {
	h, p := ap.Addr().As4(), ap.Port()
	for i, v := range [6]byte{h[0], h[1], h[2], h[3], byte(p >> 8), byte(p)} {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, uint64(v), 10)
	}
	return b
}
