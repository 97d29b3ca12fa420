package tlspolicy

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSessionIsWhatCryptoTLSReads(t *testing.T) {
	leaf, root := certFor(t, "leaf"), certFor(t, "root")
	full := ClientSession{
		Version: tls.VersionTLS12, Suite: tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, Secret: bytes.Repeat([]byte{9}, 48),
		ExtendedMaster: true, Created: 1_700_000_000, Curve: tls.X25519,
		Certificates: [][]byte{leaf.Raw, root.Raw}, Chains: [][][]byte{{leaf.Raw, root.Raw}, {leaf.Raw}},
	}
	raw, err := full.Append([]byte("before"))
	if err != nil || !bytes.HasPrefix(raw, []byte("before")) {
		t.Fatal(err)
	}
	raw = raw[len("before"):]
	state, err := tls.ParseSessionState(raw)
	if err != nil {
		t.Fatal(err)
	}
	again, err := state.Bytes()
	if err != nil || !bytes.Equal(again, raw) {
		t.Errorf("crypto/tls writes something else: %v\n%x\n%x", err, raw, again)
	}
	if _, err := tls.NewResumptionState(nil, state); err != nil {
		t.Error(err)
	}
}

func TestSessionMistakes(t *testing.T) {
	good := ClientSession{Version: tls.VersionTLS12, Secret: make([]byte, 48), Certificates: [][]byte{{1}}}
	for name, change := range map[string]func(*ClientSession){
		"tls13":                 func(s *ClientSession) { s.Version = tls.VersionTLS13 },
		"short_secret":          func(s *ClientSession) { s.Secret = s.Secret[1:] },
		"without_certificate":   func(s *ClientSession) { s.Certificates = nil },
		"a_certificate_too_big": func(s *ClientSession) { s.Certificates = [][]byte{make([]byte, 1<<24)} },
	} {
		t.Run(name, func(t *testing.T) {
			s := good
			change(&s)
			if _, err := s.Append(nil); err == nil {
				t.Error("it was accepted")
			}
		})
	}
}

func TestMasterSecret(t *testing.T) {
	random, secret := strings.Repeat("ab", 32), strings.Repeat("cd", 48)
	got, ok := MasterSecret([]byte("CLIENT_RANDOM " + random + " " + secret + "\n"))
	if !ok || !bytes.Equal(got, bytes.Repeat([]byte{0xcd}, 48)) {
		t.Errorf("%x, %v", got, ok)
	}
	for _, line := range []string{
		"", "CLIENT_RANDOM", "CLIENT_RANDOM " + random, "CLIENT_RANDOM " + random + " " + secret[2:], "CLIENT_RANDOM " + random[2:] + " " + secret,
		"CLIENT_HANDSHAKE_TRAFFIC_SECRET " + random + " " + secret, "CLIENT_RANDOM " + random + " zz" + secret[2:], "CLIENT_RANDOM " + random + " " + secret + " x",
	} {
		if _, ok := MasterSecret([]byte(line)); ok {
			t.Errorf("%q was accepted", line)
		}
	}
}

func FuzzMasterSecret(f *testing.F) {
	f.Add([]byte("CLIENT_RANDOM " + strings.Repeat("ab", 32) + " " + strings.Repeat("cd", 48)))
	f.Fuzz(func(t *testing.T, line []byte) {
		if got, ok := MasterSecret(line); ok && len(got) != 48 {
			t.Fatalf("%d bytes", len(got))
		}
	})
}

func TestOfferSessionID(t *testing.T) {
	random := strings.Repeat("r", 100)
	for _, step := range []int{1, 7, 32, 100} {
		r := OfferSessionID(strings.NewReader(random), sessionID)
		var got []byte
		for len(got) < 100 {
			p := make([]byte, step)
			n, err := r.Read(p)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, p[:n]...)
		}
		want := random[:32] + string(sessionID) + random[32:68]
		if d := cmp.Diff(want, string(got[:100])); d != "" {
			t.Errorf("in steps of %d: %s", step, d)
		}
	}
	odd := strings.NewReader(random)
	if OfferSessionID(odd, []byte("short")) != odd {
		t.Error("an ID of five bytes cannot be offered")
	}
}

// visit makes one handshake and tells what there is to know for the next one.
type visit struct {
	net.Conn
	parser HelloParser
	keys   bytes.Buffer
}

func (v *visit) Read(b []byte) (int, error) {
	n, err := v.Conn.Read(b)
	v.parser.Feed(b[:n])
	return n, err
}

