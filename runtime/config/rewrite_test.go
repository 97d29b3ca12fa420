package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/protocols/rewrite"
)

func rewriteWorld() memFS {
	m := world()
	m.put("/maps/users.txt", "old new\n# no pair:\nalone\n", 0o644)
	m.put("/maps/open.txt", "a b\n", 0o646)
	m.put("/maps/huge.txt", strings.Repeat("x", rewrite.MaxTableBytes+1), 0o644)
	m["tmp"] = newMemFS(map[string]string{"/d": ""})["d"]
	m["tmp"].Mode = 0o777 | 1<<31 // a directory
	m.put("/tmp/users.txt", "a b\n", 0o644)
	return m
}

// What is wrong with rules is found when they are read, where it stands.
func TestRewriteProblems(t *testing.T) {
	const cond = "RewriteCondition %m USER\n"
	cases := map[string]struct {
		src, place, gist string
		severity         Severity
	}{
		"bad_expression":           {cond + "RewriteRule ([a x", "2:13", "not a valid regular expression", Error},
		"bad_condition":            {"RewriteCondition %m *USER", "1:21", "not a valid regular expression", Error},
		"unknown_map":              {cond + "RewriteRule (.*) x${nobody:$1}", "2:18", "there is no RewriteMap nobody", Error},
		"unknown_map_in_condition": {"RewriteCondition ${nobody:$1} x\nRewriteRule x y", "1:18", "there is no RewriteMap nobody", Error},
		"map_form":                 {cond + "RewriteRule (.*) ${lower:$1", "2:18", "expected ${name:key} or ${name:key|default}", Error},
		"replaceall_form":          {"RewriteMap r int:replaceall\n" + cond + "RewriteRule (.*) ${r:/$1/a}", "3:18", "expected ${r:/text/old/new}", Error},
		"substitution_needs_quotes": {"RewriteMap r int:replaceall\n" + cond + "RewriteRule ^(.*) ${r:/$1/ /_}", "3:28",
			"badly formatted flags '/_}'", Error},
		"flags_without_brackets":  {"RewriteCondition %m USER NC", "1:26", "badly formatted flags 'NC'", Error},
		"flag_of_a_rule":          {cond + "RewriteRule x y [Q]", "2:17", "flag 'Q' means nothing", Warning},
		"map_function":            {"RewriteMap m int:rot13", "1:14", "unknown internal map function 'rot13': expected one of idnatrans", Error},
		"map_function_of_apache":  {"RewriteMap m int:escape", "1:14", "unknown internal map function 'escape'", Error},
		"map_kind":                {"RewriteMap m rnd:/x", "1:14", "invalid RewriteMap 'rnd:/x'", Error},
		"map_without_source":      {"RewriteMap m txt:", "1:14", "invalid RewriteMap", Error},
		"map_pipe":                {"RewriteMap m fifo:/maps/pipe", "1:14", "fifo: is not supported: one program", Error},
		"map_name":                {"RewriteMap a:b int:tolower", "1:12", "cannot be asked for", Error},
		"map_relative":            {"RewriteMap m txt:users.txt", "1:14", "must be a full path", Error},
		"map_missing":             {"RewriteMap m txt:/maps/none.txt", "1:14", "error reading RewriteMap '/maps/none.txt'", Error},
		"map_writable":            {"RewriteMap m txt:/maps/open.txt", "1:14", "world-writable RewriteMap '/maps/open.txt' (perms 0646)", Error},
		"map_in_tmp":              {"RewriteMap m txt:/tmp/users.txt", "1:14", "from world-writable directory '/tmp'", Error},
		"map_huge":                {"RewriteMap m txt:/maps/huge.txt", "1:14", "too large", Error},
		"map_directory":           {"RewriteMap m txt:/maps", "1:14", "not a regular file", Error},
		"map_line":                {"RewriteMap m txt:/maps/users.txt", "1:14", "line 3 of '/maps/users.txt' is passed over", Warning},
		"map_twice":               {"RewriteMap m int:tolower\nRewriteMap m int:toupper", "2:1", "the first one, in line 1, counts", Warning},
		"rule_for_all_commands":   {"RewriteRule (.*) x$1", "1:1", "applies to every command, PASS and paths included", Warning},
		"group_of_the_rule":       {cond + "RewriteRule (.*) $1$2", "2:18", "$2 is always empty", Warning},
		"group_of_a_negated_rule": {cond + "RewriteRule !(.*) $1", "2:19", "$1 is always empty", Warning},
		"group_of_a_condition":    {cond + "RewriteRule (.*) %1x$1", "2:18", "%1 is always empty", Warning},
		"group_of_a_condition_behind": {"RewriteCondition %1 x\nRewriteCondition %m (USER)\nRewriteRule (.*) %1x$1", "1:18",
			"%1 is always empty", Warning},
		"unknown_variable":   {"RewriteCondition %q USER\nRewriteRule x y", "1:18", "%q is no variable", Warning},
		"variable_of_others": {"RewriteCondition %G USER\nRewriteRule x y", "1:18", "%G is empty: only the backend knows it", Warning},
		"comparison":         {"RewriteCondition %{TIME_HOUR} <06\nRewriteRule x y", "1:31", "the other way round", Warning},
		"file_test":          {"RewriteCondition %f -f\nRewriteRule x y", "1:21", "a gateway has none", Warning},
		"condition_alone":    {"RewriteCondition %m USER", "1:1", "followed by no RewriteRule", Warning},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			conf, r := loadText(c.src, rewriteWorld())
			if (conf == nil) != (c.severity == Error) {
				t.Errorf("accepted: %t", conf != nil)
			}
			for _, p := range r.Problems {
				if p.Severity == c.severity && strings.Contains(p.String(), c.gist) && fmt.Sprintf("%d:%d", p.Pos.Line, p.Pos.Column) == c.place {
					return
				}
			}
			t.Errorf("want %s %s %q, got:\n%s", c.place, c.severity, c.gist, describe(r))
		})
	}
}

