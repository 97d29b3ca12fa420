package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// pool is the two servers that most examples of a reverse proxy name.
func (s *scene) pool() (first, second *peers.Server) {
	s.Helper()
	return s.server(peers.VSFTPD, "ftp-backend1.example.com", 2121, peers.Options{}),
		s.server(peers.PureFTPd, "ftp-backend2.example.com", 2121, peers.Options{})
}

// playRoundRobin: each client lands at the server after the last one's.
func playRoundRobin(s *scene) {
	one, two := s.pool()
	s.open()
	for i := range 4 {
		if at := s.lands("alice", "wonderland", one, two); at != i%2 {
			s.Errorf("login %d landed at number %d", i, at)
		}
	}
	if n := s.everyClient("alice", "wonderland", one, two); min(n[0], n[1]) < 1 {
		s.Errorf("three clients landed as %v", n)
	}
}

// playPerUser: who has a file goes to its servers, everybody else into the pool, and stays there.
func playPerUser(s *scene) {
	one, two := s.pool()
	mine := s.server(peers.ProFTPD, "", 2121, peers.Options{User: "bob"})
	s.prepare()
	folder(s, filepath.Join(s.g.Dir, "proxy", "backends"))
	place(s, filepath.Join(s.g.Dir, "proxy", "backends", "bob.json"), jsonList(mine.URL()), 0o644)
	s.g.Start(s.addr)
	s.everyClient("bob", "wonderland", mine)
	n := s.everyClient("alice", "wonderland", one, two)
	if n[0] != 3 && n[1] != 3 {
		s.Errorf("alice's clients landed as %v", n)
	}
}

// playPerGroup: the gateway checks the password itself, and the group it finds has servers of its own.
func playPerGroup(s *scene) {
	one, two := s.pool()
	mine := s.server(peers.ProFTPD, "", 2121, peers.Options{User: "bob"})
	s.prepare(accounts(s, s.g.Dir, "wonderland", []string{"staff", "guests"}, map[string]string{"bob": "staff", "alice": "guests"})...)
	folder(s, filepath.Join(s.g.Dir, "proxy", "backends"))
	place(s, filepath.Join(s.g.Dir, "proxy", "backends", "staff.json"), jsonList(mine.URL()), 0o644)
	s.g.Start(s.addr)
	s.everyClient("bob", "wonderland", mine)
	n := s.everyClient("alice", "wonderland", one, two)
	if n[0] != 3 && n[1] != 3 {
		s.Errorf("alice's clients landed as %v", n)
	}
	s.refused("bob", "wrong")
	s.refused("nobody-knows", "wonderland")
}

// playServers: a name with a port, TLS at the usual port, and an IPv4 address in an IPv6 one.
func playServers(s *scene) {
	s.places["literal"], s.places["mapped"] = own(s, 21), own(s, 2121)
	servers := []*peers.Server{
		s.server(peers.VSFTPD, "ftp1.example.com", 2121, peers.Options{}),
		s.server(peers.ProFTPD, "", 21, peers.Options{Address: s.places["literal"], TLS: &peers.TLS{
			Certificate: s.certificate("", s.places["literal"]), Demand: peers.Private}}),
		s.server(peers.PureFTPd, "", 2121, peers.Options{Address: s.places["mapped"]}),
	}
	s.open(around("ProxyTLSCACertificateFile " + certificates(s).CA)...)
	for i := range 6 {
		if at := s.lands("alice", "wonderland", servers...); at != i%3 {
			s.Errorf("login %d landed at number %d", i, at)
		}
	}
	if n := s.everyClient("alice", "wonderland", servers...); n[0] != 1 || n[1] != 1 || n[2] != 1 {
		s.Errorf("three clients landed as %v", n)
	}
}

// playPerHost: an address comes back to its server.
func playPerHost(s *scene) {
	one, two := s.pool()
	s.open(around("ProxyReverseServers ftp://ftp-backend1.example.com:2121 ftp://ftp-backend2.example.com:2121")...)
	if n := s.everyClient("alice", "wonderland", one, two); n[0] != 3 && n[1] != 3 {
		s.Errorf("the clients of one address landed as %v", n)
	}
}

// playClasses: the class has servers of its own. As it is printed it has no members.
func playClasses(s *scene) {
	one, two := s.pool()
	special := []*peers.Server{
		s.server(peers.ProFTPD, "ftp-special1.example.com", 2121, peers.Options{}),
		s.server(peers.ProFTPD, "ftp-special2.example.com", 2121, peers.Options{}),
	}
	lines := []string{"ProxyEngine on", "ProxyLog {dir}/proxy.log", "ProxyTables {dir}/proxy"}
	s.open(lines...)
	if n := s.everyClient("alice", "wonderland", one, two); n[0] != 3 && n[1] != 3 {
		s.Errorf("the clients of one address landed as %v", n)
	}
	s.example.changes = append(s.example.changes, change{"  </Class>", "    From 127.0.0.2\n  </Class>", "the members are left to the reader"})
	s.g.Configure(s.text(lines...))
	s.g.Restart()
	body := noise(50_000)
	peers.Curl(s, "--interface", "127.0.0.2", "--user", "alice:wonderland", "-T", local(s, "up", body), "ftp://"+s.addr+"/special").OK()
	if n := len(read(s, at(s, "special", special...))); n != len(body) {
		s.Errorf("%d bytes are at a special server, want %d", n, len(body))
	}
	if s.lands("alice", "wonderland", one, two) < 0 {
		s.Error("a client of no class landed at a special server")
	}
}

