package ftp

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// in pieces of n bytes, 0 meaning whole.
func pieces(s string, n int) (out []string) {
	if n <= 0 {
		return []string{s}
	}
	for len(s) > n {
		out, s = append(out, s[:n]), s[n:]
	}
	return append(out, s)
}

func FuzzCommands(f *testing.F) {
	for _, tc := range commandCases {
		f.Add([]byte(tc.in), uint8(1), uint8(0))
	}
	f.Add([]byte("USER anonymous\r\nPASS a@b\r\nTYPE I\r\nPASV\r\nRETR /pub/a b\r\nQUIT\r\n"), uint8(7), uint8(12))
	f.Fuzz(func(t *testing.T, in []byte, cut, limit uint8) {
		whole, cutUp := CommandDecoder{Limit: int(limit)}, CommandDecoder{Limit: int(limit)}
		want := feed(&whole, string(in))
		got := feed(&cutUp, pieces(string(in), int(cut))...)
		sameEvents(t, got, want)
		if len(whole.line) > whole.limit()+1 || len(cutUp.line) > cutUp.limit()+1 {
			t.Fatal("a line beyond its limit is held")
		}
		if whole.Buffered() != cutUp.Buffered() {
			t.Fatalf("%d bytes held fed whole, %d in pieces", whole.Buffered(), cutUp.Buffered())
		}
		for _, e := range want {
			if e.Err == nil {
				commandSurvives(t, e.Value, e.Value)
			}
		}
	})
}

func FuzzCommandAppend(f *testing.F) {
	f.Add("PASS", "", true)
	f.Add("noop", "", false)
	f.Add("CWD", "a\r\nDELE b", true)
	f.Add("CWD", "\xff\xff\xf4\x00", true)
	f.Fuzz(func(t *testing.T, verb, arg string, hasArg bool) {
		c := Command{Verb: verb, Arg: arg, HasArg: hasArg}
		_ = c.String()
		out, err := c.Append(nil)
		if err != nil {
			var line *LineError
			if len(out) != 0 || !errors.As(err, &line) {
				t.Fatalf("%q with %v", out, err)
			}
			return
		}
		commandSurvives(t, c, Command{Verb: strings.ToUpper(verb), Arg: arg, HasArg: hasArg || arg != ""})
	})
}

// commandSurvives encodes c, checks that it is one line and decodes it again.
func commandSurvives(t *testing.T, c, want Command) {
	t.Helper()
	out, err := c.Append(nil)
	if err != nil {
		t.Fatalf("a decoded command cannot be written: %v", err)
	}
	body, end := strings.CutSuffix(string(out), "\r\n")
	if !end || strings.ContainsAny(body, "\r\n\x00") {
		t.Fatalf("%q is not one line", out)
	}
	var d CommandDecoder
	sameEvents(t, feed(&d, string(out)), []event[Command]{{Value: want}})
}

func FuzzReplies(f *testing.F) {
	for _, tc := range replyCases {
		f.Add([]byte(tc.in), uint8(1))
	}
	f.Add([]byte("220-Welcome\r\n220 ready\r\n331 Password?\r\n230 in\r\n227 Entering Passive Mode (127,0,0,1,4,1).\r\n150 go\r\n226 done\r\n"), uint8(9))
	f.Fuzz(func(t *testing.T, in []byte, cut uint8) {
		var whole, cutUp ReplyDecoder
		want := feed(&whole, string(in))
		got := feed(&cutUp, pieces(string(in), int(cut))...)
		sameEvents(t, got, want)
		if len(cutUp.line) > MaxReplyLine+1 || len(cutUp.text) > MaxReplyText {
			t.Fatal("more than the limits is held")
		}
		for _, e := range want {
			if e.Err == nil {
				replySurvives(t, e.Value)
			}
		}
	})
}

func FuzzReplyAppend(f *testing.F) {
	f.Add(211, "a\n211 b\n211\nc")
	f.Add(0, "a\r\n\x00")
	f.Fuzz(func(t *testing.T, code int, text string) {
		if len(text) > MaxReplyLine/2 {
			return
		}
		r := Reply{Code: code, Text: text}
		_ = r.String()
		replySurvives(t, r)
	})
}

