package rewrite

import (
	"errors"
	"strings"
	"testing"
)

func TestRules(t *testing.T) {
	user := on("%m", "USER")
	cases := map[string]struct {
		rules     []Rule
		verb, arg string
		want      string
	}{
		// What the documentation and the howto show.
		"doc_uploads_in_upper_case":      {[]Rule{rewriteTo("^(.*)", "${upper:$1}", on("%m", "STOR"))}, "STOR", "file1.Txt", "FILE1.TXT"},
		"doc_only_the_verb_named":        {[]Rule{rewriteTo("^(.*)", "${upper:$1}", on("%m", "STOR"))}, "RETR", "file1.Txt", "file1.Txt"},
		"doc_upper_case_after_the_slash": {[]Rule{rewriteTo("(.*/)?(.*)$", "${upper:$2}", on("%m", "STOR"))}, "STOR", "/up/file1.txt", "FILE1.TXT"},
		"doc_all_but_PASS_lower":         {[]Rule{rewriteTo("^(.*)", "${lower:$1}", on("%m", "!PASS"))}, "CWD", "/DiR/Dir2", "/dir/dir2"},
		"doc_all_but_PASS_is_PASS":       {[]Rule{rewriteTo("^(.*)", "${lower:$1}", on("%m", "!PASS"))}, "PASS", "SeCret", "SeCret"},
		"doc_blanks_to_underscores":      {[]Rule{rewriteTo("^(.*)", "${replace:/$1/ /_}", on("%m", "STOR"))}, "STOR", "a b c", "a_b_c"},
		"doc_blanks_beside_slashes":      {[]Rule{rewriteTo("^(.*)", "${replace:/$1/ /_}", on("%m", "STOR"))}, "STOR", "/x y/z", "/x_y/z"},
		"doc_url_blank_to_underscore":    {[]Rule{rewriteTo("^(.*)", "${replace:!$1!%20!_}", on("%m", "STOR"))}, "STOR", "a%20b%20c", "a_b_c"},
		"doc_process_in_the_name":        {[]Rule{rewriteTo("^(.*)$", "$1.%P", on("%m", "STOR"))}, "STOR", "f", "f.4711"},
		"doc_user_map":                   {[]Rule{rewriteTo("^(.*)$", "${users:$1}", user)}, "USER", "Dave.Admin", "dave"},
		"doc_user_map_trailing_comment":  {[]Rule{rewriteTo("^(.*)$", "${users:$1}", user)}, "USER", "root", "anonymous"},
		"doc_user_not_in_the_map":        {[]Rule{rewriteTo("^(.*)$", "${users:$1}", user)}, "USER", "joe", "joe"},
		"doc_user_map_default":           {[]Rule{rewriteTo("^(.*)$", "${users:$1|nobody}", user)}, "USER", "joe", "nobody"},
		"doc_suffix":                     {[]Rule{rewriteTo("(.*)", "$1@domain.com", user)}, "USER", "joe", "joe@domain.com"},
		"doc_prefix":                     {[]Rule{rewriteTo("(.*)", "PREFIX$1", user)}, "USER", "joe", "PREFIXjoe"},
		"doc_strip_suffix":               {[]Rule{rewriteTo("^(.*#)?([0-9A-Za-z]+)(@)?", "$2", user)}, "USER", "joe@domain.com", "joe"},
		"doc_strip_prefix_and_suffix":    {[]Rule{rewriteTo("^(.*#)?([0-9A-Za-z]+)(@)?", "$2", user)}, "USER", "p#joe@domain.com", "joe"},
		"doc_strip_nothing":              {[]Rule{rewriteTo("^(.*#)?([0-9A-Za-z]+)(@)?", "$2", user)}, "USER", "joe", "joe"},
		"doc_lower_case_users":           {[]Rule{rewriteTo("(.*)", "${lower:$1}", user)}, "USER", "JoE", "joe"},
		"doc_backslashes":                {[]Rule{rewriteTo("(.*)", `${replace:!$1!\!/}`, on("%m", ".*"))}, "CWD", `a\b\c`, "a/b/c"},
		"doc_site_chmod":                 {[]Rule{rewriteTo("^(.*) +(.*)$", `$1 ${replace:!$2!\!/}`, on("%m", "^SITE CHMOD$"))}, "SITE", `chmod 644 a\b`, "chmod 644 a/b"},
		"doc_redirect_uploads":           {[]Rule{rewriteTo("(.*/)?(.*)", "/Incoming/$2", on("%m", "STOR"))}, "STOR", "/a/b/c.txt", "/Incoming/c.txt"},
		"doc_port_behind_nat": {[]Rule{
			rewriteTo("([0-9]+,[0-9]+,[0-9]+,[0-9]+)(.*)", "${replace:/$1/$1/%a$2}", on("%m", "^PORT$")),
			rewriteTo("(.*)", "${replace:/$1/./,}", on("%m", "^PORT$")),
		}, "PORT", "10,0,0,5,4,1", "192,0,2,7,4,1"},
		"doc_or_of_hosts": {[]Rule{rewriteTo("(.*)", "x$1", or(on("%h", "^10")), or(on("%h", "^172")), on("%h", "^192"))}, "USER", "joe", "xjoe"},

		// The same, looked at closely.
		"no_argument":                  {[]Rule{rewriteTo(".*", "x")}, "USER", "", ""},
		"rules_follow_each_other":      {[]Rule{rewriteTo("a", "b"), rewriteTo("b", "c")}, "USER", "a", "c"},
		"last_stops":                   {[]Rule{last(rewriteTo("a", "b")), rewriteTo("b", "c")}, "USER", "a", "b"},
		"last_without_a_match_goes_on": {[]Rule{last(rewriteTo("z", "b")), rewriteTo("a", "c")}, "USER", "a", "c"},
		"last_with_a_false_condition":  {[]Rule{last(rewriteTo("a", "b", on("%m", "PASS"))), rewriteTo("a", "c")}, "USER", "a", "c"},
		"dash_changes_nothing":         {[]Rule{rewriteTo("a", "-")}, "USER", "a", "a"},
		"dash_and_last_exempt":         {[]Rule{last(rewriteTo("^root$", "-")), rewriteTo("(.*)", "x-$1")}, "USER", "root", "root"},
		"negated_rule":                 {[]Rule{rewriteTo("!^corp-", "corp-$0")}, "USER", "joe", "corp-joe"},
		"negated_rule_that_matches":    {[]Rule{rewriteTo("!^corp-", "corp-$0")}, "USER", "corp-joe", "corp-joe"},
		"negated_rule_has_no_groups":   {[]Rule{rewriteTo("!^(corp)-", "x$1")}, "USER", "joe", "x"},
		"group_0_is_the_match":         {[]Rule{rewriteTo("o.", "<$0>")}, "USER", "joey", "<oe>"},
		"group_that_took_no_part":      {[]Rule{rewriteTo("(a)|(b)", "<$1$2>")}, "USER", "b", "<b>"},
		"group_that_is_not_there":      {[]Rule{rewriteTo("(.)", "<$1$7>")}, "USER", "b", "<b>"},
		"longest_alternative":          {[]Rule{rewriteTo("^(a|ab)", "$1")}, "USER", "abc", "ab"},
		"dollar_escaped":               {[]Rule{rewriteTo("(.*)", "$$1")}, "USER", "a", "$1"},
		"percent_escaped":              {[]Rule{rewriteTo("(.*)", "%%1", on("%m", "(.*)"))}, "USER", "a", "%1"},
		"signs_that_mean_nothing":      {[]Rule{rewriteTo("(.*)", "$ % 100% $x$")}, "USER", "a", "$ % 100% $x$"},
		"unknown_variables_are_text":   {[]Rule{rewriteTo("(.*)", "%q%{FOO}%{x")}, "USER", "a", "%q%{FOO}%{x"},
		"empty_result_leaves_it":       {[]Rule{rewriteTo("(.*)", "${users:$1}")}, "USER", "joe", "joe"},
		"site_other":                   {[]Rule{rewriteTo("(.*)", "<$1>", on("%m", "^SITE$"))}, "SITE", "HELP x", "<HELP x>"},
		"site_chgrp":                   {[]Rule{rewriteTo("(.*)", "<$1>", on("%m", "^SITE CHGRP$"))}, "SITE", "CHGRP g f", "CHGRP <g f>"},
		"site_chmod_alone":             {[]Rule{rewriteTo("(.*)", "<$1>", on("%m", "^SITE$"))}, "SITE", "CHMOD", "<CHMOD>"},

		// Conditions.
		"condition_groups":               {[]Rule{rewriteTo("(.*)", "%1-$1", on("%v", "^(.)"))}, "USER", "joe", "N-joe"},
		"condition_whole_match":          {[]Rule{rewriteTo("(.*)", "%0-$1", on("%v", "N.r"))}, "USER", "joe", "Nor-joe"},
		"condition_sees_the_rule":        {[]Rule{rewriteTo("^(.)(.*)", "yes", on("$2", "^oe$"))}, "USER", "joe", "yes"},
		"condition_sees_the_one_before":  {[]Rule{rewriteTo(".*", "yes", on("%m", "^(..)"), on("%1", "^US$"))}, "USER", "joe", "yes"},
		"condition_groups_of_the_last":   {[]Rule{rewriteTo(".*", "%1", on("%m", "^(.)"), on("%v", "(S)"))}, "USER", "joe", "S"},
		"condition_negated_keeps_groups": {[]Rule{rewriteTo(".*", "%1", on("%m", "^(.)"), on("%v", "!x"))}, "USER", "joe", "U"},
		"conditions_and":                 {[]Rule{rewriteTo(".*", "x", on("%m", "USER"), on("%c", "wan"))}, "USER", "joe", "joe"},
		"conditions_or_then_and_fails":   {[]Rule{rewriteTo(".*", "x", or(on("%m", "USER")), on("%m", "PASS"), on("%c", "wan"))}, "USER", "joe", "joe"},
		"conditions_or_then_and_holds":   {[]Rule{rewriteTo(".*", "x", or(on("%m", "PASS")), on("%m", "USER"), on("%c", "lan"))}, "USER", "joe", "x"},
		"or_at_the_end":                  {[]Rule{rewriteTo(".*", "x", or(on("%m", "PASS")))}, "USER", "joe", "joe"},
		"or_leaves_groups_of_who_held":   {[]Rule{rewriteTo(".*", "%1", or(on("%m", "(US)")), on("%v", "(N)"))}, "USER", "joe", "US"},
		"condition_equal":                {[]Rule{rewriteTo(".*", "x", on("%m", "=USER"))}, "USER", "joe", "x"},
		"condition_equal_is_whole":       {[]Rule{rewriteTo(".*", "x", on("%m", "=USE"))}, "USER", "joe", "joe"},
		"condition_not_equal":            {[]Rule{rewriteTo(".*", "x", on("%m", "!=PASS"))}, "USER", "joe", "x"},
		"condition_equal_empty":          {[]Rule{rewriteTo(".*", "x", on("%{ENV:NONE}", `=""`))}, "USER", "joe", "x"},
		"condition_below":                {[]Rule{rewriteTo(".*", "night", on("%{TIME_HOUR}", "<06"))}, "USER", "joe", "night"},
		"condition_above":                {[]Rule{rewriteTo(".*", "day", on("%{TIME_HOUR}", ">06"))}, "USER", "joe", "joe"},
		"condition_not_above":            {[]Rule{rewriteTo(".*", "x", on("%{TIME_HOUR}", "!>06"))}, "USER", "joe", "x"},
		"condition_no_file_is_there":     {[]Rule{rewriteTo(".*", "x", on("/etc/passwd", "-f"))}, "USER", "joe", "joe"},
		"condition_not_a_file":           {[]Rule{rewriteTo(".*", "x", on("/etc/passwd", "!-d"))}, "USER", "joe", "x"},
		"condition_with_a_map":           {[]Rule{rewriteTo("(.*)", "x", on("${users:$1}", "^dave$"))}, "USER", "Dave.Admin", "x"},

		// Variables.
		"variables":                        {[]Rule{rewriteTo("(.*)", "%a|%c|%f|%g|%h|%m|%p|%u|%U|%v|%G%w")}, "USER", "joe", "192.0.2.7|lan|joe|staff|192.0.2.7|USER|2121|ann|ann|North Side|"},
		"path_variable":                    {[]Rule{rewriteTo("(.*)", "%F!")}, "RETR", "a/b", "a/b!"},
		"path_variable_of_no_path":         {[]Rule{rewriteTo("(.*)", "%F!")}, "USER", "a/b", "!"},
		"time":                             {[]Rule{rewriteTo("(.*)", "%{TIME} %t")}, "USER", "joe", "20310203040506 1927944306"},
		"time_parts":                       {[]Rule{rewriteTo("(.*)", "%{TIME_YEAR}-%{TIME_MON}-%{TIME_DAY} %{TIME_WDAY} %{TIME_HOUR}:%{TIME_MIN}:%{TIME_SEC}")}, "USER", "joe", "2031-02-03 01 04:05:06"},
		"environment":                      {[]Rule{rewriteTo("(.*)", "$1.%{ENV:SITE}%{env:NONE}")}, "USER", "joe", "joe.north"},
		"environment_of_the_session_first": {[]Rule{rewriteTo("(.*)", "%{env:TLS_CLIENT_S_DN_CN}")}, "USER", "joe", "Ann"},

		// What the client says is no template.
		"client_sends_a_variable":       {[]Rule{rewriteTo("(.*)", "x$1")}, "USER", "%a%{ENV:SITE}$0", "x%a%{ENV:SITE}$0"},
		"client_sends_a_map":            {[]Rule{rewriteTo("(.*)", "${lower:$1}x")}, "USER", "${users:root}", "${users:root}x"},
		"client_ends_the_key":           {[]Rule{rewriteTo("(.*)", "${users:$1|none}")}, "USER", "joe|root}", "none"},
		"client_sends_the_delimiter":    {[]Rule{rewriteTo("(.*)", "${replace:/$1/ /_}")}, "USER", "a/b/c d", "a/b/c_d"},
		"condition_text_is_no_template": {[]Rule{rewriteTo("(.*)", "%1", on("$1", "(.*)"))}, "USER", "%m", "%m"},

		// Maps.
		"map_in_a_map":                     {[]Rule{rewriteTo("(.*)", "${users:${lower:$1}|none}")}, "USER", "ROOT", "anonymous"},
		"map_in_a_default":                 {[]Rule{rewriteTo("(.*)", "${users:$1|${lower:$1}}")}, "USER", "JOE", "joe"},
		"map_key_with_a_variable":          {[]Rule{rewriteTo("(.*)", "${upper:%{ENV:SITE}}-$1")}, "USER", "joe", "NORTH-joe"},
		"map_empty_default":                {[]Rule{rewriteTo("(.*)", "x${users:$1|}")}, "USER", "joe", "x"},
		"replace_nothing_to_do":            {[]Rule{rewriteTo("(.*)", "x${replace:/$1/ /_}")}, "USER", "joe", "xjoe"},
		"replace_nothing_to_do_default":    {[]Rule{rewriteTo("(.*)", "x${replace:/$1/ /_|none}")}, "USER", "joe", "xnone"},
		"replace_eight":                    {[]Rule{rewriteTo("(.*)", "${replace:/$1/a/bb}")}, "USER", "aaaaaaaa", "bbbbbbbbbbbbbbbb"},
		"replace_nine":                     {[]Rule{rewriteTo("(.*)", "${replace:/$1/a/bb}")}, "USER", "aaaaaaaaa", "aaaaaaaaa"},
		"replace_by_nothing":               {[]Rule{rewriteTo("(.*)", "${replace:/$1/-/}")}, "USER", "a-b-c", "abc"},
		"replace_by_the_delimiter":         {[]Rule{rewriteTo("(.*)", "${replace:/$1/-//}")}, "USER", "a-b", "a/b"},
		"replace_nothing_at_all":           {[]Rule{rewriteTo("(.*)", "${replace:/$1//x}")}, "USER", "joe", "joe"},
		"replace_as_the_client_says":       {[]Rule{rewriteTo("(.*)", "${replace:$1}")}, "USER", ",a-b,-,+", "a+b"},
		"replace_as_the_client_says_badly": {[]Rule{rewriteTo("(.*)", "${replace:$1}")}, "USER", ",a-b", ",a-b"},
		"unescape":                         {[]Rule{rewriteTo("(.*)", "${unescape:$1}")}, "CWD", "a%20b%7e%7E", "a b~~"},
		"unescape_no_second_time":          {[]Rule{rewriteTo("(.*)", "${unescape:$1}")}, "CWD", "%2541", "%41"},
		"unescape_bad":                     {[]Rule{rewriteTo("(.*)", "${unescape:$1|bad}")}, "CWD", "a%2", "bad"},
		"unescape_slash":                   {[]Rule{rewriteTo("(.*)", "${unescape:$1|bad}")}, "CWD", "..%2f..", "bad"},
		"unescape_nul":                     {[]Rule{rewriteTo("(.*)", "${unescape:$1|bad}")}, "CWD", "a%00", "bad"},
		"latin":                            {[]Rule{rewriteTo("(.*)", "${latin:$1}")}, "CWD", "käse", "k\xe4se"},
		"latin_one_letter":                 {[]Rule{rewriteTo("(.*)", "${latin:$1}")}, "CWD", "ä", "\xe4"},
		"latin_other_letters":              {[]Rule{rewriteTo("(.*)", "${latin:$1|no}")}, "CWD", "€", "no"},
		"latin_already":                    {[]Rule{rewriteTo("(.*)", "${latin:$1|no}")}, "CWD", "k\xe4se", "no"},
		"idna":                             {[]Rule{rewriteTo("(.*)", "${idna:$1}")}, "HOST", "Bücher.example", "xn--bcher-kva.example"},
		"idna_sharp_s":                     {[]Rule{rewriteTo("(.*)", "${idna:$1}")}, "HOST", "straße.example", "strasse.example"},
		"idna_ascii":                       {[]Rule{rewriteTo("(.*)", "${idna:$1}")}, "HOST", "ftp.example", "ftp.example"},
		"idna_bad":                         {[]Rule{rewriteTo("(.*)", "${idna:$1|no}")}, "HOST", "xn--\xff", "no"},
		"lower_leaves_other_bytes":         {[]Rule{rewriteTo("(.*)", "${lower:$1}")}, "CWD", "Ä\xc4Z[@", "Ä\xc4z[@"},
		"first_map_of_a_name":              {[]Rule{rewriteTo("(.*)", "${lower:$1}")}, "CWD", "aB", "ab"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, changed, err := compile(t, c.rules...).Apply(command(c.verb, c.arg))
			if err != nil || got != c.want || changed != (c.want != c.arg) {
				t.Errorf("%s %q became %q (changed: %t, %v), want %q", c.verb, c.arg, got, changed, err, c.want)
			}
		})
	}
}