// at is where one of the servers has a file.
func at(s *scene, name string, servers ...*peers.Server) string {
	s.Helper()
	for _, server := range servers {
		path := filepath.Join(server.Home, name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	s.Fatalf("no server has %s", name)
	return ""
}

// playCredentials: clients have the accounts of the gateway, backends theirs.
func playCredentials(s *scene) {
	one := s.server(peers.VSFTPD, "ftp-backend1.example.com", 2121, peers.Options{User: "user1", Password: "password1"})
	two := s.server(peers.PureFTPd, "ftp-backend2.example.com", 2121, peers.Options{User: "user2", Password: "password2"})
	s.open(accounts(s, s.g.Dir, canary, []string{"staff"}, map[string]string{"joe": "staff"})...)
	for i := range 4 {
		if at := s.lands("joe", canary, one, two); at != i%2 {
			s.Errorf("login %d landed at number %d", i, at)
		}
	}
	s.everyClient("joe", canary, one, two)
	s.refused("joe", "wrong")
	s.refused("user1", "password1")
	mustNotTell(s, s.g, canary, "password1", "password2")
}

// playProxyProtocol: the backend hears first who the client is.
func playProxyProtocol(s *scene) {
	server := peers.Start(s, peers.VSFTPD, peers.Options{})
	d := startDoorman(s, "127.0.0.1", server.Addr())
	s.open(around("ProxyReverseServers " + d.url())...)
	c := peers.Dial(s, s.addr).Login("alice", "wonderland")
	wantPair(s.T, d.next(s.T), 1, c.Local(), c.Remote())
	c.Must(221, "QUIT")
	s.everyClient("alice", "wonderland", server)
}

// playTimeout: who waits for a server that says nothing is soon taken to the next one.
func playTimeout(s *scene) {
	silent := peers.StartScripted(s, peers.Script{NoBanner: true})
	server := s.server(peers.PureFTPd, "ftp-backend1.example.com", 2121, peers.Options{})
	s.open(around("ProxyReverseServers " + silent.URL() + " ftp://ftp-backend1.example.com:2121")...)
	began := time.Now()
	s.visit("alice", "wonderland")
	if took := time.Since(began); took < 900*time.Millisecond {
		s.Errorf("the silent server was given %v", took)
	}
	s.says(silent.Addr(), "no answer in time")
	s.everyClient("alice", "wonderland", server)
}

// playTrace: the trace has a file of its own, in which the channel speaks at length.
func playTrace(s *scene) {
	server := s.server(peers.ProFTPD, "ftp-backend1.example.com", 2121, peers.Options{})
	s.open(around("ProxyReverseServers ftp://ftp-backend1.example.com:2121")...)
	s.everyClient("alice", "wonderland", server)
	for _, words := range []string{"<proxy", server.Addr()} {
		eventually(s, callLimit, "a trace with "+words, func() bool { return strings.Contains(s.g.File("proxy-trace.log"), words) })
	}
	if strings.Contains(s.g.File("proxy-trace.log"), "wonderland") {
		s.Error("the trace shows a password")
	}
}

// playTables: what has to survive is below the folder.
func playTables(s *scene) {
	one, two := s.pool()
	s.open("ProxyEngine on", "ProxyRole reverse", "ProxyLog {dir}/proxy.log", "ProxyReverseConnectPolicy Shuffle",
		"ProxyReverseServers ftp://ftp-backend1.example.com:2121 ftp://ftp-backend2.example.com:2121")
	s.everyClient("alice", "wonderland", one, two)
	s.g.Restart()
	s.everyClient("alice", "wonderland", one, two)
	if list, err := os.ReadDir(filepath.Join(s.g.Dir, "proxy")); err != nil || len(list) == 0 {
		s.Errorf("the folder of tables has %v: %v", list, err)
	}
}

// playDefaults: to say what holds anyway changes nothing.
func playDefaults(s *scene) {
	one, two := s.pool()
	s.open(around("ProxyReverseServers ftp://ftp-backend1.example.com:2121 ftp://ftp-backend2.example.com:2121")...)
	s.inTurn(one, two)
}

// playURLs: a server for each form of a URL.
func playURLs(s *scene) {
	s.places["literal"], s.places["mapped"] = own(s, 21), own(s, 2121)
	secure := func(name string, implicit bool) *peers.TLS {
		return &peers.TLS{Certificate: s.certificate(name, ""), Implicit: implicit, Demand: peers.Private}
	}
	servers := []*peers.Server{
		s.server(peers.VSFTPD, "ftp1.example.com", 2121, peers.Options{}),
		s.server(peers.PureFTPd, "", 21, peers.Options{Address: s.places["literal"]}),
		s.server(peers.ProFTPD, "", 2121, peers.Options{Address: s.places["mapped"]}),
		s.server(peers.ProFTPD, "ftp2.example.com", 21, peers.Options{TLS: secure("ftp2.example.com", false)}),
		s.server(peers.VSFTPD, "ftp3.example.com", 990, peers.Options{TLS: secure("ftp3.example.com", true)}),
	}
	s.open(around("ProxyTLSCACertificateFile " + certificates(s).CA)...)
	for i, server := range servers {
		name, body := fmt.Sprint("visit-", i), noise(10_000+i)
		c := peers.Dial(s, s.addr).Login("alice", "wonderland")
		c.Store(peers.EPSV, body, "STOR %s", name)
		c.Must(221, "QUIT")
		sameBytes(s, server.URL(), uploaded(s, server, name), body)
	}
}
