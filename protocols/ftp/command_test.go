package ftp

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

type commandCase struct {
	claim string
	in    string
	want  []event[Command]
}

func cmd(verb string, arg ...string) event[Command] {
	return event[Command]{Value: Command{Verb: verb, Arg: strings.Join(arg, " "), HasArg: len(arg) > 0}}
}

func bad(err error) event[Command] { return event[Command]{Err: err} }

var long = strings.Repeat("x", MaxCommandLine)

var commandCases = []commandCase{
	{"a verb alone has no argument", "PWD\r\n", []event[Command]{cmd(PWD)}},
	{"a verb and an argument", "RETR name\r\n", []event[Command]{cmd(RETR, "name")}},
	{"a space makes an empty argument", "PASS \r\n", []event[Command]{cmd(PASS, "")}},
	{"the argument keeps all its spaces", "RETR  a b \r\n", []event[Command]{cmd(RETR, "", "a", "b", "")}},
	{"a verb is read in any case", "rEtR Name\r\n", []event[Command]{cmd(RETR, "Name")}},
	{"an unknown verb is a command", "xyzzy-2 a\r\n", []event[Command]{cmd("XYZZY-2", "a")}},
	{"LF alone ends a line", "NOOP\nQUIT\n", []event[Command]{cmd(NOOP), cmd(QUIT)}},
	{"pipelined commands come one by one", "USER u\r\nPASS p\r\nSYST\r\n", []event[Command]{cmd(USER, "u"), cmd(PASS, "p"), cmd(SYST)}},
	{"tabs and text beyond ASCII are argument", "CWD a\tä\x80\r\n", []event[Command]{cmd(CWD, "a\tä\x80")}},

	{"CR inside a line is refused", "CWD a\rDELE b\r\n", []event[Command]{bad(ErrForbiddenByte)}},
	{"CR NUL inside a line is refused", "CWD a\r\x00\r\n", []event[Command]{bad(ErrForbiddenByte)}},
	{"two CRs at the end are one too many", "CWD a\r\r\n", []event[Command]{bad(ErrForbiddenByte)}},
	{"NUL is refused", "CWD a\x00b\r\n", []event[Command]{bad(ErrForbiddenByte)}},
	{"an empty line has no verb", "\r\n", []event[Command]{bad(ErrEmptyVerb)}},
	{"a leading space leaves no verb", " PWD\r\n", []event[Command]{bad(ErrEmptyVerb)}},
	{"a verb has no colon", "Host: a\r\n", []event[Command]{bad(ErrBadVerb)}},
	{"a verb does not begin with a digit", "1CWD a\r\n", []event[Command]{bad(ErrBadVerb)}},
	{"a verb has a bound", strings.Repeat("V", MaxVerb+1) + "\r\n", []event[Command]{bad(ErrBadVerb)}},
	{"the longest verb passes", strings.Repeat("V", MaxVerb) + "\r\n", []event[Command]{cmd(strings.Repeat("V", MaxVerb))}},
	{"a bad line damages no other", "NOOP\r\nCWD \x00\r\nQUIT\r\n", []event[Command]{cmd(NOOP), bad(ErrForbiddenByte), cmd(QUIT)}},

	{"the longest line passes", "CWD " + long[4:] + "\r\n", []event[Command]{cmd(CWD, long[4:])}},
	{"the longest line passes with LF alone", "CWD " + long[4:] + "\n", []event[Command]{cmd(CWD, long[4:])}},
	{"one byte more is too long", "CWD " + long[3:] + "\r\nPWD\r\n", []event[Command]{bad(ErrLineTooLong), cmd(PWD)}},
	{"one byte more is too long with LF alone", "CWD " + long[3:] + "\nPWD\n", []event[Command]{bad(ErrLineTooLong), cmd(PWD)}},
	{"three limits more is one error", "CWD " + long + long + long + "\r\nPWD\r\n", []event[Command]{bad(ErrLineTooLong), cmd(PWD)}},

	{"IAC IAC is one byte 0xFF", "CWD a\xff\xffb\r\n", []event[Command]{cmd(CWD, "a\xffb")}},
	{"an option is skipped", "\xff\xfb\x01PWD\r\n", []event[Command]{cmd(PWD)}},
	{"all four kinds of options are skipped", "C\xff\xfb\x01W\xff\xfc\x02D\xff\xfd\x03 \xff\xfe\x04a\r\n", []event[Command]{cmd(CWD, "a")}},
	{"LF as an option's number ends no line", "CWD a\xff\xfb\nb\r\n", []event[Command]{cmd(CWD, "ab")}},
	{"the abort sequence is ABOR", AbortUrgent + AbortLine, []event[Command]{cmd(ABOR)}},
	{"the abort sequence without its urgent byte is ABOR", AbortUrgent[:2] + AbortLine, []event[Command]{cmd(ABOR)}},
	{"the abort sequence without its DM is ABOR", "\xff\xf4\xffABOR\r\n", []event[Command]{cmd(ABOR)}},
	{"an abort between commands damages none", "STAT\r\n" + AbortUrgent + AbortLine + "QUIT\r\n", []event[Command]{cmd(STAT), cmd(ABOR), cmd(QUIT)}},
	{"other two-byte Telnet commands are skipped", "NO\xff\xf1OP\xff\xf6\r\n", []event[Command]{cmd(NOOP)}},
	{"a single 0xFF in a name is kept", "CWD \xff.txt\r\n", []event[Command]{cmd(CWD, "\xff.txt")}},
	{"a single 0xFF does not hide the line's end", "CWD \xff\r\nPWD\r\n", []event[Command]{cmd(CWD, "\xff"), cmd(PWD)}},
	{"a single 0xFF does not hide NUL", "CWD \xff\x00\r\n", []event[Command]{bad(ErrForbiddenByte)}},
	{"Telnet commands do not count as length", "CWD " + strings.Repeat("\xff\xfb\x01", MaxCommandLine) + "a\r\n", []event[Command]{cmd(CWD, "a")}},
}

