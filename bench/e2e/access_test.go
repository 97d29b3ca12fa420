package e2e

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// keyWord is the password of everybody at the gateway.
const keyWord = "to-the-gateway"

// staffed are accounts at the gateway: sam is of staff, ann of authors.
func staffed(t testing.TB, g *peers.Gateway) []string {
	t.Helper()
	return accounts(t, g.Dir, keyWord, []string{"staff", "authors"}, map[string]string{"sam": "staff", "ann": "authors"})
}

// checkingGateway is a reverse proxy before a real server that checks passwords itself (UseReverseProxyAuth).
func checkingGateway(t testing.TB, kind peers.Kind, extra ...string) target {
	t.Helper()
	peers.RequireGateway(t)
	server := peers.Start(t, kind, peers.Options{})
	g := peers.NewGateway(t)
	port := freePort(t)
	lines := slices.Concat(staffed(t, g), []string{"ProxyOptions UseReverseProxyAuth"}, extra)
	url := fmt.Sprintf("ftp://%s:%s@%s", server.User, server.Password, server.Addr())
	g.Configure(strings.ReplaceAll(configuration(g, port, []string{url}, lines...), "DIR/", g.Dir+"/"))
	addr := loopback(port)
	g.Start(addr)
	return target{addr: addr, server: server, gateway: g}
}

// checked runs sluice check and returns what it prints.
func checked(t testing.TB, g *peers.Gateway) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, peers.RequireGateway(t), "check", "-c", g.Config).CombinedOutput()
	if err != nil {
		t.Fatalf("sluice check: %v\n%s", err, out)
	}
	return string(out)
}

// lists asks for a list, which the gateway either refuses or has sent.
func lists(t testing.TB, c *peers.Control) bool {
	t.Helper()
	d, r := c.DataReply(peers.EPSV)
	if r.Code != 229 {
		t.Fatalf("EPSV is answered %q", r)
	}
	defer d.Close()
	c.Send("LIST")
	switch r := c.Reply(); {
	case r.String() == "550 LIST: Operation not permitted":
		return false
	case r.Code/100 != 1:
		t.Fatalf("LIST is answered %q", r)
	}
	if _, err := d.Open().Read(make([]byte, 1)); err != nil {
		t.Fatalf("the list: %v", err)
	}
	d.Close()
	c.Reply()
	return true
}

const noLists = "<Limit LIST>\n  DenyGroup staff\n</Limit>"

// TestLimit_by_group: the manual's question and its answer, with real clients.
func TestLimit_by_group(t *testing.T) {
	t.Parallel()
	tg := checkingGateway(t, peers.VSFTPD, noLists)
	tg.put(t, "kept", []byte("kept"))
	t.Run("who_is_of_the_group_may_not", func(t *testing.T) {
		c := peers.Dial(t, tg.addr).Login("sam", keyWord)
		if lists(t, c) {
			t.Error("sam may list")
		}
		sameBytes(t, "a file", c.Fetch(peers.EPSV, "RETR kept"), []byte("kept"))
		c.Must(221, "QUIT")
		if log := tg.gateway.File("proxy.log"); !strings.Contains(log, "refused by <Limit> at "+tg.gateway.Config+":") {
			t.Errorf("the log does not say which <Limit>:\n%s", log)
		}
	})
	t.Run("others_may", func(t *testing.T) {
		if !lists(t, peers.Dial(t, tg.addr).Login("ann", keyWord)) {
			t.Error("ann may not list")
		}
	})
	t.Run("lftp_hears_of_it", func(t *testing.T) {
		for user, may := range map[string]bool{"sam": false, "ann": true} {
			r := peers.LFTP(t, fmt.Sprintf("set ftp:use-mlsd no\nopen -u %s,%s ftp://%s\nls\n", user, keyWord, tg.addr)).Wait()
			if may != (r.Code == 0) || !may && !strings.Contains(r.Stderr, "550 LIST: Operation not permitted") {
				t.Errorf("lftp as %s ended with %+v", user, r)
			}
		}
	})
	t.Run("curl_fetches_and_may_not_list", func(t *testing.T) {
		url := fmt.Sprintf("ftp://sam:%s@%s/", keyWord, tg.addr)
		if got := peers.Curl(t, url+"kept").OK(); got != "kept" {
			t.Errorf("curl fetched %q", got)
		}
		if r := peers.Curl(t, url).Wait(); r.Code == 0 || !strings.Contains(r.Stderr, "550 LIST: Operation not permitted") {
			t.Errorf("curl listed: %+v", r)
		}
	})
	if text := checked(t, tg.gateway); strings.Contains(text, "Group has no effect") || strings.Contains(text, "<Limit>") {
		t.Errorf("the check finds fault:\n%s", text)
	}
}

