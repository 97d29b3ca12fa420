package ftp

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

type replyCase struct {
	claim string
	in    string
	want  []event[Reply]
}

func rep(code int, lines ...string) event[Reply] {
	return event[Reply]{Value: NewReply(code, lines...)}
}

func broken(err error) event[Reply] { return event[Reply]{Err: err} }

var replyCases = []replyCase{
	{"one line", "220 ready\r\n", []event[Reply]{rep(220, "ready")}},
	{"an empty text", "220 \r\n", []event[Reply]{rep(220, "")}},
	{"a bare code", "226\r\n", []event[Reply]{rep(226, "")}},
	{"LF alone ends a line", "226\n221 bye\n", []event[Reply]{rep(226, ""), rep(221, "bye")}},
	{"CRs before the end are not text", "211-a\r\r\nb\r\r\n211\r\r\n", []event[Reply]{rep(211, "a", "b", "")}},
	{"several lines", "211-Features:\r\n EPSV\r\n211 End\r\n", []event[Reply]{rep(211, "Features:", " EPSV", "End")}},
	{"several lines, the last one bare", "211-a\r\n211\r\n", []event[Reply]{rep(211, "a", "")}},
	{"an empty first line", "230-\r\n230 in\r\n", []event[Reply]{rep(230, "", "in")}},
	{"a middle line with the code and a hyphen is text", "230-a\r\n230-b\r\n230 c\r\n", []event[Reply]{rep(230, "a", "230-b", "c")}},
	{"a middle line with another code is text", "211-a\r\n226 b\r\n226\r\n211 c\r\n", []event[Reply]{rep(211, "a", "226 b", "226", "c")}},
	{"a middle line with the code glued to text is text", "211-a\r\n2112 b\r\n211 c\r\n", []event[Reply]{rep(211, "a", "2112 b", "c")}},
	{"an indented code is text", "211-a\r\n 211 b\r\n211 c\r\n", []event[Reply]{rep(211, "a", " 211 b", "c")}},
	{"STAT without indentation", "213-status\r\n-rw-r--r-- 1 a b 1 c\r\n213 end\r\n", []event[Reply]{rep(213, "status", "-rw-r--r-- 1 a b 1 c", "end")}},
	{"blank lines inside are text", "211-a\r\n\r\n\n211 c\r\n", []event[Reply]{rep(211, "a", "", "", "c")}},
	{"blank lines between replies are skipped", "\r\n\n220 a\r\n\r\n\r\n221 b\r\n", []event[Reply]{rep(220, "a"), rep(221, "b")}},
	{"two replies in a row", "426 cut\r\n226 aborted\r\n", []event[Reply]{rep(426, "cut"), rep(226, "aborted")}},
	{"the lowest and the highest code", "100 a\r\n699 b\r\n", []event[Reply]{rep(100, "a"), rep(699, "b")}},
	{"0xFF is text", "200 a\xff\xf4b\r\n", []event[Reply]{rep(200, "a\xff\xf4b")}},
	{"the longest line", "200 " + strings.Repeat("x", MaxReplyLine-4) + "\r\n", []event[Reply]{rep(200, strings.Repeat("x", MaxReplyLine-4))}},

	{"no code", "hello\r\n", []event[Reply]{broken(ErrMalformedReply)}},
	{"a code below 100", "099 a\r\n", []event[Reply]{broken(ErrMalformedReply)}},
	{"a code above 699", "700 a\r\n", []event[Reply]{broken(ErrMalformedReply)}},
	{"two digits", "22\r\n", []event[Reply]{broken(ErrMalformedReply)}},
	{"four digits", "2200 a\r\n", []event[Reply]{broken(ErrMalformedReply)}},
	{"a tab after the code", "220\ta\r\n", []event[Reply]{broken(ErrMalformedReply)}},
	{"spaces alone", "   \r\n", []event[Reply]{broken(ErrMalformedReply)}},
	{"a reply before the broken one is read", "220 a\r\nx\r\n", []event[Reply]{rep(220, "a"), broken(ErrMalformedReply)}},
}

