package ftpsession

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/protocols/logformat"
)

// keepBooks gives a session's server a log of what it wants.
func keepBooks(r *rig, words ...logformat.Word) *rig {
	wants := logformat.Select(words)
	r.setup.Class = "office"
	r.setup.Books = Books{Host: "gw1", Version: "0.3", PID: 7,
		Logs: []messages.ExtendedLog{{Log: "/log", Wants: &wants, Format: logformat.JSON()}}}
	return r
}

// entry waits for the next record and expands a format from it.
func (r *rig) entry(format string) string {
	r.t.Helper()
	select {
	case m := <-r.entries:
		f, problems := logformat.Compile(format, nil)
		if len(problems) > 0 {
			r.t.Fatal(problems)
		}
		return string(f.Append(nil, &m.Record))
	case <-time.After(patience):
		r.t.Fatalf("nothing more was recorded; log:\n%s", r.logs)
		return ""
	}
}

// recorded checks the next records.
func (r *rig) recorded(format string, want ...string) {
	r.t.Helper()
	var got []string
	for range want {
		got = append(got, r.entry(format))
	}
	if d := cmp.Diff(want, got); d != "" {
		r.t.Error(d)
	}
}

func TestBooks(t *testing.T) {
	s := serve(t, nil)
	r := keepBooks(newRig(t, picking(s.addr()))).start()
	login(r)
	at := s.addr()
	backend := fmt.Sprintf("%v %d ", at.Addr(), at.Port()) + backendurl.URL{Scheme: backendurl.FTP, Host: at.Addr().String(), Port: at.Port()}.String()
	const format = "%r|%s %S|%u %U %c %v %V %P %{version} %{protocol}|%a %{note:mod_proxy.backend-ip} %{note:mod_proxy.backend-port} %{note:mod_proxy.backend-url}"
	tail := func(who string) string { return "|" + who + " office upstairs gw1 7 0.3 ftp|127.0.0.1 " + backend }
	r.recorded(format,
		"CONNECT|220 scripted"+tail("- -"),
		"USER ann|331 Password please"+tail("- ann"),
		"PASS (hidden)|230 Welcome"+tail("ann ann"))

	r.send("EPSV\r\n")
	port := portOf(t, r.hear("229 "))
	d := dialFrom(t, "127.0.0.1", port)
	defer d.Close()
	r.send("RETR a file\r\n")
	r.hear("150 ")
	if _, err := io.ReadAll(d); err != nil {
		t.Fatal(err)
	}
	r.hear("226 ")
	r.recorded("%m %s", "EPSV 229")
	r.recorded(`"%f" %b %{transfer-status} %{transfer-type} %{file-size} %{transfer-port} %s`,
		fmt.Sprintf(`"a file" 10 success binary 10 %d 226`, port))

	r.send("RNFR old\r\n")
	r.hear("200 ")
	r.send("RNTO new\r\n")
	r.hear("200 ")
	r.send("NOPE\x01\r\nA\x00B\r\n")
	r.hear("500 ")
	r.hear("500 ")
	r.recorded("%m %J %w %s %b", "RNFR old - 200 -", "RNTO new old 200 -")
	if got := r.entry("%s"); got != "500" {
		t.Error(got)
	}
	if got := r.entry("%s %J"); got != "500 -" {
		t.Error(got)
	}
	r.send("QUIT\r\n")
	r.hear("221 ")
	if err := r.ended(); err != nil {
		t.Fatal(err)
	}
	r.recorded("%m %s %E %u "+"%{note:mod_proxy.backend-port}",
		fmt.Sprintf("QUIT 221 - ann %d", at.Port()), fmt.Sprintf("EXIT - client quit ann %d", at.Port()))
}

func TestBooks_only_what_is_wanted(t *testing.T) {
	s := serve(t, nil)
	r := keepBooks(newRig(t, picking(s.addr())), logformat.Word{Name: "INFO"}, logformat.Word{Name: "EXIT"}).start()
	login(r)
	r.send("PWD\r\nNOOP\r\nSYST\r\n")
	r.hear("257 ")
	r.hear("200 ")
	r.hear("200 ")
	_ = r.client.Close()
	if err := r.ended(); err != nil {
		t.Fatal(err)
	}
	r.recorded("%m", "PWD", "SYST", "EXIT")
}

func TestBooks_no_password_leaves_the_session(t *testing.T) {
	s := serve(t, map[string]func(*visit, string){"PASS": func(v *visit, arg string) { v.say("530 %s is wrong", arg) }})
	r := keepBooks(newRig(t, picking(s.addr()))).start()
	r.hear("220 ")
	r.send("USER ann\r\nPASS canary-4711\r\n")
	r.hear("331 ")
	r.hear("530 ")
	_ = r.client.Close()
	_ = r.ended() // how it ended is nothing to this test
	for range 4 {
		if m := <-r.entries; strings.Contains(fmt.Sprintf("%+v", m), "canary") {
			t.Errorf("%+v", m)
		}
	}
}

func TestBooks_what_is_open_at_the_end(t *testing.T) {
	asked := make(chan struct{})
	s := serve(t, map[string]func(*visit, string){"CWD": func(*visit, string) { close(asked) }})
	r := keepBooks(newRig(t, picking(s.addr()))).start()
	login(r)
	r.send("CWD x\r\n")
	r.recorded("%m", "CONNECT", "USER", "PASS")
	select {
	case <-asked:
	case <-time.After(patience):
		t.Fatal("the backend heard no CWD")
	}
	r.end()
	_ = r.ended() // how it ended is nothing to this test
	r.recorded("%r %s", "CWD x -", "EXIT -")
}

// A journal that hangs costs a session one patient wait, not one for each command.
func TestBooks_a_journal_that_hangs(t *testing.T) {
	s := serve(t, nil)
	r := keepBooks(newRig(t, picking(s.addr())))
	const patient = 500 * time.Millisecond
	r.setup.Services.limits = waits{write: patience, pick: patience, ask: patience, tell: patient}
	r.deaf = true
	r.start()
	began := time.Now()
	login(r)
	for range 20 {
		r.send("PWD\r\n")
		r.hear("257 ")
	}
	if took := time.Since(began); took > 10*patient {
		t.Errorf("23 commands took %v", took)
	}
	r.logs.await(t, "line of an ExtendedLog lost")
}

// BenchmarkCommand_logged is BenchmarkCommand with a log of every command, but for the writing of its lines.
func BenchmarkCommand_logged(b *testing.B) {
	s := serve(b, map[string]func(*visit, string){"PWD": func(v *visit, _ string) { _, _ = v.conn.Write(reply) }})
	r := keepBooks(newRig(b, picking(s.addr()))).start()
	login(r)
	roundTrips(b, r.client, r.in)
}
