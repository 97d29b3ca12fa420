package gateway

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/runtime/config"
)

func TestTraceWants(t *testing.T) {
	asked := []config.TraceLevel{
		{Channel: "DEFAULT", High: 3}, {Channel: "proxy.ftp", High: 10}, {Channel: "Proxy.Conn", Low: 2, High: 4},
		{Channel: "proxy.tls", High: 10}, {Channel: "proxy.tls", High: 1},
	}
	cases := []struct {
		channel string
		level   int
		want    bool
	}{
		{"session", 3, true}, {"session", 5, false},
		{"proxy.ftp.ctrl", 10, true}, {"proxy.ftp.ctrl", 20, false},
		{"proxy.conn", 1, false}, {"proxy.conn", 3, true},
		{"proxy.tls", 1, true}, {"proxy.tls", 3, false},
		{"proxy", 3, true},
	}
	for _, c := range cases {
		tr := &tracer{asked: asked}
		if got := tr.wants(c.channel, c.level); got != c.want {
			t.Errorf("%s:%d: %t", c.channel, c.level, got)
		}
	}
	if (&tracer{asked: asked[1:]}).wants("session", 1) {
		t.Error("without DEFAULT nobody asked for this channel")
	}
}

func TestTracerSplits(t *testing.T) {
	var main, trace bytes.Buffer
	log := zerolog.New(&tracer{main: zerolog.MultiLevelWriter(&main), least: zerolog.InfoLevel, base: "proxy",
		trace: zerolog.MultiLevelWriter(&trace), asked: []config.TraceLevel{{Channel: "proxy.ftp", High: 10}}})
	log.Debug().Msg("received banner from backend")
	log.Info().Msg("selected backend server 'x'")
	log.Warn().Msg("backend closes the session")
	if got := main.String(); strings.Contains(got, "banner") || strings.Count(got, "\n") != 2 {
		t.Errorf("the log has %q", got)
	}
	if got := trace.String(); strings.Contains(got, "selected") || strings.Count(got, "\n") != 2 {
		t.Errorf("the trace has %q", got)
	}
}
