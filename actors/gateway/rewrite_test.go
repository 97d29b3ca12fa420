package gateway

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/actors/ftpsession"
	"github.com/sluice-gateway/sluice/runtime/config"
)

// scribe rewrites as a configuration says, at a time of its own.
type scribe struct {
	t    *testing.T
	dir  string
	log  *lines
	own  *lines
	r    *rewriting
	late atomic.Int64 // nanoseconds since epoch
	hook func(verb, arg string, about ftpsession.Rewriting) string
}

var epoch = time.Date(2031, 2, 3, 4, 5, 6, 0, time.Local)

func newScribe(t *testing.T) *scribe {
	s := &scribe{t: t, dir: t.TempDir(), log: &lines{}, own: &lines{}}
	s.r = newRewriting(func(name string) (string, bool) { return "north", name == "SITE" }, zerolog.New(s.log))
	s.r.now = func() time.Time { return epoch.Add(time.Duration(s.late.Load())) }
	return s
}

func (s *scribe) pass(d time.Duration) { s.late.Add(int64(d)) }

// table writes a map, last changed at a time before now.
func (s *scribe) table(text string, age time.Duration) string {
	s.t.Helper()
	path := filepath.Join(s.dir, "users.txt")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	at := s.r.now().Add(-age)
	if err := os.Chtimes(path, at, at); err != nil {
		s.t.Fatal(err)
	}
	return path
}