func TestReplyDecoder(t *testing.T) {
	for _, tc := range replyCases {
		t.Run(tc.claim, func(t *testing.T) {
			for how, pieces := range cutsOf(tc.in) {
				var d ReplyDecoder
				got := feed(&d, pieces...)
				if d.Buffered() != 0 || d.line != nil || d.in != nil || d.text != nil {
					t.Errorf("%s: %d bytes held after the last line", how, d.Buffered())
				}
				sameEvents(t, got, tc.want)
			}
		})
	}
}

func TestReplyDecoderWithTrailingBytes(t *testing.T) {
	for _, tc := range replyCases {
		if tc.want[len(tc.want)-1].Err != nil {
			continue
		}
		t.Run(tc.claim, func(t *testing.T) {
			var d ReplyDecoder
			got := feed(&d, tc.in+"22")
			if d.Buffered() != 2 {
				t.Errorf("%d bytes held, want 2", d.Buffered())
			}
			sameEvents(t, append(got, feed(&d, "1 x\r\n")...), append(slices.Clone(tc.want), rep(221, "x")))
		})
	}
}

func TestReplyDecoderAsksForMore(t *testing.T) {
	for _, tc := range replyCases {
		if len(tc.want) != 1 {
			continue
		}
		t.Run(tc.claim, func(t *testing.T) {
			var d ReplyDecoder
			for i, p := range bytewise(tc.in[:len(tc.in)-1]) {
				d.Feed([]byte(p))
				if r, ok, err := d.Next(); ok || err != nil {
					t.Fatalf("after %d bytes: %v, %v, %v", i+1, r, ok, err)
				}
				if p != "\n" && p != "\r" && d.Buffered() == 0 {
					t.Fatalf("after %d bytes nothing is held", i+1)
				}
			}
		})
	}
}

func TestReplyDecoderLimits(t *testing.T) {
	line := strings.Repeat("x", MaxReplyLine) + "\r\n"
	for _, tc := range []struct {
		claim string
		in    string
		err   error
	}{
		{"a line too long", "200 " + line, ErrLineTooLong},
		{"a line too long, without end", "200 " + line[:MaxReplyLine], ErrLineTooLong},
		{"a middle line too long", "200-a\r\nx" + line, ErrLineTooLong},
		{"CRs without end", strings.Repeat("\r", MaxReplyLine+2), ErrLineTooLong},
		{"too much text", "200-a\r\n" + strings.Repeat(line, MaxReplyText/MaxReplyLine), ErrReplyTooLong},
		{"too many lines", "200-a\r\n" + strings.Repeat("\n", MaxReplyLines), ErrReplyTooLong},
	} {
		t.Run(tc.claim, func(t *testing.T) {
			for _, size := range []int{1, 1000, len(tc.in)} {
				var d ReplyDecoder
				var err error
				for rest := tc.in; rest != "" && err == nil; {
					n := min(size, len(rest))
					d.Feed([]byte(rest[:n]))
					_, _, err = d.Next()
					rest = rest[n:]
					if len(d.text) > MaxReplyText || len(d.line) > MaxReplyLine+1 {
						t.Fatalf("holds %d bytes of text, %d of a line", len(d.text), len(d.line))
					}
				}
				var re *ReplyError
				if !errors.Is(err, tc.err) || !errors.As(err, &re) || len(err.Error()) > 8*maxQuoted {
					t.Errorf("in pieces of %d: %v, want %v", size, err, tc.err)
				}
			}
		})
	}
	t.Run("as many lines as allowed", func(t *testing.T) {
		var d ReplyDecoder
		d.Feed([]byte("200-a\r\n" + strings.Repeat("\n", MaxReplyLines-2) + "200 z\r\n"))
		if r, ok, err := d.Next(); !ok || err != nil || len(r.Lines()) != MaxReplyLines {
			t.Errorf("%v, %v, %v", r, ok, err)
		}
	})
}

