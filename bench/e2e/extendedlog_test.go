package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// keepLogs runs a gateway before a real server, with ExtendedLogs in its own directory: each is a file's
// name and what follows it in the directive.
func keepLogs(t *testing.T, server *peers.Server, formats []string, logs ...[2]string) target {
	t.Helper()
	g := peers.NewGateway(t)
	port := freePort(t)
	extra := slices.Clone(formats)
	for _, log := range logs {
		extra = append(extra, fmt.Sprintf("ExtendedLog %s/%s %s", g.Dir, log[0], log[1]))
	}
	g.Configure(configuration(g, port, []string{server.URL()}, extra...))
	g.Start(loopback(port))
	return target{addr: loopback(port), server: server, gateway: g}
}

// whole waits until a log tells of the ends of so many sessions, and returns its lines.
func whole(t *testing.T, g *peers.Gateway, log string, ends int) []string {
	t.Helper()
	eventually(t, 10*time.Second, fmt.Sprintf("the end of %d sessions in %s", ends, log), func() bool {
		return strings.Count(g.File(log), "EXIT") >= ends
	})
	return strings.Split(strings.TrimSpace(g.File(log)), "\n")
}

// verbs are the first words of lines, each once, in alphabetical order.
func verbsOf(lines string) string {
	var all []string
	for line := range strings.Lines(lines) {
		verb, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		all = append(all, verb)
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), " ")
}

// TestExtendedLog_classes has curl do something of every kind, and looks which logs tell of it.
func TestExtendedLog_classes(t *testing.T) {
	peers.RequireGateway(t)
	want := map[string]string{
		"NONE": "", "AUTH": "PASS USER", "INFO": "PWD QUIT SIZE", "DIRS": "CWD LIST MKD PWD", "READ": "RETR",
		"WRITE": "DELE MKD RNFR RNTO STOR", "MISC": "EPSV NOOP RNFR RNTO TYPE", "SEC": "", "SSH": "", "SFTP": "",
		"CONNECT": "CONNECT", "EXIT": "EXIT", "DISCONNECT": "EXIT", "ERROR": "CWD",
		"READ,WRITE": "DELE MKD RETR RNFR RNTO STOR", "WRITE+!DELE": "MKD RNFR RNTO STOR", "NOOP,EXIT": "EXIT NOOP",
		"ALL,!INFO,!MISC,!AUTH": "CONNECT CWD DELE EXIT LIST MKD RETR STOR", "!ALL,READ": "RETR",
	}
	var logs [][2]string
	for classes := range want {
		logs = append(logs, [2]string{"log-" + classes, classes + " verb"})
	}
	logs = append(logs, [2]string{"all", "ALL verb"}, [2]string{"default", ""})
	server := peers.Start(t, peers.VSFTPD, peers.Options{})
	tg := keepLogs(t, server, []string{`LogFormat verb "%m %J %s"`}, logs...)
	up := local(t, "up", noise(3000))
	peers.Curl(t, "-T", up, "-Q", "NOOP", "-Q", "MKD made", tg.url("stored")).OK()
	peers.Curl(t, "-o", filepath.Join(t.TempDir(), "back"), tg.url("stored")).OK()
	peers.Curl(t, "-Q", "RNFR stored", "-Q", "RNTO moved", "-Q", "DELE moved", "-Q", "*CWD /no/such/place", tg.url("")).OK()
	whole(t, tg.gateway, "all", 3)
	for classes, verbs := range want {
		// NOOP and EXIT come last in their sessions, so what is in "all" is in every other log.
		if got := verbsOf(tg.gateway.File("log-" + classes)); got != verbs {
			t.Errorf("%s: %q, want %q", classes, got, verbs)
		}
	}
	form := regexp.MustCompile(`^127\.0\.0\.1 - (-|` + server.User + `) \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "[A-Z]+[^"]*" (\d{3}|-) (\d+|-)$`)
	for _, line := range whole(t, tg.gateway, "default", 3) {
		if !form.MatchString(line) {
			t.Errorf("the default format wrote %q", line)
		}
	}
}