func (s *scribe) settings(text string) config.Rewrite {
	s.t.Helper()
	path := filepath.Join(s.dir, "sluice.conf")
	if err := os.WriteFile(path, []byte("RewriteEngine on\n"+text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	cfg, report := config.Load(path, config.Options{})
	if cfg == nil {
		s.t.Fatal(report.Problems)
	}
	return cfg.Servers[0].Settings("").Rewrite
}

func (s *scribe) rules(text string) *scribe {
	s.t.Helper()
	var err error
	if s.hook, err = s.r.hook(s.settings(text), zerolog.New(s.log), zerolog.New(s.own)); err != nil {
		s.t.Fatal(err)
	}
	return s
}

func (s *scribe) say(verb, arg, want string) {
	s.t.Helper()
	got := s.hook(verb, arg, ftpsession.Rewriting{
		Server: "North Side", User: "ann", Class: "lan", Vars: map[string]string{"TLS_CLIENT_S_DN_CN": "Ann"},
		Client: netip.MustParseAddrPort("192.0.2.7:4000"), Local: netip.MustParseAddrPort("198.51.100.1:2121"),
	})
	if got != want {
		s.t.Errorf("%s %s became %q, want %q\n%s", verb, arg, got, want, s.log)
	}
}

const mapUsers = "RewriteCondition %%m ^USER$\nRewriteMap users txt:%s\nRewriteRule (.*) ${users:$1|unknown}"

func TestRewrite_rules_see_the_session(t *testing.T) {
	s := newScribe(t).rules("RewriteCondition %m USER\n" +
		`RewriteRule (.*) "$1|%a|%p|%v|%u|%c|%{ENV:SITE}|%{env:TLS_CLIENT_S_DN_CN}|%{TIME}"`)
	s.say("USER", "joe", "joe|192.0.2.7|2121|North Side|ann|lan|north|Ann|20310203040506")
}

func TestRewrite_changes_of_a_map_take_effect(t *testing.T) {
	s := newScribe(t)
	s.rules(fmt.Sprintf(mapUsers, s.table("joe one", time.Hour)))
	s.say("USER", "joe", "one")
	s.say("USER", "ann", "unknown")
	s.say("CWD", "joe", "joe")

	s.table("joe two\nann three", time.Minute)
	s.say("USER", "joe", "one") // looked at a moment ago
	s.pass(glance)
	s.say("USER", "joe", "two")
	s.say("USER", "ann", "three")
	if !strings.Contains(s.log.String(), "a RewriteMap has changed") {
		t.Errorf("nobody says so:\n%s", s.log)
	}
}

func TestRewrite_any_command_has_the_map_looked_at(t *testing.T) {
	s := newScribe(t)
	s.rules(fmt.Sprintf(mapUsers, s.table("joe one", time.Hour)))
	s.table("joe two", time.Minute)
	s.pass(glance)
	s.say("NOOP", "", "")
	s.say("USER", "joe", "two")
}

// A file that is being written at this moment is not read by halves.
func TestRewrite_a_map_is_left_to_settle(t *testing.T) {
	s := newScribe(t)
	s.rules(fmt.Sprintf(mapUsers, s.table("joe one", time.Hour)))
	s.pass(glance)
	s.table("joe two", 0)
	s.say("USER", "joe", "one")
	s.pass(settle)
	s.say("USER", "joe", "two")
	// Of the same size and time, as coarse clocks show it.
	s.table("joe 3ab", settle)
	s.pass(glance)
	s.say("USER", "joe", "3ab")
}

// What cannot be used moves nobody, and is said once.
func TestRewrite_a_map_that_goes_bad_stays_as_it_was(t *testing.T) {
	cases := map[string]struct {
		spoil func(t *testing.T, path string)
		gist  string
	}{
		"gone": {func(t *testing.T, path string) { must(t, os.Remove(path)) }, "no such file"},
		"writable": {func(t *testing.T, path string) {
			must(t, os.WriteFile(path, []byte("joe evil"), 0o600))
			must(t, os.Chmod(path, 0o666))
		}, "world-writable"},
		"in_a_writable_directory": {func(t *testing.T, path string) {
			must(t, os.WriteFile(path, []byte("joe evil"), 0o600))
			must(t, os.Chmod(filepath.Dir(path), 0o777))
		}, "world-writable directory"},
		"a_pipe": {func(t *testing.T, path string) {
			must(t, os.Remove(path))
			must(t, syscall.Mkfifo(path, 0o600))
		}, "not a regular file"},
		"huge": {func(t *testing.T, path string) { must(t, os.Truncate(path, 1<<30)) }, "larger than"},
		"a_link_to_a_writable_one": {func(t *testing.T, path string) {
			other := filepath.Join(t.TempDir(), "o")
			must(t, os.WriteFile(other, []byte("joe evil"), 0o600))
			must(t, os.Chmod(other, 0o606))
			must(t, os.Remove(path))
			must(t, os.Symlink(other, path))
		}, "world-writable"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newScribe(t)
			path := s.table("joe one", time.Hour)
			s.rules(fmt.Sprintf(mapUsers, path))
			c.spoil(t, path)
			for range 3 {
				s.pass(time.Hour)
				s.say("USER", "joe", "one")
			}
			if n := strings.Count(s.log.String(), c.gist); n != 1 {
				t.Errorf("said %d times:\n%s", n, s.log)
			}
			must(t, os.Chmod(s.dir, 0o700))
			must(t, os.RemoveAll(path))
			s.table("joe three", time.Minute)
			s.pass(glance)
			s.say("USER", "joe", "three")
			if !strings.Contains(s.log.String(), "can be read again") {
				t.Errorf("nobody says that it is well again:\n%s", s.log)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Claims 3 and 27: what would be two commands is none, and no log has a
// password.
func TestRewrite_refuses_and_keeps_secrets(t *testing.T) {
	s := newScribe(t).rules("RewriteMap u int:unescape\nRewriteRule (.*) x${u:$1}")
	s.say("USER", "a%0d%0aDELE f", unfit)
	s.say("PASS", "can%0aary", unfit)
	s.say("PASS", "canary%20pass", "xcanary pass")
	s.say("USER", "joe%20", "xjoe ")
	for _, l := range []*lines{s.log, s.own} {
		if text := l.String(); strings.Contains(text, "canary") || strings.Contains(text, "can%0aary") {
			t.Errorf("the log has a password:\n%s", text)
		}
	}
	if !strings.Contains(s.log.String(), "unfit") || !strings.Contains(s.log.String(), "sluice.conf:3") {
		t.Errorf("the refusal is not told, or not its rule:\n%s", s.log)
	}
	if !strings.Contains(s.own.String(), "USER joe%20") || !strings.Contains(s.own.String(), "USER xjoe ") {
		t.Errorf("the change is not told:\n%s", s.own)
	}
}

func TestRewrite_nothing_to_do_is_no_hook(t *testing.T) {
	s := newScribe(t)
	off := s.settings("RewriteRule a b")
	off.Engine = false
	for name, set := range map[string]config.Rewrite{"off": off, "no_rules": s.settings("RewriteMap m int:tolower")} {
		if hook, err := s.r.hook(set, zerolog.Nop(), zerolog.Nop()); hook != nil || err != nil {
			t.Errorf("%s: there is a hook, %v", name, err)
		}
	}
}

func TestRewrite_a_map_that_is_gone_at_the_start(t *testing.T) {
	s := newScribe(t)
	path := s.table("joe one", time.Hour)
	set := s.settings(fmt.Sprintf(mapUsers, path))
	must(t, os.Remove(path))
	hook, err := s.r.hook(set, zerolog.Nop(), zerolog.Nop())
	if hook != nil || err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "sluice.conf:3") {
		t.Errorf("got %v", err)
	}
}

// A table is shared while somebody uses it, and forgotten after.
func TestRewrite_tables_are_shared_and_forgotten(t *testing.T) {
	s := newScribe(t)
	path := s.table("joe one", time.Hour)
	a, err := s.r.file(path)
	must(t, err)
	b, err := s.r.file(path)
	must(t, err)
	if a != b {
		t.Error("one file is read twice")
	}
	runtime.KeepAlive(a) // and no longer
	other := filepath.Join(s.dir, "other.txt")
	must(t, os.WriteFile(other, []byte("a b"), 0o600))
	runtime.GC()
	_, err = s.r.file(other)
	must(t, err)
	if _, kept := s.r.files[path]; kept {
		t.Error("a table that nobody uses is kept")
	}
}

func TestRewrite_many_sessions_at_once(t *testing.T) {
	s := newScribe(t)
	path := s.table("joe one", time.Hour)
	s.rules(fmt.Sprintf(mapUsers, path))
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 300 {
				s.pass(glance / 3)
				if got := s.hook("USER", "joe", ftpsession.Rewriting{}); got != "one" && got != "two" {
					t.Errorf("joe became %q", got)
					return
				}
			}
		})
	}
	next := filepath.Join(s.dir, "next")
	must(t, os.WriteFile(next, []byte("joe two"), 0o600))
	must(t, os.Chtimes(next, epoch.Add(-time.Minute), epoch.Add(-time.Minute)))
	must(t, os.Rename(next, path))
	all.Wait()
	s.pass(glance)
	s.say("USER", "joe", "two")
}
