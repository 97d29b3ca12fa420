package e2e

import (
	"fmt"
	"strings"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// mayList tells whether a session may list; it may fetch in any case.
func (s *scene) mayList(c *peers.Control) bool {
	s.Helper()
	sameBytes(s, "a file", c.Fetch(peers.EPSV, "RETR kept"), []byte("kept"))
	d, r := c.DataReply(peers.EPSV)
	if r.Code != 229 {
		s.Fatalf("EPSV is answered %q", r)
	}
	defer d.Close()
	c.Send("LIST")
	if r := c.Reply(); r.String() == "550 LIST: Operation not permitted" {
		c.Must(221, "QUIT")
		return false
	} else if r.Code >= 400 {
		s.Errorf("LIST is answered %q", r)
	}
	c.Close() // nobody took the list
	return true
}

// keeper is a real server with a file.
func (s *scene) keeper(kind peers.Kind) *peers.Server {
	s.Helper()
	server := s.server(kind, "ftp.example.com", 2121, peers.Options{})
	target{server: server}.put(s, "kept", []byte("kept"))
	return server
}

// members are alice of the group that may not list, and bob of another one.
func (s *scene) members() []string {
	s.Helper()
	return accounts(s, s.g.Dir, "wonderland", []string{"somegroup", "others"}, map[string]string{"alice": "somegroup", "bob": "others"})
}

// playLimit: where the server checks the password nobody here knows of groups, and the limit limits nobody.
func playLimit(s *scene) {
	s.keeper(peers.VSFTPD)
	s.open(around(append(s.members(), "ProxyReverseServers ftp://ftp.example.com:2121")...)...)
	if !s.mayList(peers.Dial(s, s.addr).Login("alice", "wonderland")) {
		s.Error("alice may not list")
	}
}

// playLimitReverse: the gateway checks the password, and knows the groups.
func playLimitReverse(s *scene) {
	server := s.keeper(peers.ProFTPD)
	limit := s.printed("39-limit.conf", nil)
	s.open(append(s.members(), "ProxyEngine on", "ProxyLog {dir}/proxy.log", "ProxyTables {dir}/proxy",
		fmt.Sprintf("ProxyReverseServers ftp://%s:%s@ftp.example.com:2121", server.User, server.Password), limit)...)
	for user, may := range map[string]bool{"alice": false, "bob": true} {
		if is := s.mayList(peers.Dial(s, s.addr).Login(user, "wonderland")); is != may {
			s.Errorf("%s may list: %v, want %v", user, is, may)
		}
	}
}

// playLimitForward: the same by both methods of a forward proxy that check passwords. As printed the first
// of the two lines counts.
func playLimitForward(s *scene) {
	server := s.keeper(peers.PureFTPd)
	limit := s.printed("39-limit.conf", nil)
	lines := append(s.members(), "ProxyEngine on", "ProxyLog {dir}/proxy.log", "ProxyTables {dir}/proxy", fromHere, toHere(server), `ProxyForwardTo ^ftp\.example\.com:2121$`, limit)
	s.open(lines...)
	s.limited(func(user string) []string {
		return []string{"USER " + user, "PASS wonderland", "USER alice@ftp.example.com:2121", "PASS wonderland"}
	})
	s.example.changes = []change{{"  ProxyForwardMethod proxyuser,user@host\n", "", "the other of the two"}}
	s.g.Configure(s.text(lines...))
	s.g.Restart()
	s.limited(func(user string) []string {
		return []string{"USER " + user + "@ftp.example.com:2121", "PASS wonderland", "USER alice", "PASS wonderland"}
	})
}

func (s *scene) limited(login func(user string) []string) {
	s.Helper()
	for user, may := range map[string]bool{"alice": false, "bob": true} {
		c := peers.Dial(s, s.addr).Greeting()
		for _, line := range login(user) {
			if r := c.Cmd("%s", line); r.Code != 331 && r.Code != 230 {
				s.Fatalf("%q is answered %q", strings.Fields(line)[0], r)
			}
		}
		c.Must(200, "TYPE I")
		if is := s.mayList(c); is != may {
			s.Errorf("%s may list: %v, want %v", user, is, may)
		}
	}
}
