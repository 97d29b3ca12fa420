package ftp

// Telnet on the control connection (RFC 854; RFC 959 §3.3; RFC 1123 §4.1.2.12).
//
//	IAC WILL|WONT|DO|DONT x   three bytes, skipped: we never negotiate
//	IAC IAC                   one byte 0xFF of data
//	IAC SE..SB (240..250)     two bytes, skipped: IP and DM come with ABOR
//	IAC anything else         no Telnet command: a client that did not double
//	                          0xFF in a name; both bytes are data
//
// Sub-negotiation (SB … SE) needs an option that was agreed on; none ever is.
//
// Replies are not interpreted: servers do not send Telnet commands, and text
// in old character sets may hold a single 0xFF. They pass both ways unchanged.
const (
	telnetSE   = 240
	telnetDM   = 242
	telnetIP   = 244
	telnetWILL = 251
	telnetDONT = 254
	telnetIAC  = 255
)

// The abort of RFC 959 §4.1.3: AbortUrgent is sent as TCP urgent data, then
// AbortLine as normal data. Inside TLS there is no urgent data; send
// Command{Verb: ABOR} alone. A receiver without SO_OOBINLINE loses the last
// urgent byte, which is why the decoder forgives a stray IAC, IP or DM before
// a verb.
const (
	AbortUrgent = "\xff\xf4\xff" // IAC IP IAC
	AbortLine   = "\xf2ABOR\r\n" // DM ABOR CRLF
)

// AppendAbort appends the whole abort sequence to b, for a path that cannot
// mark bytes as urgent.
func AppendAbort(b []byte) []byte {
	return append(append(b, AbortUrgent...), AbortLine...)
}

// telnetState is where the decoder stands between two bytes.
type telnetState uint8

const (
	telnetData   telnetState = iota // plain text
	telnetEscape                    // after IAC
	telnetOption                    // after IAC WILL, WONT, DO or DONT
)

// step takes one byte. keep is how many bytes of data came out of it: 0, or 1
// for a 0xFF. again asks for the same byte once more, as plain text.
func (s telnetState) step(c byte) (next telnetState, keep int, again bool) {
	switch {
	case s == telnetOption:
		return telnetData, 0, false
	case c == telnetIAC:
		return telnetData, 1, false
	case c >= telnetWILL && c <= telnetDONT:
		return telnetOption, 0, false
	case c >= telnetSE:
		return telnetData, 0, false
	}
	return telnetData, 1, true
}
