package gateway

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/sourcegraph/conc"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/actors/ftpsession"
	"github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"
	"github.com/sluice-gateway/sluice/runtime/config"
)

// regimeOf is what a configuration says about clients of no class, and the setup
// that it is made for.
func regimeOf(t testing.TB, text string) (regime, *ftpsession.Setup) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, report := config.Load(path, config.Options{})
	if cfg == nil {
		t.Fatal(report.Problems)
	}
	g := &Gateway{log: zerolog.Nop(), logs: &logbook{host: "host"}}
	g.opts.Version = "9.9"
	server := cfg.Servers[0]
	own := &ftpsession.Setup{Server: server.Name, Dialogue: dialogueOf(cfg, server, server.Settings(""))}
	own.Dialogue.Greeting = g.greeting(server, server.Settings(""))
	return regime{gateway: g, cfg: cfg, server: server, files: g.displays(cfg, server)}, own
}

const proxied = "ProxyEngine on\nProxyReverseServers ftp://127.0.0.1:1\nProxyOptions UseReverseProxyAuth\n"

func by(user string, groups ...string) dialogue.Caller {
	return dialogue.Caller{Addr: netip.MustParseAddr("192.0.2.1"), User: user, Groups: groups}
}

func TestRules_none_cost_nothing(t *testing.T) {
	r, own := regimeOf(t, proxied)
	r.enforce(own)
	if own.Dialogue.Rules != nil || own.Later != nil || own.Admits != nil {
		t.Errorf("made %+v", own.Dialogue.Rules)
	}
}

func TestRules_of_who_logged_in(t *testing.T) {
	r, own := regimeOf(t, proxied+`
<Limit STOR>
DenyGroup guests
Deny from 192.0.2.9
</Limit>
<IfUser regex ^t>
  TimeoutIdle 7
  TimeoutStalled 8
  PassivePorts 5000 6000
  <Limit STOR>
  AllowAll
  </Limit>
  <Limit PWD>
  DenyUser tom
  </Limit>
</IfUser>`)
	r.enforce(own)
	rules := own.Dialogue.Rules
	if why := rules.Refuses("STOR", by("joe", "guests")); !strings.HasPrefix(why, "<Limit> at /") || !strings.Contains(why, "conf:5:") {
		t.Errorf("a guest is refused by %q", why)
	}
	if rules.Refuses("STOR", by("joe")) != "" || rules.Refuses("STOR", dialogue.Caller{Addr: netip.MustParseAddr("192.0.2.9")}) == "" {
		t.Error("groups that are unknown count, or addresses do not")
	}
	if own.Later(by("joe")) != nil || rules.Later(by("joe")) != nil {
		t.Error("joe has settings of his own")
	}
	tom := own.Later(by("tom", "guests"))
	if tom != own.Later(by("tim")) || rules.Later(by("tom")) != &tom.Dialogue {
		t.Error("users of the same sections share no setup")
	}
	if tom.Of != own || tom.Later != nil || tom.Dialogue.Rules.Later != nil || tom.Dialogue.TimeoutIdle.Seconds() != 7 || tom.Stalled.Seconds() != 8 || tom.PassivePorts.Low != 5000 {
		t.Errorf("tom has %+v", tom)
	}
	if own.Dialogue.TimeoutIdle.Seconds() != 600 {
		t.Error("the settings of all have changed")
	}
	if now := tom.Dialogue.Rules; now.Refuses("STOR", by("tom", "guests")) != "" || now.Refuses("PWD", by("tom")) == "" || now.Refuses("PWD", by("tim")) != "" {
		t.Error("the limits of the section do not count")
	}
}

// TestRules_by_class: one set of settings, and rules for each class.
func TestRules_by_class(t *testing.T) {
	r, own := regimeOf(t, proxied+`
<Class lan>
From 192.0.2.0/24
</Class>
<Limit STOR>
DenyClass lan
</Limit>
<IfUser tom>
<Limit STOR>
AllowClass lan
</Limit>
</IfUser>`)
	other := *own
	r.of("lan").enforce(own)
	r.of("").enforce(&other)
	if own.Dialogue.Rules.Refuses("STOR", by("joe")) == "" || other.Dialogue.Rules.Refuses("STOR", by("joe")) != "" {
		t.Error("a rule about a class is for another one")
	}
	if own.Later(by("tom")).Dialogue.Rules.Refuses("STOR", by("tom")) != "" {
		t.Error("the section for a user forgets the class")
	}
}

// TestRules_lose_nothing: what a setup has that is not in its settings, a variant of it has, too.
func TestRules_lose_nothing(t *testing.T) {
	r, own := regimeOf(t, proxied+"<IfAuthenticated>\nDenyFilter x\n</IfAuthenticated>")
	all := reflect.ValueOf(&own.Dialogue).Elem()
	for i := range all.NumField() {
		switch field := all.Field(i); field.Kind() {
		case reflect.Func:
			field.Set(reflect.MakeFunc(field.Type(), nil))
		case reflect.Struct:
			if field.Type() == reflect.TypeFor[netip.Addr]() {
				field.Set(reflect.ValueOf(netip.MustParseAddr("192.0.2.77")))
			}
		}
	}
	own.Dialogue.ForeignAllowed = nil // AllowForeignAddress: of the settings
	r.enforce(own)
	next := reflect.ValueOf(own.Later(by("joe")).Dialogue)
	for i := range all.NumField() {
		name := all.Type().Field(i).Name
		if !all.Field(i).IsZero() && next.Field(i).IsZero() {
			t.Errorf("%s is lost", name)
		}
	}
}

