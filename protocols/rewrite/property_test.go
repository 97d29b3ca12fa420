package rewrite

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// Without a rule, or with none that applies, nothing changes.
func TestNoRuleNoChange(t *testing.T) {
	none := compile(t)
	other := compile(t, rewriteTo("(.*)", "x$1", on("%m", "^NEVER$")), rewriteTo("a^", "y"))
	rapid.Check(t, func(t *rapid.T) {
		info := command(rapid.SampledFrom([]string{"USER", "PASS", "CWD", "SITE"}).Draw(t, "verb"), rapid.String().Draw(t, "arg"))
		for _, s := range []*Set{none, other} {
			if got, changed, err := s.Apply(info); got != info.Arg || changed || err != nil {
				t.Fatalf("%q became %q, %t, %v", info.Arg, got, changed, err)
			}
		}
	})
}

// Rules up to the first that applies and is the last do what the others would
// do without those behind it.
func TestLastStops(t *testing.T) {
	letters := rapid.StringMatching("[abc]{1,4}")
	rapid.Check(t, func(rt *rapid.T) {
		var rules []Rule
		for range rapid.IntRange(1, 6).Draw(rt, "rules") {
			r := rewriteTo(rapid.StringMatching("[abc]").Draw(rt, "pattern"), rapid.StringMatching("[abc]{1,2}[$]0").Draw(rt, "subst"))
			r.Last = rapid.Bool().Draw(rt, "last")
			rules = append(rules, r)
		}
		arg := letters.Draw(rt, "arg")
		want := arg
		for i, r := range rules { // one at a time
			got, _, err := compile(t, rules[i]).Apply(command("USER", want))
			if err != nil {
				rt.Fatal(err)
			}
			applied := r.Pattern.Match(want)
			want = got
			if applied && r.Last {
				break
			}
		}
		if got, _, err := compile(t, rules...).Apply(command("USER", arg)); got != want || err != nil {
			rt.Fatalf("%q became %q, want %q (%v)", arg, got, want, err)
		}
	})
}

// Rules that bring text to one form leave that form alone.
func TestFormsAreFinal(t *testing.T) {
	for name, r := range map[string]Rule{
		"lower":   rewriteTo("(.*)", "${lower:$1}"),
		"upper":   rewriteTo("(.*)", "${upper:$1}"),
		"strip":   rewriteTo("^([^@]*)@.*$", "$1"),
		"prefix":  rewriteTo("!^corp-", "corp-$0"),
		"replace": rewriteTo("(.*)", "${replace:/$1/ /_}"),
	} {
		t.Run(name, func(t *testing.T) {
			s := compile(t, r)
			rapid.Check(t, func(t *rapid.T) {
				once, _, err := s.Apply(command("USER", rapid.StringMatching("[ -~]{1,30}").Draw(t, "arg")))
				if err != nil {
					t.Fatal(err)
				}
				if twice, changed, err := s.Apply(command("USER", once)); changed || err != nil {
					t.Fatalf("%q became %q, %v", once, twice, err)
				}
			})
		})
	}
}

// A client's text comes out as it went in, whatever it looks like.
func TestClientTextIsNoTemplate(t *testing.T) {
	s := compile(t, rewriteTo("^(.*)$", "<$1>", on("%m$1", "^(USER)")), rewriteTo("(.*)", "$1"))
	bits := []string{"%", "$", "{", "}", "0", "1", "a", "m", "%a", "$1", "%1", "${users:root}", "${", "%{ENV:SITE}", "|", ":", "%%", "$$", "\\", "&"}
	rapid.Check(t, func(t *rapid.T) {
		arg := strings.Join(rapid.SliceOfN(rapid.SampledFrom(bits), 1, 12).Draw(t, "bits"), "")
		if got, _, err := s.Apply(command("USER", arg)); got != "<"+arg+">" || err != nil {
			t.Fatalf("%q became %q, %v", arg, got, err)
		}
	})
}

func TestOneSetForMany(t *testing.T) {
	s := compile(t, rewriteTo("^(.)(.*)$", "${lower:$1}-$2-%1-%u", on("%v", "(N)")))
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			name := strings.Repeat(string(rune('A'+i)), 5)
			for range 200 {
				want := strings.ToLower(name[:1]) + "-" + name[1:] + "-N-ann"
				if got, _, err := s.Apply(command("USER", name)); got != want || err != nil {
					t.Errorf("%s became %s, %v", name, got, err)
					return
				}
			}
		})
	}
	all.Wait()
}

