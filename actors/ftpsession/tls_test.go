package ftpsession

import (
	"crypto/tls"
	"io"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/actors/stage"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/backendurl"
)

// Downloads and uploads in TLS on both sides, one after the other.
func TestTLS_on_both_sides(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			s := serve(t, nil)
			r := newTLSRig(t, s)
			r.config.MinVersion, r.config.MaxVersion = version, version
			r.setup.TransferLog = "/somewhere/xferlog"
			s.set(func() { s.tls.MinVersion, s.tls.MaxVersion = version, version })
			r.start()
			r.authTLS()
			r.private()
			r.login()
			var records []messages.RecordTransfer
			for range 3 {
				d := r.open("RETR f")
				if got, err := io.ReadAll(d); err != nil || string(got) != "some bytes" {
					t.Fatalf("got %q, %v; log:\n%s", got, err, r.logs)
				}
				d.Close()
				r.hear("226 ")
				u := r.open("STOR f")
				if _, err := io.WriteString(u, "all of it"); err != nil {
					t.Fatal(err)
				}
				u.Close()
				r.hear("226 ")
				records = append(records, <-r.records, <-r.records)
			}
			r.ask("QUIT", "221 ")
			r.leftAlone()
			for _, m := range records {
				if m.Service != messages.FTPS || !m.Complete {
					t.Errorf("recorded %+v", m)
				}
			}
			if got := s.lastStored(); got != "all of it|all of it|all of it" {
				t.Errorf("stored %q", got)
			}
			r.policy.settled(t, "released")
			for _, line := range []string{"starting TLS negotiation on control connection", "connection created, using cipher"} {
				if !strings.Contains(r.logs.String(), line) {
					t.Errorf("the log does not say %q:\n%s", line, r.logs)
				}
			}
		})
	}
}

// A client that is cut off without its close_notify has not sent a whole file.
func TestTLS_upload_that_is_cut_off_is_none(t *testing.T) {
	s := serve(t, nil)
	r := newTLSRig(t, s)
	r.start()
	r.authTLS()
	r.private()
	r.login()
	u := r.open("STOR f")
	if _, err := io.WriteString(u, "half of"); err != nil {
		t.Fatal(err)
	}
	u.NetConn().Close()
	r.hear("426 ")
	r.ask("PWD", "257 ")
	r.end()
	r.hear("421 ")
}

// Another client's TLS session does not open a data connection, and the next
// transfer is none the worse for it.
func TestTLS_data_connection_of_another_session_is_refused(t *testing.T) {
	r := newTLSRig(t, serve(t, nil))
	r.start()
	r.authTLS()
	r.private()
	r.login()
	d := dialFrom(t, "127.0.0.1", portOf(t, r.ask("EPSV", "229 ")))
	defer d.Close()
	r.ask("RETR f", "150 ")
	stranger := r.config.Clone()
	stranger.ClientSessionCache = nil
	c := tls.Client(d, stranger)
	if got, err := io.ReadAll(c); err == nil || len(got) > 0 {
		t.Errorf("it got %q, %v", got, err)
	}
	r.hear("425 Unable to build data connection: Operation not permitted")
	if log := r.logs.String(); strings.Count(log, "frontend data connection failed (handshake)") != 1 || !strings.Contains(log, stage.ErrNotResumed.Error()) {
		t.Errorf("the log does not say why:\n%s", log)
	}
	own := r.open("RETR f")
	if got, err := io.ReadAll(own); err != nil || string(got) != "some bytes" {
		t.Errorf("got %q, %v; log:\n%s", got, err, r.logs)
	}
	own.Close()
	r.hear("226 ")
}

// Implicit TLS on both sides begins without a word in clear.
func TestTLS_implicit(t *testing.T) {
	s := serve(t, map[string]func(*visit, string){"banner": func(v *visit, _ string) {
		v.secure()
		v.say("220 scripted")
	}})
	r := newTLSRig(t, s)
	r.policy.answer = func(n int, p messages.PickBackend) (messages.BackendPicked, bool) {
		b, ok := picking(s.addr())(n, p)
		b.Backend.URL.Scheme, b.Backend.URL.Implicit = backendurl.FTPS, true
		return b, ok
	}
	r.setup.Dialogue.TLS.Implicit = true
	r.start()
	r.handshake()
	r.hear("220 ")
	r.login()
	d := r.open("RETR f") // PROT P is preset
	if got, err := io.ReadAll(d); err != nil || string(got) != "some bytes" {
		t.Errorf("got %q, %v; log:\n%s", got, err, r.logs)
	}
	d.Close()
	r.hear("226 ")
	r.ask("QUIT", "221 ")
	r.leftAlone()
	if s.said("AUTH") {
		t.Error("AUTH was sent")
	}
}

// A backend that lists no TLS, or refuses it, is spoken with in clear under auto.
func TestTLS_towards_the_client_alone(t *testing.T) {
	s := serve(t, nil)
	r := newTLSRig(t, s)
	s.set(func() { s.tls = nil })
	r.start()
	r.authTLS()
	r.private()
	r.login()
	d := r.open("RETR f")
	if got, err := io.ReadAll(d); err != nil || string(got) != "some bytes" {
		t.Errorf("got %q, %v; log:\n%s", got, err, r.logs)
	}
	d.Close()
	r.hear("226 ")
}

// A backend whose certificate is not trusted is not spoken with at all.
func TestTLS_backend_that_cannot_be_verified(t *testing.T) {
	s := serve(t, nil)
	r := newTLSRig(t, s)
	other := newIdentity(t)
	s.set(func() { s.tls.Certificates = []tls.Certificate{other.pair} })
	r.setup.Dialogue.RetryCount = 1
	r.start()
	if rest, err := r.hearEnd(); rest != "" || err != nil {
		t.Errorf("the client heard %q, %v", rest, err)
	}
	r.policy.settled(t, "failed")
	if !strings.Contains(r.logs.String(), "error enabling TLS on control connection to backend server") {
		t.Errorf("the log does not say why:\n%s", r.logs)
	}
}

// ABOR goes to a backend in TLS as the plain command: urgent bytes in the midst of
// records would break them.
func TestTLS_abort(t *testing.T) {
	heard := make(chan string, 1)
	s := serve(t, map[string]func(*visit, string){"RETR": func(v *visit, _ string) {
		tcp, err := v.pasv.AcceptTCP()
		if err != nil {
			return
		}
		v.pasv.Close()
		defer tcp.Close()
		v.say("150 here it comes")
		d := tls.Server(tcp, v.tls)
		if _, err := io.WriteString(d, "the beginning"); err != nil {
			return
		}
		line, _ := v.in.ReadString('\n')
		heard <- line
		v.say("426 cut off")
		v.say("226 aborted")
	}})
	r := newTLSRig(t, s)
	r.start()
	r.authTLS()
	r.private()
	r.login()
	d := r.open("RETR f")
	if _, err := io.ReadFull(d, make([]byte, len("the beginning"))); err != nil {
		t.Fatalf("%v; log:\n%s", err, r.logs)
	}
	r.ask("ABOR", "426 ")
	r.hear("226 ")
	if got := <-heard; got != "ABOR\r\n" {
		t.Errorf("the backend heard %q", got)
	}
	if _, err := d.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("the cut off transfer ends with %v", err)
	}
	r.ask("PWD", "257 ")
}