// TestRules_are_bounded: a server keeps so many setups, and no more; each user gets its own all the same.
func TestRules_are_bounded(t *testing.T) {
	var text strings.Builder
	text.WriteString(proxied)
	users := mostVariants + 50
	for i := range users {
		fmt.Fprintf(&text, "<IfUser u%d>\nTimeoutIdle %d\n</IfUser>\n", i, i+1)
	}
	r, own := regimeOf(t, text.String())
	r.enforce(own)
	var crowd conc.WaitGroup
	for range 4 {
		crowd.Go(func() {
			for i := range users {
				if got := own.Later(by(fmt.Sprint("u", i))).Dialogue.TimeoutIdle.Seconds(); got != float64(i+1) {
					t.Errorf("u%d has %v", i, got)
				}
			}
		})
	}
	crowd.Wait()
	kept := func(user string) bool {
		first := own.Later(by(user))
		return first == own.Later(by(user))
	}
	if !kept("u0") {
		t.Error("the first is not kept")
	}
	if kept(fmt.Sprint("u", users-1)) {
		t.Errorf("more than %d are kept", mostVariants)
	}
}

func TestRules_at_connect(t *testing.T) {
	r, own := regimeOf(t, proxied+"<Limit LOGIN>\nDeny from 192.0.2.0/24\nDenyUser eve\n</Limit>")
	r.enforce(own)
	if err := own.Admits(netip.MustParseAddr("192.0.2.1"), ""); err == nil || !strings.Contains(err.Error(), "<Limit LOGIN> at ") {
		t.Errorf("an address that is denied hears %v", err)
	}
	if err := own.Admits(netip.MustParseAddr("192.0.3.1"), ""); err != nil {
		t.Error(err)
	}
	barred := fmt.Errorf("somebody else says no")
	r2, other := regimeOf(t, proxied+"<Limit LOGIN>\nDenyUser eve\n</Limit>")
	other.Admits = func(netip.Addr, string) error { return barred }
	r2.enforce(other)
	if err := other.Admits(netip.MustParseAddr("192.0.3.1"), ""); err != barred {
		t.Errorf("what was asked before is not asked any more: %v", err)
	}
}

func TestRules_about_names(t *testing.T) {
	r, own := regimeOf(t, proxied+"<Limit LOGIN>\nDeny from .evil.test\n</Limit>\n<Limit STOR>\nOrder deny,allow\nAllow from *.friend.test\n</Limit>")
	r.enforce(own)
	addr := netip.MustParseAddr("192.0.2.1")
	for name, c := range map[string]struct{ in, stores bool }{
		"mail.evil.test": {false, false}, "a.friend.test": {true, true}, "": {true, false}, "evil.test.friend.example": {true, false},
	} {
		if err := own.Admits(addr, name); (err == nil) != c.in {
			t.Errorf("%q comes in: %v", name, err)
		}
		if why := own.Dialogue.Rules.Refuses("STOR", dialogue.Caller{Addr: addr, Name: name, User: "joe"}); (why == "") != c.stores {
			t.Errorf("%q stores: %q", name, why)
		}
	}
}

func TestDisplays(t *testing.T) {
	dir := t.TempDir()
	file := func(name, body string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", displayLimit)
	r, own := regimeOf(t, proxied+`ServerName "house"
ServerAdmin me@example.org
MaxClients 9
DisplayConnect `+file("connect", "to %V of %x\r\n\x1b[31m%q\x00\n")+`
DisplayLogin `+file("login", "%E %M %{version} %U\n")+`
DisplayQuit `+filepath.Join(dir, "pipe")+`
<IfUser joe>
DisplayLogin `+file("long", long+"beyond\n")+`
</IfUser>
<IfUser ann>
DisplayLogin `+filepath.Join(dir, "missing")+`
</IfUser>`)
	r.of("friends").enforce(own)
	if want := []string{"to house of friends", "[31m%q"}; !slices.Equal(own.Dialogue.Greeting[:2], want) {
		t.Errorf("greets with %q, want %q", own.Dialogue.Greeting, want)
	}
	rules := own.Dialogue.Rules
	if want := []string{"me@example.org 9 9.9 %U"}; !slices.Equal(rules.AfterLogin, want) || len(rules.AtQuit) > 0 {
		t.Errorf("shows %q and %q, want %q and nothing from a pipe", rules.AfterLogin, rules.AtQuit, want)
	}
	if got := own.Later(by("joe")).Dialogue.Rules.AfterLogin; len(got) != 1 || got[0] != long {
		t.Errorf("of a long line %d lines are shown", len(got))
	}
	if now := own.Later(by("ann")).Dialogue.Rules; now != nil && len(now.AfterLogin) > 0 {
		t.Errorf("from a file that is not there comes %q", now.AfterLogin)
	}
}
