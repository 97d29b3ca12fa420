package health

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"golang.org/x/crypto/ssh"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// patience bounds every wait of a test's server.
const patience = 10 * time.Second

// listen has connections to a loopback port served, one goroutine each, until
// the test ends.
func listen(t *testing.T, serve func(net.Conn)) netip.AddrPort {
	t.Helper()
	ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var wg conc.WaitGroup
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_ = conn.SetDeadline(time.Now().Add(patience))
			wg.Go(func() {
				defer conn.Close()
				defer context.AfterFunc(ctx, func() { conn.Close() })()
				serve(conn)
			})
		}
	})
	t.Cleanup(func() { stop(); ln.Close(); wg.Wait() })
	return ln.Addr().(*net.TCPAddr).AddrPort()
}

// ftpServer is a backend that follows its fields.
type ftpServer struct {
	greeting string // empty: 220
	implicit bool
	auth     string      // the answer to AUTH; empty: 234 and a handshake
	tls      *tls.Config // nil: AUTH is 500
	user     string      // the answer to USER; empty: 331
	password string      // that is right

	mu    sync.Mutex
	heard []string // commands, with "tls " before those that came that way
}

func (s *ftpServer) saw() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.heard, ", ")
}

func (s *ftpServer) serve(conn net.Conn) {
	secure := s.implicit
	if secure {
		conn = tls.Server(conn, s.tls)
	}
	greeting := s.greeting
	if greeting == "" {
		greeting = "220 ready\r\n"
	}
	say := func(text string) { _, _ = conn.Write([]byte(text)) }
	say(greeting)
	var decode ftp.CommandDecoder
	buf := make([]byte, 512)
	for {
		c, ok, err := decode.Next()
		if err != nil {
			return
		}
		if !ok {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			decode.Feed(buf[:n])
			continue
		}
		line := strings.TrimSpace(c.Verb + " " + c.Arg)
		if secure {
			line = "tls " + line
		}
		s.mu.Lock()
		s.heard = append(s.heard, line)
		s.mu.Unlock()
		switch c.Verb {
		case ftp.AUTH:
			switch {
			case s.auth != "":
				say(s.auth)
			case s.tls == nil:
				say("500 AUTH not understood\r\n")
			default:
				say("234 go ahead\r\n")
				conn, secure = tls.Server(conn, s.tls), true
			}
		case ftp.USER:
			if s.user != "" {
				say(s.user)
			} else {
				say("331 and the password?\r\n")
			}
		case ftp.PASS:
			if c.Arg == s.password {
				say("230-hello\r\n230 you\r\n")
			} else {
				say("530 Login incorrect.\r\n")
			}
		case ftp.QUIT:
			say("221 bye\r\n")
			return
		default:
			say("502 no\r\n")
		}
	}
}

// identity is a certificate for localhost, and who trusts it.
func identity(t *testing.T) (server, trusting *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, &tls.Config{RootCAs: pool}
}

// sshServer goes as far as a client wants.
func sshServer(t *testing.T) func(net.Conn) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return func(conn net.Conn) {
		conf := &ssh.ServerConfig{PasswordCallback: func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) {
			t.Error("the check tried to log in")
			return nil, fmt.Errorf("no")
		}}
		conf.AddHostKey(signer)
		if c, _, _, err := ssh.NewServerConn(conn, conf); err == nil {
			c.Close()
		}
	}
}

// says is a server that says something and then waits.
func says(text string) func(net.Conn) {
	return func(conn net.Conn) {
		_, _ = conn.Write([]byte(text))
		_, _ = io.Copy(io.Discard, conn)
	}
}

// hangsUp is a server that says something and goes.
func hangsUp(text string) func(net.Conn) {
	return func(conn net.Conn) { _, _ = conn.Write([]byte(text)) }
}
