package logfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rs/zerolog"
)

var at = time.Date(2026, 8, 5, 7, 4, 3, 9_999_999, time.Local)

// encoded is the event that log makes, as zerolog encodes it.
func encoded(log func(zerolog.Logger)) []byte {
	var b bytes.Buffer
	log(zerolog.New(&b))
	return b.Bytes()
}

func TestFormats(t *testing.T) {
	system := SystemFormat{Host: "gw1", PID: 42}
	proxy := ProxyFormat{Version: "1.0", PID: 42}
	cases := []struct {
		name   string
		format Format
		log    func(zerolog.Logger)
		want   string
	}{
		{"system_without_server_and_client", system, func(l zerolog.Logger) { l.Info().Msg("started") },
			"2026-08-05 07:04:03,009 gw1 sluice[42]: started\n"},
		{"system_with_server", system, func(l zerolog.Logger) { l.Info().Str("server", "ftp.example.com").Msg("listening") },
			"2026-08-05 07:04:03,009 gw1 sluice[42] ftp.example.com: listening\n"},
		{"system_with_client", system, func(l zerolog.Logger) {
			l.Info().Str("server", "ftp").Str("client", "192.0.2.7").Msg("FTP session opened.")
		}, "2026-08-05 07:04:03,009 gw1 sluice[42] ftp (192.0.2.7[192.0.2.7]): FTP session opened.\n"},
		{"system_with_the_clients_name", system, func(l zerolog.Logger) {
			l.Info().Str("server", "ftp").Str("client", "2001:db8::7").Str("client_name", "c.example").Msg("x")
		}, "2026-08-05 07:04:03,009 gw1 sluice[42] ftp (c.example[2001:db8::7]): x\n"},
		{"fields_follow_in_order_with_the_level_first", system, func(l zerolog.Logger) {
			l.Warn().Str("b", "two words").Int("a", 7).Bool("c", true).Err(errors.New("no route")).Msg("connecting")
		}, `2026-08-05 07:04:03,009 gw1 sluice[42]: connecting level=warn b="two words" a=7 c=true error="no route"` + "\n"},
		{"nested_values_stay_json", system, func(l zerolog.Logger) { l.Info().Ints("ports", []int{1, 2}).Msg("x") },
			"2026-08-05 07:04:03,009 gw1 sluice[42]: x ports=[1,2]\n"},
		{"the_loggers_own_time_is_not_repeated", system, func(l zerolog.Logger) { l.Info().Timestamp().Msg("x") },
			"2026-08-05 07:04:03,009 gw1 sluice[42]: x\n"},
		{"a_message_cannot_forge_a_line", system, func(l zerolog.Logger) { l.Info().Str("file", "a\r\nb").Msg("x\n2026 \x1b[2J\x00") },
			`2026-08-05 07:04:03,009 gw1 sluice[42]: x\n2026 \u001b[2J\u0000 file="a\r\nb"` + "\n"},
		{"a_name_cannot_either", system, func(l zerolog.Logger) {
			l.Info().Str("client", "192.0.2.1").Str("client_name", "evil\nname").Msg("x")
		}, `2026-08-05 07:04:03,009 gw1 sluice[42] (evil\nname[192.0.2.1]): x` + "\n"},
		{"proxy", proxy, func(l zerolog.Logger) { l.Info().Msg("selected backend server 'ftp://b1'") },
			"2026-08-05 07:04:03,009 mod_proxy/1.0[42]: selected backend server 'ftp://b1'\n"},
		{"proxy_names_server_and_client_as_fields", proxy, func(l zerolog.Logger) {
			l.Info().Str("client", "192.0.2.7").Uint64("session", 9).Str("server", "ftp").Msg("x")
		}, "2026-08-05 07:04:03,009 mod_proxy/1.0[42]: x session=9 server=ftp client=192.0.2.7\n"},
		{"console", ConsoleFormat{}, func(l zerolog.Logger) { l.Error().Str("client", "::1").Msg("lost") },
			"07:04:03.009 ERROR lost client=::1\n"},
		{"console_in_colour", ConsoleFormat{Color: true}, func(l zerolog.Logger) { l.Info().Msg("up") },
			"07:04:03.009 \x1b[36minfo \x1b[0m up\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := string(c.format.Append(nil, encoded(c.log), at)); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestJSONFormat(t *testing.T) {
	for name, c := range map[string]struct{ line, message string }{
		"an_event":       {`{"level":"info","message":"x"}` + "\n", "x"},
		"an_empty_event": {`{}`, ""},
		"no_event":       {"plain \"text\"\x1b", "plain \"text\"\x1b"},
	} {
		t.Run(name, func(t *testing.T) {
			got := JSONFormat{}.Append([]byte("before|"), []byte(c.line), at)
			rest, ok := bytes.CutPrefix(got, []byte("before|"))
			var e map[string]any
			if err := json.Unmarshal(rest, &e); err != nil || !ok || bytes.Count(rest, []byte("\n")) != 1 {
				t.Fatalf("%q: %v", got, err)
			}
			if e["time"] != at.Format("2006-01-02T15:04:05.000Z07:00") || (c.message != "" && e["message"] != c.message) {
				t.Errorf("got %v", e)
			}
		})
	}
}

func TestSecret(t *testing.T) {
	const word = "canary-Pa55"
	secret := Secret(word)
	var log bytes.Buffer
	logger := zerolog.New(&log)
	logger.Info().Stringer("a", secret).Any("b", secret).Interface("c", map[string]any{"p": secret}).
		Msgf("%s %v %q %x %#v %d", secret, secret, secret, secret, secret, secret)
	text, err := json.Marshal(struct{ P Secret }{secret})
	must(t, err)
	all := log.String() + string(text) + fmt.Sprint(secret) + fmt.Sprintf("%+v", struct{ P Secret }{secret}) +
		fmt.Errorf("logging in with %v", secret).Error() + fmt.Sprintf("%#v", &struct{ P Secret }{secret})
	hex := fmt.Sprintf("%x", word)
	if strings.Contains(all, word) || strings.Contains(all, hex) || strings.Contains(all, strings.ToUpper(hex)) {
		t.Errorf("the secret shows in %s", all)
	}
	if got := strings.Count(all, "(hidden)"); got != 14 {
		t.Errorf("hidden %d times in %s, want 14", got, all)
	}
	if secret.Reveal() != word {
		t.Error("Reveal must give the text")
	}
}

func FuzzFormats(f *testing.F) {
	f.Add([]byte(`{"level":"warn","server":"a","client":"b","message":"c","k":{"n":[1,"\u2028"]}}`))
	f.Add([]byte("{\"a\":\"\\n\""))
	f.Add([]byte("\xff{}\n\r\x1b"))
	f.Fuzz(func(t *testing.T, line []byte) {
		for _, format := range []Format{SystemFormat{Host: "h"}, ProxyFormat{Version: "1"}, ConsoleFormat{}} {
			got := format.Append(nil, line, at)
			if !bytes.HasSuffix(got, []byte("\n")) || bytes.Count(got, []byte("\n")) != 1 || !utf8.Valid(got) {
				t.Fatalf("%T made %q of %q: not one line of text", format, got, line)
			}
			for _, r := range string(got[:len(got)-1]) {
				if unicode.IsControl(r) {
					t.Fatalf("%T let %q through in %q", format, r, got)
				}
			}
		}
	})
}

func BenchmarkSystemFormat(b *testing.B) {
	line := encoded(func(l zerolog.Logger) {
		l.Info().Str("server", "ftp").Str("client", "192.0.2.7").Uint64("session", 12345).Str("backend", "ftp://b1:21").Msg("selected")
	})
	format := SystemFormat{Host: "gw1", PID: 42}
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		out = format.Append(out[:0], line, at)
	}
}
