package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	crew "github.com/sourcegraph/conc/pool"
)

// intrusions is how often each kind of client tries to get through.
const intrusions = 1000

// outside is the one address of this machine that destinations of the open-relay test may be at.
const outside = "127.0.77.1"

// vault is what nobody may reach: a listener at the loopback addresses, on the port that a well-behaved
// destination has at another address.
type vault struct {
	port    int
	reached atomic.Int32
}

// startVault opens it, and a good destination on the same port.
func startVault(t *testing.T) *vault {
	t.Helper()
	v := &vault{}
	var work sync.WaitGroup
	first, err := net.Listen("tcp", outside+":0")
	if err != nil {
		t.Fatal(err)
	}
	v.port = first.Addr().(*net.TCPAddr).Port
	open := []net.Listener{first}
	work.Go(func() { accepting(first, greetAndHangUp) })
	for _, host := range []string{"127.0.0.1", "127.0.0.2", "127.1.2.3", "::1"} {
		l, err := net.Listen("tcp", joinPort(host, v.port))
		if err != nil {
			t.Logf("nothing to protect at %s: %v", host, err)
			continue
		}
		open = append(open, l)
		work.Go(func() { accepting(l, func(c net.Conn) { v.reached.Add(1); greetAndHangUp(c) }) })
	}
	t.Cleanup(func() {
		for _, l := range open {
			_ = l.Close()
		}
		work.Wait()
	})
	return v
}

func accepting(l net.Listener, then func(net.Conn)) {
	var work sync.WaitGroup
	defer work.Wait()
	for {
		conn, err := l.Accept()
		if err != nil {
			return // the test is over
		}
		work.Go(func() { then(conn) })
	}
}

// greetAndHangUp is as much of a server as it takes to see that somebody came.
func greetAndHangUp(c net.Conn) {
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(callLimit))
	_, _ = io.WriteString(c, "220 come in\r\n")
	buf := make([]byte, 512)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		reply := "331 password?\r\n"
		if !strings.HasPrefix(string(buf[:n]), "USER") {
			reply = "500 what?\r\n"
		}
		_, _ = io.WriteString(c, reply)
	}
}

// twoFaced is a DNS server whose answers hold for no time at all and lead inside: always (in…), from the
// second question on (turn…), at every other one (flip…), or along with an address outside (both…).
type twoFaced struct {
	addr  string
	mu    sync.Mutex
	asked map[string]int
}

func startTwoFaced(t *testing.T) *twoFaced {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &twoFaced{addr: pc.LocalAddr().String(), asked: map[string]int{}}
	server := &dns.Server{PacketConn: pc, Handler: d}
	var work sync.WaitGroup
	work.Go(func() { _ = server.ActivateAndServe() })
	t.Cleanup(func() { _ = server.Shutdown(); work.Wait() })
	return d
}

// ServeDNS answers one question.
func (d *twoFaced) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	reply := new(dns.Msg)
	reply.SetReply(q)
	name := strings.ToLower(q.Question[0].Name)
	d.mu.Lock()
	n := d.asked[name]
	if q.Question[0].Qtype == dns.TypeA {
		d.asked[name]++
	}
	d.mu.Unlock()
	for _, addr := range d.answers(name, n) {
		line := fmt.Sprintf("%s 0 IN A %s", name, addr)
		kind := dns.TypeA
		if strings.Contains(addr, ":") {
			line, kind = fmt.Sprintf("%s 0 IN AAAA %s", name, addr), dns.TypeAAAA
		}
		if rr, err := dns.NewRR(line); err == nil && kind == q.Question[0].Qtype {
			reply.Answer = append(reply.Answer, rr)
		}
	}
	_ = w.WriteMsg(reply)
}

func (d *twoFaced) answers(name string, n int) []string {
	inside := []string{"127.0.0.1", "::1", "::ffff:127.0.0.1", "127.0.0.2", "::127.0.0.1", "64:ff9b::7f00:1"}
	in := inside[len(name)%len(inside)]
	switch {
	case strings.HasPrefix(name, "turn") && n == 0, strings.HasPrefix(name, "flip") && n%2 == 1:
		return []string{outside}
	case strings.HasPrefix(name, "both"):
		return []string{in, outside, "127.0.0.1", "::1"}
	}
	return []string{in}
}