// TestExtendedLog_formats looks at what is known of a transfer, and of the backend behind it.
func TestExtendedLog_formats(t *testing.T) {
	peers.RequireGateway(t)
	server := peers.Start(t, peers.VSFTPD, peers.Options{})
	tg := keepLogs(t, server, []string{
		`LogFormat who "%m|%a %u %U %v %{protocol} %{note:mod_proxy.backend-ip}:%{note:mod_proxy.backend-port} %{note:mod_proxy.backend-url}|%E"`,
		`LogFormat what "%m|%f %b %{transfer-status} %{transfer-type} %{file-size} %T %{transfer-port}|%s %S|%{epoch} %{%Y}t %{iso8601}"`,
	}, [2]string{"who", "ALL who"}, [2]string{"what", "READ,WRITE,EXIT what"})
	peers.Curl(t, "-T", local(t, "up", noise(3000)), tg.url("a file")).Wait() // curl refuses a blank in a URL
	peers.Curl(t, "-T", local(t, "up", noise(3000)), tg.url("a%20file")).OK()
	if r := peers.Curl(t, tg.url("missing")).Wait(); r.Code == 0 {
		t.Fatal("a file that is not there was fetched")
	}
	backend := strings.TrimPrefix(server.URL(), "ftp://")
	whole(t, tg.gateway, "who", 2)
	who := tg.gateway.File("who")
	for _, want := range []string{
		`(?m)^CONNECT\|127\.0\.0\.1 - - .* ftp ` + backend + ` ftp://` + backend + `\|-$`,
		`(?m)^PASS\|127\.0\.0\.1 USER USER .* ftp ` + backend,
		`(?m)^EXIT\|127\.0\.0\.1 USER USER .* ftp ` + backend + `.*\|client quit$`,
	} {
		if want = strings.ReplaceAll(want, "USER", server.User); !regexp.MustCompile(want).MatchString(who) {
			t.Errorf("no line %s in\n%s", want, who)
		}
	}
	what := tg.gateway.File("what")
	for _, want := range []string{
		`(?m)^STOR\|a file 3000 success binary 3000 \d+\.\d{3} \d+\|226 .*\|\d{10} 20\d\d 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}$`,
		`(?m)^EXIT\|- - - - - - -\|- -\|\d{10}`,
	} {
		if !regexp.MustCompile(want).MatchString(what) {
			t.Errorf("no line %s in\n%s", want, what)
		}
	}
}

