package peers

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Ports are taken from below the range the kernel gives to outgoing connections, so that no
// connection of another test takes one between the look and the daemon's own bind.
const (
	firstPort = 10000
	lastPort  = 32000
	// portStep keeps neighbours free: ProFTPD connects active data from its port minus one.
	portStep = 4
	// passiveSpan is how many passive ports a daemon gets.
	passiveSpan = 200
)

var ports = struct {
	sync.Mutex
	taken    map[int]bool
	implicit map[string]bool // addresses whose port 990 was handed out
}{taken: map[int]bool{}, implicit: map[string]bool{}}

// FreePort finds a port nobody listens on, neither on 127.0.0.1 nor on ::1, and does not hand
// out the same one twice in this process.
func FreePort() (int, error) {
	ports.Lock()
	defer ports.Unlock()
	for range 1000 {
		port := firstPort + portStep*rand.IntN((lastPort-firstPort)/portStep)
		if ports.taken[port] || !portFree(port) {
			continue
		}
		ports.taken[port] = true
		return port, nil
	}
	return 0, fmt.Errorf("find a free port between %d and %d: none in 1000 tries", firstPort, lastPort)
}

// passivePorts gives a daemon its own stretch of passive ports. Stretches may overlap those of
// another process; daemons skip a port that is in use.
func passivePorts() (low, high int) {
	const first, last = 42000, 62000
	low = first + rand.IntN(last-first-passiveSpan)
	return low, low + passiveSpan
}

func portFree(port int) bool {
	for _, host := range []string{"127.0.0.1", "::1"} {
		l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			return false
		}
		_ = l.Close()
	}
	return true
}

// waitListening returns once addr accepts a connection, or with an error when p has ended or
// limit has passed. With banner set it also waits for the first bytes, which proves that the
// daemon can start a session.
func waitListening(addr string, banner bool, p *process, limit time.Duration) error {
	deadline := time.Now().Add(limit)
	for {
		err := probe(addr, banner, time.Until(deadline))
		if err == nil {
			return nil
		}
		if p.exited() {
			return fmt.Errorf("start %s: it ended (%s) before %s answered; it printed:\n%s", p.name, p.fate(), addr, p.printed())
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("start %s: no answer on %s within %v: %w; it printed:\n%s", p.name, addr, limit, err, p.printed())
		}
		p.wait(20 * time.Millisecond) // paces the retries, and returns at once when it dies
	}
}

// waitBound returns once somebody listens on addr. It does not connect where the kernel tells
// (Linux): a connection would be a session at the gateway and move its counters.
func waitBound(addr string, p *process, limit time.Duration) error {
	for deadline := time.Now().Add(limit); ; {
		bound, known := listening(addr)
		if !known {
			return waitListening(addr, false, p, time.Until(deadline))
		}
		if bound {
			return nil
		}
		if p.exited() {
			return fmt.Errorf("start %s: it ended (%s) before %s was bound; it printed:\n%s", p.name, p.fate(), addr, p.printed())
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("start %s: nothing listens on %s after %v; it printed:\n%s", p.name, addr, limit, p.printed())
		}
		p.wait(10 * time.Millisecond)
	}
}

// listening looks addr up among the kernel's listening sockets; known is false where the kernel
// does not tell.
func listening(addr string) (bound, known bool) {
	at, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return false, false
	}
	table, ip := "/proc/net/tcp6", at.IP.To16()
	if four := at.IP.To4(); four != nil {
		table, ip = "/proc/net/tcp", four
	}
	file, err := os.Open(table)
	if err != nil {
		return false, false
	}
	defer func() { _ = file.Close() }() // it was only read
	// Addresses are hexadecimal 32-bit words in the machine's own byte order; 0A is LISTEN.
	var want strings.Builder
	for word := 0; word < len(ip); word += 4 {
		fmt.Fprintf(&want, "%08X", binary.NativeEndian.Uint32(ip[word:]))
	}
	fmt.Fprintf(&want, ":%04X", at.Port)
	// They come first, before what may be tens of thousands of connections that are over.
	lines := bufio.NewScanner(file)
	for head := true; lines.Scan(); head = false {
		f := strings.Fields(lines.Text())
		switch {
		case head:
		case len(f) < 4 || f[3] != "0A":
			return false, true
		case f[1] == want.String():
			return true, true
		}
	}
	return false, lines.Err() == nil
}

func probe(addr string, banner bool, limit time.Duration) error {
	limit = max(limit, time.Millisecond)
	conn, err := (&net.Dialer{Timeout: limit}).DialContext(context.Background(), "tcp", addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if !banner {
		return nil
	}
	if err := conn.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	_, err = conn.Read(make([]byte, 3))
	return err
}