// disguises are ways to write a loopback address.
func disguises(r *rand.Rand) string {
	a, b, c := r.IntN(256), r.IntN(256), 1+r.IntN(254)
	if r.IntN(2) == 0 {
		a, b, c = 0, 0, 1
	}
	n := uint32(127<<24 | a<<16 | b<<8 | c)
	part := func(v int) string { return fmt.Sprintf([]string{"%d", "0%o", "0x%x", "0X%X", "%03d"}[r.IntN(5)], v) }
	ways := []string{
		fmt.Sprintf("127.%d.%d.%d", a, b, c), fmt.Sprintf("%d", n), fmt.Sprintf("0x%x", n), fmt.Sprintf("0%o", n),
		part(127) + "." + part(a) + "." + part(b) + "." + part(c), "127.1", "127." + strconv.Itoa(int(n&0xffffff)),
		fmt.Sprintf("[::ffff:127.%d.%d.%d]", a, b, c), fmt.Sprintf("[::ffff:7f%02x:%x]", a, b<<8|c), fmt.Sprintf("[::127.%d.%d.%d]", a, b, c),
		fmt.Sprintf("[64:ff9b::7f%02x:%x]", a, b<<8|c), fmt.Sprintf("[2002:7f%02x:%x::1]", a, b<<8|c), fmt.Sprintf("[::ffff:0:127.%d.%d.%d]", a, b, c),
		fmt.Sprintf("[2001:0:7f%02x:%x::1]", a, b<<8|c), "[::1]", "[0:0:0:0:0:0:0:1]", "[::1%lo]", "[::1%251]", "[::]", "0.0.0.0", "0", "localhost", "LocalHost.", "localhost.localdomain",
		fmt.Sprintf("127.%d.%d.%d.", a, b, c), "１２７.0.0.1", "127。0。0。1", "①②⑦.0.0.1", "[127.0.0.1]", "127.0.0.1%00", " 127.0.0.1", "127.0.0.1\t",
		"ip6-localhost", "127.0.0.1@127.0.0.1", "[fe80::1]", "169.254.169.254", "[fd00:ec2::254]", "100.100.100.200", "[::ffff:169.254.169.254]", "224.0.0.1", "255.255.255.255", "[ff02::1]",
		fmt.Sprintf("in%d.test", r.IntN(1<<20)), fmt.Sprintf("in%d.test", r.IntN(10)),
	}
	return ways[r.IntN(len(ways))]
}

// try says USER lines to a gateway, one after the other, and returns what came back, all of it.
func try(from, addr string, pause time.Duration, lines ...string) (heard []string, err error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: callLimit}
	conn, err := d.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	c := &caller{conn: conn, in: bufio.NewReader(conn)}
	defer c.leave()
	_ = conn.SetDeadline(time.Now().Add(callLimit))
	if _, err = c.in.ReadString('\n'); err != nil {
		return nil, err
	}
	for i, line := range lines {
		if i > 0 {
			time.Sleep(pause) // for a TTL to pass, that is
		}
		if _, err := io.WriteString(conn, line+"\r\n"); err != nil {
			return heard, err
		}
		reply, err := c.in.ReadString('\n')
		if err != nil {
			return heard, err
		}
		heard = append(heard, strings.TrimSpace(reply))
	}
	return heard, nil
}