// cacheOfOne hands out one session and keeps none.
type cacheOfOne struct{ session *tls.ClientSessionState }

func (c cacheOfOne) Get(string) (*tls.ClientSessionState, bool) {
	return c.session, c.session != nil
}
func (c cacheOfOne) Put(string, *tls.ClientSessionState) {}

// TestSessionsByIDResume shows the pieces working together, against a server
// that knows sessions by their ID only.
func TestSessionsByIDResume(t *testing.T) {
	cert, key := signedBySelf(t, template("localhost", "localhost"))
	for name, c := range map[string]struct{ version, newest uint16 }{
		"TLSv1.2":                          {tls.VersionTLS12, tls.VersionTLS12},
		"TLSv1.2_from_one_who_speaks_more": {tls.VersionTLS12, tls.VersionTLS13},
		"TLSv1.1":                          {tls.VersionTLS11, tls.VersionTLS11},
	} {
		t.Run(name, func(t *testing.T) {
			address := startServer(t, cert, key, c.version)
			state, hello, secret := connect(t, address, c.newest, nil, nil)
			if state.DidResume || len(hello.SessionID) != 32 {
				t.Fatalf("first connection: resumed %v, ID of %d bytes", state.DidResume, len(hello.SessionID))
			}
			session := resumption(t, state, hello, secret)
			for range 3 {
				state, again, _ := connect(t, address, c.newest, hello.SessionID, session)
				if !state.DidResume || !bytes.Equal(again.SessionID, hello.SessionID) {
					t.Errorf("resumed %v, ID %x", state.DidResume, again.SessionID)
				}
			}
			stranger := bytes.Repeat([]byte{1}, 32)
			if state, _, _ := connect(t, address, c.newest, stranger, session); state.DidResume {
				t.Error("a stranger's ID was resumed")
			}
		})
	}
}

func startServer(t *testing.T, cert *x509.Certificate, key *ecdsa.PrivateKey, version uint16) string {
	openssl := needOpenSSL(t)
	certFile, keyFile := pemFiles(t, cert, key)
	protocol := map[uint16]string{tls.VersionTLS12: "-tls1_2", tls.VersionTLS11: "-tls1_1"}[version]
	cmd := exec.Command(openssl, "s_server", "-accept", "127.0.0.1:0", "-cert", certFile, "-key", keyFile,
		"-no_ticket", protocol, "-cipher", "ALL:@SECLEVEL=0", "-naccept", "20")
	in, err := cmd.StdinPipe() // held open: the server ends with its input
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_, _ = in.Close(), cmd.Wait()
	})
	watchdog := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() { watchdog.Stop() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if address, ok := strings.CutPrefix(lines.Text(), "ACCEPT "); ok {
			return address
		}
	}
	t.Fatalf("openssl s_server opened no port: %v", lines.Err())
	return ""
}

func connect(t *testing.T, address string, newest uint16, id []byte, session *tls.ClientSessionState) (tls.ConnectionState, ServerHello, []byte) {
	t.Helper()
	tcp, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	_ = tcp.SetDeadline(time.Now().Add(10 * time.Second))
	v := &visit{Conn: tcp}
	conn := tls.Client(v, &tls.Config{
		InsecureSkipVerify: true, ServerName: "localhost", MinVersion: tls.VersionTLS10, MaxVersion: newest,
		Rand: OfferSessionID(rand.Reader, id), KeyLogWriter: &v.keys, ClientSessionCache: cacheOfOne{session},
	})
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	hello, ok := v.parser.Hello()
	if !ok {
		t.Fatal(v.parser.Err())
	}
	// OpenSSL forgets a session whose connection ends without close_notify.
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, tcp)
	secret, _ := MasterSecret(v.keys.Bytes())
	return conn.ConnectionState(), hello, secret
}

func resumption(t *testing.T, state tls.ConnectionState, hello ServerHello, secret []byte) *tls.ClientSessionState {
	t.Helper()
	raw, err := ClientSession{
		Version: hello.Version, Suite: hello.Suite, Secret: secret, ExtendedMaster: hello.ExtendedMaster,
		Created: time.Now().Unix(), Certificates: [][]byte{state.PeerCertificates[0].Raw},
	}.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := tls.ParseSessionState(raw)
	if err != nil {
		t.Fatal(err)
	}
	session, err := tls.NewResumptionState(nil, parsed)
	if err != nil {
		t.Fatal(err)
	}
	return session
}
