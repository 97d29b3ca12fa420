package peers

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// replyLimit bounds the wait for one reply.
const replyLimit = 20 * time.Second

// Reply is one reply of a server, as it came.
type Reply struct {
	// Code is the three digits; 0 for a line that has none.
	Code int
	// Lines holds every line without its line end, codes included.
	Lines []string
}

// Text is the last line's text after the code.
func (r Reply) Text() string {
	last := r.Lines[len(r.Lines)-1]
	if len(last) < 4 {
		return ""
	}
	return last[4:]
}

func (r Reply) String() string { return strings.Join(r.Lines, "\n") }

// Control is a control connection spoken by hand. Its methods fail the test at once on what
// they did not ask for; the ones that end in Err return the error instead, for use where a
// failure is what the test wants to see. It must be used by one goroutine at a time.
type Control struct {
	t       testing.TB
	conn    *net.TCPConn
	stream  net.Conn // what is read and written: conn, or TLS over it
	in      *bufio.Reader
	greeted bool // the banner was read

	config  *tls.Config // of the TLS session; nil in clear
	protect bool        // data connections are to be TLS

	mu         sync.Mutex
	transcript strings.Builder
}

// Dial opens a control connection and does not read the banner. The dialogue is shown when the
// test fails, and the connection closed when it ends.
func Dial(t testing.TB, addr string) *Control {
	t.Helper()
	return DialFrom(t, "", addr)
}

// DialFrom is Dial from a given local address, such as 127.0.0.2.
func DialFrom(t testing.TB, local, addr string) *Control {
	t.Helper()
	dialer := net.Dialer{Timeout: 5 * time.Second}
	if local != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(local)}
	}
	conn, err := dialer.Dial("tcp", addr)
	if err != nil {
		t.Fatalf("open a control connection: %v", err)
	}
	c := &Control{t: t, conn: conn.(*net.TCPConn), stream: conn, in: bufio.NewReader(conn)}
	t.Cleanup(func() {
		_ = c.conn.Close()
		if t.Failed() {
			t.Logf("dialogue with %s:\n%s", addr, tail(c.Transcript(), 6000))
		}
	})
	return c
}

// Transcript is the dialogue so far, one line each, passwords hidden.
func (c *Control) Transcript() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.transcript.String()
}

func (c *Control) note(direction, line string) {
	if len(line) > 5 && strings.EqualFold(line[:5], "PASS ") {
		line = "PASS (hidden)"
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(&c.transcript, "%s %s\n", direction, line)
}

// Conn is the socket, for tests that break it.
func (c *Control) Conn() *net.TCPConn { return c.conn }

// Close hangs up without a word.
func (c *Control) Close() { _ = c.conn.Close() }

// Reset breaks the connection off with a TCP reset.
func (c *Control) Reset() {
	_ = c.conn.SetLinger(0) // a closed socket needs no reset
	_ = c.conn.Close()
}

// SendRaw writes bytes as they are, in one write.
func (c *Control) SendRaw(raw string) {
	c.t.Helper()
	for line := range strings.Lines(raw) {
		c.note(">", strings.TrimRight(line, "\r\n"))
	}
	if _, err := c.stream.Write([]byte(raw)); err != nil {
		c.t.Fatalf("send %q: %v", raw, err)
	}
}

// Send writes one command.
func (c *Control) Send(format string, args ...any) {
	c.t.Helper()
	c.SendRaw(fmt.Sprintf(format, args...) + "\r\n")
}

// ReplyErr reads one reply, of one line or many, and waits for it up to limit.
func (c *Control) ReplyErr(limit time.Duration) (Reply, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return Reply{}, err
	}
	var r Reply
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			c.note("<", fmt.Sprintf("%s(%v)", line, err))
			return r, err
		}
		line = strings.TrimRight(line, "\r\n")
		c.note("<", line)
		r.Lines = append(r.Lines, line)
		code, final := replyCode(line)
		if len(r.Lines) == 1 {
			r.Code = code
			if code == 0 {
				return r, nil // not a reply at all; the test will say so
			}
		}
		if final && code == r.Code {
			return r, nil
		}
	}
}

// replyCode reads the code of a line; final means that no hyphen says more lines follow.
func replyCode(line string) (code int, final bool) {
	if len(line) < 3 {
		return 0, false
	}
	n, err := strconv.Atoi(line[:3])
	if err != nil || n < 100 {
		return 0, false
	}
	return n, len(line) == 3 || line[3] == ' '
}

// Reply reads one reply.
func (c *Control) Reply() Reply {
	c.t.Helper()
	r, err := c.ReplyErr(replyLimit)
	if err != nil {
		c.t.Fatalf("read a reply: %v", err)
	}
	return r
}

// Expect reads one reply and fails unless its code is one of codes.
func (c *Control) Expect(codes ...int) Reply {
	c.t.Helper()
	r := c.Reply()
	for _, code := range codes {
		if r.Code == code {
			return r
		}
	}
	c.t.Fatalf("got the reply %q, want one of %v", r, codes)
	return r
}

// ExpectLine reads one reply and fails unless it is exactly this single line.
func (c *Control) ExpectLine(want string) {
	c.t.Helper()
	if r := c.Reply(); r.String() != want {
		c.t.Fatalf("got the reply %q, want %q", r, want)
	}
}

// Cmd sends a command and returns its reply.
func (c *Control) Cmd(format string, args ...any) Reply {
	c.t.Helper()
	c.Send(format, args...)
	return c.Reply()
}

// Must sends a command and fails unless the reply carries code.
func (c *Control) Must(code int, format string, args ...any) Reply {
	c.t.Helper()
	c.Send(format, args...)
	return c.Expect(code)
}

// ExpectClosed fails unless the peer ends the connection within limit without a further byte.
func (c *Control) ExpectClosed(limit time.Duration) {
	c.t.Helper()
	if r, err := c.ReplyErr(limit); err == nil {
		c.t.Fatalf("got the reply %q, want the connection closed", r)
	} else if errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Fatalf("the connection is still open after %v", limit)
	} else if len(r.Lines) > 0 {
		c.t.Fatalf("got half a reply %q before the connection closed", r)
	}
}

// Greeting reads the banner unless Greeting, Secure or Login has done so already.
func (c *Control) Greeting() *Control {
	c.t.Helper()
	if !c.greeted {
		c.Expect(220)
		c.greeted = true
	}
	return c
}

// Login reads the banner, logs in, and asks for binary transfers.
func (c *Control) Login(user, password string) *Control {
	c.t.Helper()
	c.Greeting()
	c.Must(331, "USER %s", user)
	c.Must(230, "PASS %s", password)
	c.Must(200, "TYPE I")
	return c
}

// Local is this end's address.
func (c *Control) Local() *net.TCPAddr { return c.conn.LocalAddr().(*net.TCPAddr) }

// Remote is the peer's address.
func (c *Control) Remote() *net.TCPAddr { return c.conn.RemoteAddr().(*net.TCPAddr) }
