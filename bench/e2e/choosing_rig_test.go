package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	crew "github.com/sourcegraph/conc/pool"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// crowd is how many clients log in at once in the tests of choosing.
const crowd = 64

// callLimit bounds everything that a caller does; a machine with two busy cores is slow.
const callLimit = 30 * time.Second

// caller is a client that hands its errors back, since a crowd of them cannot end the test.
type caller struct {
	conn net.Conn
	in   *bufio.Reader
	// where is the backend's last word to PASS, by which the test knows it.
	where string
}

// ask is a login that is to be made.
type ask struct {
	addr, from     string // from: the client's own address, "" for any
	user, password string
}

// enterAs logs in. The error says how far it came.
func enterAs(a ask) (*caller, error) {
	dialer := net.Dialer{Timeout: callLimit}
	if a.from != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(a.from)}
	}
	conn, err := dialer.Dial("tcp", a.addr)
	if err != nil {
		return nil, err
	}
	c := &caller{conn: conn, in: bufio.NewReader(conn)}
	if err := c.login(a); err != nil {
		c.leave()
		return nil, err
	}
	return c, nil
}

func (c *caller) login(a ask) error {
	if err := c.conn.SetDeadline(time.Now().Add(callLimit)); err != nil {
		return err
	}
	if _, err := c.expect("220"); err != nil {
		return fmt.Errorf("at the banner: %w", err)
	}
	if _, err := c.say("331", "USER "+a.user); err != nil {
		return fmt.Errorf("at USER: %w", err)
	}
	last, err := c.say("230", "PASS "+a.password)
	if err != nil {
		return fmt.Errorf("at PASS: %w", err)
	}
	c.where = last
	return nil
}

func (c *caller) say(code, line string) (string, error) {
	if _, err := io.WriteString(c.conn, line+"\r\n"); err != nil {
		return "", err
	}
	return c.expect(code)
}

// expect reads a whole reply and returns the text of its last line.
func (c *caller) expect(code string) (string, error) {
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return "", fmt.Errorf("%w after %q", err, line)
		}
		line = strings.TrimRight(line, "\r\n")
		if len(line) < 4 || line[3] == '-' || line[0] == ' ' {
			continue
		}
		if line[:3] != code {
			return "", fmt.Errorf("got %q, want %s", line, code)
		}
		return line[4:], nil
	}
}

// quit ends in the orderly way, up to the end of the connection.
func (c *caller) quit() error {
	defer c.leave()
	if _, err := c.say("221", "QUIT"); err != nil {
		return fmt.Errorf("at QUIT: %w", err)
	}
	if _, err := io.Copy(io.Discard, c.in); err != nil {
		return fmt.Errorf("after QUIT: %w", err)
	}
	return nil
}

// leave hangs up.
func (c *caller) leave() { _ = c.conn.Close() }

// landing tells the backends of a test apart by their replies to PASS.
type landing []string

func (l landing) of(where string) int {
	return slices.IndexFunc(l, func(mark string) bool { return strings.Contains(where, mark) })
}

// visitAll makes n logins, up to width at once, each ended with QUIT, and returns where each landed.
func visitAll(t testing.TB, l landing, width, n int, next func(i int) ask) []int {
	t.Helper()
	landed := make([]int, n)
	visitWith(t, l, width, landed, next, func(_ int, c *caller) error { return c.quit() })
	return landed
}

// visitWith is visitAll with an end of its own for each session; landed is filled.
func visitWith(t testing.TB, l landing, width int, landed []int, next func(i int) ask, end func(int, *caller) error) {
	t.Helper()
	work := crew.New().WithErrors().WithMaxGoroutines(width)
	for i := range landed {
		work.Go(func() error {
			a := next(i)
			c, err := enterAs(a)
			if err != nil {
				return fmt.Errorf("login %d as %s: %w", i, a.user, err)
			}
			landed[i] = l.of(c.where)
			return end(i, c)
		})
	}
	if err := work.Wait(); err != nil {
		t.Fatal(clipped(err))
	}
}

