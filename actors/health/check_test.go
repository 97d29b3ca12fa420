package health

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/protocols/proxyproto"
	"github.com/sluice-gateway/sluice/runtime/sockets"
)

const secret = "canary-Pa55"

// asking makes a check of a server.
func asking(t *testing.T, kind messages.CheckKind, url string, at ...netip.AddrPort) *check {
	t.Helper()
	u, err := backendurl.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	active := messages.ActiveChecks{Kind: kind, User: "probe", Password: secret}
	c := &check{kind: fitting(active, u), url: u, endpoints: at, timeout: 5 * time.Second, dial: dialTCP}
	c.user, c.password = account(active, u)
	return c
}

// run does a check and wants an error with a text; empty: none.
func run(t *testing.T, c *check, gist string) {
	t.Helper()
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	switch {
	case gist == "" && c.err != nil:
		t.Errorf("it did not pass: %v", c.err)
	case gist != "" && (c.err == nil || !strings.Contains(c.err.Error(), gist)):
		t.Errorf("it ended with %v, want %q", c.err, gist)
	case c.err != nil && strings.Contains(c.err.Error(), secret):
		t.Errorf("the password is shown: %v", c.err)
	}
	if c.took <= 0 || c.took > c.timeout+2*time.Second {
		t.Errorf("it took %v of %v", c.took, c.timeout)
	}
}

func TestConnectAndBannerChecks(t *testing.T) {
	gone := listen(t, says(""))
	free, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	refused := free.Addr().(*net.TCPAddr).AddrPort()
	free.Close()
	cases := map[string]struct {
		kind  messages.CheckKind
		url   string
		serve func(net.Conn)
		gist  string
	}{
		"connect":                      {messages.ConnectCheck, "ftp://h", says(""), ""},
		"connect_looks_no_further":     {messages.ConnectCheck, "ftp://h", hangsUp("421 full\r\n"), ""},
		"banner":                       {messages.BannerCheck, "ftp://h", new(ftpServer).serve, ""},
		"banner_of_many_lines":         {messages.BannerCheck, "ftp://h", (&ftpServer{greeting: "220-a\r\nb\r\n220 c\r\n"}).serve, ""},
		"banner_after_a_while":         {messages.BannerCheck, "ftp://h", (&ftpServer{greeting: "120 soon\r\n220 c\r\n"}).serve, ""},
		"banner_without_an_end":        {messages.BannerCheck, "ftp://h", hangsUp("220 bye\r\n"), ""}, // QUIT need not be answered
		"banner_that_is_none":          {messages.BannerCheck, "ftp://h", hangsUp("421 too many\r\n"), `the greeting is 421 "too many"`},
		"banner_of_somebody_else":      {messages.BannerCheck, "ftp://h", hangsUp("SSH-2.0-x\r\n"), "the greeting: "},
		"banner_that_is_cut_off":       {messages.BannerCheck, "ftp://h", hangsUp("220 he"), "EOF"},
		"ssh_banner":                   {messages.BannerCheck, "sftp://h", says("SSH-2.0-x\r\n"), ""},
		"ssh_banner_after_other_lines": {messages.BannerCheck, "sftp://h", says("hello\r\nyou\r\nSSH-1.99-x\n"), ""},
		"ssh_banner_of_ssh_1":          {messages.BannerCheck, "sftp://h", says("SSH-1.5-x\r\n"), "not of SSH 2"},
		"ssh_banner_of_somebody_else":  {messages.BannerCheck, "sftp://h", says(strings.Repeat("x", 300)), "none of an SSH server"},
		"ssh_banner_without_end":       {messages.BannerCheck, "sftp://h", says(strings.Repeat("220 x\r\n", 100)), "none of an SSH server"},
		"login_of_ssh_is_its_banner":   {messages.LoginCheck, "sftp://h", says("SSH-2.0-x\r\n"), ""},
		"ssh_of_ftp_is_its_banner":     {messages.SSHCheck, "ftp://h", new(ftpServer).serve, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) { run(t, asking(t, c.kind, c.url, listen(t, c.serve)), c.gist) })
	}
	t.Run("refused", func(t *testing.T) { run(t, asking(t, messages.ConnectCheck, "ftp://h", refused), "connection refused") })
	t.Run("without_an_address", func(t *testing.T) { run(t, asking(t, messages.ConnectCheck, "ftp://h"), "no address") })
	t.Run("the_next_endpoint", func(t *testing.T) { run(t, asking(t, messages.ConnectCheck, "ftp://h", refused, gone), "") })
}

