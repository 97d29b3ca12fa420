package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// TestExamples runs the configurations of cmd/sluice/examples, each with the changes of its row, and looks
// whether their comments are true. They keep their ports: the gateway has an address of its own.
func TestExamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(houseExamples, "*.conf"))
	if err != nil || len(files) != len(ownExamples) {
		t.Fatalf("%d files, %d rows: %v", len(files), len(ownExamples), err)
	}
	for name, e := range ownExamples {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, name, e)
			s.places["front"], s.port = own(t, 21), 21
			s.addr = joinPort(s.places["front"], s.port)
			e.play(s)
		})
	}
}

const houseExamples = "../../cmd/sluice/examples"

var (
	kept    = change{"/var/lib/sluice", "{dir}/proxy", "a folder of the test's own"}
	secrets = change{"/etc/sluice/", "{dir}/", "certificates of the test's own"}
	journal = change{"/var/log/sluice/", "{dir}/", "a folder of the test's own"}
	first   = change{"192.0.2.11", "{one}", "an address of this machine"}
	second  = change{"192.0.2.12", "{two}", "an address of this machine"}
	wild    = change{"<VirtualHost 0.0.0.0>", "<VirtualHost {front}>", "an address of this machine"}
)

var ownExamples = map[string]example{
	"small":   {changes: []change{kept, first, second}, play: playSmall},
	"forward": {changes: []change{kept}, play: playForwardExample},
	"ftps":    {changes: []change{kept, secrets, journal, wild}, play: playFTPS},
	"full": {changes: []change{kept, journal, first, second, wild,
		{"/run/sluice/", "{dir}/", "a folder of the test's own"},
		{"DefaultAddress       0.0.0.0", "DefaultAddress {front}", "an address of this machine"},
		{"^(ftp\\.example\\.net|ftp\\.example\\.org):21$", "^(ftp\\.example\\.net|ftp\\.example\\.org):21$\n  {here}\n  ProxyProtocolFrom 127.0.0.9",
			"an address of this machine has to be named; a client of the office comes by a balancer"},
	}, play: playFull},
}

// serve is open for a file that is a whole configuration.
func (s *scene) serve(lines ...string) {
	s.Helper()
	text := strings.Join(append(s.names(), lines...), "\n") + "\n" + s.changed(filepath.Join(houseExamples, s.name+".conf"), s.example.changes)
	s.g.Configure(s.put(s.put(text)))
	s.accepted()
	s.g.Start(s.addr)
}

// here has the gateway listen at its own address alone.
const here = "DefaultAddress {front}\nSocketBindTight on"

// twins are the two servers behind the smaller examples.
func (s *scene) twins() (one, two *peers.Server) {
	s.Helper()
	one, two = s.server(peers.VSFTPD, "", 21, peers.Options{}), s.server(peers.PureFTPd, "", 21, peers.Options{})
	s.places["one"], s.places["two"] = one.Host, two.Host
	return one, two
}

func playSmall(s *scene) {
	one, two := s.twins()
	s.serve(here)
	s.inTurn(one, two)
}

func playForwardExample(s *scene) {
	server := s.server(peers.ProFTPD, "ftp.example.com", 21, peers.Options{})
	s.resolve("www.example.org", server.Host)
	s.resolve("internal.example.org", server.Host)
	s.serve(here, "ProxyProtocolFrom 127.0.0.1", toHere(server))
	for client, may := range map[string]bool{"10.1.2.3": true, "172.31.0.1": true, "192.168.0.9": true, "198.51.100.7": true, "10.99.0.7": false, "203.0.113.7": false} {
		if err := s.comeFrom("127.0.0.1", client, "alice@ftp.example.com", "wonderland"); may != (err == nil) {
			s.Errorf("a client from %s, who may come in: %v, was told %v", client, may, err)
		}
	}
	for to, may := range map[string]bool{"FTP.example.com:21": true, "www.example.org": true, "internal.example.org": false, "www.example.org:990": false, "example.net": false} {
		if err := s.comeFrom("127.0.0.1", "10.1.2.3", "alice@"+to, "wonderland"); may != (err == nil) {
			s.Errorf("%s, where clients may be taken: %v: %v", to, may, err)
		}
	}
}

// playFTPS: both ways of TLS in front, each to servers of its own kind, and nothing in clear.
func playFTPS(s *scene) {
	k := certificates(s)
	for from, to := range map[string]string{k.RSA.Cert: "ftp.example.com.rsa.crt", k.RSA.Key: "ftp.example.com.rsa.key", k.ECDSA.Cert: "ftp.example.com.ec.crt",
		k.ECDSA.Key: "ftp.example.com.ec.key", k.CA: "clients-ca.crt", k.CRL: "clients-ca.crl"} {
		place(s, filepath.Join(s.g.Dir, to), string(read(s, from)), 0o600)
	}
	place(s, filepath.Join(s.g.Dir, "backends-ca.crt"), string(read(s, k.CA)), 0o600)
	var servers []*peers.Server
	for _, name := range []string{"ftp1.example.com", "ftp2.example.com"} {
		secure := peers.TLS{Certificate: s.certificate(name, ""), Demand: peers.Private}
		explicit := s.server(peers.ProFTPD, name, 21, peers.Options{TLS: &secure})
		implicit := secure
		implicit.Implicit = true
		servers = append(servers, explicit, peers.Start(s, peers.VSFTPD, peers.Options{Address: explicit.Host, Port: 990, TLS: &implicit}))
	}
	s.serve("SocketBindTight on")
	body := noise(100_000)
	for i, front := range []leg{explicit, implicit} {
		config := clientConfig(s, peers.TLS13)
		config.ServerName = "localhost"
		port := map[leg]int{explicit: 21, implicit: 990}[front]
		name := "front-" + string(front)
		c := greet(s, joinPort(s.places["front"], port), front, config)
		c.Login("alice", "wonderland").Protect("P").Store(peers.EPSV, body, "STOR %s", name)
		sameBytes(s, name, read(s, at(s, name, servers[i], servers[i+2])), body)
		c.Must(221, "QUIT")
	}
	c := peers.Dial(s, s.addr).Greeting()
	if r := c.Cmd("USER alice"); r.Code < 500 {
		s.Errorf("USER in clear is answered %q", r)
	}
}

// playFull: the reverse proxy on one port, the forward proxy for the office on another.
func playFull(s *scene) {
	one, two := s.twins()
	server := s.server(peers.ProFTPD, "ftp.example.net", 21, peers.Options{})
	s.places["here"] = toHere(server)
	s.serve("SocketBindTight on")
	s.everyClient("alice", "wonderland", one, two)
	s.port = 2121
	s.addr = joinPort(s.places["front"], s.port)
	for client, may := range map[string]bool{"10.1.2.3": true, "203.0.113.7": false} {
		if err := s.comeFrom("127.0.0.9", client, "alice@ftp.example.net", "wonderland"); may != (err == nil) {
			s.Errorf("a client from %s, who may come in: %v, was told %v", client, may, err)
		}
	}
	if err := s.comeFrom("127.0.0.9", "10.1.2.3", "alice@ftp.example.com", "wonderland"); err == nil {
		s.Error("a client of the office was taken elsewhere")
	}
}