// gather logs n clients in at once and keeps them.
func gather(t testing.TB, n int, next func(i int) ask) []*caller {
	t.Helper()
	in := make([]*caller, n)
	work := crew.New().WithErrors()
	for i := range n {
		work.Go(func() (err error) {
			in[i], err = enterAs(next(i))
			return err
		})
	}
	err := work.Wait()
	t.Cleanup(func() {
		for _, c := range in {
			if c != nil {
				c.leave()
			}
		}
	})
	if err != nil {
		t.Fatal(clipped(err))
	}
	return in
}

// scatter ends sessions with QUIT, all at once.
func scatter(t testing.TB, in []*caller) {
	t.Helper()
	work := crew.New().WithErrors()
	for _, c := range in {
		work.Go(c.quit)
	}
	if err := work.Wait(); err != nil {
		t.Fatal(clipped(err))
	}
}

func clipped(err error) string {
	text := err.Error()
	return text[:min(len(text), 2000)]
}

// as is a login of one name, time and again.
func as(addr, user string) func(int) ask {
	return func(int) ask { return ask{addr: addr, user: user, password: "x"} }
}

// shares counts where logins landed; -1, a backend the test does not know, ends the test.
func shares(t testing.TB, l landing, landed []int) []int {
	t.Helper()
	counts := make([]int, len(l))
	for i, at := range landed {
		if at < 0 {
			t.Fatalf("login %d landed at no backend of the test", i)
		}
		counts[at]++
	}
	return counts
}

func held(t testing.TB, l landing, in []*caller) []int {
	t.Helper()
	landed := make([]int, len(in))
	for i, c := range in {
		landed[i] = l.of(c.where)
	}
	return shares(t, l, landed)
}

// named starts n scripted backends that say who they are at the banner and at PASS.
func marked(t testing.TB, n int, mark string) (list []*peers.Scripted, urls []string, l landing) {
	t.Helper()
	for i := range n {
		name := fmt.Sprintf("%s-%d.", mark, i)
		s := peers.StartScripted(t, peers.Script{
			Banner: "220 " + name + "\r\n",
			On:     handlers{"PASS": func(v *peers.Visit) { v.Reply("230 %s\r\n", name) }},
		})
		list, urls, l = append(list, s), append(urls, s.URL()), append(l, name)
	}
	return list, urls, l
}

// marks are the words by which real servers greet an account that logged in.
var marks = map[peers.Kind]string{
	peers.VSFTPD: "Login successful", peers.ProFTPD: "logged in", peers.PureFTPd: "OK. Current",
}

// five is two real servers and three scripted ones. The URLs bring the account of the real ones, so
// that clients of any name come in.
func five(t testing.TB) (urls []string, l landing) {
	t.Helper()
	for _, kind := range []peers.Kind{peers.VSFTPD, peers.PureFTPd} {
		s := peers.Start(t, kind, peers.Options{})
		urls = append(urls, fmt.Sprintf("ftp://%s:%s@%s", s.User, s.Password, s.Addr()))
		l = append(l, marks[kind])
	}
	_, more, names := marked(t, 3, "scripted")
	return append(urls, more...), append(l, names...)
}

// peerHash is the hash by which the reference finds the backend of a name.
func peerHash(name string) (h uint32) {
	for i := len(name) - 1; i >= 0; i-- {
		h = h*33 + uint32(name[i])
	}
	return h
}

// chiSquare is how far counts are from what weights promise.
func chiSquare(counts, weights []int) (x float64) {
	n, sum := 0, 0
	for i := range counts {
		n, sum = n+counts[i], sum+weights[i]
	}
	for i, c := range counts {
		want := float64(n) * float64(weights[i]) / float64(sum)
		x += math.Pow(float64(c)-want, 2) / want
	}
	return x
}

// place writes a file as its directives want it, by a rename, so that no reader meets half of it.
func place(t testing.TB, path, body string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(body), mode); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(path+".new", mode), os.Rename(path+".new", path)); err != nil {
		t.Fatal(err)
	}
}

// folder makes a directory as files of the configuration want it.
func folder(t testing.TB, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
}

// inTime is eventually at the pace of who reads whole logs, or logs in to find out.
func inTime(t testing.TB, what string, condition func() bool) {
	t.Helper()
	eventually(t, callLimit, what, func() bool {
		if condition() {
			return true
		}
		time.Sleep(40 * time.Millisecond)
		return false
	})
}