func TestChecksEndInTime(t *testing.T) {
	silent := listen(t, says(""))
	for kind, url := range map[messages.CheckKind]string{
		messages.BannerCheck: "ftp://h", messages.LoginCheck: "ftps://h:990", messages.TLSCheck: "ftps://h:990", messages.SSHCheck: "sftp://h",
	} {
		t.Run(kind.String(), func(t *testing.T) {
			c := asking(t, kind, url, silent)
			c.timeout = 150 * time.Millisecond
			run(t, c, "not done within 150ms")
			if c.took < c.timeout || c.took > 10*c.timeout {
				t.Errorf("it took %v", c.took)
			}
		})
	}
	t.Run("endpoints_share_the_time", func(t *testing.T) {
		ok := listen(t, says(""))
		c := asking(t, messages.ConnectCheck, "ftp://h", netip.MustParseAddrPort("192.0.2.1:21"), ok)
		c.timeout = 400 * time.Millisecond
		c.dial = func(ctx context.Context, source netip.Addr, to netip.AddrPort) (net.Conn, error) {
			if to == ok {
				return sockets.Dial(ctx, source, to, nil)
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}
		run(t, c, "")
		if c.took < c.timeout/2 || c.took > c.timeout {
			t.Errorf("it took %v", c.took)
		}
	})
	t.Run("the_context_ends_it", func(t *testing.T) {
		ctx, stop := context.WithCancelCause(t.Context())
		why := errors.New("the gateway stops")
		c := asking(t, messages.BannerCheck, "ftp://h", listen(t, func(conn net.Conn) { stop(why); _, _ = conn.Read(make([]byte, 1)) }))
		if _ = c.Run(ctx); !errors.Is(c.err, why) || c.took > 2*time.Second {
			t.Errorf("ended by %v after %v", c.err, c.took)
		}
	})
}

func TestSourceAddress(t *testing.T) {
	seen := make(chan string, 1)
	c := asking(t, messages.ConnectCheck, "ftp://h", listen(t, func(conn net.Conn) { seen <- conn.RemoteAddr().String() }))
	c.source = sockets.SourceOf(netip.MustParseAddr("127.0.0.77"))
	run(t, c, "")
	if from := <-seen; !strings.HasPrefix(from, "127.0.0.77:") {
		t.Errorf("it came from %s", from)
	}
}

// Backends that demand a PROXY header get one from checks, too: about the check
// itself, as no client is there.
func TestProxyHeader(t *testing.T) {
	for name, version := range map[string]proxyproto.Version{"v1": proxyproto.V1, "v2": proxyproto.V2} {
		t.Run(name, func(t *testing.T) {
			seen := make(chan string, 1)
			c := asking(t, messages.BannerCheck, "ftp://h", listen(t, func(conn net.Conn) {
				var d proxyproto.Decoder
				for n := d.Need(); n > 0; n = d.Need() {
					b := make([]byte, n)
					if _, err := io.ReadFull(conn, b); err != nil {
						break
					}
					_, _ = d.Feed(b) // an error is a header that is none
				}
				h, ok := d.Header()
				own := h.Source.String() == conn.RemoteAddr().String() && h.Destination.String() == conn.LocalAddr().String()
				seen <- fmt.Sprint(ok, h.Version, " LOCAL ", h.Local, ", own addresses ", own)
				_, _ = io.WriteString(conn, "220 hello\r\n")
			}))
			c.proxy = version
			run(t, c, "")
			want := map[string]string{"v1": "true 1 LOCAL false, own addresses true", "v2": "true 2 LOCAL true, own addresses false"}[name]
			if got := <-seen; got != want {
				t.Errorf("the backend saw %q, want %q", got, want)
			}
		})
	}
}

func TestLoginChecks(t *testing.T) {
	mine, trusting := identity(t)
	cases := map[string]struct {
		server *ftpServer
		url    string
		tls    *tls.Config
		gist   string
		saw    string
	}{
		"with_the_password":            {&ftpServer{password: secret}, "ftp://h", nil, "", "USER probe, PASS " + secret + ", QUIT"},
		"with_the_name_alone":          {&ftpServer{user: "230 in\r\n"}, "ftp://h", nil, "", "USER probe, QUIT"},
		"with_the_url_s_account":       {&ftpServer{password: "own"}, "ftp://joe:own@h", nil, "", "USER joe, PASS own, QUIT"},
		"with_the_url_s_name":          {&ftpServer{password: secret}, "ftp://joe:@h", nil, "", "USER joe, PASS " + secret + ", QUIT"},
		"with_a_wrong_password":        {&ftpServer{password: "other"}, "ftp://h", nil, `the login of "probe" was answered with 530 "Login incorrect."`, "USER probe, PASS " + secret},
		"of_a_user_who_is_refused":     {&ftpServer{user: "530 no\r\n"}, "ftp://h", nil, "530", "USER probe"},
		"ftps_goes_by_tls":             {&ftpServer{tls: mine, password: secret}, "ftps://h", nil, "", "AUTH TLS, tls USER probe, tls PASS " + secret + ", tls QUIT"},
		"ftps_never_in_clear":          {&ftpServer{password: secret}, "ftps://h", nil, "AUTH TLS was answered with 500", "AUTH TLS"},
		"ftps_from_the_first_byte":     {&ftpServer{tls: mine, implicit: true, password: secret}, "ftps://h:990", nil, "", "tls USER probe, tls PASS " + secret + ", tls QUIT"},
		"ftp_by_tls_where_it_can":      {&ftpServer{tls: mine, password: secret}, "ftp://localhost", trusting, "", "AUTH TLS, tls USER probe, tls PASS " + secret + ", tls QUIT"},
		"ftp_in_clear_where_it_cannot": {&ftpServer{password: secret}, "ftp://localhost", trusting, "", "AUTH TLS, USER probe, PASS " + secret + ", QUIT"},
		"not_to_a_stranger":            {&ftpServer{tls: mine, password: secret}, "ftp://elsewhere", trusting, "the TLS handshake", "AUTH TLS"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			check := asking(t, messages.LoginCheck, c.url, listen(t, c.server.serve))
			check.tls = terms(c.tls)
			run(t, check, c.gist)
			if saw := c.server.saw(); saw != c.saw {
				t.Errorf("the backend saw %q, want %q", saw, c.saw)
			}
		})
	}
}