// TestExtendedLog_JSON reads every line back.
func TestExtendedLog_JSON(t *testing.T) {
	peers.RequireGateway(t)
	server := peers.Start(t, peers.VSFTPD, peers.Options{})
	tg := keepLogs(t, server, nil, [2]string{"log", "ALL json"})
	name := "odd \"name\"\\ \xc3\xbc"
	peers.Dial(t, tg.addr).Login(server.User, server.Password).Store(peers.EPSV, noise(700), "STOR %s", name)
	peers.Curl(t, tg.url("")).OK()
	var stored, ended bool
	eventually(t, 10*time.Second, "the end of a session", func() bool { return strings.Contains(tg.gateway.File("log"), `"EXIT"`) })
	for line := range strings.Lines(tg.gateway.File("log")) {
		var e struct {
			Time                                time.Time
			Command, Args, User, Client, Reason string
			Code                                int
			Bytes                               *int64
			Status                              string `json:"transfer_status"`
			Backend                             string `json:"backend_url"`
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if e.Client != "127.0.0.1" || time.Since(e.Time).Abs() > time.Minute || e.Backend != server.URL() {
			t.Errorf("in %s", line)
		}
		stored = stored || e.Command == "STOR" && e.Args == name && e.Code == 226 && e.Bytes != nil && *e.Bytes == 700 &&
			e.Status == "success" && e.User == server.User
		ended = ended || e.Command == "EXIT" && e.Reason == "client quit" && e.Code == 0
	}
	if !stored || !ended {
		t.Errorf("stored %t, ended %t:\n%s", stored, ended, tg.gateway.File("log"))
	}
}

// TestExtendedLog_canary tries everything that could bring a password into a log.
func TestExtendedLog_canary(t *testing.T) {
	const canary = "c4n4ry-of-the-logs"
	peers.RequireGateway(t)
	echo := func(v *peers.Visit) { v.Reply("530 no such password: " + canary + "\r\n") }
	s := peers.StartScripted(t, peers.Script{On: handlers{"PASS": echo, "ACCT": echo, "SITE": echo}})
	logs := t.TempDir()
	url := strings.Replace(s.URL(), "ftp://", "ftp://"+"bob:"+canary+"@", 1)
	g, addr := startGateway(t, []string{url},
		`LogFormat everything "%A %d %D %E %f %F %J %m %r %S %U %w %{basename} %{transfer-failure} %{note:mod_proxy.backend-url} %{HOME}e"`,
		"ExtendedLog "+logs+"/all ALL everything", "ExtendedLog "+logs+"/json ALL json")
	c := peers.Dial(t, addr)
	c.Expect(220)
	c.Cmd("USER bob")
	for _, line := range []string{"PASS %s", "pass  %s", "PASSWD %s", "ACCT %s", "SITE PSWD %s", "ADAT %s"} {
		c.Send(line, canary)
		if r, err := c.ReplyErr(5 * time.Second); err != nil || r.Code < 500 {
			break // after too many attempts the session ends
		}
	}
	c.Close()
	for _, name := range []string{"all", "json"} {
		path := filepath.Join(logs, name)
		read := func() string {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
		eventually(t, 5*time.Second, "the end of the session", func() bool { return strings.Contains(read(), "EXIT") })
		if text := read(); strings.Contains(text, canary) || !strings.Contains(text, "(hidden)") || !strings.Contains(text, "PASS") {
			t.Errorf("%s:\n%s", name, text)
		}
	}
	for _, name := range []string{"system.log", "proxy.log", "xferlog"} {
		if strings.Contains(g.File(name), canary) {
			t.Errorf("%s holds the password", name)
		}
	}
}

// TestExtendedLog_rotation moves logs away under clients that never stop, and misses no line.
func TestExtendedLog_rotation(t *testing.T) {
	peers.RequireGateway(t)
	s := peers.StartScripted(t, peers.Script{})
	g, addr := startGateway(t, []string{s.URL()})
	text, err := os.ReadFile(g.Config)
	if err != nil {
		t.Fatal(err)
	}
	g.Configure("LogFormat mine \"%m %J\"\nExtendedLog " + g.Dir + "/log ALL mine\n" + string(text))
	reload := func() {
		before := strings.Count(g.File("system.log"), "configuration reloaded")
		g.Signal(syscall.SIGHUP)
		eventually(t, 10*time.Second, "the reload", func() bool {
			return strings.Count(g.File("system.log"), "configuration reloaded") > before
		})
	}
	reload() // takes up the log for new sessions
	c := peers.Dial(t, addr).Login("bob", "x")
	const rounds, each = 3, 50
	for round := range rounds {
		for n := range each {
			c.Must(250, "CWD %d", round*each+n)
		}
		if err := os.Rename(g.Dir+"/log", fmt.Sprintf("%s/log.%d", g.Dir, round)); err != nil {
			t.Fatal(err)
		}
		for n := range each { // into either file
			c.Must(250, "CWD x%d", round*each+n)
		}
		reload()
	}
	c.Must(221, "QUIT")
	whole(t, g, "log", 1)
	all := g.File("log.0") + g.File("log.1") + g.File("log.2") + g.File("log")
	var last int
	for n := range rounds * each {
		for _, line := range []string{fmt.Sprintf("CWD %d\n", n), fmt.Sprintf("CWD x%d\n", n)} {
			if at := strings.Index(all, line); at < 0 || strings.Count(all, line) != 1 {
				t.Fatalf("%q is there %d times", line, strings.Count(all, line))
			} else if line[4] != 'x' {
				if at < last {
					t.Fatalf("%q is out of order", line)
				}
				last = at
			}
		}
	}
	if g.File("log.0") == "" || !strings.HasPrefix(g.File("log.0"), "CONNECT") || strings.Contains(g.File("log"), "CWD 0\n") {
		t.Error("the lines are not where they belong")
	}
}
