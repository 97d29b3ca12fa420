package ftpsession

import (
	"crypto/tls"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/actors/stage"
)

// Commands in clear around AUTH are never carried out (CVE-2011-0411).
func TestTLS_injection_by_the_client(t *testing.T) {
	for name, parts := range map[string][]string{
		"in_one_segment":          {"AUTH TLS\r\nUSER x\r\n"},
		"half_a_line_of_it":       {"AUTH TLS\r\nUSER"},
		"in_a_segment_of_its_own": {"AUTH TLS\r\n", "USER x\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, nil)
			r := newTLSRig(t, s)
			r.start()
			r.hear("220 ")
			for _, p := range parts {
				r.send(p)
			}
			r.hear("234 ")
			// What follows are an alert of TLS and the farewell in clear.
			_ = r.client.SetReadDeadline(time.Now().Add(patience))
			rest, err := io.ReadAll(r.in)
			if err != nil || !strings.HasSuffix(string(rest), "421 TLS handshake failed\r\n") || strings.Contains(string(rest), "331") {
				t.Errorf("the client heard %q, %v", rest, err)
			}
			if err := r.ended(); err != nil {
				t.Errorf("the session ended with %v", err)
			}
			if s.said("USER") {
				t.Error("USER was carried out")
			}
			r.policy.settled(t, "released")
		})
	}
}

// What a stranger slips in behind the backend's 234 is not its word.
func TestTLS_injection_by_the_backend(t *testing.T) {
	s := serve(t, map[string]func(*visit, string){"AUTH": func(v *visit, _ string) {
		_, _ = io.WriteString(v.conn, "234 go ahead\r\n200 PBSZ it is\r\n200 PROT it is\r\n")
		v.secure()
	}})
	r := newTLSRig(t, s)
	r.start()
	if rest, err := r.hearEnd(); rest != "" || err != nil {
		t.Errorf("the client heard %q, %v", rest, err)
	}
	r.policy.settled(t, "failed", "failed", "failed")
	if s.said("PBSZ") || !strings.Contains(r.logs.String(), "possible injection") {
		t.Errorf("it went on, or the log does not say why not:\n%s", r.logs)
	}
}

// A handshake that fails ends the session: nothing goes on in clear.
func TestTLS_handshake_that_fails(t *testing.T) {
	s := serve(t, nil)
	r := newTLSRig(t, s)
	r.start()
	r.hear("220 ")
	r.ask("AUTH TLS", "234 ")
	r.config.RootCAs = nil // nobody is trusted
	_ = r.client.SetDeadline(time.Now().Add(patience))
	var unknown *tls.CertificateVerificationError
	if err := tls.Client(r.client, r.config).Handshake(); !errors.As(err, &unknown) {
		t.Fatalf("the handshake ended with %v", err)
	}
	if _, err := io.WriteString(r.client, "USER x\r\n"); err != nil {
		t.Fatal(err)
	}
	_ = r.ended()
	if s.said("USER") {
		t.Error("it went on in clear")
	}
	r.policy.settled(t, "released")
}

// Handshakes end in time, and nothing is written into one.
func TestTLS_handshake_that_never_comes(t *testing.T) {
	brief := func(c *stage.ServerConfig) { c.HandshakeLimit = 200 * time.Millisecond }
	nothing := func(*tlsRig) {}
	for name, c := range map[string]struct {
		change, then func(*tlsRig)
		want         string
	}{
		"by_its_own_limit": {
			func(r *tlsRig) { r.setup.TLS = r.front.towardsClients(r.t, brief) }, nothing,
			"421 TLS handshake failed\r\n",
		},
		"by_its_own_limit_in_implicit_TLS": {
			func(r *tlsRig) {
				r.setup.TLS = r.front.towardsClients(r.t, brief)
				r.setup.Dialogue.TLS.Implicit = true
			}, nothing, "",
		},
		"by_the_login_timeout":      {func(r *tlsRig) { r.setup.Dialogue.TimeoutLogin = 300 * time.Millisecond }, nothing, ""},
		"by_the_end_of_the_gateway": {nothing, func(r *tlsRig) { r.end() }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newTLSRig(t, serve(t, nil))
			c.change(r)
			r.start()
			if !r.setup.Dialogue.TLS.Implicit {
				r.hear("220 ")
				r.ask("AUTH TLS", "234 ")
			}
			c.then(r)
			rest, err := r.hearEnd()
			if !strings.HasSuffix(rest, c.want) || c.want == "" && rest != "" || err != nil {
				t.Errorf("the client heard %q, %v", rest, err)
			}
			if err := r.ended(); err != nil {
				t.Errorf("the session ended with %v", err)
			}
		})
	}
}

// A client that is gone in mid handshake leaves nothing behind.
func TestTLS_client_that_leaves_in_mid_handshake(t *testing.T) {
	r := newTLSRig(t, serve(t, nil))
	r.start()
	r.hear("220 ")
	r.ask("AUTH TLS", "234 ")
	r.client.Close()
	if err := r.ended(); err != nil {
		t.Errorf("the session ended with %v", err)
	}
	r.policy.settled(t, "released")
}

// A fall in mid handshake is the session's alone, and writes nothing into it.
func TestTLS_crash_in_mid_handshake(t *testing.T) {
	r := newTLSRig(t, serve(t, nil))
	r.setup.Names = func(string) *Setup { panic("boom") }
	r.start()
	r.hear("220 ")
	r.ask("AUTH TLS", "234 ")
	r.config.ServerName = "other.example"
	_ = r.client.SetDeadline(time.Now().Add(patience))
	if err := tls.Client(r.client, r.config).Handshake(); err == nil {
		t.Error("the handshake succeeded")
	}
	if err := r.ended(); err == nil || !strings.Contains(err.Error(), "boom") {
		t.Errorf("the session ended with %v", err)
	}
	r.policy.settled(t, "released")
}

// HTTP lured into TLS ends there, too (ALPACA).
func TestTLS_foreign_protocol(t *testing.T) {
	r := newTLSRig(t, serve(t, nil))
	r.start()
	r.authTLS()
	r.send("POST / HTTP/1.1\r\nHost: here\r\n\r\n")
	r.leftAlone()
}

// Writes that never end are given up on in TLS as well.
func TestTLS_client_that_does_not_read(t *testing.T) {
	s := serve(t, map[string]func(*visit, string){"STAT": func(v *visit, _ string) {
		line := "150-" + strings.Repeat("x", 900) + "\r\n" + strings.Repeat(" "+strings.Repeat("y", 900)+"\r\n", 60) + "150 more\r\n"
		for range 400 {
			if _, err := io.WriteString(v.out, line); err != nil {
				return
			}
		}
	}})
	r := newTLSRig(t, s)
	r.setup.Services.limits = briefly
	r.start()
	r.authTLS()
	r.login()
	r.send("STAT\r\n")
	began := time.Now()
	if err := r.ended(); err != nil {
		t.Errorf("the session ended with %v", err)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("it took %v", took)
	}
	r.policy.settled(t, "released")
}