// TestLimit_by_group_forward: the same in the forward role, where the gateway checks the password; the user
// at the destination is of no group.
func TestLimit_by_group_forward(t *testing.T) {
	t.Parallel()
	server := peers.Start(t, peers.ProFTPD, peers.Options{})
	target{server: server}.put(t, "kept", []byte("kept"))
	for _, method := range []string{proxyThenUserHost, proxyHostThenUser} {
		t.Run(method, func(t *testing.T) {
			for group, may := range map[string]bool{"guests": false, "staff": true} {
				_, addr := forwardGateway(t, method, "<Limit LIST>\nDenyGroup "+group+"\n</Limit>")
				c := peers.Dial(t, addr).Greeting()
				for _, step := range through(method, server) {
					if r := c.Cmd("%s", step[0]); !strings.HasPrefix(r.String(), step[1]) {
						t.Fatalf("%q is answered %q", step[0], r)
					}
				}
				c.Must(230, "PASS %s", server.Password)
				if lists(t, c) != may {
					t.Errorf("with DenyGroup %s a guest may list: %v", group, !may)
				}
			}
		})
	}
}

// TestLimit_by_group_unknown: where the server checks the password nobody here knows of groups; a check says so.
func TestLimit_by_group_unknown(t *testing.T) {
	t.Parallel()
	tg := throughGateway(t, peers.PureFTPd, noLists, "<IfGroup staff>\n  TimeoutIdle 30\n</IfGroup>")
	tg.put(t, "kept", []byte("kept"))
	if !lists(t, tg.login(t)) {
		t.Error("a group that nobody knows keeps somebody from listing")
	}
	text := checked(t, tg.gateway)
	for _, want := range []string{"<Limit>: its DenyGroup has no effect: groups are known only where the gateway checks passwords", "<IfGroup>: has no effect"} {
		if !strings.Contains(text, want) {
			t.Errorf("the check does not say %q:\n%s", want, text)
		}
	}
}

// TestLimit_by_user: user names are known wherever the password is checked, once it was right.
func TestLimit_by_user(t *testing.T) {
	t.Parallel()
	server := peers.Start(t, peers.VSFTPD, peers.Options{})
	target{server: server}.put(t, "kept", []byte("kept"))
	_, addr := startGateway(t, []string{server.URL()},
		"<Limit WRITE>\nDenyUser "+server.User+"\n</Limit>", "<Limit XMKD>\nAllowAll\n</Limit>", "<Limit SITE_CHMOD>\nDenyAll\n</Limit>",
		"<Limit RETR>\nDenyUser somebody-else\n</Limit>", "<Limit TYPE>\nDeny from 127.0.0.9\n</Limit>")
	c := peers.Dial(t, addr).Login(server.User, server.Password)
	for _, refused := range []string{"STOR x", "DELE kept", "RNTO y", "RMD d", "SITE CHMOD 600 kept"} {
		verb, _, _ := strings.Cut(refused, " ")
		if r := c.Cmd("%s", refused); r.String() != "550 "+verb+": Operation not permitted" {
			t.Errorf("%s is answered %q", refused, r)
		}
	}
	sameBytes(t, "a file", c.Fetch(peers.EPSV, "RETR kept"), []byte("kept"))
	c.Must(257, "MKD made-by-its-other-spelling")
	c.Must(257, "PWD")
	there := peers.DialFrom(t, "127.0.0.9", addr).Greeting()
	there.Must(501, "TYPE I")
}