func TestCommandDecoder(t *testing.T) {
	for _, tc := range commandCases {
		t.Run(tc.claim, func(t *testing.T) {
			for how, pieces := range cutsOf(tc.in) {
				var d CommandDecoder
				got := feed(&d, pieces...)
				if d.Buffered() != 0 || d.line != nil || d.in != nil {
					t.Errorf("%s: %d bytes held after the last line", how, d.Buffered())
				}
				sameEvents(t, got, tc.want)
			}
		})
	}
}

func TestCommandDecoderWithTrailingBytes(t *testing.T) {
	for _, tc := range commandCases {
		t.Run(tc.claim, func(t *testing.T) {
			var d CommandDecoder
			got := feed(&d, tc.in+"NOO")
			if d.Buffered() != len("NOO") {
				t.Errorf("%d bytes held, want those of NOO", d.Buffered())
			}
			sameEvents(t, append(got, feed(&d, "P\r\n")...), append(tc.want[:len(tc.want):len(tc.want)], cmd(NOOP)))
		})
	}
}

func TestCommandDecoderAsksForMore(t *testing.T) {
	for _, tc := range commandCases {
		if len(tc.want) != 1 {
			continue
		}
		t.Run(tc.claim, func(t *testing.T) {
			var d CommandDecoder
			for i, p := range bytewise(tc.in[:len(tc.in)-1]) {
				d.Feed([]byte(p))
				if c, ok, err := d.Next(); ok || err != nil {
					t.Fatalf("after %d bytes: %v, %v, %v", i+1, c, ok, err)
				}
			}
			if len(d.line) > MaxCommandLine+1 {
				t.Errorf("%d bytes held", len(d.line))
			}
		})
	}
}

