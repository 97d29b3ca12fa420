package ftp

import (
	"errors"
	"net/netip"
	"strconv"
	"testing"
)

// show renders what an address parser returned, for comparing.
func show(ap netip.AddrPort, err error) string {
	switch {
	case errors.Is(err, ErrUnknownFamily):
		return "unknown family"
	case errors.Is(err, ErrBadAddress):
		return "bad"
	case err != nil:
		return "unexpected: " + err.Error()
	case !ap.Addr().IsValid():
		return "peer:" + strconv.Itoa(int(ap.Port()))
	}
	return ap.String()
}

func TestParsePORT(t *testing.T) {
	for _, tc := range []struct{ claim, arg, want string }{
		{"six numbers", "192,0,2,1,4,1", "192.0.2.1:1025"},
		{"the highest port", "192,0,2,1,255,255", "192.0.2.1:65535"},
		{"spaces around", " 192,0,2,1,4,1 ", "192.0.2.1:1025"},
		{"leading zeros are decimal", "010,000,002,001,004,001", "10.0.2.1:1025"},
		{"low ports are not a matter of grammar", "192,0,2,1,0,21", "192.0.2.1:21"},
		{"no argument", "", "bad"},
		{"five numbers", "192,0,2,1,4", "bad"},
		{"seven numbers", "192,0,2,1,4,1,1", "bad"},
		{"an empty number", "192,,2,1,4,1", "bad"},
		{"a comma at the end", "192,0,2,1,4,1,", "bad"},
		{"256", "256,0,2,1,4,1", "bad"},
		{"256 as a port", "192,0,2,1,4,256", "bad"},
		{"a sign", "192,0,2,1,+4,1", "bad"},
		{"a number that would wrap", "192,0,2,1,4,18446744073709551617", "bad"},
		{"port zero", "192,0,2,1,0,0", "bad"},
		{"address zero", "0,0,0,0,4,1", "bad"},
		{"text behind", "192,0,2,1,4,1 x", "bad"},
	} {
		t.Run(tc.claim, func(t *testing.T) {
			if got := show(ParsePORT(tc.arg)); got != tc.want {
				t.Errorf("ParsePORT(%q) = %s, want %s", tc.arg, got, tc.want)
			}
		})
	}
}

func TestParseEPRT(t *testing.T) {
	for _, tc := range []struct{ claim, arg, want string }{
		{"IPv4", "|1|192.0.2.1|1025|", "192.0.2.1:1025"},
		{"IPv6", "|2|2001:db8::1|1025|", "[2001:db8::1]:1025"},
		{"another delimiter", "!1!192.0.2.1!1025!", "192.0.2.1:1025"},
		{"the lowest and the highest delimiter", "~2~::1~1025~", "[::1]:1025"},
		{"a mapped address is IPv4", "|2|::ffff:192.0.2.1|1025|", "192.0.2.1:1025"},
		{"no address is the control peer", "|1||1025|", "peer:1025"},
		{"no address is the control peer, IPv6", "|2||1025|", "peer:1025"},
		{"family 3", "|3|192.0.2.1|1025|", "unknown family"},
		{"family 0", "|0|192.0.2.1|1025|", "unknown family"},
		{"no family", "||192.0.2.1|1025|", "bad"},
		{"a family in letters", "|x|192.0.2.1|1025|", "bad"},
		{"IPv6 called IPv4", "|1|2001:db8::1|1025|", "bad"},
		{"IPv4 called IPv6", "|2|192.0.2.1|1025|", "bad"},
		{"a host name", "|1|example.com|1025|", "bad"},
		{"a zone", "|2|fe80::1%eth0|1025|", "bad"},
		{"address zero", "|1|0.0.0.0|1025|", "bad"},
		{"address zero, mapped", "|2|::ffff:0.0.0.0|1025|", "bad"},
		{"port zero", "|1|192.0.2.1|0|", "bad"},
		{"port 65536", "|1|192.0.2.1|65536|", "bad"},
		{"no port", "|1|192.0.2.1||", "bad"},
		{"no last delimiter", "|1|192.0.2.1|1025", "bad"},
		{"text behind", "|1|192.0.2.1|1025|x", "bad"},
		{"a delimiter too many", "|1|192.0.2.1|1025||", "bad"},
		{"a delimiter beyond ASCII", "\x801\x80192.0.2.1\x801025\x80", "bad"},
		{"a delimiter that is a control byte", "\t1\t192.0.2.1\t1025\t", "bad"},
		{"a delimiter that the address needs", ".1.192.0.2.1.1025.", "bad"},
		{"no argument", "", "bad"},
		{"a delimiter alone", "|", "bad"},
	} {
		t.Run(tc.claim, func(t *testing.T) {
			ap, hasAddr, err := ParseEPRT(tc.arg)
			if got := show(ap, err); got != tc.want || hasAddr != (err == nil && ap.Addr().IsValid()) {
				t.Errorf("ParseEPRT(%q) = %s, %v; want %s", tc.arg, got, hasAddr, tc.want)
			}
		})
	}
}