// TestLimit_login: an address is turned away as it connects, a user before any backend hears of it.
func TestLimit_login(t *testing.T) {
	t.Parallel()
	server := peers.Start(t, peers.ProFTPD, peers.Options{})
	g, addr := startGateway(t, []string{server.URL()}, "<Limit LOGIN>\nDeny from 127.0.0.9\nDenyUser mallory\n</Limit>")
	far := peers.DialFrom(t, "127.0.0.9", addr)
	far.ExpectClosed(20 * time.Second)
	inTime(t, "a word about the address", func() bool {
		return strings.Contains(g.File("system.log")+g.Output(), "<Limit LOGIN> at "+g.Config)
	})
	c := peers.Dial(t, addr).Greeting()
	for range 2 {
		if text := fmt.Sprint(c.Cmd("USER mallory"), " / ", c.Cmd("PASS x")); text != "331 Password required for mallory / 530 Login incorrect." {
			t.Errorf("mallory hears %q", text)
		}
	}
	c.Must(331, "USER mallory")
	c.Must(530, "PASS x") // the third: MaxLoginAttempts
	c.ExpectClosed(20 * time.Second)
	peers.Dial(t, addr).Login(server.User, server.Password).Must(257, "PWD")
	if log := g.File("proxy.log"); !strings.Contains(log, "USER mallory (Login failed): Limit configuration denies login: <Limit> at "+g.Config) {
		t.Errorf("the log says nothing of mallory:\n%s", log)
	}
}

// TestFilters_refuse: what arguments and paths may be.
func TestFilters_refuse(t *testing.T) {
	t.Parallel()
	tg := throughGateway(t, peers.PureFTPd, `DenyFilter %`, `PathDenyFilter "(^|/)\.ftpaccess$" [NC]`, `PathAllowFilter "^[A-Za-z0-9._/ -]+$"`)
	c := tg.login(t)
	for refused, want := range map[string]string{
		"RETR a%n":          "550 a%n: Forbidden command argument",
		"STOR x/.FTPAccess": "550 x/.FTPAccess: Forbidden filename",
		"MKD a+b":           "550 a+b: Forbidden filename",
		"RNFR .ftpaccess":   "550 .ftpaccess: Forbidden filename",
	} {
		if r := c.Cmd("%s", refused); r.String() != want {
			t.Errorf("%s is answered %q, want %q", refused, r, want)
		}
	}
	c.Store(peers.EPSV, []byte("body"), "STOR fine.txt")
	sameBytes(t, "on disk", tg.onDisk(t, "fine.txt"), []byte("body"))
	log := tg.gateway.File("proxy.log")
	for _, why := range []string{"refused by DenyFilter", "refused by PathDenyFilter", "refused by PathAllowFilter"} {
		if !strings.Contains(log, why) {
			t.Errorf("the log does not say %q", why)
		}
	}
}

