package gateway

import (
	"crypto/tls"
	"os"
	"strings"
	"testing"
)

// Handshakes with clients are in TLSLog, which is nobody else's to read.
func TestTLSLog(t *testing.T) {
	r := newRig(t)
	ca := newAuthority(t, "test root")
	port := freePort(t)
	r.configure("Port 0\n%s", tlsHost("127.0.0.1", port, backend(t, "b"), "TLSLog "+r.path("tls.log"),
		front(ca.write(r.path("cert.pem"), ca.issue("gateway.test")))))
	r.run()
	explicit(t, port, clientTLS(ca, "gateway.test"))
	failedHandshake(t, port)
	logged := func() string { text, _ := os.ReadFile(r.path("tls.log")); return string(text) }
	r.until("two lines in TLSLog", func() bool { return strings.Count(logged(), "\n") >= 2 })
	for _, want := range []string{"TLSv1.3", "TLS_AES_128_GCM_SHA256", "sni=gateway.test", "127.0.0.1", "level=warn"} {
		if !strings.Contains(logged(), want) {
			t.Errorf("TLSLog does not say %q:\n%s", want, logged())
		}
	}
	if info, err := os.Stat(r.path("tls.log")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the log is %v, %v", info.Mode(), err)
	}
	if strings.Contains(r.out.String(), "TLSv1.3") {
		t.Errorf("what TLSLog is for is in the system log, too:\n%s", r.out)
	}
}

// failedHandshake is a client that says AUTH TLS and means something else.
func failedHandshake(t *testing.T, port int) {
	t.Helper()
	c := dial(t, "127.0.0.1", "127.0.0.1", port)
	c.line()
	c.say("AUTH TLS", "234")
	c.send("this is no handshake")
}

// Without a TLSLog failures are in the system log, and all of it by request;
// TLSLog none means none.
func TestTLSLog_absent(t *testing.T) {
	for name, c := range map[string]struct{ directive, want, never string }{
		"absent":            {"", "TLS negotiation failed", "connection created"},
		"absent_with_diags": {"TLSOptions EnableDiags", "TLS handshake done", "nothing"},
		"none":              {"TLSLog none", "FTP session opened", "TLS negotiation failed"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			ca := newAuthority(t, "test root")
			port := freePort(t)
			r.configure("Port 0\n%s", tlsHost("127.0.0.1", port, backend(t, "b"), "ProxyTLSEngine off", c.directive,
				front(ca.write(r.path("cert.pem"), ca.issue("gateway.test")))))
			r.run()
			explicit(t, port, clientTLS(ca, "gateway.test"))
			failedHandshake(t, port)
			r.says(c.want)
			r.stop()
			if strings.Contains(r.out.String(), c.never) {
				t.Errorf("it says %q:\n%s", c.never, r.out)
			}
		})
	}
}

// A backend that cannot be trusted is said in one line of ProxyLog for each
// attempt, and EnableDiags says more.
func TestProxyLog_says_why_a_backend_is_not_trusted(t *testing.T) {
	r := newRig(t)
	ca, other := newAuthority(t, "test root"), newAuthority(t, "other root")
	peer := secureBackend(t, "secure", &tls.Config{Certificates: []tls.Certificate{other.issue("localhost")}})
	port := freePort(t)
	r.configure("Port 0\n%s", tlsHost("127.0.0.1", port, peer.url("ftp"), "ProxyLog "+r.path("proxy.log"), "ProxyRetryCount 1",
		"ProxyTLSOptions EnableDiags", "ProxyTLSCACertificateFile "+ca.root(r.path("ca.pem"))))
	r.run()
	c := dial(t, "127.0.0.1", "127.0.0.1", port)
	if got := c.line(); strings.HasPrefix(got, "220") {
		t.Errorf("the client was greeted with %q", got)
	}
	r.stop()
	text, _ := os.ReadFile(r.path("proxy.log"))
	for _, want := range []string{"unable to verify 'localhost' server certificate", "other root", "TLS handshake refused or broken off"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("ProxyLog does not say %q:\n%s", want, text)
		}
	}
}
