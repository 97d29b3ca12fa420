package e2e

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/bench/certs"
)

// peerScript says how a secured peer behaves. The zero value offers explicit TLS with a good
// certificate and lets everybody in.
type peerScript struct {
	config *tls.Config // of the control connection; nil: a good certificate
	data   *tls.Config // of data connections; nil: as config
	files  map[string][]byte
	on     map[string]func(*peerVisit) // instead of what a good server does
	banner string
}

// securePeer is a small FTP server in this process that speaks TLS and spoils it where its script
// says. It serves one command after the other.
type securePeer struct {
	script peerScript
	listen *net.TCPListener
	work   conc.WaitGroup

	mu     sync.Mutex
	conns  map[net.Conn]bool
	said   []string // what clients said: "clear USER bob", "tls PASS …", "upload-end NAME error"
	closed bool
}

// identity is a server's configuration with a certificate of the Kit.
func identity(t testing.TB, f certs.Files) *tls.Config {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}}
}

func startSecurePeer(t testing.TB, script peerScript) *securePeer {
	t.Helper()
	if script.config == nil {
		script.config = identity(t, certificates(t).ECDSA)
	}
	if script.data == nil {
		script.data = script.config
	}
	if script.banner == "" {
		script.banner = "220 secured peer"
	}
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	p := &securePeer{script: script, listen: l, conns: map[net.Conn]bool{}}
	p.work.Go(p.accept)
	t.Cleanup(func() {
		p.close()
		if t.Failed() {
			t.Logf("the secured peer on %s heard:\n%s", l.Addr(), strings.Join(p.heard(), "\n"))
		}
	})
	return p
}

func (p *securePeer) url() string { return "ftp://" + p.listen.Addr().String() }

func (p *securePeer) close() {
	p.mu.Lock()
	p.closed = true
	_ = p.listen.Close()
	for conn := range p.conns {
		_ = conn.Close()
	}
	p.mu.Unlock()
	p.work.Wait()
}

func (p *securePeer) hold(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = conn.Close()
		return false
	}
	p.conns[conn] = true
	return true
}

func (p *securePeer) note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said = append(p.said, fmt.Sprintf(format, args...))
}

// heard is everything that was said to the peer so far.
func (p *securePeer) heard() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.said)
}

// heardAny tells whether the peer heard something that begins so.
func (p *securePeer) heardAny(prefix string) bool {
	return slices.ContainsFunc(p.heard(), func(line string) bool { return strings.HasPrefix(line, prefix) })
}

func (p *securePeer) accept() {
	for {
		conn, err := p.listen.AcceptTCP()
		if err != nil {
			return // the listener was closed
		}
		if !p.hold(conn) {
			return
		}
		v := &peerVisit{p: p, tcp: conn, conn: conn, in: bufio.NewReader(conn)}
		p.work.Go(v.serve)
	}
}

// peerVisit is one control connection at a secured peer.
type peerVisit struct {
	p         *securePeer
	tcp       *net.TCPConn
	conn      net.Conn // tcp, or TLS over it
	in        *bufio.Reader
	verb, arg string
	protect   bool
	listen    *net.TCPListener
}

// reply writes one line, or several.
func (v *peerVisit) reply(format string, args ...any) {
	_, _ = fmt.Fprintf(v.conn, format+"\r\n", args...) // a visitor that left is noticed by the next read
}

func (v *peerVisit) secured() bool { return v.conn != net.Conn(v.tcp) }

func (v *peerVisit) serve() {
	defer func() { _ = v.tcp.Close() }()
	v.reply("%s", v.p.script.banner)
	for {
		line, err := v.in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		v.p.note("%s %s", map[bool]string{true: "tls", false: "clear"}[v.secured()], line)
		verb, arg, _ := strings.Cut(line, " ")
		v.verb, v.arg = strings.ToUpper(verb), arg
		if act, ok := v.p.script.on[v.verb]; ok {
			act(v)
			continue
		}
		v.ordinary()
	}
}

// handshake goes over to TLS.
func (v *peerVisit) handshake() bool {
	conn := tls.Server(v.tcp, v.p.script.config)
	if err := conn.Handshake(); err != nil {
		v.p.note("handshake %v", err)
		_ = v.tcp.Close()
		return false
	}
	v.conn = conn
	v.in.Reset(conn)
	return true
}

// ordinary does what a good server would.
func (v *peerVisit) ordinary() {
	switch v.verb {
	case "AUTH":
		v.reply("234 go ahead")
		v.handshake()
	case "PROT":
		v.protect = v.arg == "P"
		v.reply("200 protection is %s", v.arg)
	case "FEAT":
		v.reply("211-Features:\r\n AUTH TLS\r\n EPSV\r\n PBSZ\r\n PROT\r\n211 End")
	case "EPSV":
		l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			v.reply("425 %v", err)
			return
		}
		v.listen = l
		v.reply("229 here (|||%d|)", l.Addr().(*net.TCPAddr).Port)
	case "RETR":
		if data, tcp := v.begin(); data != nil {
			_, _ = data.Write(v.p.script.files[v.arg]) // a client that left hears 226 all the same
			endData(data, tcp)
			v.reply("226 sent")
		}
	case "STOR":
		v.receive()
	case "QUIT":
		v.reply("221 bye")
		_ = v.tcp.Close()
	default:
		text, ok := map[string]string{"USER": "331 password please", "PASS": "230 welcome", "TYPE": "200 type set", "PBSZ": "200 noted",
			"PWD": `257 "/" is here`, "NOOP": "200 done", "CWD": "250 moved", "SYST": "215 UNIX Type: L8"}[v.verb]
		if !ok {
			text = "500 not understood"
		}
		v.reply("%s", text)
	}
}

// begin says 150 and opens the data connection, in TLS after PROT P; nil after it has said 425.
func (v *peerVisit) begin() (data net.Conn, tcp *net.TCPConn) {
	if v.listen == nil {
		v.reply("425 use EPSV first")
		return nil, nil
	}
	defer func() { _ = v.listen.Close(); v.listen = nil }()
	v.reply("150 here it comes")
	_ = v.listen.SetDeadline(time.Now().Add(5 * time.Second)) // Accept reports a closed one
	tcp, err := v.listen.AcceptTCP()
	if err != nil || !v.p.hold(tcp) {
		v.reply("425 no data connection")
		return nil, nil
	}
	if !v.protect {
		return tcp, tcp
	}
	secure := tls.Server(cutAware{tcp}, v.p.script.data)
	if err := secure.Handshake(); err != nil {
		v.p.note("data-handshake %v", err)
		_ = tcp.Close()
		v.reply("425 no TLS on the data connection")
		return nil, nil
	}
	v.p.note("data-handshake resumed=%v", secure.ConnectionState().DidResume)
	return secure, tcp
}

// endData ends a data connection in the clean way.
func endData(data net.Conn, tcp *net.TCPConn) {
	if secure, ok := data.(*tls.Conn); ok {
		_ = secure.CloseWrite() // a client that left will not miss it
	}
	_ = tcp.CloseWrite()
	_, _ = io.Copy(io.Discard, tcp)
	_ = tcp.Close()
}

func (v *peerVisit) receive() {
	data, tcp := v.begin()
	if data == nil {
		return
	}
	n, err := io.Copy(io.Discard, data)
	v.p.note("upload-end %s %d %v", v.arg, n, err)
	endData(data, tcp)
	if err != nil {
		v.reply("426 it broke")
		return
	}
	v.reply("226 stored")
}