// The examples of the documentation load without a word.
func TestRewriteExamplesLoad(t *testing.T) {
	for name, src := range map[string]string{
		"upper":     "RewriteMap uppercase int:toupper\nRewriteCondition %m STOR\nRewriteRule ^(.*) ${uppercase:$1}",
		"lower":     "RewriteMap lowercase int:tolower\nRewriteCondition %m !PASS\nRewriteRule ^(.*) ${lowercase:$1}",
		"blanks":    "RewriteMap replace int:replaceall\nRewriteCondition %m STOR\nRewriteRule ^(.*) \"${replace:!$1!%20!_}\"",
		"chmod":     "RewriteMap replace int:replaceall\nRewriteCondition %m \"^SITE CHMOD$\" [NC]\nRewriteRule \"^(.*) +(.*)$\" \"$1 ${replace:!$2!\\\\!/}\"",
		"strip":     "RewriteCondition %m USER\nRewriteRule ^(.*#)?([0-9A-Za-z]+)(@)? $2",
		"hosts":     "RewriteCondition %h ^host1.* [OR]\nRewriteCondition %h ^host2.* [OR]\nRewriteCondition %h ^host3.*\nRewriteRule (.*) x$1 [NC, L]",
		"variables": "RewriteCondition %{env:TLS_CLIENT_S_DN_CN} !^$\nRewriteRule (.*) %{ENV:SITE}-$1.%P",
	} {
		t.Run(name, func(t *testing.T) {
			conf, r := loadText("ServerType standalone\nRewriteEngine on\n"+src, rewriteWorld())
			if conf == nil || len(r.Problems) != 0 {
				t.Fatalf("got:\n%s", describe(r))
			}
			set := conf.Servers[0].Settings("").Rewrite
			if _, err := rewrite.Compile(set.Compiled(nil)); err != nil {
				t.Errorf("it loads, but cannot be compiled: %v", err)
			}
		})
	}
}

// Expressions of rules are POSIX's: the longest match counts.
func TestRewriteRulesMatchTheLongest(t *testing.T) {
	conf, r := loadText("RewriteCondition %m USER\nRewriteRule (a|ab) <$1> [L]\nRewriteCondition %m !=PASS\nRewriteRule X y [NC]", nil)
	if conf == nil {
		t.Fatal(describe(r))
	}
	set := conf.Servers[0].Settings("").Rewrite
	s, err := rewrite.Compile(set.Compiled(nil))
	if err != nil {
		t.Fatal(err)
	}
	for arg, want := range map[string]string{"abx": "<ab>", "x": "y"} {
		if got, _, _ := s.Apply(rewrite.Info{Verb: "USER", Arg: arg}); got != want {
			t.Errorf("%s became %s, want %s", arg, got, want)
		}
	}
	if got, changed, _ := s.Apply(rewrite.Info{Verb: "PASS", Arg: "x"}); changed {
		t.Errorf("PASS became %s", got)
	}
}
