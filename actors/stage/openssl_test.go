package stage

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// withoutEMS has OpenSSL do without extended_master_secret (RFC 7627), for which
// s_server has no flag.
const withoutEMS = `openssl_conf = all
[all]
ssl_conf = tls
[tls]
system_default = defaults
[defaults]
Options = -ExtendedMasterSecret
`

// sServer is a real openssl s_server that reverses lines. It serves one
// connection after the other. conf replaces the system's openssl.cnf.
func sServer(t *testing.T, shown *authority, conf string, flags ...string) (addr string) {
	t.Helper()
	openssl := locateOpenSSL(t)
	cert := file(t, certPEM(shown), keyPEM(t, shown))
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	cmd := exec.CommandContext(ctx, openssl, append([]string{"s_server", "-accept", "127.0.0.1:0", "-cert", cert, "-rev"}, flags...)...)
	if conf != "" {
		cmd.Env = append(os.Environ(), "OPENSSL_CONF="+file(t, []byte(conf)))
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			cancel()
			_ = cmd.Wait()
			t.Fatalf("openssl s_server %v: %v", flags, err)
		}
		if a, ok := strings.CutPrefix(strings.TrimSpace(line), "ACCEPT "); ok {
			addr = a
			break
		}
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_, _ = io.Copy(io.Discard, lines)
	}()
	t.Cleanup(func() {
		_ = stdin.Close()
		cancel()
		<-drained
		_ = cmd.Wait()
	})
	return addr
}

// converse connects, has a line reversed, and ends properly.
func converse(t *testing.T, addr string, begin func(*net.TCPConn) (*Conn, error)) tls.ConnectionState {
	t.Helper()
	tcp, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	c, err := begin(tcp.(*net.TCPConn))
	if err != nil {
		t.Fatalf("handshake: %v", err)
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write([]byte("stressed\n")); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, len("desserts\n"))
	if _, err := io.ReadFull(c, line); err != nil || string(line) != "desserts\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	if err := c.CloseNotify(); err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.ReadAll(c); err != nil { // s_server says close_notify, too
		t.Logf("the end: %v", err)
	}
	return c.State()
}

func TestResumptionWithOpenSSL(t *testing.T) {
	for name, tt := range map[string]struct {
		flags  []string
		max    uint16
		none   bool     // NoSessionTickets
		again  bool     // the next visit resumes
		suites []uint16 // with a certificate of RSA
	}{
		"tls12_by_session_id":                       {[]string{"-tls1_2", "-no_ticket"}, 0, false, true, nil},
		"tls12_by_session_id_of_rsa_key_exchange":   {[]string{"-tls1_2", "-no_ticket", "-cipher", "AES128-SHA"}, 0, false, true, []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}},
		"tls11_by_session_id":                       {[]string{"-tls1_1", "-no_ticket", "-cipher", "DEFAULT@SECLEVEL=0"}, 0, false, true, nil},
		"tls10_by_session_id":                       {[]string{"-tls1", "-no_ticket", "-cipher", "DEFAULT@SECLEVEL=0"}, 0, false, true, nil},
		"tls12_by_session_id_without_ems":           {[]string{"-tls1_2", "-no_ticket"}, 0, false, true, nil},
		"tls12_by_ticket":                           {[]string{"-tls1_2"}, 0, false, true, nil},
		"tls12_by_session_id_although_tickets":      {[]string{"-tls1_2"}, tls.VersionTLS12, true, true, nil},
		"tls12_ticket_as_last_resort":               {[]string{"-tls1_2"}, 0, true, false, nil},
		"tls12_by_session_id_with_tls13_offered":    {[]string{"-tls1_2", "-no_ticket"}, 0, true, true, nil},
		"tls13_by_ticket":                           {[]string{"-tls1_3"}, 0, false, true, nil},
		"tls13_by_tickets_that_work_once":           {[]string{"-tls1_3", "-no_ticket"}, 0, false, true, nil},
		"tls13_within_a_visit":                      {[]string{"-tls1_3"}, 0, true, false, nil},
		"tls13_by_tickets_that_work_once_in_visits": {[]string{"-tls1_3", "-no_ticket"}, 0, true, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			key := ecKey(t)
			if tt.suites != nil {
				key = rsaKey(t)
			}
			cert := (*authority)(nil).make(t, key, hosts("ftp.example"))
			conf := ""
			if strings.HasSuffix(name, "without_ems") {
				conf = withoutEMS
			}
			addr := sServer(t, cert, conf, tt.flags...)
			client := newClient(t, ClientConfig{
				Authorities: Authorities{CAFile: file(t, certPEM(cert))}, Sessions: newDrawer(),
				NoSessionTickets: tt.none, MinVersion: tls.VersionTLS10, MaxVersion: tt.max, CipherSuites: tt.suites,
			})
			for visit := range 3 {
				v := client.Visit(link(t, "ftp://ftp.example"))
				if resumed := converse(t, addr, controlOf(t, v)).DidResume; resumed != (tt.again && visit > 0) {
					t.Errorf("visit %d: resumed: %v", visit, resumed)
				}
				for i := range 12 {
					if !converse(t, addr, dataOf(t, v)).DidResume {
						t.Fatalf("visit %d: data connection %d did not resume", visit, i)
					}
				}
			}
		})
	}
}
