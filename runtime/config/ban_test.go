package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestBans(t *testing.T) {
	c := mustLoad(t, `BanEngine on
BanMessage "%a is banned"
BanOptions MatchAnyServer
BanTable /var/lib/ban.tab
BanOnEvent MaxLoginAttempts 3/00:10:00 01:00:00
BanOnEvent tlshandshake 1/00:00:01 00:00:00 "speak up"
<Class trusted>
  From 10.0.0.0/8
</Class>
<IfClass trusted>
  BanEngine off
</IfClass>`)
	got := c.Servers[0].Settings("").Ban
	want := Ban{Engine: true, Table: "/var/lib/ban.tab", Message: "%a is banned", MatchAnyServer: true, Events: []BanEvent{
		{Event: "MaxLoginAttempts", Count: 3, Window: 10 * time.Minute, Ban: time.Hour},
		{Event: "TLSHandshake", Count: 1, Window: time.Second, Message: "speak up"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if c.Servers[0].Settings("trusted").Ban.Engine {
		t.Error("a class cannot be spared")
	}
}

func TestBanProblems(t *testing.T) {
	for src, want := range map[string]string{
		"BanOptions MatchEverything":                         "unknown BanOption 'MatchEverything'",
		"BanOnEvent MaxCommandRate 9/00:00:01 00:01:00":      "MaxCommandRate never happens at this gateway",
		"BanOnEvent AnonRejectPasswords 1/00:00:01 00:01:00": "AnonRejectPasswords never happens at this gateway",
	} {
		_, r := loadText(src, nil)
		if got := describe(r); !strings.Contains(got, want) {
			t.Errorf("%s: it says %q, want %q", src, got, want)
		}
	}
}