// Claim 3: nothing that ends a command comes out of a rule, and a client whose
// text would do that is refused, not passed on as it is.
func TestRefused(t *testing.T) {
	long := strings.Repeat("x", MaxResult)
	cases := map[string]struct {
		rule Rule
		arg  string
		want error
	}{
		"line_feed":                {rewriteTo("(.*)", "t-${unescape:$1}"), "a%0aDELE f", ErrForbiddenByte},
		"carriage_return":          {rewriteTo("(.*)", "${unescape:$1}"), "a%0D", ErrForbiddenByte},
		"nul_from_a_file":          {rewriteTo("(.*)", "${users:$1}"), "evil", ErrForbiddenByte},
		"too_long":                 {rewriteTo("(.*)", "x$1"), long, ErrTooLong},
		"too_long_a_key":           {rewriteTo("(.*)", "${lower:$1$1}"), long, ErrTooLong},
		"too_long_by_replacing":    {rewriteTo("(.*)", "${replace:/a$1/a/$1bbb}"), long[2:], ErrTooLong},
		"too_long_a_condition":     {rewriteTo("(.*)", "y", on("$1$1", "x")), long, ErrTooLong},
		"too_long_in_a_comparison": {rewriteTo("(.*)", "y", on("$1$1", "=x")), long, ErrTooLong},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, changed, err := compile(t, c.rule).Apply(command("USER", c.arg))
			if !errors.Is(err, c.want) || changed || got != c.arg {
				t.Errorf("got %.20q, %t, %v, want %v", got, changed, err, c.want)
			}
			if err != nil && (!strings.Contains(err.Error(), "here") || strings.Contains(err.Error(), "DELE")) {
				t.Errorf("the message names no rule, or what was sent: %v", err)
			}
		})
	}
}