// replySurvives encodes r and decodes it again. Text that can stand on the wire
// comes back as it was; other text is changed once and then no more.
func replySurvives(t *testing.T, r Reply) {
	t.Helper()
	first := again(t, r)
	if second := again(t, first); second != first {
		t.Fatalf("%q becomes %q", first.Text, second.Text)
	}
	clean := validCode(r.Code) && !strings.ContainsAny(r.Text, "\r\x00")
	lines := r.Lines()
	for _, l := range lines[min(1, len(lines)-1) : len(lines)-1] {
		clean = clean && !endsReply([]byte(l), r.Code)
	}
	if clean && first != r {
		t.Fatalf("%q comes back as %q", r.Text, first.Text)
	}
}

func again(t *testing.T, r Reply) Reply {
	t.Helper()
	out := string(r.Append(nil))
	if strings.Contains(out, "\x00") || strings.Count(out, "\r") != strings.Count(out, "\r\n") || strings.Count(out, "\n") != strings.Count(out, "\r\n") {
		t.Fatalf("%q has a stray CR, LF or NUL", out)
	}
	var d ReplyDecoder
	events := feed(&d, out)
	if len(events) != 1 || events[0].Err != nil || d.Buffered() != 0 {
		t.Fatalf("%q is read as %v", out, events)
	}
	return events[0].Value
}

func FuzzAddresses(f *testing.F) {
	for _, s := range []string{
		"192,0,2,1,4,1", "|1|192.0.2.1|1025|", "|2|::1|1025|", "|2||1025|", "Entering Passive Mode (192,0,2,1,4,1).",
		"Entering Extended Passive Mode (|||1025|)", "|3|x|1|", "(((((|||", "1,1,1,1,1,",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		typed := func(err error) {
			var ae *AddrError
			if err != nil && (!errors.As(err, &ae) || len(err.Error()) > 16*maxQuoted) {
				t.Fatalf("%q: %v", s, err)
			}
		}
		if ap, err := ParsePORT(s); err == nil {
			addressSurvives(t, ap, FormatPORT, ParsePORT)
		} else {
			typed(err)
		}
		if ap, err := ParsePASVReply(s); err == nil {
			addressSurvives(t, ap, FormatPASV, ParsePASVReply)
		} else {
			typed(err)
		}
		if ap, hasAddr, err := ParseEPRT(s); err != nil {
			typed(err)
		} else if hasAddr {
			addressSurvives(t, ap, FormatEPRT, func(s string) (netip.AddrPort, error) {
				ap, _, err := ParseEPRT(s)
				return ap, err
			})
		} else if ap.Port() == 0 {
			t.Fatalf("%q names port zero", s)
		}
		if port, err := ParseEPSVReply(s); err != nil {
			typed(err)
		} else if back, err := ParseEPSVReply(FormatEPSV(port)); port == 0 || back != port || err != nil {
			t.Fatalf("%q: port %d comes back as %d, %v", s, port, back, err)
		}
	})
}

func addressSurvives(t *testing.T, ap netip.AddrPort, format func(netip.AddrPort) (string, error), parse func(string) (netip.AddrPort, error)) {
	t.Helper()
	s, err := format(ap)
	if err != nil {
		t.Fatalf("%v cannot be written: %v", ap, err)
	}
	if back, err := parse(s); back != ap || err != nil {
		t.Fatalf("%v is written %q and comes back as %v, %v", ap, s, back, err)
	}
}

func FuzzFeatures(f *testing.F) {
	f.Add(211, "Features:\n EPSV\n\n AUTH TLS;SSL\n MLST type*;\nEnd", "AUTH TLS")
	f.Add(211, "F\n211-EPSV\n211-211-X\nEnd", "epsv")
	f.Fuzz(func(t *testing.T, code int, text, name string) {
		feats := ParseFeatures(Reply{Code: code, Text: text})
		_ = feats.Has(name)
		_, _ = feats.Params(name)
		lines := feats.Lines()
		if len(lines) > MaxFeatures || len(lines) > 0 && code/100 != 2 {
			t.Fatalf("%d features of a %d", len(lines), code)
		}
		for _, l := range lines {
			word, _, _ := strings.Cut(l, " ")
			if len(l) > MaxFeatureLine || !feats.Has(word) {
				t.Fatalf("%q is listed but not there", l)
			}
		}
		back := ParseFeatures(FeaturesReply(lines)).Lines()
		slices.Sort(lines)
		slices.Sort(back)
		if !slices.Equal(lines, back) {
			t.Fatalf("%q comes back as %q", lines, back)
		}
	})
}
