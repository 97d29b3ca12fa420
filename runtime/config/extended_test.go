package config

import (
	"strings"
	"testing"
)

func TestLogFormatProblemsHavePlaces(t *testing.T) {
	cases := map[string]struct{ src, want string }{
		"quoted":           {`LogFormat x "%m %k"`, `1:17`},
		"bare":             {`LogFormat x %m%{nothing}`, `1:15`},
		"a_brace_too_few":  {"\n" + `LogFormat x "%{epoch"`, `2:14`},
		"an_unknown_note":  {`LogFormat x "%{note:mod_x.y}"`, `mod_proxy.backend-ip`},
		"several_in_order": {`LogFormat x "%k %{none}"`, `%{none} is no variable`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			cfg, r := loadText(c.src, nil)
			if cfg == nil || !strings.Contains(describe(r), c.want) {
				t.Errorf("want a warning with %q, got\n%s", c.want, describe(r))
			}
		})
	}
	t.Run("a_good_format_is_passed_without_a_word", func(t *testing.T) {
		if _, r := loadText(`LogFormat x "%h %{%Y}t %{FOO}e %% %{note:mod_proxy.backend-url}"`, nil); strings.Contains(describe(r), "LogFormat") {
			t.Error(describe(r))
		}
	})
}

func TestExtendedLogFormats(t *testing.T) {
	cases := map[string]struct {
		src    string
		format string
		json   bool
	}{
		"none_named":                   {"ExtendedLog /x ALL", DefaultLogFormat, false},
		"json_is_built_in":             {"ExtendedLog /x ALL JSON", DefaultLogFormat, true},
		"unless_a_format_is_so_called": {"LogFormat json %m\nExtendedLog /x ALL json", "%m", false},
		"an_unknown_one":               {"ExtendedLog /x ALL fancy", DefaultLogFormat, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			cfg, r := loadText(c.src, nil)
			if cfg == nil {
				t.Fatal(describe(r))
			}
			log := cfg.Servers[0].Settings("").Logs.Extended[0]
			if log.Format != c.format || log.JSON != c.json {
				t.Errorf("got %+v", log)
			}
			if said := strings.Contains(describe(r), "there is no LogFormat"); said != (name == "an_unknown_one") {
				t.Error(describe(r))
			}
		})
	}
}
