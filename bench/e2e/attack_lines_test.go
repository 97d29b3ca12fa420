package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// everyVerb is what a client may say: all verbs that the gateway knows, old spellings, what only backends know,
// and some that nobody does.
var everyVerb = []string{
	"USER", "PASS", "ACCT", "CWD", "XCWD", "CDUP", "XCUP", "SMNT", "REIN", "QUIT", "PORT", "PASV", "TYPE", "STRU", "MODE", "RETR", "STOR", "STOU",
	"APPE", "ALLO", "REST", "RNFR", "RNTO", "ABOR", "DELE", "RMD", "XRMD", "MKD", "XMKD", "PWD", "XPWD", "LIST", "NLST", "SITE", "SYST", "STAT",
	"HELP", "NOOP", "AUTH", "ADAT", "PROT", "PBSZ", "CCC", "MIC", "CONF", "ENC", "LANG", "FEAT", "OPTS", "EPRT", "EPSV", "LPRT", "LPSV", "MDTM",
	"SIZE", "MLST", "MLSD", "HOST", "MFMT", "MFCT", "MFF", "CLNT", "CSID", "AVBL", "HASH", "RANG", "SSCN", "CPSV", "XCRC", "XMD5", "XSHA", "COMB",
	"SITE CHMOD 644", "SITE UTIME", "SITE EXEC", "OPTS UTF8", "OPTS MLST", "OPTS HASH", "WIBBLE", "X", "XYZZY-1",
}

// poisons are what makes two commands of one, for those who end lines otherwise. None is a line of FTP.
var poisons = map[string]string{
	"CR":              "%s a\rDELE victim\r\n",
	"NUL":             "%s a\x00DELE victim\r\n",
	"CR_NUL":          "%s a\r\x00DELE victim\r\n",
	"CR_CR_LF":        "%s a\rDELE victim\r\r\n",
	"CR_at_the_end":   "%s a\r\r\n",
	"NUL_alone":       "%s \x00\r\n",
	"CR_in_the_verb":  "%s\rDELE victim\r\n",
	"NUL_in_the_verb": "%s\x00DELE victim\r\n",
	"IAC_before_CR":   "%s a\xff\xf1\rDELE victim\r\n",
	"IAC_escaped_CR":  "%s a\xff\xff\rDELE victim\r\n",
	"an_option_of_CR": "%s a\xff\xfb\r\rDELE victim\r\n",
}

// signals are Telnet's (RFC 854), which are no part of a line; what they frame is.
var signals = map[string]string{
	"IP_DM":           "%s a\xff\xf4\xff\xf2DELE victim\r\n",
	"an_option_of_LF": "%s a\xff\xfb\nDELE victim\r\n",
	"escaped":         "%s a\xff\xffDELE victim\r\n",
	"erase_line":      "%s a\xff\xf8DELE victim\r\n",
	"subnegotiation":  "%s a\xff\xfa\x18\x01\xff\xf0DELE victim\r\n",
	"before_the_verb": "\xff\xf4\xff\xf2%s a\r\n",
	"cut_off":         "%s a\xff\r\n",
}

// heardSince are the lines that the backend was told.
func heardSince(s *peers.Scripted, n int) []string {
	var lines []string
	for _, e := range s.Events()[n:] {
		if e.What == "line" {
			lines = append(lines, e.Text)
		}
	}
	return lines
}

// victim reports a backend's line that is the second half of somebody's first, or not even a line.
func victim(line string) bool {
	signal := func(r rune) bool { return r == ' ' || r == utf8.RuneError }
	verb, _, _ := strings.Cut(strings.TrimLeftFunc(line, signal), " ")
	return strings.EqualFold(verb, "DELE") || strings.ContainsAny(line, "\r\x00")
}

