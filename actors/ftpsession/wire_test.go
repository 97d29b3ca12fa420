package ftpsession

import (
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/sluice-gateway/sluice/messages"
)

func portOf(t testing.TB, reply string) int {
	t.Helper()
	var port int
	_, after, _ := strings.Cut(reply, "(|||")
	if _, err := fmt.Sscanf(after, "%d|)", &port); err != nil {
		t.Fatalf("no port in %q: %v", reply, err)
	}
	return port
}

func dialFrom(t testing.TB, ip string, port int) *net.TCPConn {
	t.Helper()
	c, err := net.DialTCP("tcp", &net.TCPAddr{IP: net.ParseIP(ip)}, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A client that takes no replies is gone after the write deadline.
func TestWrite_to_a_client_that_does_not_read_ends_in_time(t *testing.T) {
	r := newRig(t, picking(serve(t, flood).addr()))
	r.setup.Services.limits = briefly
	r.start()
	login(r)
	r.send("STAT\r\n")
	if err := r.ended(); err != nil {
		t.Errorf("the session ended with %v", err)
	}
	r.policy.settled(t, "released")
}

// flood answers STAT with far more than two sockets hold, one reply at a time.
var flood = map[string]func(*visit, string){"STAT": func(v *visit, _ string) {
	line := "211-" + strings.Repeat("x", 900) + "\r\n"
	for range 60 {
		line += " " + strings.Repeat("y", 900) + "\r\n"
	}
	for range 400 {
		if _, err := io.WriteString(v.conn, strings.Replace(line, "211-", "150-", 1)+"150 more\r\n"); err != nil {
			return
		}
	}
}}

// HangUp cuts short what the usual write deadline would allow.
func TestHangUp_ends_a_session_that_hangs_in_a_write(t *testing.T) {
	r := newRig(t, picking(serve(t, flood).addr())).start()
	login(r)
	r.send("STAT\r\n")
	full(t, r.client)
	r.end()
	began := time.Now()
	r.session.HangUp()
	_ = r.ended()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

// full waits until a connection's receive queue no longer grows.
func full(t *testing.T, c *net.TCPConn) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for last, same := -1, 0; same < 4; <-tick.C {
		n := queued(t, c)
		if n > 0 && n == last {
			same++
		} else {
			same = 0
		}
		last = n
	}
}

func queued(t *testing.T, c *net.TCPConn) (n int) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), inputQueue) })
	}
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// ABOR goes out as RFC 959 §4.1.3 wants it: IAC IP IAC with the last byte
// urgent, then DM ABOR.
func TestAbort_is_sent_urgently(t *testing.T) {
	sent := make(chan string, 1)
	s := serve(t, map[string]func(*visit, string){"RETR": func(v *visit, _ string) {
		conn, err := v.pasv.AcceptTCP()
		if err != nil {
			return
		}
		v.pasv.Close()
		defer conn.Close()
		v.say("150 here it comes")
		sent <- urgentAndLine(v.conn)
		v.say("426 cut off")
		v.say("226 aborted")
	}})
	r := newRig(t, picking(s.addr())).start()
	login(r)
	r.send("EPSV\r\n")
	d := dialFrom(t, "127.0.0.1", portOf(t, r.hear("229 ")))
	defer d.Close()
	r.send("RETR f\r\n")
	r.hear("150 ")
	r.send("ABOR\r\n")
	select {
	case got := <-sent:
		if want := "urgent \xff, \xff\xf4\xf2ABOR\r\n"; got != want {
			t.Errorf("the backend got %q, want %q", got, want)
		}
	case <-time.After(patience):
		t.Fatalf("the backend got no ABOR; log:\n%s", r.logs)
	}
	r.hear("426 ")
	r.hear("226 ")
	r.send("PWD\r\n")
	r.hear("257 ")
}

// urgentAndLine reads a line that has an urgent byte after its second one.
func urgentAndLine(conn *net.TCPConn) string {
	line := make([]byte, 2, 16)
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.ReadFull(conn, line); err != nil {
		return err.Error()
	}
	var b [1]byte
	raw, err := conn.SyscallConn()
	if err != nil {
		return err.Error()
	}
	var oerr error // it came in the same segment, so it is there
	err = raw.Control(func(fd uintptr) { _, _, oerr = unix.Recvfrom(int(fd), b[:], unix.MSG_OOB) })
	if err != nil || oerr != nil {
		return fmt.Sprint(err, oerr)
	}
	urgent := b[0]
	for !strings.HasSuffix(string(line), "\r\n") {
		if _, err := conn.Read(b[:]); err != nil {
			return err.Error()
		}
		line = append(line, b[0])
	}
	return fmt.Sprintf("urgent %s, %s", []byte{urgent}, line)
}

// A client that pipelined more than was read must not lose the last reply to a
// reset.
func TestLastReply_reaches_a_client_that_pipelined_more(t *testing.T) {
	for i := range 20 {
		r := newRig(t, picking(serve(t, nil).addr())).start()
		r.send("USER ann\r\nPASS x\r\nQUIT\r\n" + strings.Repeat("NOOP\r\n", 20_000))
		for _, want := range []string{"220 ", "331 ", "230 ", "221 "} {
			r.hear(want)
		}
		if rest, err := r.hearEnd(); err != nil || rest != "" {
			t.Fatalf("round %d: after the last reply came %q, %v, want a proper end", i, rest, err)
		}
		r.client.Close()
		if err := r.ended(); err != nil {
			t.Errorf("the session ended with %v", err)
		}
	}
}

