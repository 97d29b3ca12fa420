package gateway

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
)

// secureServer is a backend that speaks TLS, and remembers how it was spoken to.
type secureServer struct {
	name string
	tls  *tls.Config
	ln   net.Listener
	wg   conc.WaitGroup

	mu      sync.Mutex
	conns   []net.Conn
	control []tls.ConnectionState
	data    []tls.ConnectionState
	files   map[string]string
	broken  int // uploads that ended without close_notify
}

// secureBackend serves until the test ends.
func secureBackend(t testing.TB, name string, cfg *tls.Config) *secureServer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &secureServer{name: name, tls: cfg, ln: ln, files: map[string]string{}}
	s.wg.Go(s.accept)
	t.Cleanup(func() {
		ln.Close()
		s.mu.Lock()
		for _, c := range s.conns {
			c.Close()
		}
		s.mu.Unlock()
		s.wg.Wait()
	})
	return s
}

// url names it as certificates do.
func (s *secureServer) url(scheme string) string {
	return fmt.Sprintf("%s://localhost:%d", scheme, s.ln.Addr().(*net.TCPAddr).Port)
}

func (s *secureServer) accept() {
	for {
		conn, err := s.ln.Accept()
		if err != nil {
			return
		}
		s.hold(conn)
		s.wg.Go(func() { (&secureVisit{secureServer: s, conn: conn}).run() })
	}
}

func (s *secureServer) hold(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns = append(s.conns, c)
}

// seen are the TLS states of control and data connections so far.
func (s *secureServer) seen() (control, data []tls.ConnectionState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]tls.ConnectionState(nil), s.control...), append([]tls.ConnectionState(nil), s.data...)
}

// secureVisit is one control connection.
type secureVisit struct {
	*secureServer
	conn    net.Conn
	in      *bufio.Reader
	pasv    net.Listener
	private bool
}

func (v *secureVisit) say(format string, args ...any) { fmt.Fprintf(v.conn, format+"\r\n", args...) }

func (v *secureVisit) run() {
	defer func() {
		v.conn.Close()
		if v.pasv != nil {
			v.pasv.Close()
		}
	}()
	v.say("220 %s", v.name)
	v.in = bufio.NewReader(v.conn)
	for {
		line, err := v.in.ReadString('\n')
		if err != nil {
			return
		}
		verb, arg, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !v.answer(strings.ToUpper(verb), arg) {
			return
		}
	}
}

func (v *secureVisit) answer(verb, arg string) bool {
	switch verb {
	case "AUTH":
		v.say("234 go ahead")
		return v.secure()
	case "FEAT":
		v.say("211-Features:\r\n AUTH TLS\r\n PBSZ\r\n PROT\r\n EPSV\r\n211 End")
	case "PROT":
		v.private = arg == "P"
		v.say("200 PROT it is")
	case "USER":
		v.say("331 Password please")
	case "PASS":
		v.say("230 Welcome to %s", v.name)
	case "QUIT":
		v.say("221 Goodbye.")
		return false
	case "EPSV":
		v.listen()
	case "RETR", "STOR":
		v.transfer(verb, arg)
	default:
		v.say("200 %s it is", verb)
	}
	return true
}

func (v *secureVisit) secure() bool {
	conn := tls.Server(v.conn, v.tls)
	if conn.Handshake() != nil {
		return false
	}
	v.mu.Lock()
	v.control = append(v.control, conn.ConnectionState())
	v.mu.Unlock()
	v.conn, v.in = conn, bufio.NewReader(conn)
	return true
}

func (v *secureVisit) listen() {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		v.say("425 %v", err)
		return
	}
	v.pasv = ln
	v.say("229 Entering Extended Passive Mode (|||%d|)", ln.Addr().(*net.TCPAddr).Port)
}