// Whatever a configuration and a client say together: no crash, and no result
// that is not an argument.
func FuzzApply(f *testing.F) {
	f.Add("(.*)", "${users:$1|$0}", "%m", "USER", "USER", "root")
	f.Add("^(.*) +(.*)$", "$1 ${replace:!$2!\\!/}", "%m", "!^SITE CHMOD$", "SITE", `CHMOD 1 a\b`)
	f.Add("!x", "%20%{TIME_DAY}%%1$$1${unescape:%1}", "$0%h", "<a", "STOR", "a%0ab")
	f.Add("(a)(b)?", "${lower:${replace:$1}|${idna:%{ENV:SITE}}}${latin:$0}", "%1", "(.)", "HOST", "ab")
	f.Fuzz(func(t *testing.T, pattern, subst, subject, test, verb, arg string) {
		if len(pattern) > 200 || len(test) > 200 || len(arg) > MaxResult {
			return
		}
		rest, _ := strings.CutPrefix(pattern, "!")
		_, _, text := ReadTest(test)
		for _, p := range []string{rest, strings.TrimPrefix(text, "!")} {
			if _, err := regexp.Compile(p); err != nil {
				return
			}
		}
		rules := Rules{Rules: []Rule{rewriteTo(pattern, subst, on(subject, test))}, Maps: usual(t)}
		s, err := Compile(rules)
		if err != nil {
			return
		}
		got, changed, err := s.Apply(command(verb, arg))
		switch {
		case err != nil:
			if changed || got != arg || !errors.Is(err, ErrForbiddenByte) && !errors.Is(err, ErrTooLong) {
				t.Fatalf("%q, %t, %v", got, changed, err)
			}
		case changed && (strings.ContainsAny(strings.TrimPrefix(got, arg[:min(6, len(arg))]), "\r\n\x00") || len(got) > MaxResult+6 || got == arg):
			t.Fatalf("%q became %q", arg, got)
		case !changed && got != arg:
			t.Fatalf("%q became %q, unnoticed", arg, got)
		}
	})
}

// What the file of a map says comes out as it stands there.
func FuzzTable(f *testing.F) {
	f.Add([]byte("# users\na b\n\nc\td e\\\n f\nx\n"))
	f.Add([]byte("\\\n\\\n#\\\n a \\"))
	f.Fuzz(func(t *testing.T, text []byte) {
		table, err := ParseTable(text)
		if err != nil {
			t.Skip()
		}
		words := strings.FieldsFunc(strings.ReplaceAll(string(text), "\\\n", ""), func(r rune) bool { return r == '\n' || isBlank(r) })
		for key, value := range table.values {
			if key == "" || value == "" || key[0] == '#' || strings.ContainsAny(key+value, " \t\v\f\r\n") {
				t.Fatalf("%q is %q", key, value)
			}
			if !strings.Contains(string(text), "\\\n") && (!slices.Contains(words, key) || !slices.Contains(words, value)) {
				t.Fatalf("%q is %q, which the file does not say", key, value)
			}
		}
		if len(table.Skipped) > maxSkipped || table.Len() > len(text) {
			t.Fatalf("%d keys, %v", table.Len(), table.Skipped)
		}
	})
}

func TestTemplateTellsWhatItUses(t *testing.T) {
	p, err := Parse("$3%2%20${a:$5|%G%q${b:%{FOO}}}%{TIME_DAY}%g%q")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.Maps(), []string{"a", "b"}) || !slices.Equal(p.Unknown(), []string{"%G", "%q", "%{FOO}", "%g"}) ||
		p.RuleGroup() != 5 || p.ConditionGroup() != 2 {
		t.Errorf("maps %v, unknown %v, $%d, %%%d", p.Maps(), p.Unknown(), p.RuleGroup(), p.ConditionGroup())
	}
	if p, err = Parse("plain"); err != nil || p.RuleGroup() != -1 || p.ConditionGroup() != -1 || p.Maps() != nil || p.Unknown() != nil {
		t.Errorf("%+v, %v", p, err)
	}
}