// TestClaim03_InjectionInEveryArgument: no argument of no verb holds the beginning of another command.
func TestClaim03_InjectionInEveryArgument(t *testing.T) {
	t.Parallel()
	inEveryRole(t, plainScript, nil, func(t *testing.T, b *besieged) {
		c := b.login(t, "127.0.0.1")
		began, refused := len(b.s.Events()), 0
		for _, verb := range everyVerb {
			for name, poison := range poisons {
				c.SendRaw(fmt.Sprintf(poison, verb))
				if r := c.Reply(); r.Code != 500 {
					t.Errorf("%s with %s was answered %q", verb, name, r)
				}
				refused++
			}
		}
		if heard := heardSince(b.s, began); len(heard) > 0 {
			t.Errorf("the backend heard %q", heard)
		}
		inTheLog(t, b.g, "possible injection of another", refused)
		if n := strings.Count(b.g.File("proxy.log"), "possible injection of another"); n != refused {
			t.Errorf("%d lines in the log for %d attempts", n, refused)
		}
		unharmed(t, b, c)
		t.Logf("%d verbs, %d attempts", len(everyVerb), refused)
	})
}

// TestClaim03_TelnetInEveryArgument: signals are taken out, and what is left is one argument.
func TestClaim03_TelnetInEveryArgument(t *testing.T) {
	t.Parallel()
	inEveryRole(t, plainScript, []string{"TimeoutIdle 20"}, func(t *testing.T, b *besieged) {
		for name, signal := range signals {
			c := b.login(t, "127.0.0.1")
			began := len(b.s.Events())
			for _, verb := range everyVerb {
				if verb == "DELE" || verb == "QUIT" { // the victim, and the end
					continue
				}
				c.SendRaw(fmt.Sprintf(signal, verb))
				if verb == "PASV" || verb == "EPSV" { // nobody comes to what was offered
					c.Send("RETR nothing")
				}
				c.Send("SIZE f") // transfers without a data connection answer twice
				for r := c.Reply(); r.String() != "213 200000"; r = c.Reply() {
				}
			}
			for _, line := range heardSince(b.s, began) {
				if victim(line) {
					t.Errorf("%s: the backend heard %q", name, line)
				}
			}
			unharmed(t, b, c)
			c.SendRaw(fmt.Sprintf(signal, "QUIT"))
			c.Expect(221)
			if heard := heardSince(b.s, began); !strings.HasPrefix(heard[len(heard)-1], "QUIT") {
				t.Errorf("%s: the last that the backend heard is %q", name, heard[len(heard)-1])
			}
		}
	})
}

// TestClaim03_InjectionBeforeTheLogin: nor does a user name, a password or a destination.
func TestClaim03_InjectionBeforeTheLogin(t *testing.T) {
	t.Parallel()
	inEveryRole(t, plainScript, nil, func(t *testing.T, b *besieged) {
		rightful := b.login(t, "127.0.0.1")
		began := len(b.s.Events())
		user := "USER " + b.user
		for _, line := range []string{
			user + "\rDELE victim\r\n", user + "\x00\r\n", user + "\r\x00DELE victim\r\n", "USER bob\rDELE victim" + strings.TrimPrefix(b.user, "bob") + "\r\n",
			"USER \r" + b.user + "\r\n", user + "\r\r\n", "USER bob\x00@127.0.0.1\r\n", "HOST a\rUSER root\r\n", "HOST \x00\r\n", "ACCT a\rDELE victim\r\n",
			"US\x00ER bob\r\n", "AUTH TLS\rUSER root\r\n", "CLNT a\x00\r\n", "PASS x\rDELE victim\r\n", "OPTS UTF8\rDELE victim ON\r\n",
		} {
			c := b.enter(t, "127.0.0.1")
			c.SendRaw(line)
			c.Expect(500)
			// It was as if it had never been said.
			c.Must(331, "USER %s", b.user)
			c.SendRaw("PASS x\rDELE victim\r\n")
			c.Expect(500)
			c.SendRaw("PASS \x00\r\n")
			c.Expect(500)
			c.Must(230, "PASS x")
			c.Must(257, "PWD")
			c.Close()
		}
		for _, line := range heardSince(b.s, began) {
			if victim(line) || strings.Contains(line, "root") {
				t.Errorf("the backend heard %q", line)
			}
		}
		unharmed(t, b, rightful)
	})
}

