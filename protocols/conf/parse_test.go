package conf

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// dump renders a tree in one line per node: "name(arg|arg){…}".
func dump(nodes []Node) string {
	var parts []string
	for _, n := range nodes {
		var args []string
		for _, a := range n.Args {
			args = append(args, a.Text)
		}
		s := n.Name + "(" + strings.Join(args, "|") + ")"
		if n.Section {
			s += "{" + dump(n.Children) + "}"
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, " ")
}

var testOptions = Options{
	Env: func(name string) (string, bool) {
		v, ok := map[string]string{
			"ONE": "one", "TWO": "a  b", "NEST": "<%{env:ONE}>",
			"LOOP": "%{env:LOOP}", "BOMB": strings.Repeat("%{env:BOMB2}", 100),
			"BOMB2": strings.Repeat("%{env:BOMB3}", 100), "BOMB3": strings.Repeat("x", 100),
		}[name]
		return v, ok
	},
	Module:  func(name string) bool { return name == "mod_tls.c" },
	Defines: []string{"CLI"},
	Version: "1.3.10",
}

func TestTree(t *testing.T) {
	cases := map[string]struct{ src, want string }{
		"directive_and_arguments":        {"ServerName a b\tc\n", "ServerName(a|b|c)"},
		"no_line_end_at_the_end":         {"Port 21", "Port(21)"},
		"crlf":                           {"Port 21\r\nUser x\r\n", "Port(21) User(x)"},
		"comment_lines":                  {"# Port 1\n  # x\nPort 2\n", "Port(2)"},
		"comment_after_a_word":           {"Port 2 # the port", "Port(2)"},
		"hash_inside_a_word_is_text":     {"Port a#b", "Port(a#b)"},
		"quotes_group":                   {`ServerName "My  Server" x`, "ServerName(My  Server|x)"},
		"quotes_hold_a_hash":             {`X "# no comment"`, "X(# no comment)"},
		"escaped_quote":                  {`X "say \"hi\" \\ now"`, `X(say "hi" \ now)`},
		"backslash_outside_quotes_stays": {`ProxyForwardTo ^ftp\.x\:21$ [NC]`, `ProxyForwardTo(^ftp\.x\:21$|[NC])`},
		"empty_quoted_argument":          {`X "" y`, "X(|y)"},
		"joined_lines":                   {"X a \\\n  b \\\r\n c\nY d", "X(a|b|c) Y(d)"},
		"comment_never_joins":            {"# old \\\nX a", "X(a)"},
		"comment_ends_a_joined_line":     {"X a \\\n# b\nY c", "X(a) Y(c)"},
		"byte_order_mark":                {"\xef\xbb\xbfPort 1", "Port(1)"},
		"env":                            {"X %{env:ONE}-%{env:NONE} y", "X(one-|y)"},
		"env_with_blanks_splits":         {"X %{env:TWO}", "X(a|b)"},
		"env_in_quotes_stays_whole":      {`X "%{env:TWO}"`, "X(a  b)"},
		"env_unset_is_no_word":           {"X %{env:NONE} y", "X(y)"},
		"env_nests":                      {"X %{env:NEST}", "X(<one>)"},
		"env_of_the_session_stays":       {"X %{env:TLS_CLIENT_S_DN_CN}", "X(%{env:TLS_CLIENT_S_DN_CN})"},
		"env_without_end_is_text":        {"X %{env:ONE", "X(%{env:ONE)"},
		"section":                        {"<Global>\nPort 1\n</GLOBAL>\nX", "Global(){Port(1)} X()"},
		"section_arguments":              {`<VirtualHost 1.2.3.4 "b c">` + "\n</VirtualHost>", "VirtualHost(1.2.3.4|b c){}"},
		"module_kept":                    {"<IfModule mod_TLS.c>\nA\n</IfModule>\nB", "A() B()"},
		"module_skipped":                 {"<IfModule mod_x.c>\nA \"\n<Bogus>\n</IfModule>\nB", "B()"},
		"module_negated":                 {"<IfModule !mod_x.c>\nA\n</IfModule>", "A()"},
		"module_skipped_with_nested":     {"<IfModule no.c>\n<IfModule mod_tls.c>\nA\n</IfModule>\nC\n</IfModule>\nB", "B()"},
		"module_inside_section":          {"<Global>\n<IfModule mod_tls.c>\nA\n</IfModule>\n</Global>", "Global(){A()}"},
		"section_inside_module":          {"<IfModule mod_tls.c>\n<Class c>\nFrom all\n</Class>\n</IfModule>", "Class(c){From(all)}"},
		"define_from_the_command_line":   {"<IfDefine CLI>\nA\n</IfDefine>", "A()"},
		"define_in_the_file":             {"<IfDefine L>\nA\n</IfDefine>\nDefine L\n<IfDefine L>\nB\n</IfDefine>", "Define(L) B()"},
		"version_with_operator":          {"<IfVersion >= 1.3.8>\nA\n</IfVersion>\n<IfVersion < 1.3.10>\nB\n</IfVersion>", "A()"},
		"version_negated":                {"<IfVersion !> 1.3.10>\nA\n</IfVersion>", "A()"},
		"version_by_pattern":             {"<IfVersion ~ ^1\\.3>\nA\n</IfVersion>\n<IfVersion = /^2/>\nB\n</IfVersion>", "A()"},
		"limit_inside_ifuser":            {"<IfUser x>\n<Limit ALL>\n</Limit>\n</IfUser>", "IfUser(x){Limit(ALL){}}"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			nodes, problems := Parse("f", []byte(c.src), testOptions)
			if len(problems) > 0 {
				t.Fatalf("problems: %v", problems)
			}
			if got := dump(nodes); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestProblemsHavePositions(t *testing.T) {
	cases := map[string]struct {
		src  string
		want []string // "line:column gist"
	}{
		"open_quote":           {"A\nX \"abc", []string{"2:3 never closed"}},
		"unknown_section":      {"<VirtalHost x>\nA\n</VirtalHost>", []string{"1:1 not a section"}},
		"closes_nothing":       {"A\n  </Global>", []string{"2:3 closes nothing"}},
		"never_closed":         {"\n<Global>\nA", []string{"2:1 never closed"}},
		"skipped_never_closed": {"<IfModule x>\nA", []string{"1:1 never closed"}},
		"wrong_order":          {"<Global>\n<Limit ALL>\n</Global>\n</Limit>", []string{"2:1 never closed", "4:1 closes nothing"}},
		"misnested":            {"<VirtualHost a>\n<Class c>\n</Class>\n</VirtualHost>", []string{"2:1 may not stand inside <VirtualHost>"}},
		"misnested_in_overlay": {"<IfClass a>\n<Global>\n</Global>\n</IfClass>", []string{"2:1 may not stand inside <IfClass>"}},
		"tag_without_end":      {"<Global\nA\n</Global", []string{"1:1 no closing >", "3:1 no closing >"}},
		"empty_tag":            {"<>", []string{"1:1 empty section tag"}},
		"ifmodule_bare":        {"<IfModule>\n</IfModule>", []string{"1:1 needs an argument"}},
		"bad_version":          {"<IfVersion abc>\n</IfVersion>", []string{"1:12 not a version"}},
		"env_loop":             {"X %{env:LOOP}", []string{"1:3 nested too deep"}},
		"env_bomb":             {"X %{env:BOMB}", []string{"1:3 grow too long"}},
		"include_without_name": {"Include", []string{"1:1 missing parameters"}},
		"nul":                  {"A\nB \x00", []string{"2:3 NUL"}},
		"many_in_one_run":      {"<A>\n</A>\n</B>\nX \"", []string{"1:1 not a section", "3:1 closes nothing", "4:3 never closed"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, problems := Parse("f", []byte(c.src), testOptions)
			if len(problems) != len(c.want) {
				t.Fatalf("got %v, want %v", problems, c.want)
			}
			for i, p := range problems {
				place, gist, _ := strings.Cut(c.want[i], " ")
				if fmt.Sprintf("%d:%d", p.Pos.Line, p.Pos.Column) != place || !strings.Contains(p.Text, gist) {
					t.Errorf("problem %d is %v, want %s", i, p, c.want[i])
				}
			}
		})
	}
}

func TestPositionsSurviveJoining(t *testing.T) {
	nodes, _ := Parse("f", []byte("\nA b \\\n   c \"d\"\n"), testOptions)
	var got []string
	for _, a := range nodes[0].Args {
		got = append(got, a.Text+" "+a.Pos.String())
	}
	want := []string{"b f:2:3", "c f:3:4", "d f:3:6"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

type memFiles map[string]string

func (m memFiles) ReadFile(name string) ([]byte, error) {
	s, ok := m[name]
	if !ok {
		return nil, errors.New("no such file")
	}
	return []byte(s), nil
}

func (m memFiles) List(dir string) ([]string, error) {
	var names []string
	for name := range m {
		if path.Dir(name) == dir {
			names = append(names, path.Base(name))
		}
	}
	if names == nil {
		return nil, errors.New("not a directory")
	}
	return names, nil
}

func TestInclude(t *testing.T) {
	files := memFiles{
		"/d/b.conf": "B", "/d/a.conf": "A", "/d/.h.conf": "H", "/d/c.txt": "C", "/d/t.conf~": "T",
		"/d/nest": "Include a.conf\nN", "/self": "Include /self", "/open": "<Global>\nX",
		"/p": "Include /q", "/q": "Include /p",
	}
	cases := map[string]struct{ src, want, problem string }{
		"plain":                      {"Include /d/a.conf\nX", "A() X()", ""},
		"glob_is_alphabetical":       {"Include /d/*.conf", "A() B()", ""},
		"directory_skips_hidden":     {"IncludeOptions IgnoreTempFiles\nInclude /d/", "IncludeOptions(IgnoreTempFiles) A() B() C() A() N()", ""},
		"glob_without_fit":           {"Include /none/*.conf\nX", "X()", ""},
		"relative_to_its_file":       {"Include /d/nest", "A() N()", ""},
		"inside_a_section":           {"<Global>\nInclude /d/a.conf\n</Global>", "Global(){A()}", ""},
		"skipped_is_not_read":        {"<IfModule no.c>\nInclude /missing\n</IfModule>", "", ""},
		"missing":                    {"Include /missing\nX", "X()", "unable to read /missing"},
		"itself":                     {"Include /self", "", "includes itself"},
		"cycle":                      {"Include /p", "", "includes itself"},
		"sections_end_with_the_file": {"Include /open\nY", "Global(){X()} Y()", "never closed"},
		"bad_pattern":                {"Include /d/[", "", "not a valid pattern"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			opts := testOptions
			opts.Files = files
			nodes, problems := Parse("/main", []byte(c.src), opts)
			if got := dump(nodes); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			text := fmt.Sprint(problems)
			if c.problem == "" && len(problems) > 0 || !strings.Contains(text, c.problem) {
				t.Errorf("problems %s, want one about %q", text, c.problem)
			}
		})
	}
}

func TestIncludeBombEnds(t *testing.T) {
	files := memFiles{}
	for i := range 15 {
		files[fmt.Sprintf("/%d", i)] = strings.Repeat(fmt.Sprintf("Include /%d\n", i+1), 10)
	}
	files["/15"] = "X"
	opts := testOptions
	opts.Files = files
	nodes, problems := Parse("/main", []byte("Include /0"), opts)
	if len(nodes) > maxIncludes || !strings.Contains(fmt.Sprint(problems), "files are included") {
		t.Errorf("%d nodes, %d problems", len(nodes), len(problems))
	}
}

func TestDeepNestingEnds(t *testing.T) {
	src := strings.Repeat("<IfModule mod_tls.c>\n", 10000) + "X"
	_, problems := Parse("f", []byte(src), testOptions)
	if len(problems) == 0 || len(problems) > maxProblems+1 {
		t.Errorf("%d problems", len(problems))
	}
}

func FuzzParse(f *testing.F) {
	f.Add("<Global>\nX \"a\\\"b\" \\\n c # d\n</Global>\nInclude /i*\n")
	f.Add("<IfVersion >= 1.3>\nX %{env:NEST} %{env:LOOP} %{env:TLS_X}\n</IfVersion>")
	f.Add("<IfDefine !L>\nDefine L\n</IfDefine>\n<VirtualHost 1.2.3.4>\n<Limit ALL>\nDenyAll\n</Limit>\n</VirtualHost>")
	opts := testOptions
	opts.Files = memFiles{"/i1": "A", "/i2": "Include /i*\n<Class"}
	f.Fuzz(func(t *testing.T, src string) {
		nodes, problems := Parse("/f", []byte(src), opts)
		if len(problems) > maxProblems+1 {
			t.Fatalf("%d problems", len(problems))
		}
		checkPositions(t, nodes)
		for i := range min(len(src), 200) {
			Parse("/f", []byte(src[:i]), opts)
		}
	})
}

func checkPositions(t *testing.T, nodes []Node) {
	for _, n := range nodes {
		if n.Pos.Line < 1 || n.Pos.Column < 1 || n.Pos.File == "" {
			t.Fatalf("node %q has position %v", n.Name, n.Pos)
		}
		for _, a := range n.Args {
			if a.Pos.Line < n.Pos.Line || a.Pos.Column < 1 {
				t.Fatalf("argument %q of %q has position %v", a.Text, n.Name, a.Pos)
			}
		}
		checkPositions(t, n.Children)
	}
}
