package e2e

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// playRedis: all that the gateway keeps in Redis begins with its prefix.
func playRedis(s *scene) {
	redis := peers.StartRedis(s, peers.RedisOptions{})
	one, two := s.pool()
	s.places["redis"] = redis.Address
	s.open()
	if n := s.everyClient("alice", "wonderland", one, two); n[0]+n[1] != 3 {
		s.Errorf("three clients landed as %v", n)
	}
	var keys []string
	inTime(s, "something in Redis", func() bool { keys = keysOf(s, redis.Address); return len(keys) > 0 })
	for _, key := range keys {
		if !strings.HasPrefix(key, "1.2.3.4.") {
			s.Errorf("the key %q has no prefix", key)
		}
	}
}

// keysOf lists what is in a Redis.
func keysOf(s *scene, address string) (keys []string) {
	s.Helper()
	conn, err := net.DialTimeout("tcp", address, callLimit)
	if err != nil {
		s.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(callLimit))
	if _, err := io.WriteString(conn, "KEYS *\r\nQUIT\r\n"); err != nil {
		s.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		s.Fatal(err)
	}
	for line := range strings.SplitSeq(string(answer), "\r\n") {
		if line != "" && !strings.ContainsRune("*$+-", rune(line[0])) {
			keys = append(keys, line)
		}
	}
	return keys
}

// playDNS: an SRV record brings host and port, a TXT record the whole URL.
func playDNS(s *scene) {
	one := s.server(peers.VSFTPD, "ftp1.castaglia.org", 2121, peers.Options{})
	two := s.server(peers.ProFTPD, "ftp2.castaglia.org", 2122, peers.Options{})
	s.records = append(s.records, "srv-host=_ftp._tcp.castaglia.org,ftp1.castaglia.org,2121,10,60", "txt-record=castaglia.org,ftp://ftp2.castaglia.org:2122")
	s.open(around()...)
	s.inTurn(one, two)
}

// inTurn fails unless logins and real clients are shared out in turn.
func (s *scene) inTurn(servers ...*peers.Server) {
	s.Helper()
	for i := range 2 * len(servers) {
		if at := s.lands("alice", "wonderland", servers...); at != i%len(servers) {
			s.Errorf("login %d landed at number %d", i, at)
		}
	}
	for i, n := range s.everyClient("alice", "wonderland", servers...) {
		if n == 0 {
			s.Errorf("none of three clients landed at number %d", i)
		}
	}
}

// playJSON: a list in a file, and the two lines that say why a file is not used.
func playJSON(s *scene) {
	s.places["mapped"] = own(s, 2121)
	one := s.server(peers.VSFTPD, "ftp1.example.com", 2121, peers.Options{})
	two := s.server(peers.PureFTPd, "", 2121, peers.Options{Address: s.places["mapped"]})
	dir := filepath.Join(s.g.Dir, "lists")
	list := filepath.Join(dir, "backends.json")
	folder(s, dir)
	place(s, list, s.put(s.printed("07-servers-json.json", []change{mapped})), 0o644)
	s.open(around()...)
	s.inTurn(one, two)
	for _, bad := range []struct {
		path string
		mode os.FileMode
		want string
	}{
		{list, 0o666, "unable to use world-writable ProxyReverseServers '" + list + "' (perms 0666): Operation not permitted"},
		{dir, 0o777, "unable to use ProxyReverseServers '" + list + "' from world-writable directory '" + dir + "' (perms 0777): Operation not permitted"},
	} {
		before, err := os.Stat(bad.path)
		if err != nil {
			s.Fatal(err)
		}
		if err := os.Chmod(bad.path, bad.mode); err != nil {
			s.Fatal(err)
		}
		if v := s.check(); v.code != 1 || !strings.Contains(fmt.Sprint(v.Problems), bad.want) {
			s.Errorf("the check ends with %d and says %v, want %q", v.code, v.Problems, bad.want)
		}
		s.says(bad.want)
		s.visit("alice", "wonderland") // the list that was good goes on
		if err := os.Chmod(bad.path, before.Mode().Perm()); err != nil {
			s.Fatal(err)
		}
	}
}

// playSQL: the printed table and query, by SQLite and, as "any database" may be used, by PostgreSQL.
func playSQL(s *scene) {
	mine := s.server(peers.ProFTPD, "", 2121, peers.Options{})
	for _, kind := range []string{"sqlite", "postgres"} {
		d := databases[kind](s.T)
		s.connect(d)
		d.do(s.T, s.printed("08-servers-sql.sql", nil), "INSERT INTO proxy_user_servers VALUES ('alice', '"+mine.URL()+"')")
		s.prepare("ProxyEngine on", "ProxyLog {dir}/proxy.log", "ProxyTables {dir}/proxy")
		if kind == "sqlite" {
			s.g.Start(s.addr)
		} else {
			s.g.Restart()
		}
		s.everyClient("alice", "wonderland", mine)
		s.refused("bob", "wonderland")
		d.do(s.T, "UPDATE proxy_user_servers SET user_name = 'bob'")
		s.refused("alice", "wonderland")
	}
}

// connect fills in how the database is reached.
func (s *scene) connect(d database) {
	for _, line := range d.lines {
		directive, rest, _ := strings.Cut(line, " ")
		s.places[map[string]string{"SQLBackend": "backend", "SQLConnectInfo": "connect"}[directive]] = rest
	}
}

// playCertificate: the name in the client's certificate finds the server, whatever USER says.
func playCertificate(s *scene) {
	one, two := s.server(peers.ProFTPD, "", 2121, peers.Options{}), s.server(peers.PureFTPd, "", 2121, peers.Options{})
	d := databases["sqlite"](s.T)
	s.connect(d)
	d.do(s.T, s.printed("42-client-certificate.sql", nil), fmt.Sprintf("INSERT INTO proxy_backends VALUES ('alice', '%s'), ('bob', '%s')", one.URL(), two.URL()))
	k := certificates(s)
	s.places["tls"] = s.put(strings.Join(append(frontLines(s, explicit), "TLSVerifyClient optional", "TLSCACertificateFile "+k.CA), "\n"))
	s.open()
	pair, err := tls.LoadX509KeyPair(k.Client.Cert, k.Client.Key)
	if err != nil {
		s.Fatal(err)
	}
	config := clientConfig(s, peers.TLS13)
	config.Certificates = []tls.Certificate{pair}
	c := peers.Dial(s, s.addr).Secure(config).Login("alice", "wonderland").Protect("P")
	body := noise(100_000)
	c.Store(peers.EPSV, body, "STOR f")
	sameBytes(s, "at the server of the certificate", uploaded(s, one, "f"), body)
	c.Must(221, "QUIT")
	d.do(s.T, "DELETE FROM proxy_backends WHERE common_name = 'alice'")
	c = peers.Dial(s, s.addr).Secure(config)
	if r := c.Cmd("USER alice"); r.Code == 331 {
		c.Must(530, "PASS wonderland")
	}
	c.Close()
	s.refused("bob", "wonderland") // who brings no certificate has no name
}