func TestCommandDecoderBuffered(t *testing.T) {
	for _, tc := range []struct {
		claim, in string
		next      int // calls of Next
		want      int
	}{
		{"nothing fed, nothing held", "", 1, 0},
		{"what follows AUTH TLS counts before the next call", "AUTH TLS\r\nUSER u\r\n", 1, 8},
		{"what follows AUTH TLS counts when it is half a line", "AUTH TLS\r\nUS", 2, 2},
		{"AUTH TLS alone leaves nothing", "AUTH TLS\r\n", 1, 0},
		{"half a Telnet command counts", "AUTH TLS\r\n\xff", 2, 1},
		{"half a Telnet option counts", "AUTH TLS\r\n\xff\xfb", 2, 1},
		{"bytes beyond the limit count", "CWD " + long, 1, len(long) + 4},
	} {
		t.Run(tc.claim, func(t *testing.T) {
			var d CommandDecoder
			d.Feed([]byte(tc.in))
			for range tc.next {
				if _, _, err := d.Next(); err != nil {
					t.Fatal(err)
				}
			}
			if got := d.Buffered(); got != tc.want {
				t.Errorf("Buffered() = %d, want %d", got, tc.want)
			}
		})
	}
}

func TestCommandDecoderFedEarly(t *testing.T) {
	var d CommandDecoder
	first := append(make([]byte, 0, 64), "NOOP\r\nPW"...)
	d.Feed(first)
	d.Feed([]byte("D\r\n"))
	got, _ := drain(&d)
	sameEvents(t, got, []event[Command]{cmd(NOOP), cmd(PWD)})
	if !bytes.Equal(first[:12], []byte("NOOP\r\nPW\x00\x00\x00\x00")) {
		t.Error("the decoder wrote into memory of its caller")
	}
}

func TestCommandDecoderLimit(t *testing.T) {
	for how, pieces := range cutsOf("USER abcd\r\nUSER abc\r\n") {
		d := CommandDecoder{Limit: len("USER abc")}
		t.Log(how)
		sameEvents(t, feed(&d, pieces...), []event[Command]{bad(ErrLineTooLong), cmd(USER, "abc")})
	}
}

func TestLineErrorNamesTheVerbOnly(t *testing.T) {
	for _, in := range []string{"pass s3cret\x00\r\n", "PASS s3cret" + long + "\r\n", "PASS\ts3cret\r\n", "p@ss s3cret\r\n"} {
		var d CommandDecoder
		d.Feed([]byte(in))
		_, _, err := d.Next()
		var line *LineError
		if !errors.As(err, &line) || line.Verb == "" {
			t.Fatalf("%.20q: %v", in, err)
		}
		if strings.Contains(strings.ToLower(err.Error()), "s3cret") {
			t.Errorf("%.20q: %v", in, err)
		}
	}
}

func TestLineErrorVerbIsPrintable(t *testing.T) {
	for _, in := range []string{"c\x80d a\r\n", "c\x1bd a\r\n", "\x16\x03\x01\x00\r\n", "c\x7fd\r\n", strings.Repeat("v", 2*MaxVerb) + "\r\n"} {
		var d CommandDecoder
		d.Feed([]byte(in))
		_, ok, err := d.Next()
		var line *LineError
		if !ok || !errors.As(err, &line) {
			t.Fatalf("%q: %v, %v", in, ok, err)
		}
		if escaped(line.Verb, MaxVerb) != line.Verb {
			t.Errorf("%q: verb %q", in, line.Verb)
		}
	}
}

