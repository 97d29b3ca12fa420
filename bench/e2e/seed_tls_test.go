package e2e

import (
	"crypto/tls"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/sluice-gateway/sluice/bench/certs"
	"github.com/sluice-gateway/sluice/bench/peers"
)

// certificate is one of the Kit's authority for a server of the example.
func (s *scene) certificate(name, address string) certs.Files {
	s.Helper()
	return s.certified(certificates(s).Authority, name, address)
}

func (s *scene) certified(by *certs.Authority, name, address string) certs.Files {
	s.Helper()
	spec := certs.Spec{Name: name}
	if name != "" {
		spec.DNS = []string{name}
	}
	if address != "" {
		spec.IPs = []net.IP{net.ParseIP(address)}
	}
	leaf, err := by.Issue(spec)
	if err != nil {
		s.Fatal(err)
	}
	return s.written(leaf)
}

func (s *scene) written(leaf *certs.Leaf) certs.Files {
	s.Helper()
	dir, err := os.MkdirTemp(s.g.Dir, "certificate-")
	if err != nil {
		s.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		s.Fatal(err)
	}
	files, err := leaf.Write(dir, "server")
	if err != nil {
		s.Fatal(err)
	}
	return files
}

// vouched has two servers that speak TLS, the second of which must not be trusted, and everybody land at the
// first.
func (s *scene) vouched(good, bad certs.Files, why string, lines ...string) {
	s.Helper()
	one := s.server(peers.VSFTPD, "ftp1.example.com", 2121, peers.Options{TLS: &peers.TLS{Certificate: good, Demand: peers.Private}})
	two := s.server(peers.PureFTPd, "ftp2.example.com", 2121, peers.Options{TLS: &peers.TLS{Certificate: bad, Demand: peers.Login}})
	s.open(around(append(lines, "ProxyReverseServers ftps://ftp1.example.com:2121 ftps://ftp2.example.com:2121")...)...)
	if n := s.everyClient("alice", "wonderland", one, two); n[1] > 0 {
		s.Errorf("%d clients were taken to a server that nobody vouches for", n[1])
	}
	s.says("ftp2.example.com", why)
}

// houseOfTrust is an authority whose certificates the servers have: ftp2's is revoked, or of a stranger.
func (s *scene) houseOfTrust(revoked bool) (ca *certs.Authority, good, bad certs.Files) {
	s.Helper()
	ca, err := certs.NewAuthority("Root of the example")
	if err != nil {
		s.Fatal(err)
	}
	stranger, err := certs.NewAuthority("Stranger")
	if err != nil {
		s.Fatal(err)
	}
	good = s.certified(ca, "ftp1.example.com", "")
	if !revoked {
		return ca, good, s.certified(stranger, "ftp2.example.com", "")
	}
	leaf, err := ca.Issue(certs.Spec{Name: "ftp2.example.com", DNS: []string{"ftp2.example.com"}})
	if err != nil {
		s.Fatal(err)
	}
	ca.Revoke(leaf)
	return ca, good, s.written(leaf)
}

func playCAFile(s *scene) {
	ca, good, bad := s.houseOfTrust(false)
	place(s, filepath.Join(s.g.Dir, "cacerts.pem"), string(ca.PEM()), 0o644)
	s.vouched(good, bad, "unable to verify")
}

func playCAPath(s *scene) {
	ca, good, bad := s.houseOfTrust(false)
	s.hashed("cacerts", ca.PEM())
	s.vouched(good, bad, "unable to verify")
}

func playCRLFile(s *scene) {
	ca, good, bad := s.houseOfTrust(true)
	place(s, filepath.Join(s.g.Dir, "ca.pem"), string(ca.PEM()), 0o644)
	place(s, filepath.Join(s.g.Dir, "cacrls.pem"), string(s.crl(ca)), 0o644)
	s.vouched(good, bad, "revoked", "ProxyTLSCACertificateFile {dir}/ca.pem")
}

func playCRLPath(s *scene) {
	ca, good, bad := s.houseOfTrust(true)
	place(s, filepath.Join(s.g.Dir, "ca.pem"), string(ca.PEM()), 0o644)
	s.hashed("cacrls", s.crl(ca))
	s.vouched(good, bad, "revoked", "ProxyTLSCACertificateFile {dir}/ca.pem")
}

func (s *scene) crl(ca *certs.Authority) []byte {
	s.Helper()
	list, err := ca.CRL()
	if err != nil {
		s.Fatal(err)
	}
	return list
}

// hashed makes a folder with links by hashes, as the document has them made.
func (s *scene) hashed(name string, body []byte) {
	s.Helper()
	dir := filepath.Join(s.g.Dir, name)
	folder(s, dir)
	place(s, filepath.Join(dir, "one.pem"), string(body), 0o644)
	s.openssl("rehash", dir)
	if list, err := os.ReadDir(dir); err != nil || len(list) != 2 {
		s.Fatalf("after openssl rehash there is %v: %v", list, err)
	}
}

