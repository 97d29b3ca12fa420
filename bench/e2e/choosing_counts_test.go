package e2e

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// capped adds a limit of connections to URLs.
func capped(urls []string, limit int) (out []string) {
	for _, u := range urls {
		out = append(out, fmt.Sprintf("%s?max=%d", u, limit))
	}
	return out
}

// turnedAway tries to log in and reports whether the client was refused without being served.
func turnedAway(addr string) (bool, error) {
	c, err := enterAs(ask{addr: addr, user: "bob", password: "x"})
	if err != nil {
		return true, err
	}
	c.leave()
	return false, nil
}

// TestCounts_return_to_zero: however sessions end, their places are free again. All places of the
// backends are taken each time, so that one that is not given back is missed.
func TestCounts_return_to_zero(t *testing.T) {
	t.Parallel()
	peers.RequireGateway(t)
	const each = 8
	for name, end := range map[string]func(*testing.T, *peers.Gateway, string){
		"after_QUIT": func(t *testing.T, _ *peers.Gateway, addr string) {
			scatter(t, full(t, addr, 2*each))
		},
		"after_hanging_up": func(t *testing.T, _ *peers.Gateway, addr string) {
			hangUp(full(t, addr, 2*each))
		},
		"after_kill_-9_of_the_clients": func(t *testing.T, _ *peers.Gateway, addr string) {
			killedClients(t, addr, 2*each)
		},
		"after_kill_-9_of_the_gateway": func(t *testing.T, g *peers.Gateway, addr string) {
			full(t, addr, 2*each)
			g.Signal(syscall.SIGKILL)
			if !g.Wait(10 * time.Second) {
				t.Fatal("the gateway survived SIGKILL")
			}
			g.Start(addr)
		},
		"after_the_backends_broke_off": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			vsftpd := peers.Start(t, peers.VSFTPD, peers.Options{})
			scripted, urls, l := marked(t, 1, "counted")
			urls = append(urls, fmt.Sprintf("ftp://%s:%s@%s", vsftpd.User, vsftpd.Password, vsftpd.Addr()))
			l = append(l, marks[peers.VSFTPD])
			g, addr := startGateway(t, capped(urls, each), "ProxyReverseConnectPolicy LeastConns", "ProxyReverseHealthPolicy off")
			if end == nil {
				end = func(t *testing.T, _ *peers.Gateway, addr string) {
					full(t, addr, 2*each)
					scripted[0].DropAll()
					if err := vsftpd.KillSessions(); err != nil {
						t.Fatal(err)
					}
				}
			}
			for round := range 3 {
				end(t, g, addr)
				began := time.Now()
				in := full(t, addr, 2*each)
				near(t, held(t, l, in), []int{1, 1}, 0)
				t.Logf("round %d: all %d places free again within %v, %v", round+1, 2*each, time.Since(began).Round(time.Millisecond), held(t, l, in))
				scatter(t, in)
			}
		})
	}
}

// full takes all places, as soon as they are free, and checks that there are no more. A place is free
// a moment after its client has left: when the backend's connection is closed, too.
func full(t *testing.T, addr string, n int) (in []*caller) {
	t.Helper()
	eventually(t, 15*time.Second, fmt.Sprintf("room for %d", n), func() bool {
		in = slices.DeleteFunc(append(in, attempts(addr, n-len(in))...), func(c *caller) bool { return c == nil })
		return len(in) == n
	})
	t.Cleanup(func() { hangUp(in) })
	if gone, _ := turnedAway(addr); !gone {
		t.Fatalf("%d are in, and one more than the limits allow", n+1)
	}
	return in
}

func hangUp(in []*caller) {
	for _, c := range in {
		c.leave()
	}
}

// attempts are n logins at once, nil for those who were turned away.
func attempts(addr string, n int) []*caller {
	out := make([]*caller, n)
	var work conc.WaitGroup
	for i := range n {
		work.Go(func() {
			if c, err := enterAs(ask{addr: addr, user: "bob", password: "x"}); err == nil {
				out[i] = c
			}
		})
	}
	work.Wait()
	return out
}

// killedClients is a process with n sessions, which is killed once all are in.
func killedClients(t *testing.T, addr string, n int) {
	t.Helper()
	const script = `
import socket, sys
host, port, n, done = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
held = []
for i in range(n):
    s = socket.create_connection((host, port), 20)
    f = s.makefile('rb')
    def until(code):
        while True:
            line = f.readline()
            assert line, 'closed'
            if line[:4] == code + b' ':
                return
            assert line[:3] == code or line[:1] == b' ', line
    until(b'220')
    s.sendall(b'USER bob\r\n'); until(b'331')
    s.sendall(b'PASS x\r\n'); until(b'230')
    held.append((s, f))
open(done, 'w').write('all in')
s.recv(1)
`
	host, port, _ := strings.Cut(addr, ":")
	done := local(t, "done", nil)
	c := peers.Python(t, script, host, port, fmt.Sprint(n), done)
	inTime(t, "the login of the process with many sessions", func() bool { return len(read(t, done)) > 0 })
	c.Kill()
	c.Wait()
}

// TestCounts_under_a_crowd: after a thousand sessions that end in every way while others begin, nothing
// is left behind.
func TestCounts_under_a_crowd(t *testing.T) {
	t.Parallel()
	peers.RequireGateway(t)
	const each = 60 // much more than the crowd needs, as who has hung up is noticed a moment later
	_, urls, l := marked(t, 5, "crowded")
	_, addr := startGateway(t, capped(urls, each), "ProxyReverseConnectPolicy LeastConns", "ProxyReverseHealthPolicy off")
	landed := make([]int, thousand)
	endings := []func(*caller) error{
		(*caller).quit,
		func(c *caller) error { c.leave(); return nil },
		func(c *caller) error { // in the middle of a command
			_, err := io.WriteString(c.conn, "PW")
			c.leave()
			return err
		},
		func(c *caller) error { // without reading the reply
			_, err := io.WriteString(c.conn, "FEAT\r\nPWD\r\n")
			c.leave()
			return err
		},
	}
	visitWith(t, l, crowd, landed, as(addr, "bob"), func(i int, c *caller) error { return endings[i%len(endings)](c) })
	in := full(t, addr, 5*each)
	near(t, held(t, l, in), alike, 0)
	t.Logf("after %d sessions of %d at once, ended in %d ways, all %d places are free: %v", thousand, crowd, len(endings), 5*each, held(t, l, in))
	scatter(t, in)
}
