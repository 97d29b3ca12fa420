package ftpsession

import (
	"bufio"
	"io"
	"testing"
	"time"
)

// After CCC the control connection is in clear, whether or not the client says
// close_notify; data stays protected.
func TestTLS_CCC(t *testing.T) {
	for name, polite := range map[string]bool{"with_a_close_notify": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			r := newTLSRig(t, serve(t, nil))
			r.start()
			r.authTLS()
			r.private()
			r.login()
			r.ask("CCC", "200 Clearing control channel protection")
			if _, err := r.in.ReadByte(); err != io.EOF {
				t.Fatalf("instead of a close_notify came %v", err)
			}
			if polite {
				if err := r.tls.CloseWrite(); err != nil {
					t.Fatal(err)
				}
				_ = r.client.SetWriteDeadline(time.Time{})
			}
			r.out, r.in = r.client, bufio.NewReader(r.client)
			r.send("PWD\r\nPWD\r\n") // right behind
			r.hear("257 ")
			r.hear("257 ")
			d := r.open("RETR f")
			if got, err := io.ReadAll(d); err != nil || string(got) != "some bytes" {
				t.Errorf("got %q, %v; log:\n%s", got, err, r.logs)
			}
			d.Close()
			r.hear("226 ")
			r.ask("AUTH TLS", "534 ")
			r.ask("QUIT", "221 ")
			r.leftAlone()
		})
	}
}

// Where clear text begins must not be in doubt.
func TestTLS_CCC_with_more_behind_it_ends_the_session(t *testing.T) {
	for name, more := range map[string]string{"in_one_record": "CCC\r\nPWD\r\n", "half_a_line_of_it": "CCC\r\nPW"} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, nil)
			r := newTLSRig(t, s)
			r.start()
			r.authTLS()
			r.login()
			r.send(more)
			r.hear("200 ")
			_ = r.ended()
			if s.said("PWD") {
				t.Error("PWD was carried out")
			}
		})
	}
	t.Run("in_another_record", func(t *testing.T) {
		s := serve(t, nil)
		r := newTLSRig(t, s)
		r.start()
		r.authTLS()
		r.login()
		r.ask("CCC", "200 ")
		r.send("PWD\r\n")
		_ = r.ended()
		if s.said("PWD") {
			t.Error("PWD was carried out")
		}
	})
}
