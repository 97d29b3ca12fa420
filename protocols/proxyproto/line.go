package proxyproto

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"
)

// checkLine judges the beginning of a line. Only CRLF ends one, and neither half
// of it may stand alone.
func checkLine(b []byte) (complete bool, err error) {
	switch i := bytes.IndexAny(b, "\r\n"); {
	case i >= 0 && string(b[i:]) == "\r\n":
		return true, nil
	case i >= 0 && (b[i] == '\n' || i < len(b)-1):
		return false, malformed("a line that ends too early, or in half a CRLF")
	case len(b) >= maxLine:
		return false, malformed("a line of more than %d bytes", maxLine)
	}
	return false, nil
}

// shortestRest is how much of a line there is at least once a number of blanks was
// read: "PROXY TCP6 :: :: 0 0\r\n", where addresses of TCP4 take five bytes more.
var shortestRest = [...]int{0, 0, len(" :: 0 0\r\n"), len(" 0 0\r\n"), len(" 0\r\n"), len("\r\n")}

// lineNeeds is a lower bound of what is missing of a line, but never 0: one that is
// complete is not asked about.
func lineNeeds(b []byte) int {
	if b[len(b)-1] == '\r' {
		return 1
	}
	blanks := bytes.Count(b, []byte{' '})
	if bytes.HasPrefix(b, []byte("PROXY U")) || blanks >= len(shortestRest) {
		return 2
	}
	need := max(shortestRest[blanks], 2)
	if blanks == 2 && b[len("PROXY TCP")] == '4' {
		need += len("0.0.0.0") - len("::")
	}
	return need
}

// parseLine decodes a line without its CRLF.
func parseLine(line string) (Header, error) {
	h := Header{Version: V1}
	fields := strings.Split(line, " ")
	if fields[1] == "UNKNOWN" { // whatever follows is not to be looked at
		return h, nil
	}
	if fields[1] != "TCP4" && fields[1] != "TCP6" {
		return h, malformed("protocol %q", fields[1])
	}
	if len(fields) != 6 {
		return h, malformed("%d words instead of 6", len(fields))
	}
	from, err := parseAddr(fields[2], fields[1] == "TCP4")
	if err != nil {
		return h, err
	}
	to, err := parseAddr(fields[3], fields[1] == "TCP4")
	if err != nil {
		return h, err
	}
	sport, err := parsePort(fields[4])
	if err != nil {
		return h, err
	}
	dport, err := parsePort(fields[5])
	if err != nil {
		return h, err
	}
	h.Source, h.Destination = netip.AddrPortFrom(from, sport), netip.AddrPortFrom(to, dport)
	return h, nil
}

// parseAddr unmaps what senders write for IPv4 in a line of IPv6.
func parseAddr(s string, ipv4 bool) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Is4() != ipv4 || a.Zone() != "" {
		return a, malformed("address %q", s)
	}
	return a.Unmap(), nil
}

// parsePort allows no zeros ahead, which might be meant as octal.
func parsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || strconv.FormatUint(n, 10) != s {
		return 0, malformed("port %q", s)
	}
	return uint16(n), nil
}