func TestTLSChecks(t *testing.T) {
	mine, trusting := identity(t)
	cases := map[string]struct {
		server *ftpServer
		url    string
		tls    *tls.Config
		gist   string
	}{
		"explicit":                   {&ftpServer{tls: mine}, "ftp://h", nil, ""},
		"explicit_and_verified":      {&ftpServer{tls: mine}, "ftps://localhost", trusting, ""},
		"a_wrong_name":               {&ftpServer{tls: mine}, "ftps://elsewhere", trusting, "the TLS handshake"},
		"an_authority_nobody_knows":  {&ftpServer{tls: mine}, "ftps://localhost", &tls.Config{}, "the TLS handshake"},
		"implicit":                   {&ftpServer{tls: mine, implicit: true}, "ftps://h:990", nil, ""},
		"implicit_of_a_plain_server": {&ftpServer{}, "ftps://h:990", nil, "the TLS handshake"},
		"none":                       {&ftpServer{}, "ftp://h", nil, "AUTH TLS was answered with 500"},
		"words_slipped_in_before":    {&ftpServer{auth: "234 go\r\n230 you are in\r\n"}, "ftp://h", nil, "sent more in clear"},
		"no_greeting":                {&ftpServer{tls: mine, greeting: "421 no\r\n"}, "ftp://h", nil, "the greeting is 421"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			check := asking(t, messages.TLSCheck, c.url, listen(t, c.server.serve))
			check.tls = terms(c.tls)
			run(t, check, c.gist)
		})
	}
}

func FuzzSSHVersion(f *testing.F) {
	for _, seed := range []string{"SSH-2.0-x\r\n", "hello\nSSH-1.99-y\n", "SSH-1.5-z\n", strings.Repeat("\n", 100), "SSH-2.0-"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rest := strings.NewReader(text)
		err := sshVersion(rest)
		read := text[:len(text)-rest.Len()]
		if len(read) > maxVersionLines*(maxVersionLine+1) {
			t.Fatalf("%d bytes were read", len(read))
		}
		last := read[strings.LastIndexByte(strings.TrimSuffix(read, "\n"), '\n')+1:]
		if good := strings.HasPrefix(last, "SSH-2.0-") || strings.HasPrefix(last, "SSH-1.99-"); err == nil && !good {
			t.Fatalf("%q passed as a version", last)
		}
	})
}

func TestSSHChecks(t *testing.T) {
	serve := sshServer(t)
	for range 3 {
		run(t, asking(t, messages.SSHCheck, "sftp://h", listen(t, serve)), "")
	}
	run(t, asking(t, messages.SSHCheck, "sftp://h", listen(t, hangsUp("SSH-2.0-x\r\n"))), "the key exchange")
	run(t, asking(t, messages.SSHCheck, "sftp://h", listen(t, new(ftpServer).serve)), "the key exchange")
}

// terms are those of a configuration; none without one.
func terms(c *tls.Config) Terms {
	if c == nil {
		return Terms{}
	}
	return Terms{Config: func(netip.Addr) *tls.Config { return c }}
}

func TestLoginWhereTLSIsRequired(t *testing.T) {
	_, trusting := identity(t)
	server := &ftpServer{password: secret}
	check := asking(t, messages.LoginCheck, "ftp://localhost", listen(t, server.serve))
	check.tls = terms(trusting)
	check.tls.Required = true
	run(t, check, "AUTH TLS was answered with 500")
	if saw := server.saw(); saw != "AUTH TLS" {
		t.Errorf("the backend saw %q", saw)
	}
}