// The one timer serves every deadline of the dialogue and the pick's.
func TestTimer_keeps_deadlines(t *testing.T) {
	r := newRig(t, picking(serve(t, nil).addr()))
	r.setup.Dialogue.TimeoutIdle = 2 * time.Second
	r.setup.Dialogue.TimeoutLogin = time.Hour
	r.start()
	login(r)
	// Commands move the idle deadline while the timer stands at the old one.
	for range 3 {
		time.Sleep(800 * time.Millisecond) // less than the limit: the claim is about time
		r.send("PWD\r\n")
		r.hear("257 ")
	}
	last := time.Now()
	r.hear("421 Idle timeout (2 seconds)")
	if idle := time.Since(last); idle < 1900*time.Millisecond || idle > 10*time.Second {
		t.Errorf("the idle timeout came after %v", idle)
	}
	if err := r.ended(); err != nil {
		t.Errorf("the session ended with %v", err)
	}
}

func TestTimer_ends_a_connect_that_says_nothing(t *testing.T) {
	r := newRig(t, picking(deaf(t)))
	r.setup.Dialogue.TimeoutConnect = 100 * time.Millisecond
	r.start()
	if rest, err := r.hearEnd(); rest != "" || err != nil {
		t.Errorf("the client heard %q, %v", rest, err)
	}
	r.policy.settled(t, "failed", "failed", "failed")
}

// No descriptor is left, whatever the session did: transfers, offers that
// nobody took, a fall in mid transfer.
func TestSession_leaves_no_descriptor(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("counts the entries of /proc/self/fd")
	}
	s := serve(t, nil)
	round := func() {
		r := newRig(t, picking(s.addr())).start()
		login(r)
		r.send("EPSV\r\n")
		d := dialFrom(t, "127.0.0.1", portOf(t, r.hear("229 ")))
		r.send("RETR f\r\n")
		r.hear("150 ")
		if got, err := io.ReadAll(d); err != nil || string(got) != "some bytes" {
			t.Fatalf("got %q, %v", got, err)
		}
		d.Close()
		r.hear("226 ")
		r.send("EPSV\r\n") // an offer that nobody takes
		r.hear("229 ")
		r.end()
		r.hear("421 ")
		_ = r.ended()
		r.client.Close()
		r.setup.Services.Pipes.Close()
		r.policy.settled(t, "released")
	}
	round() // what the runtime opens once
	before := descriptors(t)
	for range 5 {
		round()
	}
	// The server notices the end of its connections in its own time.
	for until := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		after := descriptors(t)
		if after <= before {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("%d descriptors before, %d after", before, after)
		}
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// Secrets stay out of every log, and every line says whose it is.
func TestLogs(t *testing.T) {
	s := serve(t, map[string]func(*visit, string){
		"PASS": func(v *visit, _ string) { v.say("332 account please") },
		"ACCT": func(v *visit, _ string) { v.say("230 welcome") },
	})
	answer := func(n int, p messages.PickBackend) (messages.BackendPicked, bool) {
		b, ok := picking(s.addr())(n, p)
		b.Backend.URL.User, b.Backend.URL.Password, b.Backend.URL.HasUser = "svc", "canary-url", true
		return b, ok
	}
	r := newRig(t, answer)
	r.setup.TransferLog = "/somewhere/xferlog"
	r.start()
	r.hear("220 ")
	r.send("USER ann\r\n")
	r.hear("331 ")
	r.send("PASS canary-4711\r\n")
	r.hear("332 ")
	r.send("ACCT canary-4712\r\n")
	r.hear("230 ")
	r.send("PASS canary-again\x01\r\n")
	r.hear("332 ")
	r.send("EPSV\r\n")
	d := dialFrom(t, "127.0.0.1", portOf(t, r.hear("229 ")))
	r.send("RETR f\r\n")
	r.hear("150 ")
	_, _ = io.ReadAll(d)
	d.Close()
	r.hear("226 ")
	r.send("QUIT\r\n")
	r.hear("221 ")
	_ = r.ended()
	text := r.logs.String()
	if strings.Contains(text, "canary") {
		t.Errorf("a secret is in the log:\n%s", text)
	}
	for _, want := range []string{"FTP session opened.", "selected backend server", "Login successful.", "transfer finished", "FTP session closed."} {
		if !strings.Contains(text, want) {
			t.Errorf("no line says %q:\n%s", want, text)
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		for _, tag := range []string{`"session":7`, `"server":"upstairs"`, `"client":"127.0.0.1"`} {
			if !strings.Contains(line, tag) {
				t.Errorf("a line lacks %s: %s", tag, line)
			}
		}
	}
}

// A log that takes no debug lines costs a session nothing but the question.
func TestLogs_that_are_off_allocate_nothing(t *testing.T) {
	s := &Session{setup: &Setup{Log: zerolog.Nop(), ProxyLog: zerolog.Nop()}}
	if n := testing.AllocsPerRun(100, func() { s.proxyLog(zerolog.DebugLevel).Msg("nothing") }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