// TestSections_for_users: settings of a user and of a group count after the login, each for its own.
func TestSections_for_users(t *testing.T) {
	t.Parallel()
	tg := checkingGateway(t, peers.ProFTPD,
		"<Limit DELE>\nDenyAll\n</Limit>",
		"<IfGroup staff>\n  <Limit DELE>\n    AllowAll\n  </Limit>\n  TransferLog DIR/staff.log\n  MaxRetrieveFileSize 2 B\n</IfGroup>",
		"<IfUser ann>\n  <Limit WRITE>\n    DenyAll\n  </Limit>\n  DenyFilter secret\n</IfUser>",
		"<IfAuthenticated>\n  <Limit MKD>\n    DenyAll\n  </Limit>\n  ProxyReverseServers ftp://127.0.0.1:1\n</IfAuthenticated>")
	tg.put(t, "kept", []byte("kept"))
	sam, ann := peers.Dial(t, tg.addr).Login("sam", keyWord), peers.Dial(t, tg.addr).Login("ann", keyWord)
	sam.Store(peers.EPSV, []byte("mine"), "STOR sams")
	ann.Must(550, "STOR anns")
	ann.Must(550, "DELE sams")
	sam.Must(250, "DELE sams")
	sam.Must(550, "MKD d")
	d := sam.Data(peers.EPSV)
	sam.Send("RETR kept") // of four bytes
	r := sam.Reply()
	if r.Code/100 == 1 {
		d.Close()
		r = sam.Reply()
	}
	if r.Code/100 != 5 && r.Code/100 != 4 {
		t.Errorf("a file that is too large for sam is answered %q", r)
	}
	if r := ann.Cmd("RETR secret"); r.String() != "550 secret: Forbidden command argument" {
		t.Errorf("ann hears %q", r)
	}
	sameBytes(t, "a file", ann.Fetch(peers.EPSV, "RETR kept"), []byte("kept"))
	inTime(t, "sam's transfer in the log of staff", func() bool { return strings.Contains(tg.gateway.File("staff.log"), "sams") })
	inTime(t, "ann's transfer in the common log", func() bool { return strings.Contains(tg.gateway.File("xferlog"), "kept") })
	if strings.Contains(tg.gateway.File("staff.log"), "kept") {
		t.Error("ann's transfer is in the log of staff")
	}
	if out := checked(t, tg.gateway); !strings.Contains(out, "ProxyReverseServers: has no effect in a section for users") {
		t.Errorf("the check does not say what comes too late:\n%s", out)
	}
}

// TestSections_for_users_of_a_server: a name is known, too, where the server checks the password.
func TestSections_for_users_of_a_server(t *testing.T) {
	t.Parallel()
	tg := throughGateway(t, peers.VSFTPD, "<IfUser regex ^[a-z]>\n  TimeoutIdle 2\n</IfUser>", "<IfUser nobody-here>\n  <Limit ALL>\n    DenyAll\n  </Limit>\n</IfUser>")
	before := peers.Dial(t, tg.addr).Greeting()
	c := tg.login(t)
	c.Expect(421)
	c.ExpectClosed(20 * time.Second)
	before.Must(331, "USER %s", tg.server.User) // who has not logged in has the time of all
}

// TestSections_forward: with a login at the gateway, who that was decides where clients are taken, too, even if
// they had named it before.
func TestSections_forward(t *testing.T) {
	t.Parallel()
	server := peers.Start(t, peers.ProFTPD, peers.Options{})
	for _, method := range []string{proxyThenUserHost, proxyHostThenUser} {
		for group, may := range map[string]bool{"guests": false, "staff": true} {
			t.Run(method+"/"+group, func(t *testing.T) {
				g, addr := forwardGateway(t, method, "<IfGroup "+group+">\n  AccessGrantMsg \"Not so far, %u\"\n  ProxyForwardTo !.\n</IfGroup>")
				c := peers.Dial(t, addr).Greeting()
				for _, step := range through(method, server) {
					r := c.Cmd("%s", step[0])
					switch {
					case strings.HasPrefix(step[1], "230") && may != (r.String() == "230 User "+guest+" logged in"):
						t.Errorf("let in with %q", r)
					case strings.HasPrefix(step[0], "USER "+server.User) && !may:
						if r.String() != "530 Login incorrect." {
							t.Errorf("%q is answered %q", step[0], r)
						}
						return
					case !strings.HasPrefix(r.String(), step[1]):
						t.Fatalf("%q is answered %q", step[0], r)
					}
				}
				c.Must(230, "PASS %s", server.Password)
				if log := g.File("proxy.log"); strings.Contains(log, "rejecting") {
					t.Errorf("the log speaks of a rejection:\n%s", log)
				}
			})
		}
	}
}