func TestCompileRefuses(t *testing.T) {
	cases := map[string]struct {
		rules Rules
		gist  string
	}{
		"unknown_map":              {Rules{Rules: []Rule{rewriteTo("x", "${nobody:$1}")}}, "no RewriteMap nobody"},
		"unknown_map_in_a_key":     {Rules{Rules: []Rule{rewriteTo("x", "${lower:${nobody:$1}}")}, Maps: usual(t)}, "no RewriteMap nobody"},
		"unknown_map_in_condition": {Rules{Rules: []Rule{rewriteTo("x", "y", on("${nobody:$1}", "x"))}}, "no RewriteMap nobody"},
		"map_never_closed":         {Rules{Rules: []Rule{rewriteTo("x", "${lower:$1")}, Maps: usual(t)}, "badly formatted map"},
		"default_never_closed":     {Rules{Rules: []Rule{rewriteTo("x", "${lower:$1|a")}, Maps: usual(t)}, "badly formatted map"},
		"map_without_a_key":        {Rules{Rules: []Rule{rewriteTo("x", "${lower}")}, Maps: usual(t)}, "badly formatted map"},
		"map_without_a_name":       {Rules{Rules: []Rule{rewriteTo("x", "${:x}")}, Maps: usual(t)}, "badly formatted map"},
		"replaceall_of_two":        {Rules{Rules: []Rule{rewriteTo("x", "${replace:/$1/a}")}, Maps: usual(t)}, "expected ${replace:/text/old/new}"},
		"unknown_function":         {Rules{Maps: []Map{{Name: "m", Function: "rot13"}}}, "no function 'rot13'"},
		"nested_without_end":       {Rules{Rules: []Rule{rewriteTo("x", strings.Repeat("${lower:", 20))}, Maps: usual(t)}, "nested deeper"},
		"no_expression":            {Rules{Rules: []Rule{{Subst: "x"}}}, "no regular expression"},
		"condition_without_one":    {Rules{Rules: []Rule{rewriteTo("x", "y", Condition{Subject: "%m"})}}, "no regular expression"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if s, err := Compile(c.rules); err == nil || s != nil || !strings.Contains(err.Error(), c.gist) {
				t.Errorf("got %v, want an error about %q", err, c.gist)
			}
		})
	}
}