func (s *scene) openssl(args ...string) {
	s.Helper()
	in, err := peers.Locate("openssl")
	if err != nil {
		peers.GiveUp(s, err)
	}
	if out, err := exec.CommandContext(s.Context(), in.Binary, args...).CombinedOutput(); err != nil {
		s.Fatalf("openssl %v: %v: %s", args, err, out)
	}
}

// playClientCertificate: a server that asks for a certificate is shown the one in the file.
func playClientCertificate(s *scene) {
	k := certificates(s)
	place(s, filepath.Join(s.g.Dir, "client-cert.pem"), string(read(s, k.Client.Both)), 0o600)
	one := s.server(peers.ProFTPD, "ftp1.example.com", 2121, peers.Options{TLS: &peers.TLS{
		Certificate: s.certificate("ftp1.example.com", ""), Demand: peers.Private, ClientCA: k.CA}})
	lines := []string{"ProxyTLSCACertificateFile " + k.CA, "ProxyReverseServers ftps://ftp1.example.com:2121", "ProxyRetryCount 1"}
	s.open(around(lines...)...)
	s.everyClient("alice", "wonderland", one)
	// Without it the server lets nobody in.
	s.name, s.example.changes = "32-load-order", nil
	s.g.Configure(s.text(around(lines...)...))
	s.g.Restart()
	c := peers.Dial(s, s.addr)
	if r, err := c.ReplyErr(callLimit); err == nil && r.Code == 220 {
		s.Errorf("a server that wants a certificate lets come in without: %q", r)
	}
}

// overTLS has real servers of one version each behind the example's lines.
func (s *scene) overTLS(lines ...string) {
	s.Helper()
	k := certificates(s)
	one := s.server(peers.ProFTPD, "ftp1.example.com", 2121, peers.Options{TLS: &peers.TLS{
		Certificate: s.certificate("ftp1.example.com", ""), Demand: peers.Private, Versions: peers.TLS13}})
	two := s.server(peers.VSFTPD, "ftp2.example.com", 2121, peers.Options{TLS: &peers.TLS{
		Certificate: s.certificate("ftp2.example.com", ""), Demand: peers.Private, Versions: peers.TLS12}})
	s.open(around(append(lines, "ProxyTLSCACertificateFile "+k.CA, "ProxyReverseServers ftps://ftp1.example.com:2121 ftps://ftp2.example.com:2121")...)...)
	s.inTurn(one, two)
}

func playSuites(s *scene) {
	s.overTLS("ProxyTLSOptions EnableDiags")
	s.says("TLS handshake done", "TLS_")
}

func playDiags(s *scene) {
	s.overTLS()
	s.says("TLS handshake done", "ftp1.example.com")
}

func playAllVersions(s *scene) { s.overTLS() }

// playOldVersions: who is told to speak nothing newer than TLS 1.0 finds servers of that time, and none of ours.
func playOldVersions(s *scene) {
	k := certificates(s)
	config := identity(s, k.RSA)
	config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS10
	old := startSecurePeer(s, peerScript{config: config})
	today := peers.Start(s, peers.VSFTPD, peers.Options{TLS: &peers.TLS{Certificate: k.RSA, Demand: peers.Private}})
	s.open(around("ProxyTLSCACertificateFile "+k.CA, "ProxyReverseServers "+strings.Replace(old.url(), "ftp:", "ftps:", 1)+" "+today.URL())...)
	for range 3 {
		s.visit("alice", "wonderland")
	}
	s.says(today.Addr(), "protocol version")
	if strings.Contains(today.Log(), "USER") || !old.heardAny("tls PASS") {
		s.Error("a client was taken to the server that cannot speak TLS 1.0")
	}
}

// playAuto: TLS with the server that has it, and none with the one that has not.
func playAuto(s *scene) {
	ca, _, _ := s.houseOfTrust(false)
	place(s, filepath.Join(s.g.Dir, "cacerts.pem"), string(ca.PEM()), 0o644)
	good := s.certified(ca, "ftp-backend1.example.com", "")
	one := s.server(peers.VSFTPD, "ftp-backend1.example.com", 2121, peers.Options{TLS: &peers.TLS{Certificate: good, Demand: peers.Private}})
	two := s.server(peers.PureFTPd, "ftp-backend2.example.com", 2121, peers.Options{})
	s.open()
	s.inTurn(one, two)
}

// playPreSharedKey: a key that cannot be used is said to be so, before anybody relies on it.
func playPreSharedKey(s *scene) {
	for _, name := range []string{"psk.key", "identity.key"} {
		s.openssl("rand", "-hex", "-out", filepath.Join(s.g.Dir, name), "160")
	}
	s.g.Configure(s.text(around("ProxyReverseServers ftps://127.0.0.1")...))
	v := s.check()
	if v.code != 1 || len(v.Problems) != 1 || !strings.Contains(v.Problems[0].Text, "pre-shared keys cannot be had") {
		s.Errorf("the check ends with %d: %v", v.code, v.Problems)
	}
	if err := s.g.StartErr(); err != nil {
		s.Fatal(err)
	}
	if !s.g.Wait(callLimit) || s.g.ExitCode() != 1 {
		s.Errorf("the gateway ended with %d", s.g.ExitCode())
	}
}