func (v *secureVisit) transfer(verb, name string) {
	v.say("150 go")
	conn, err := v.pasv.Accept()
	v.pasv.Close()
	if err != nil {
		v.say("425 %v", err)
		return
	}
	defer conn.Close()
	v.hold(conn)
	_ = conn.SetDeadline(time.Now().Add(patience))
	var wire io.ReadWriter = conn
	if v.private {
		secured := tls.Server(conn, v.tls)
		if err := secured.Handshake(); err != nil {
			v.say("425 %v", err)
			return
		}
		v.mu.Lock()
		v.data = append(v.data, secured.ConnectionState())
		v.mu.Unlock()
		wire = secured
	}
	if !v.carry(verb, name, wire) {
		return
	}
	if secured, ok := wire.(*tls.Conn); ok {
		_ = secured.CloseWrite()
	}
	conn.Close()
	v.say("226 done")
}

func (v *secureVisit) carry(verb, name string, wire io.ReadWriter) bool {
	if verb == "RETR" {
		v.mu.Lock()
		content := v.files[name]
		v.mu.Unlock()
		_, err := io.WriteString(wire, content)
		if err != nil {
			v.say("426 %v", err)
		}
		return err == nil
	}
	content, err := io.ReadAll(wire)
	v.mu.Lock()
	defer v.mu.Unlock()
	if err != nil {
		v.broken++
		v.say("426 %v", err)
		return false
	}
	v.files[name] = string(content)
	return true
}

// secure goes on in TLS on a client's control connection.
func (c *client) secure(cfg *tls.Config) *tls.Conn {
	c.t.Helper()
	conn := tls.Client(c.conn, cfg)
	_ = conn.SetDeadline(time.Now().Add(patience))
	if err := conn.Handshake(); err != nil {
		c.t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Time{})
	c.conn, c.in = conn, bufio.NewReader(conn)
	return conn
}

// login logs in; protect asks for PROT P first.
func (c *client) login(protect bool) {
	c.t.Helper()
	if protect {
		c.say("PBSZ 0", "200")
		c.say("PROT P", "200")
	}
	c.say("USER ann", "331")
	c.say("PASS x", "230")
}

// open starts a transfer over EPSV; cfg secures it.
func (c *client) open(verb string, cfg *tls.Config) net.Conn {
	c.t.Helper()
	c.send("EPSV")
	reply := c.line()
	var port int
	if _, err := fmt.Sscanf(reply[strings.LastIndexByte(reply, '(')+1:], "|||%d|", &port); err != nil {
		c.t.Fatalf("EPSV was answered %q", reply)
	}
	c.send(verb)
	host, _, err := net.SplitHostPort(c.conn.RemoteAddr().String())
	if err != nil {
		c.t.Fatal(err)
	}
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, itoa(port)), patience)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	if cfg != nil {
		secured := tls.Client(conn, cfg)
		if err := secured.Handshake(); err != nil {
			c.t.Fatalf("%s: %v", verb, err)
		}
		conn = secured
	}
	if got := c.line(); !strings.HasPrefix(got, "150") {
		c.t.Fatalf("%s was answered %q", verb, got)
	}
	return conn
}

// send sends a line whose answer is read by the caller.
func (c *client) send(line string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, line+"\r\n"); err != nil {
		c.t.Fatal(err)
	}
}

// put uploads, get downloads; both want a 226.
func (c *client) put(name, content string, cfg *tls.Config) {
	c.t.Helper()
	conn := c.open("STOR "+name, cfg)
	if _, err := io.WriteString(conn, content); err != nil {
		c.t.Fatal(err)
	}
	conn.Close()
	if got := c.line(); !strings.HasPrefix(got, "226") {
		c.t.Fatalf("the upload ended with %q", got)
	}
}

func (c *client) get(name string, cfg *tls.Config) string {
	c.t.Helper()
	conn := c.open("RETR "+name, cfg)
	content, err := io.ReadAll(conn)
	conn.Close()
	if got := c.line(); err != nil || !strings.HasPrefix(got, "226") {
		c.t.Fatalf("the download ended with %q, %v", got, err)
	}
	return string(content)
}