func TestReplaceLimitIsTheConfigurations(t *testing.T) {
	s, err := Compile(Rules{Rules: []Rule{rewriteTo("(.*)", "${replace:/$1/a/b}")}, Maps: usual(t), MaxReplace: 32})
	if err != nil {
		t.Fatal(err)
	}
	if got, _, _ := s.Apply(command("USER", strings.Repeat("a", 32))); got != strings.Repeat("b", 32) {
		t.Errorf("got %q", got)
	}
	if got, changed, _ := s.Apply(command("USER", strings.Repeat("a", 33))); changed {
		t.Errorf("got %q", got)
	}
}

func TestNothingIsAllocatedWithoutAMatch(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	s := compile(t,
		rewriteTo("(.*)", "${lower:$1}-%1", on("%m", "^(USER)$")),
		rewriteTo(`^dom\\(.*)`, "$1"),
		rewriteTo("(.*)", "x$1", on("%m", "=PASS"), on("%c", "<a")))
	info := command("RETR", "some/long/path/of/a/file.txt")
	var got string
	if n := testing.AllocsPerRun(200, func() { got, _, _ = s.Apply(info) }); n != 0 {
		t.Errorf("%v allocations a command", n)
	}
	if got != info.Arg {
		t.Errorf("got %q", got)
	}
}