// TestForward_is_no_open_relay tries to get inside, in every disguise: as a client who may not use the proxy,
// and as one who may. Nobody arrives.
func TestForward_is_no_open_relay(t *testing.T) {
	v := startVault(t)
	names := startTwoFaced(t)
	g, addr := forwardGateway(t, userAtHost, "ProxyForwardTo .", `ProxyForwardTo ^127\.0\.77\.1:`, "ProxyDNSServer "+names.addr,
		"MaxLoginAttempts none", "ProxyTimeoutConnect 2")
	own := portText(t, addr)
	port := func(r *rand.Rand) string {
		return []string{strconv.Itoa(v.port), strconv.Itoa(v.port), strconv.Itoa(v.port), own, "0" + strconv.Itoa(v.port), "21", "990", "22", "0", "65536", "-1", "+" + own, ""}[r.IntN(13)]
	}
	user := func(n int) string {
		r := rand.New(rand.NewPCG(25, uint64(n)))
		who := []string{"alice", "a@b", "x@127.0.77.1:21", "@", "alice:secret"}[r.IntN(5)]
		return "USER " + who + "@" + disguises(r) + ":" + port(r)
	}
	t.Run("for_strangers", func(t *testing.T) {
		work := crew.New().WithErrors().WithMaxGoroutines(crowd)
		for n := range intrusions {
			work.Go(func() error {
				heard, err := try(fmt.Sprintf("127.0.66.%d", 1+n%200), addr, 0, user(n))
				if !errors.Is(err, io.EOF) && !strings.Contains(fmt.Sprint(err), "reset by peer") || len(heard) > 0 {
					return fmt.Errorf("%s: heard %q, %w", user(n), heard, err)
				}
				return nil
			})
		}
		if err := work.Wait(); err != nil {
			t.Error(clipped(err))
		}
		eventually(t, callLimit, "a line for each", func() bool { return len(noted(g, "127.0.66.", "non-RFC1918")) == intrusions })
	})
	t.Run("for_friends_to_the_inside", func(t *testing.T) {
		answers := map[string]int{}
		var mu sync.Mutex
		work := crew.New().WithErrors().WithMaxGoroutines(crowd)
		for n := range intrusions {
			work.Go(func() error {
				heard, err := try("127.0.0.1", addr, 0, user(n))
				if err != nil {
					return fmt.Errorf("%s: %w", user(n), err)
				}
				kind := heard[0]
				if strings.HasPrefix(kind, "530 Unable to connect to ") {
					kind = "530 Unable to connect to …" + kind[strings.LastIndex(kind, ": "):]
				}
				mu.Lock()
				answers[kind]++
				mu.Unlock()
				switch kind {
				case "530 Login incorrect.", "530 Unable to connect to …: Operation not permitted", "500 Forbidden control character in command":
					return nil
				}
				return fmt.Errorf("%s was answered %q", user(n), heard[0])
			})
		}
		if err := work.Wait(); err != nil {
			t.Error(clipped(err))
		}
		t.Logf("%d intrusions were answered: %v", intrusions, answers)
	})
	t.Run("by_names_that_turn", func(t *testing.T) { rebinding(t, v, addr) })
	if n := v.reached.Load(); n > 0 {
		t.Errorf("the inside was reached %d times", n)
	}
	if n := len(noted(g, "FTP session opened", "client=127.0.77.1")); n > 0 {
		t.Errorf("the gateway was its own client %d times", n)
	}
}

// rebinding asks for names time and again whose addresses change under the gateway's feet. Those outside are
// reached, so that it is seen that the names are alive.
func rebinding(t *testing.T, v *vault, addr string) {
	var outsides, insides atomic.Int32
	work := crew.New().WithErrors().WithMaxGoroutines(100)
	for n := range 200 {
		work.Go(func() error {
			name := fmt.Sprintf("%s%d.test", []string{"turn", "flip", "both"}[n%3], n)
			line := fmt.Sprintf("USER alice@%s:%d", name, v.port)
			heard, err := try("127.0.0.1", addr, 1100*time.Millisecond, line, line, line, line)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			for _, h := range heard {
				switch h {
				case "331 password?":
					outsides.Add(1)
				case "530 Login incorrect.":
					insides.Add(1)
				default:
					return fmt.Errorf("%s was answered %q", name, h)
				}
			}
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		t.Error(clipped(err))
	}
	if outsides.Load() < 300 || insides.Load() < 250 {
		t.Errorf("led outside %d times, inside %d times", outsides.Load(), insides.Load())
	}
	t.Logf("names led outside %d times and were followed, inside %d times and were not", outsides.Load(), insides.Load())
}
