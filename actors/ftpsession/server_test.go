package ftpsession

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/runtime/supervise"
)

// supervised runs a session as its reception would.
func supervised(ctx context.Context, s *Session) error {
	g := supervise.NewGroup(1)
	g.Go(ctx, s)
	exit := <-g.Exits()
	g.Wait()
	return exit.Err
}

// server is a small backend. It answers everything; single verbs can be given
// a behaviour of their own.
type server struct {
	ln  *net.TCPListener
	on  map[string]func(*visit, string)
	tls *tls.Config // what visit.secure and data connections do it with

	wg     conc.WaitGroup
	mu     sync.Mutex
	conns  []net.Conn
	heard  []string // verbs, of all visits
	stored []string
}

// visit is one control connection of a server.
type visit struct {
	*server
	conn *net.TCPConn
	out  net.Conn // conn, or TLS on it
	in   *bufio.Reader
	prot string // P: data connections are protected
	pasv *net.TCPListener
}

func (v *visit) say(format string, args ...any) { fmt.Fprintf(v.out, format+"\r\n", args...) }

// serve starts a backend. Beyond verbs, on may have "banner".
func serve(t testing.TB, on map[string]func(*visit, string)) *server {
	s := &server{ln: listen(t), on: on}
	s.wg.Go(s.accept)
	t.Cleanup(func() {
		s.ln.Close()
		s.mu.Lock()
		for _, c := range s.conns {
			c.Close()
		}
		s.mu.Unlock()
		s.wg.Wait()
	})
	return s
}

func (s *server) addr() netip.AddrPort { return addrPort(s.ln.Addr()) }

func (s *server) hold(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns = append(s.conns, c)
}

func (s *server) accept() {
	for {
		conn, err := s.ln.AcceptTCP()
		if err != nil {
			return
		}
		s.hold(conn)
		s.wg.Go(func() { (&visit{server: s, conn: conn, out: conn, in: bufio.NewReader(conn)}).run() })
	}
}

func (v *visit) run() {
	defer func() {
		v.conn.Close()
		if v.pasv != nil {
			v.pasv.Close()
		}
	}()
	if banner := v.on["banner"]; banner != nil {
		banner(v, "")
	} else {
		v.say("220 scripted")
	}
	for {
		line, err := v.in.ReadString('\n')
		if err != nil {
			return
		}
		verb, arg, _ := strings.Cut(strings.TrimSpace(line), " ")
		v.mu.Lock()
		v.heard = append(v.heard, verb)
		v.mu.Unlock()
		if act := v.on[verb]; act != nil {
			act(v, arg)
			continue
		}
		v.answer(verb, arg)
	}
}

func (v *visit) answer(verb, arg string) {
	switch verb {
	case "AUTH":
		if v.tls == nil {
			v.say("500 AUTH not understood")
			return
		}
		v.say("234 go ahead")
		v.secure()
	case "FEAT":
		v.say("211-Features:\r\n EPSV\r\n211 End")
	case "USER":
		v.say("331 Password please")
	case "PASS":
		v.say("230 Welcome")
	case "QUIT":
		v.say("221 Goodbye.")
		v.conn.Close()
	case "PWD":
		v.say("257 \"/\" is here")
	case "EPSV":
		ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			v.say("425 %v", err)
			return
		}
		v.pasv = ln
		v.say("229 Entering Extended Passive Mode (|||%d|)", ln.Addr().(*net.TCPAddr).Port)
	case "RETR":
		v.transfer(func(conn net.Conn) error {
			_, err := io.WriteString(conn, "some bytes")
			return err
		})
	case "STOR":
		v.transfer(func(conn net.Conn) error {
			b, err := io.ReadAll(conn)
			v.mu.Lock()
			defer v.mu.Unlock()
			v.stored = append(v.stored, string(b))
			return err
		})
	case "PROT":
		v.prot = arg
		v.say("200 PROT it is")
	default:
		v.say("200 %s it is", verb)
	}
}