func TestParsePASVReply(t *testing.T) {
	for _, tc := range []struct{ claim, text, want string }{
		{"the usual text", "Entering Passive Mode (192,0,2,1,4,1).", "192.0.2.1:1025"},
		{"no parentheses", "Entering Passive Mode 192,0,2,1,4,1", "192.0.2.1:1025"},
		{"an equals sign", "=192,0,2,1,4,1", "192.0.2.1:1025"},
		{"spaces after the commas", "Passive (192, 0, 2, 1, 4, 1)", "192.0.2.1:1025"},
		{"a number before them", "Passive mode 2 on (192,0,2,1,4,1)", "192.0.2.1:1025"},
		{"a shorter row before them", "v1,2,3 (192,0,2,1,4,1)", "192.0.2.1:1025"},
		{"on another line", "Passive\n192,0,2,1,4,1\nok", "192.0.2.1:1025"},
		{"the first row counts", "192,0,2,1,4,1 192,0,2,2,4,1", "192.0.2.1:1025"},
		{"the first row counts when it is bad", "256,0,2,1,4,1 192,0,2,2,4,1", "bad"},
		{"a long number", "192,0,2,1,4,99999999999999999999", "bad"},
		{"port zero", "(192,0,2,1,0,0)", "bad"},
		{"address zero is the server's own", "(0,0,0,0,4,1)", "0.0.0.0:1025"},
		{"five numbers", "(192,0,2,1,4)", "bad"},
		{"no numbers", "Entering Passive Mode", "bad"},
		{"nothing", "", "bad"},
	} {
		t.Run(tc.claim, func(t *testing.T) {
			if got := show(ParsePASVReply(tc.text)); got != tc.want {
				t.Errorf("ParsePASVReply(%q) = %s, want %s", tc.text, got, tc.want)
			}
		})
	}
}

func TestParseEPSVReply(t *testing.T) {
	for _, tc := range []struct {
		claim, text string
		want        uint16 // 0: refused
	}{
		{"the usual text", "Entering Extended Passive Mode (|||1025|)", 1025},
		{"a final dot", "Entering Extended Passive Mode (|||1025|).", 1025},
		{"the highest port", "(|||65535|)", 65535},
		{"another delimiter", "(!!!1025!)", 1025},
		{"other parentheses before it", "Extended Mode (EPSV) OK (|||1025|)", 1025},
		{"no parentheses", "|||1025|", 0},
		{"mixed delimiters", "(||!1025|)", 0},
		{"an address", "(|1|192.0.2.1|1025|)", 0},
		{"no last delimiter", "(|||1025)", 0},
		{"no closing parenthesis", "(|||1025|", 0},
		{"port zero", "(|||0|)", 0},
		{"port 65536", "(|||65536|)", 0},
		{"no port", "(||||)", 0},
		{"a sign", "(|||+1025|)", 0},
		{"a delimiter that is a space", "(   1025 )", 0},
		{"nothing", "", 0},
	} {
		t.Run(tc.claim, func(t *testing.T) {
			got, err := ParseEPSVReply(tc.text)
			if got != tc.want || (err == nil) != (tc.want != 0) || err != nil && !errors.Is(err, ErrBadAddress) {
				t.Errorf("ParseEPSVReply(%q) = %d, %v; want %d", tc.text, got, err, tc.want)
			}
		})
	}
}

func TestFormatAddresses(t *testing.T) {
	v4, v6 := "192.0.2.1:1025", "[2001:db8::1]:1025"
	type format = func(netip.AddrPort) (string, error)
	for _, tc := range []struct {
		claim string
		f     format
		ap    string
		want  string
		err   error
	}{
		{"PORT with IPv4", FormatPORT, v4, "192,0,2,1,4,1", nil},
		{"PORT with a mapped address", FormatPORT, "[::ffff:192.0.2.1]:1025", "192,0,2,1,4,1", nil},
		{"PORT cannot carry IPv6", FormatPORT, v6, "", ErrUnknownFamily},
		{"EPRT with IPv4", FormatEPRT, v4, "|1|192.0.2.1|1025|", nil},
		{"EPRT with IPv6", FormatEPRT, v6, "|2|2001:db8::1|1025|", nil},
		{"EPRT with a mapped address", FormatEPRT, "[::ffff:192.0.2.1]:1025", "|1|192.0.2.1|1025|", nil},
		{"EPRT leaves our zone out", FormatEPRT, "[fe80::1%eth0]:1025", "|2|fe80::1|1025|", nil},
		{"PASV with IPv4", FormatPASV, v4, "Entering Passive Mode (192,0,2,1,4,1).", nil},
		{"PASV cannot carry IPv6", FormatPASV, v6, "", ErrUnknownFamily},
		{"port zero names nothing", FormatPORT, "192.0.2.1:0", "", ErrBadAddress},
		{"address zero names nothing", FormatEPRT, "[::]:1025", "", ErrBadAddress},
		{"no address names nothing", FormatPASV, "", "", ErrBadAddress},
	} {
		t.Run(tc.claim, func(t *testing.T) {
			var ap netip.AddrPort
			if tc.ap != "" {
				ap = netip.MustParseAddrPort(tc.ap)
			}
			got, err := tc.f(ap)
			if got != tc.want || !errors.Is(err, tc.err) {
				t.Errorf("%s is written %q, %v; want %q, %v", tc.ap, got, err, tc.want, tc.err)
			}
		})
	}
	if got := FormatEPSV(1025); got != "Entering Extended Passive Mode (|||1025|)" {
		t.Errorf("FormatEPSV = %q", got)
	}
}
