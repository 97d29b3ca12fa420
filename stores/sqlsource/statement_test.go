package sqlsource

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func values() Values {
	return Values{
		Args: []string{"o'brien"}, User: "u", Group: "g", Client: netip.MustParseAddr("::ffff:192.0.2.1"),
		Vars: map[string]string{"TLS_CLIENT_S_DN_CN": "Joe", "EMPTY": ""},
	}
}

func TestStatement(t *testing.T) {
	for claim, tt := range map[string]struct {
		dialect Dialect
		in      string
		text    string
		bound   []any
	}{
		"a_bare_variable_is_a_parameter":         {SQLite, "SELECT url FROM t WHERE n = %{0}", "SELECT url FROM t WHERE n = ?", []any{"o'brien"}},
		"a_quoted_variable_is_one_too":           {SQLite, "SELECT url FROM t WHERE n = '%{0}'", "SELECT url FROM t WHERE n = ?", []any{"o'brien"}},
		"postgres_counts_its_parameters":         {Postgres, "SELECT '%{0}', %u", "SELECT $1, $2", []any{"o'brien", "u"}},
		"mysql_does_not":                         {MySQL, `SELECT "%{0}", %U`, "SELECT ?, ?", []any{"o'brien", "u"}},
		"a_literal_around_it_is_joined":          {SQLite, "SELECT 'a''b-%{0}-c%%'", "SELECT ?", []any{"a'b-o'brien-c%"}},
		"two_in_one_literal_are_one_parameter":   {Postgres, "SELECT '%u@%{0}'", "SELECT $1", []any{"u@o'brien"}},
		"the_environment_of_the_session":         {Postgres, "SELECT '%{env:TLS_CLIENT_S_DN_CN}'", "SELECT $1", []any{"Joe"}},
		"an_absent_variable_is_null":             {Postgres, "SELECT '%{env:NONE}'", "SELECT $1", []any{nil}},
		"so_is_the_literal_around_it":            {Postgres, "SELECT 'cn=%{env:NONE}'", "SELECT $1", []any{nil}},
		"an_empty_one_is_empty":                  {Postgres, "SELECT '%{env:EMPTY}'", "SELECT $1", []any{""}},
		"group_and_address":                      {SQLite, "SELECT %g, %a, %h", "SELECT ?, ?, ?", []any{"g", "192.0.2.1", "192.0.2.1"}},
		"a_doubled_percent_is_one":               {SQLite, "SELECT 5 %% 2, 'a%%'", "SELECT 5 % 2, 'a%'", nil},
		"a_percent_before_no_letter_stays":       {SQLite, "SELECT 5 % 2 WHERE x LIKE 'a%'", "SELECT 5 % 2 WHERE x LIKE 'a%'", nil},
		"a_literal_without_variables_stays":      {MySQL, `SELECT 'a\'b', "it''s"`, `SELECT 'a\'b', "it''s"`, nil},
		"mysql_escapes_are_decoded":              {MySQL, `SELECT '\'\\\n\%%-%{0}'`, "SELECT ?", []any{"'\\\n\\%-o'brien"}},
		"a_backslash_is_itself_elsewhere":        {SQLite, `SELECT '\%{0}'`, "SELECT ?", []any{`\o'brien`}},
		"postgres_decodes_E_alone":               {Postgres, `SELECT E'\t\'%{0}', '\%{0}'`, "SELECT $1, $2", []any{"\t'o'brien", `\o'brien`}},
		"a_quote_after_a_backslash_in_postgres":  {Postgres, `SELECT '\', %{0}`, `SELECT '\', $1`, []any{"o'brien"}},
		"a_national_literal":                     {MySQL, "SELECT N'%{0}'", "SELECT ?", []any{"o'brien"}},
		"dollar_quotes":                          {Postgres, "SELECT $x$it's %{0}$x$, $$a$$", "SELECT $1, $$a$$", []any{"it's o'brien"}},
		"a_word_before_a_literal_is_kept_apart":  {Postgres, "SELECT'%{0}'AS x", "SELECT $1 AS x", []any{"o'brien"}},
		"a_cast_may_follow":                      {Postgres, "SELECT %{0}::text", "SELECT $1::text", []any{"o'brien"}},
		"comments_and_names_are_copied":          {SQLite, "SELECT \"a b\", [c d], `e` /* x */ -- y", "SELECT \"a b\", [c d], `e` /* x */ -- y", nil},
		"quotes_in_comments_are_none":            {SQLite, "SELECT 1 -- it's\n, %{0}", "SELECT 1 -- it's\n, ?", []any{"o'brien"}},
		"comments_in_quotes_are_none":            {SQLite, "SELECT '--', '/*', %{0}", "SELECT '--', '/*', ?", []any{"o'brien"}},
		"postgres_nests_comments":                {Postgres, "SELECT /* /* ' */ ' */ %{0}", "SELECT /* /* ' */ ' */ $1", []any{"o'brien"}},
		"mysql_wants_a_blank_after_dashes":       {MySQL, "SELECT 5--1, %{0} # %", "SELECT 5--1, ? # %", []any{"o'brien"}},
		"a_last_semicolon_goes":                  {SQLite, "SELECT %{0}; -- end", "SELECT ? -- end", []any{"o'brien"}},
		"operators_with_question_marks":          {Postgres, "SELECT a ? 'b', %{0}", "SELECT a ? 'b', $1", []any{"o'brien"}},
		"dollars_in_names":                       {Postgres, "SELECT a$1 FROM t WHERE x=%{0}", "SELECT a$1 FROM t WHERE x=$1", []any{"o'brien"}},
		"variables_of_mysql":                     {MySQL, "SELECT @x, %{0}", "SELECT @x, ?", []any{"o'brien"}},
		"times_are_no_parameters":                {Postgres, "SELECT a[1:2], %{0}", "SELECT a[1:2], $1", []any{"o'brien"}},
		"letters_beyond_ascii_belong_to_names":   {Postgres, "SELECT straße FROM t WHERE x = %{0}", "SELECT straße FROM t WHERE x = $1", []any{"o'brien"}},
		"a_variable_between_brackets":            {SQLite, "SELECT url FROM t WHERE n IN (%{0},%u)", "SELECT url FROM t WHERE n IN (?,?)", []any{"o'brien", "u"}},
		"an_argument_that_was_not_given_is_null": {SQLite, "SELECT %{1}", "SELECT ?", []any{nil}},
	} {
		t.Run(claim, func(t *testing.T) {
			s, err := Parse(tt.dialect, tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if s.Text() != tt.text {
				t.Errorf("text %q, want %q", s.Text(), tt.text)
			}
			if got := s.bind(values()); len(got) != len(tt.bound) || len(got) > 0 && !cmp.Equal(got, tt.bound) {
				t.Errorf("bound %q, want %q", got, tt.bound)
			}
		})
	}
}

func TestStatementMistakes(t *testing.T) {
	for claim, tt := range map[string]struct {
		dialect Dialect
		in      string
		want    string
	}{
		"part_of_a_name":                {SQLite, "SELECT url FROM servers_%{0}", "part of a name"},
		"beginning_of_a_name":           {SQLite, "SELECT url FROM %{0}_servers", "part of a name"},
		"after_a_dot":                   {SQLite, "SELECT url FROM db.%{0}", "part of a name"},
		"in_a_quoted_name":              {Postgres, `SELECT url FROM "%{0}"`, "stand for a value only"},
		"in_back_quotes":                {MySQL, "SELECT url FROM `%u`", "stand for a value only"},
		"in_brackets_of_sqlite":         {SQLite, "SELECT [%{0}]", "stand for a value only"},
		"in_double_quotes_of_sqlite":    {SQLite, `SELECT url FROM t WHERE x = "%{0}"`, "quoted with '"},
		"in_a_comment":                  {SQLite, "SELECT 1 -- %{0}", "in a comment"},
		"in_a_bracketed_comment":        {MySQL, "SELECT 1 /*! %{0} */", "in a comment"},
		"as_a_function":                 {SQLite, "SELECT %{0}(1)", "part of a name"},
		"two_side_by_side":              {SQLite, "SELECT %{0}%{0}", "between quotes"},
		"in_a_binary_literal":           {Postgres, "SELECT X'%{0}'", "begins with X"},
		"in_a_unicode_literal":          {Postgres, "SELECT U&'%{0}'", "begins with U&"},
		"in_a_literal_with_a_charset":   {MySQL, "SELECT _latin1'%{0}'", "begins with _LATIN1"},
		"beside_another_literal":        {MySQL, "SELECT 'a' '%{0}'", "make them one"},
		"another_literal_beside_it":     {MySQL, "SELECT '%{0}' 'a'", "make them one"},
		"a_backslash_before_it":         {MySQL, `SELECT 'a\%{0}'`, "backslash"},
		"numeric_escapes":               {Postgres, `SELECT E'\x41%{0}'`, `\x is not understood`},
		"a_second_statement":            {SQLite, "SELECT 1; DROP TABLE t", "second statement"},
		"parameters_of_its_own":         {SQLite, "SELECT ?", "parameter of its own"},
		"named_ones":                    {SQLite, "SELECT :name", "parameter of its own"},
		"numbered_ones":                 {Postgres, "SELECT $1", "parameter of its own"},
		"those_of_mysql":                {MySQL, "SELECT ?", "parameter of its own"},
		"an_open_literal":               {SQLite, "SELECT 'a", "closing ' is missing"},
		"a_literal_that_a_quote_leaves": {MySQL, `SELECT '%{0}\'`, "closing ' is missing"},
		"an_open_comment":               {SQLite, "SELECT /* a", "closing */ is missing"},
		"an_open_nested_comment":        {Postgres, "SELECT /* /* */", "closing */ is missing"},
		"an_open_bracket":               {SQLite, "SELECT [a", "closing ] is missing"},
		"open_dollars":                  {Postgres, "SELECT $a$ x", "closing $a$ is missing"},
		"an_unknown_variable":           {SQLite, "SELECT '%m'", "%m is not known when a client logs in"},
		"an_unknown_long_one":           {SQLite, "SELECT '%{basename}'", "%{basename} is not known"},
		"an_environment_without_name":   {SQLite, "SELECT '%{env:}'", "does not name a variable"},
		"a_name_with_other_characters":  {SQLite, "SELECT '%{env:A B}'", "does not name a variable"},
		"an_open_variable":              {SQLite, "SELECT '%{0", "closing ' is missing"},
		"an_open_brace":                 {SQLite, "SELECT '%{0'", "no closing }"},
		"a_signed_argument":             {SQLite, "SELECT %{+1}", "is not known"},
		"nul":                           {SQLite, "SELECT \x00", "NUL"},
		"nothing":                       {SQLite, " ; -- nothing", "no statement"},
		"too_much":                      {SQLite, "SELECT " + strings.Repeat(" ", 64<<10), "at most"},
		"too_many_variables":            {SQLite, "SELECT " + strings.Repeat("%u,", 101), "more than 100 variables"},
	} {
		t.Run(claim, func(t *testing.T) {
			s, err := Parse(tt.dialect, tt.in)
			if err == nil {
				t.Fatalf("accepted as %q", s.Text())
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q, want %q in it", err, tt.want)
			}
		})
	}
}

func TestReads(t *testing.T) {
	for text, want := range map[string]bool{
		"SELECT 1": true, "  (select 1)": true, "-- x\nselect 1": true, "WITH a AS (SELECT 1) SELECT * FROM a": true,
		"WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a": false, "UPDATE t SET x = 1 RETURNING url": false,
		"CALL servers(%{0})": false, "VALUES (1)": true,
	} {
		s, err := Parse(Postgres, text)
		if err != nil {
			t.Fatal(err)
		}
		if s.Reads() != want {
			t.Errorf("%q reads: %v, want %v", text, s.Reads(), want)
		}
	}
}

// placeholders counts what a database would take for parameters.
func placeholders(t *testing.T, d Dialect, text string) int {
	t.Helper()
	n := 0
	for at := 0; at < len(text); {
		kind, end, err := d.span(text, at)
		if err != nil || end <= at {
			t.Fatalf("what was made cannot be read again: at %d of %q: %v", at, text, err)
		}
		raw := text[at:end]
		if kind == plain && (raw == "?" && d != Postgres || d == Postgres && raw[0] == '$' && len(raw) > 1 && isDigit(raw[1])) {
			n++
		}
		at = end
	}
	return n
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"SELECT url FROM t WHERE n = %{0}", "SELECT 'a''b-%{0}', \"x\"", `SELECT E'\'%{0}'`, "SELECT $a$%u$a$ /* /* */ */",
		"SELECT `%%` [a] -- x\n;", "SELECT N'%{env:TLS_X}' # y", "SELECT U&'a', _b'c', 5--1", "SELECT '%{0}\\", "(%{0},%a)",
	} {
		for d := SQLite; d <= MySQL; d++ {
			f.Add(uint8(d), s, "o'brien")
		}
	}
	f.Fuzz(func(t *testing.T, dialect uint8, text, value string) {
		d := Dialect(dialect%3) + SQLite
		s, err := Parse(d, text)
		if err != nil {
			return
		}
		if got := placeholders(t, d, s.Text()); got != len(s.params) {
			t.Fatalf("%s: %q became %q with %d parameters, of which %d are bound", d, text, s.Text(), got, len(s.params))
		}
		before := s.Text()
		bound := s.bind(Values{Args: []string{value}, User: value})
		if len(bound) != len(s.params) || s.Text() != before {
			t.Fatalf("binding changed the statement: %q, then %q", before, s.Text())
		}
	})
}