// TestLimit_login_by_name: who may not use a server does not reach it by its name either.
func TestLimit_login_by_name(t *testing.T) {
	t.Parallel()
	peers.RequireGateway(t)
	_, urls := pool(t, 2)
	g := peers.NewGateway(t)
	port := freePort(t)
	g.Configure(configuration(g, port, urls[:1]) + fmt.Sprintf("<VirtualHost 127.0.0.1>\nPort %d\nServerAlias inner.test\n"+
		"ProxyEngine on\nProxyRole reverse\nProxyTLSEngine off\nProxyReverseServers %s\n<Limit LOGIN>\nDeny from 127.0.0.9\n</Limit>\n</VirtualHost>\n", port, urls[1]))
	addr := loopback(port)
	g.Start(addr)
	peers.Dial(t, addr).Greeting().Must(220, "HOST inner.test")
	peers.DialFrom(t, "127.0.0.9", addr).Greeting().Must(504, "HOST inner.test")
}

// TestShown_files: what clients are shown where the gateway answers, and that nothing in a file, nor a file that
// is missing, can break a reply.
func TestShown_files(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	place(t, filepath.Join(dir, "hello"), "Welcome to %V, %R\r\n220 is not the end\r\n%q stays\x07\r\n", 0o644)
	place(t, filepath.Join(dir, "in"), "%U, you are in\n230 and more\n", 0o644)
	place(t, filepath.Join(dir, "bye"), "So long\n", 0o644)
	lines := []string{`ServerName "the house"`, "DisplayConnect " + dir + "/hello", "DisplayLogin " + dir + "/in", "DisplayQuit " + dir + "/bye",
		`AccessGrantMsg "Come in, %u."`, "<Limit LOGIN>\nDeny from 127.0.0.9\n</Limit>"}
	g, addr := forwardGateway(t, proxyThenUserHost, lines...)
	c := peers.Dial(t, addr)
	if r := c.Expect(220); !slices.Equal(r.Lines[:3], []string{"220-Welcome to the house, 127.0.0.1", " 220 is not the end", "%q stays"}) {
		t.Errorf("greeted with %q", r.Lines)
	}
	c.Must(331, "USER %s", guest)
	if r := c.Must(230, "PASS %s", guestPassword); !slices.Equal(r.Lines, []string{"230-guest, you are in", " 230 and more", "230 Come in, guest."}) {
		t.Errorf("let in with %q", r.Lines)
	}
	if r := c.Must(221, "QUIT"); !slices.Equal(r.Lines, []string{"221-So long", "221 Goodbye."}) {
		t.Errorf("left with %q", r.Lines)
	}
	g.Configure(strings.ReplaceAll(string(read(t, g.Config)), dir+"/hello", dir+"/gone"))
	if out := checked(t, g); !strings.Contains(out, "DisplayConnect: '"+dir+"/gone' is not shown, as it cannot be read") {
		t.Errorf("the check does not miss the file:\n%s", out)
	}
	g.Restart()
	if got := banner(t, addr); got != "220 ProFTPD Server (the house) [127.0.0.1]" {
		t.Errorf("without the file clients hear %q", got)
	}
}

// TestLimit_reload: a reload changes limits for sessions to come, and for no other.
func TestLimit_reload(t *testing.T) {
	t.Parallel()
	tg := checkingGateway(t, peers.ProFTPD, noLists)
	tg.put(t, "kept", []byte("kept"))
	old := peers.Dial(t, tg.addr).Login("sam", keyWord)
	tg.gateway.Configure(strings.ReplaceAll(string(read(t, tg.gateway.Config)), "DenyGroup staff", "DenyGroup authors"))
	tg.gateway.Signal(syscall.SIGHUP)
	inTime(t, "a session of the new configuration", func() bool {
		return lists(t, peers.Dial(t, tg.addr).Login("sam", keyWord))
	})
	if lists(t, old) {
		t.Error("the session from before may list")
	}
	if lists(t, peers.Dial(t, tg.addr).Login("ann", keyWord)) {
		t.Error("ann may list")
	}
}