// TestClaim03_BareLineFeeds: one ends a line, as it does for many servers, so none is within one. What follows is
// the client's next command, to which all rules apply.
func TestClaim03_BareLineFeeds(t *testing.T) {
	t.Parallel()
	inEveryRole(t, plainScript, nil, func(t *testing.T, b *besieged) {
		c := b.enter(t, "127.0.0.1")
		began := len(b.s.Events())
		c.SendRaw("USER " + b.user + "\nDELE victim\r\n")
		c.Expect(331)
		c.Expect(530)
		for _, line := range heardSince(b.s, began) {
			if victim(line) {
				t.Errorf("the backend heard %q", line)
			}
		}
		c.Must(230, "PASS x")
		c.SendRaw("CWD a\nPORT 127,0,0,9,156,64\nPWD\r\n")
		c.Expect(250)
		c.ExpectLine("500 Illegal PORT command")
		c.Expect(257)
		unharmed(t, b, c)
	})
}

// TestClaim03_LookedUpCredentials: what a list of backends says instead of the client is no more trusted.
func TestClaim03_LookedUpCredentials(t *testing.T) {
	t.Parallel()
	s := peers.StartScripted(t, peers.Script{Files: map[string][]byte{"f": fortress}})
	dir := t.TempDir()
	write := func(user, credentials string) {
		t.Helper()
		body := fmt.Sprintf(`["ftp://%s@%s"]`, credentials, s.Addr())
		if err := os.WriteFile(filepath.Join(dir, user+".json"), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	evil := map[string]string{
		"cr": `bob\rDELE victim:x`, "lf": `bob\nDELE victim:x`, "nul": `bob\u0000:x`, "crlf": `bob\r\nDELE victim:x`, "password": `bob:x\r\nDELE victim`, "percent": `bob%0d%0aDELE victim:x`,
	}
	for name, credentials := range evil {
		write(name, credentials)
	}
	write("good", "bob:x")
	g, addr := startGateway(t, nil, "ProxyReverseConnectPolicy PerUser", "ProxyReverseServers file:"+dir+"/%U.json", "ProxyRetryCount 1")
	for name := range evil {
		c := peers.Dial(t, addr).Greeting()
		if r := c.Cmd("USER %s", name); r.Code == 331 {
			if r := c.Cmd("PASS x"); r.Code < 400 {
				t.Errorf("%s was let in: %q", name, r)
			}
		}
	}
	for _, line := range heardSince(s, 0) {
		if victim(line) || strings.HasPrefix(line, "USER") {
			t.Errorf("the backend heard %q", line)
		}
	}
	c := peers.Dial(t, addr).Greeting()
	c.Must(331, "USER good")
	c.Must(230, "PASS anything")
	sameBytes(t, "the rightful user's file", c.Fetch(peers.EPSV, "RETR f"), fortress)
	inTheLog(t, g, ".json", 1)
}

// TestClaim03_TranslatedPaths: nor is what a rule makes of an argument.
func TestClaim03_TranslatedPaths(t *testing.T) {
	t.Parallel()
	g, s, addr := oddGateway(t, peers.Script{Files: map[string][]byte{"f": fortress}},
		"RewriteEngine on", "RewriteMap plain int:unescape", "RewriteCondition %m CWD", `RewriteRule ^(.*)$ "${plain:$1}"`)
	c := peers.Dial(t, addr).Login("bob", "x")
	began := len(s.Events())
	c.Must(250, "CWD a%%20b")
	if heard := heardSince(s, began); !slices.Contains(heard, "CWD a b") {
		t.Fatalf("the rule did nothing: the backend heard %q", heard)
	}
	bad := []string{"a%0dDELE victim", "a%0aDELE victim", "a%0d%0aDELE victim", "%0d", "a%0D%0A"}
	for _, arg := range bad {
		c.Must(500, "CWD %s", arg)
	}
	c.Must(250, "CWD a%%00") // which the function leaves as it is
	for _, line := range heardSince(s, began) {
		if victim(line) {
			t.Errorf("the backend heard %q", line)
		}
	}
	sameBytes(t, "afterwards", c.Fetch(peers.EPSV, "RETR f"), fortress)
	inTheLog(t, g, "possible injection of another", len(bad))
}