func TestCommandAppend(t *testing.T) {
	for _, tc := range []struct {
		claim string
		c     Command
		want  string
		err   error
	}{
		{"a verb alone", Command{Verb: PWD}, "PWD\r\n", nil},
		{"a verb and an argument", Command{Verb: RETR, Arg: " a b ", HasArg: true}, "RETR  a b \r\n", nil},
		{"an empty argument", Command{Verb: PASS, HasArg: true}, "PASS \r\n", nil},
		{"an argument counts without HasArg", Command{Verb: CWD, Arg: "a"}, "CWD a\r\n", nil},
		{"the verb is written in upper case", Command{Verb: "xyzzy"}, "XYZZY\r\n", nil},
		{"0xFF is doubled", Command{Verb: CWD, Arg: "a\xffb"}, "CWD a\xff\xffb\r\n", nil},
		{"the longest line", Command{Verb: CWD, Arg: long[4:]}, "CWD " + long[4:] + "\r\n", nil},
		{"a line too long", Command{Verb: CWD, Arg: long[3:]}, "", ErrLineTooLong},
		{"CR in the argument", Command{Verb: CWD, Arg: "a\rb"}, "", ErrForbiddenByte},
		{"LF in the argument", Command{Verb: CWD, Arg: "a\nDELE b"}, "", ErrForbiddenByte},
		{"NUL in the argument", Command{Verb: CWD, Arg: "a\x00"}, "", ErrForbiddenByte},
		{"CR LF in the verb", Command{Verb: "NOOP\r\nQUIT"}, "", ErrForbiddenByte},
		{"no verb", Command{Arg: "a"}, "", ErrEmptyVerb},
		{"a space in the verb", Command{Verb: "SITE CHMOD"}, "", ErrBadVerb},
		{"an IAC in the verb", Command{Verb: "AB\xffOR"}, "", ErrBadVerb},
	} {
		t.Run(tc.claim, func(t *testing.T) {
			got, err := tc.c.Append([]byte("before"))
			if string(got) != "before"+tc.want || !errors.Is(err, tc.err) {
				t.Errorf("Append = %.60q, %v; want %.60q, %v", got, err, "before"+tc.want, tc.err)
			}
		})
	}
}

func TestCommandString(t *testing.T) {
	for _, tc := range []struct {
		claim string
		c     Command
		want  string
	}{
		{"a verb alone", Command{Verb: PWD}, "PWD"},
		{"an argument shows", Command{Verb: RETR, Arg: "ä b", HasArg: true}, "RETR ä b"},
		{"PASS is hidden", Command{Verb: PASS, Arg: "s3cret", HasArg: true}, "PASS (hidden)"},
		{"an empty PASS does not show that it is empty", Command{Verb: PASS, HasArg: true}, "PASS (hidden)"},
		{"ACCT is hidden", Command{Verb: ACCT, Arg: "s3cret"}, "ACCT (hidden)"},
		{"ADAT is hidden", Command{Verb: ADAT, Arg: "s3cret"}, "ADAT (hidden)"},
		{"a wrapped command is hidden", Command{Verb: ENC, Arg: "s3cret"}, "ENC (hidden)"},
		{"a verb in lower case is hidden as well", Command{Verb: "pass", Arg: "s3cret"}, "pass (hidden)"},
		{"a mistyped PASS is hidden", Command{Verb: "PASSW", Arg: "s3cret"}, "PASSW (hidden)"},
		{"a password change is hidden", Command{Verb: SITE, Arg: "pswd old s3cret"}, "SITE (hidden)"},
		{"another SITE shows", Command{Verb: SITE, Arg: "CHMOD 644 a"}, "SITE CHMOD 644 a"},
		{"control bytes are escaped", Command{Verb: CWD, Arg: "\x1b[2J\r\n\x80"}, `CWD \x1b[2J\r\n\x80`},
		{"a long argument is cut", Command{Verb: CWD, Arg: long}, "CWD " + long[:maxLogged] + "..."},
	} {
		t.Run(tc.claim, func(t *testing.T) {
			if got := tc.c.String(); got != tc.want {
				t.Errorf("String() = %q, want %q", got, tc.want)
			}
		})
	}
}

func TestCommandDecodingAllocates(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want float64
	}{
		{"PWD\r\n", 0}, {"pwd\n", 0}, {"PASS \r\n", 0}, {"RETR name\r\n", 1},
	} {
		var d CommandDecoder
		in := []byte(tc.in)
		got := testing.AllocsPerRun(100, func() {
			d.Feed(in)
			if _, ok, err := d.Next(); !ok || err != nil {
				t.Fatal(ok, err)
			}
		})
		if got != tc.want {
			t.Errorf("decoding %q allocates %v times, want %v", tc.in, got, tc.want)
		}
	}
	out := make([]byte, 0, 64)
	c := Command{Verb: RETR, Arg: "name", HasArg: true}
	if got := testing.AllocsPerRun(100, func() { out, _ = c.Append(out[:0]) }); got != 0 {
		t.Errorf("encoding allocates %v times", got)
	}
}
