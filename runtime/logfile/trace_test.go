package logfile

import (
	"bytes"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

func TestTraceFormat(t *testing.T) {
	at := time.Date(2026, 8, 5, 7, 4, 3, 21e6, time.Local)
	cases := []struct{ name, base, line, want string }{
		{"a_choice", "proxy", `{"level":"info","session":7,"server":"s","client":"1.2.3.4","message":"selected backend server 'ftp://b'"}`,
			"<proxy.reverse:5>: selected backend server 'ftp://b' session=7 server=s client=1.2.3.4"},
		{"a_banner", "proxy", `{"level":"debug","message":"received banner from backend"}`, "<proxy.ftp.ctrl:10>: received banner from backend"},
		{"a_handshake", "proxy", `{"level":"warn","message":"TLS negotiation failed on control channel"}`, "<proxy.tls:3>: TLS negotiation failed on control channel"},
		{"no_connection", "proxy", `{"level":"error","message":"error connecting to 1.2.3.4#21: refused"}`, "<proxy.conn:1>: error connecting to 1.2.3.4#21: refused"},
		{"none_of_these", "proxy", `{"level":"info","message":"hello"}`, "<proxy:5>: hello"},
		{"another_log", "session", `{"level":"info","message":"backend"}`, "<session:5>: backend"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := string(TraceFormat{PID: 9, Base: c.base}.Append(nil, []byte(c.line), at))
			if want := "2026-08-05 07:04:03,021 [9] " + c.want + "\n"; got != want {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
}

func TestTraceMessage(t *testing.T) {
	var b bytes.Buffer
	log := zerolog.New(&b)
	log.Info().Str("x", `"message":"forged"`).Msg("the real one")
	if got := string(TraceMessage(b.Bytes())); got != "the real one\"}\n" {
		t.Errorf("found %q", got)
	}
	if got := TraceMessage([]byte(`{"level":"info"}`)); got != nil {
		t.Errorf("found %q", got)
	}
}