func TestReplyDecoderErrorStays(t *testing.T) {
	var d ReplyDecoder
	d.Feed([]byte("junk\r\n220 a\r\n"))
	_, _, first := d.Next()
	d.Feed([]byte("220 b\r\n"))
	if _, ok, err := d.Next(); ok || err == nil || err != first {
		t.Errorf("after %v: %v, %v", first, ok, err)
	}
	if d.Buffered() != 0 {
		t.Errorf("%d bytes held", d.Buffered())
	}
}

func TestReplyAppend(t *testing.T) {
	for _, tc := range []struct {
		claim string
		r     Reply
		want  string
	}{
		{"one line", NewReply(200, "ok"), "200 ok\r\n"},
		{"no lines", NewReply(200), "200 \r\n"},
		{"several lines", NewReply(211, "Features:", " EPSV", "End"), "211-Features:\r\n EPSV\r\n211 End\r\n"},
		{"a middle line that looks like the last", NewReply(211, "a", "211 b", "211", "c"), "211-a\r\n 211 b\r\n 211\r\n211 c\r\n"},
		{"a middle line that looks like the last without its CR", NewReply(211, "a", "21\r1 b", "c"), "211-a\r\n 211 b\r\n211 c\r\n"},
		{"a middle line with a hyphen stays", NewReply(211, "a", "211-b", "c"), "211-a\r\n211-b\r\n211 c\r\n"},
		{"a middle line with another code stays", NewReply(211, "a", "226 b", "c"), "211-a\r\n226 b\r\n211 c\r\n"},
		{"CR and NUL are dropped", NewReply(200, "a\r\x00b"), "200 ab\r\n"},
		{"CRLF in a line begins a new one", NewReply(200, "a\r\nb"), "200-a\r\n200 b\r\n"},
		{"0xFF stays single", NewReply(200, "\xff"), "200 \xff\r\n"},
		{"no code is a 500", Reply{Text: "x"}, "500 x\r\n"},
		{"a code of four digits is a 500", NewReply(2000, "x"), "500 x\r\n"},
	} {
		t.Run(tc.claim, func(t *testing.T) {
			if got := string(tc.r.Append([]byte("before"))); got != "before"+tc.want {
				t.Errorf("Append = %q, want %q", got, "before"+tc.want)
			}
		})
	}
}

func TestReplyClasses(t *testing.T) {
	for code, want := range map[int]string{
		150: "preliminary", 226: "positive", 331: "intermediate", 421: "negative transient", 530: "negative", 631: "negative",
	} {
		r := NewReply(code, "x")
		var got []string
		for _, c := range []struct {
			name string
			is   bool
		}{
			{"preliminary", r.Preliminary()}, {"positive", r.Positive()}, {"intermediate", r.Intermediate()},
			{"negative", r.Negative()}, {"transient", r.Transient()},
		} {
			if c.is {
				got = append(got, c.name)
			}
		}
		if s := strings.Join(got, " "); s != want || r.Class() != code/100 {
			t.Errorf("%d is %q of class %d, want %q", code, s, r.Class(), want)
		}
	}
}

func TestReplyString(t *testing.T) {
	for _, tc := range []struct {
		claim string
		r     Reply
		want  string
	}{
		{"one line", NewReply(200, "ok"), "200 ok"},
		{"several lines on one", NewReply(211, "a", " b", "c"), "211 a /  b / c"},
		{"control bytes are escaped", NewReply(200, "\x1b[0m\r"), `200 \x1b[0m\r`},
		{"a long text is cut", NewReply(200, long), "200 " + long[:maxLogged] + "..."},
	} {
		t.Run(tc.claim, func(t *testing.T) {
			if got := tc.r.String(); got != tc.want {
				t.Errorf("String() = %q, want %q", got, tc.want)
			}
		})
	}
}

func TestReplyDecodingAllocates(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want float64
	}{{"226 Transfer complete\r\n", 1}, {"226\r\n", 0}} {
		var d ReplyDecoder
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
	out, r := make([]byte, 0, 256), NewReply(211, "Features:", " EPSV", "End")
	if got := testing.AllocsPerRun(100, func() { out = r.Append(out[:0]) }); got != 0 {
		t.Errorf("encoding allocates %v times", got)
	}
}
