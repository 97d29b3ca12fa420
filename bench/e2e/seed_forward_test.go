package e2e

import (
	"bufio"
	"fmt"
	"net"
	"regexp"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// aroundForward is what a stand-alone line needs to be a whole forward proxy.
func aroundForward(lines ...string) []string {
	return append([]string{"ProxyEngine on", "ProxyRole forward", "ProxyForwardMethod user@host", "ProxyLog {dir}/proxy.log", "ProxyTables {dir}/proxy"}, lines...)
}

// fromHere lets clients of this machine be forwarded, who are no RFC 1918 addresses.
const fromHere = "<Class here>\nFrom 127.0.0.0/8\nProxyForwardEnabled on\n</Class>"

// toHere names an address of this machine, as none is reached by its name alone.
func toHere(s *peers.Server) string {
	return fmt.Sprintf(`ProxyForwardTo ^%s:%d$`, strings.ReplaceAll(s.Host, ".", `\.`), s.Port)
}

// playForward: clients are taken to the one place that is named, and nowhere else, with the very line of
// the document.
func playForward(s *scene) {
	server := s.server(peers.ProFTPD, "ftp.example.com", 21, peers.Options{})
	s.resolve("server.example.org", server.Host)
	s.open(fromHere)
	c := peers.Dial(s, s.addr).Greeting()
	c.Must(530, "USER alice@server.example.org:2121")
	// "the following will be logged in the ProxyLog: mod_proxy/0.7[16151]: …"
	line := regexp.MustCompile(`mod_proxy/\S+\[\d+\]: ` + regexp.QuoteMeta(`host/port 'server.example.org:2121' did not match ProxyForwardTo ^ftp\.example\.com\:21$, rejecting`))
	eventually(s, callLimit, "the line of the document", func() bool { return line.MatchString(s.g.File("proxy.log")) })
	c.Must(530, "USER alice@ftp.example.com") // which does match, and is an address of this machine
	s.says("ftp.example.com", "loopback")
	c.Must(221, "QUIT")

	s.g.Configure(s.text(fromHere, toHere(server)))
	s.g.Restart()
	s.everyClient("alice@ftp.example.com", "wonderland", server)
	for _, to := range []string{"ftp.example.com:21", "FTP.Example.COM", "Ftp.example.com:21"} {
		s.visit("alice@"+to, "wonderland")
	}
	for _, to := range []string{"ftp.example.com:2121", "server.example.org", "ftp.example.com.example.org", "xftp.example.com", "ftpxexample.com"} {
		s.refused("alice@"+to, "wonderland")
	}
}

// playForwardTo: a pattern's dots are any character, as the document has them.
func playForwardTo(s *scene) {
	server := s.server(peers.PureFTPd, "ftp.example.com", 21, peers.Options{})
	s.open(aroundForward(fromHere, toHere(server))...)
	s.everyClient("alice@ftp.example.com", "wonderland", server)
	s.visit("alice@ftp.example.com:21", "wonderland")
	for _, to := range []string{"ftp.example.com:2121", "FTP.example.com", "other.example.com"} {
		s.refused("alice@"+to, "wonderland")
		host, port, ok := strings.Cut(to, ":")
		if !ok {
			port = "21"
		}
		s.says("host/port '"+host+":"+port+"' did not match ProxyForwardTo", "^ftp.example.com:21$", "rejecting")
	}
}

// playClass: clients of the class and of RFC 1918 networks may come, and nobody else. A balancer before the
// gateway tells where they come from.
func playClass(s *scene) {
	server := s.server(peers.VSFTPD, "ftp.example.com", 2121, peers.Options{})
	s.open(aroundForward("ProxyProtocolFrom 127.0.0.1", `ProxyForwardTo ^ftp\.example\.com:`, toHere(server))...)
	for client, may := range map[string]bool{
		"1.2.3.4": true, "1.0.0.1": true, "1.15.255.254": true, "10.9.8.7": true, "172.16.0.1": true, "192.168.1.1": true,
		"1.16.0.1": false, "0.255.255.254": false, "172.32.0.1": false, "8.8.8.8": false,
	} {
		err := s.comeFrom("127.0.0.1", client, "alice@ftp.example.com:2121", "wonderland")
		if may != (err == nil) {
			s.Errorf("a client from %s, who may come in: %v, was told %v", client, may, err)
		}
	}
	s.says("1.16.0.1")
}

// comeFrom logs in as a client behind a balancer.
func (s *scene) comeFrom(balancer, client, user, password string) error {
	s.Helper()
	dialer := net.Dialer{Timeout: callLimit, LocalAddr: &net.TCPAddr{IP: net.ParseIP(balancer)}}
	conn, err := dialer.Dial("tcp", s.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "PROXY TCP4 %s 127.0.0.1 40000 %d\r\n", client, s.port); err != nil {
		return err
	}
	c := &caller{conn: conn, in: bufio.NewReader(conn)}
	if err := conn.SetDeadline(time.Now().Add(callLimit)); err != nil {
		return err
	}
	if err := c.login(ask{user: user, password: password}); err != nil {
		return err
	}
	return c.quit()
}

// playImplicit: TLS from the first byte because of the port, for a reverse proxy's server and for the one that
// a forward proxy's client names.
func playImplicit(s *scene) {
	host := own(s, 990)
	server := s.server(peers.ProFTPD, "ftp.example.com", 990, peers.Options{Address: host, TLS: &peers.TLS{
		Certificate: s.certificate("ftp.example.com", ""), Implicit: true, Demand: peers.Private}})
	trust := "ProxyTLSCACertificateFile " + certificates(s).CA
	s.open(around(trust)...)
	s.everyClient("alice", "wonderland", server)

	s.name, s.example.changes = "32-load-order", nil // nothing but the order of modules
	s.g.Configure(s.text(aroundForward(trust, fromHere, `ProxyForwardTo ^ftp\.example\.com:990$`, toHere(server))...))
	s.g.Restart()
	s.visit("alice@ftp.example.com:990", "wonderland")
	s.refused("alice@ftp.example.com", "wonderland")
}

// playLoadOrder: a client and a server that both speak TLS from the first byte find each other.
func playLoadOrder(s *scene) {
	host := own(s, 990)
	server := s.server(peers.VSFTPD, "ftp.example.com", 990, peers.Options{Address: host, TLS: &peers.TLS{
		Certificate: s.certificate("ftp.example.com", ""), Implicit: true, Demand: peers.Private}})
	lines := append(frontLines(s, implicit), "ProxyTLSCACertificateFile "+certificates(s).CA, "ProxyReverseServers ftps://ftp.example.com:990")
	s.prepare(around(lines...)...)
	s.g.Start(s.addr)
	body := noise(200_000)
	c := greet(s, s.addr, implicit, clientConfig(s, peers.TLS13)).Login("alice", "wonderland").Protect("P")
	c.Store(peers.EPSV, body, "STOR f")
	sameBytes(s, "at the server", uploaded(s, server, "f"), body)
	sameBytes(s, "back", c.Fetch(peers.PASV, "RETR f"), body)
	peers.Curl(s, append(peers.TrustCurl(certificates(s).CA), "--user", "alice:wonderland", "-T", local(s, "up", body), "ftps://"+s.addr+"/curl")...).OK()
	sameBytes(s, "curl's", uploaded(s, server, "curl"), body)
}
