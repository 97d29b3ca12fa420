package logformat

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// everyVariable is a format with all of them.
func everyVariable() string {
	var b strings.Builder
	for c := range letters {
		b.WriteString(" %" + string(rune(c)))
	}
	for name := range names {
		b.WriteString(" %{" + name + "}")
	}
	return b.String() + ` "%r" %{X}e %{%c}t`
}

func hostile(verb, arg, reply string) *Record {
	r := full()
	r.Command = ftp.Command{Verb: verb, Arg: arg, HasArg: true}
	r.Reply.Text, r.User, r.UserSent, r.RenameFrom, r.Reason, r.Transfer.Failure = reply, arg, arg, arg, reply, reply
	return r
}

func FuzzAppend(f *testing.F) {
	f.Add("%r %S", "RETR", "a\nb", "x\r\ny")
	f.Add(`"%J" %{a}e %{%Y}t %{`, "PASS", "secret", "no secret here")
	f.Add("%%%", "LIST", "-l -a", "\xff\xc2\x85\u2028")
	all, _ := Compile(everyVariable(), nil)
	f.Fuzz(func(t *testing.T, format, verb, arg, reply string) {
		r := hostile(verb, arg, reply)
		line := string(all.Append(nil, r))
		if strings.ContainsFunc(line, func(c rune) bool { return c < ' ' || c == 0x7f || c == 0x85 || c == 0x2028 || c == 0x2029 }) {
			t.Fatalf("%q breaks out of its line", line)
		}
		compiled, problems := Compile(format, nil)
		for _, p := range problems {
			if p.At < 0 || p.At >= len(format) {
				t.Fatalf("problem at %d of %q", p.At, format)
			}
		}
		if got := compiled.Append([]byte("x"), r); got[0] != 'x' {
			t.Fatal("what was there before is gone")
		}
		if !strings.Contains(format, "%") {
			if got := string(compiled.Append(nil, r)); got != format {
				t.Fatalf("%q became %q", format, got)
			}
		}
	})
}

func FuzzJSON(f *testing.F) {
	f.Add("RETR", "a\nb\"\\", "x\r\ny")
	f.Add("CWD", "\xff\xc2\x85\u2028é", "\x00")
	f.Fuzz(func(t *testing.T, verb, arg, reply string) {
		r := hostile(verb, arg, reply)
		text := JSON().Append(nil, r)
		var back struct{ Command, Args, Reply string }
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatalf("%v: %q", err, text)
		}
		if strings.ContainsAny(string(text), "\n\r\u2028\u0085") {
			t.Fatalf("more than one line: %q", text)
		}
		if !r.Command.Secret() && utf8.ValidString(arg) && back.Args != arg {
			t.Fatalf("%q became %q", arg, back.Args)
		}
		if !r.Command.Secret() && utf8.ValidString(reply) && back.Reply != reply {
			t.Fatalf("%q became %q", reply, back.Reply)
		}
	})
}

func TestNothingIsAllocated(t *testing.T) {
	all, _ := Compile(everyVariable(), nil)
	r, b := full(), make([]byte, 0, 8<<10)
	secret := hostile("PASS", "secret\x01", "no secret\x01 here")
	for name, f := range map[string]*Format{"format": all, "json": JSON()} {
		if n := testing.AllocsPerRun(100, func() { b = f.Append(f.Append(b[:0], r), secret) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	s := Select([]Word{{Name: "READ"}, {Name: "CWD", Negate: true}})
	if n := testing.AllocsPerRun(100, func() { s.Wants(r) }); n != 0 {
		t.Errorf("choosing: %v allocations", n)
	}
}

func BenchmarkAppend(b *testing.B) {
	usual, _ := Compile(Default, nil)
	all, _ := Compile(everyVariable(), nil)
	for _, c := range []struct {
		name string
		f    *Format
	}{{"default", usual}, {"everything", all}, {"json", JSON()}} {
		b.Run(c.name, func(b *testing.B) {
			r, line := full(), make([]byte, 0, 8<<10)
			b.ReportAllocs()
			for b.Loop() {
				line = c.f.Append(line[:0], r)
			}
			b.SetBytes(int64(len(line)))
		})
	}
}
