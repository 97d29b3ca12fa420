package e2e

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// TestForward_methods takes real clients by every method to real servers, in clear and in TLS of both
// kinds, over both families of addresses.
func TestForward_methods(t *testing.T) {
	servers := forwardServers(t)
	for _, method := range []string{userAtHost, proxyThenUserHost, proxyHostThenUser} {
		g, addr := forwardGateway(t, method, forwardTLS(t)...)
		for name, server := range servers {
			clients := map[string]func(*testing.T, string, string, *peers.Server){
				"ftplib": forwardByFtplib, "lftp": forwardByLFTP, "curl": forwardByCurl, "raw": forwardRaw,
			}
			for client, run := range clients {
				if client == "lftp" && strings.HasSuffix(name, "IPv6") {
					continue // it leaves the brackets out: TestForward_lftp_over_IPv6
				}
				t.Run(strings.Join([]string{method, name, client}, "/"), func(t *testing.T) {
					run(t, method, addr, server)
				})
			}
		}
		if n := len(noted(g, "Login successful")); n < len(servers)*3 {
			t.Errorf("%s: the gateway noted %d logins, want %d at least", method, n, len(servers)*3)
		}
		if lines := noted(g, guestPassword); len(lines) > 0 {
			t.Errorf("the log shows the password: %q", lines)
		}
	}
}

// forwardRaw goes step by step, and sees that nothing of the destination shows before its own login.
func forwardRaw(t *testing.T, method, addr string, s *peers.Server) {
	c := peers.DialFrom(t, "127.0.0.1", addr)
	if r := c.Expect(220); !strings.Contains(r.String(), "ProFTPD Server") && !strings.Contains(r.String(), "ready") {
		t.Errorf("greeted with %v", r)
	}
	features := c.Must(211, "FEAT").String()
	for _, step := range through(method, s) {
		c.Send("%s", step[0])
		code, _ := strconv.Atoi(step[1][:3])
		c.Expect(code)
	}
	if c.Cmd("FEAT").String() == features {
		t.Error("FEAT is not the destination's")
	}
	c.Must(530, "LIST")
	c.Must(230, "PASS %s", s.Password)
	body := noise(100_000)
	name := "raw-" + strings.NewReplacer("@", "", ",", "").Replace(method)
	c.Must(200, "TYPE I")
	for _, mode := range peers.Modes() {
		c.Store(mode, body, "STOR %s", name)
		sameBytes(t, "back", c.Fetch(mode, "RETR %s", name), body)
	}
	sameBytes(t, "on disk", uploaded(t, s, name), body)
	c.Must(221, "QUIT")
}

const ftplibForward = `
import ftplib, io, sys
host, port, path, name = sys.argv[1:5]
logins = [l.split('\t') for l in sys.argv[5:]]
body = open(path, 'rb').read()
with ftplib.FTP() as ftp:
    ftp.connect(host, int(port), timeout=20)
    for user, password in logins:
        ftp.login(user, password)
    for passive in (True, False):
        ftp.set_pasv(passive)
        ftp.storbinary('STOR ' + name, io.BytesIO(body))
        got = io.BytesIO()
        ftp.retrbinary('RETR ' + name, got.write)
        assert got.getvalue() == body, (passive, len(got.getvalue()), len(body))
        assert name in ftp.nlst(), ftp.nlst()
    print('done')
    ftp.quit()
`

// pairsOf are the pairs of USER and PASS of a method.
func pairsOf(method string, s *peers.Server) (pairs [][2]string) {
	steps := through(method, s)
	for i := 0; i < len(steps); i += 2 {
		pass := s.Password
		if i+1 < len(steps) {
			pass = strings.TrimPrefix(steps[i+1][0], "PASS ")
		}
		pairs = append(pairs, [2]string{strings.TrimPrefix(steps[i][0], "USER "), pass})
	}
	return pairs
}

func forwardByFtplib(t *testing.T, method, addr string, s *peers.Server) {
	body := noise(300_000)
	name := "py-" + strings.NewReplacer("@", "", ",", "").Replace(method)
	args := []string{"127.0.0.1", addr[strings.LastIndexByte(addr, ':')+1:], local(t, "body", body), name}
	for _, l := range pairsOf(method, s) {
		args = append(args, l[0]+"\t"+l[1])
	}
	if out := peers.Python(t, ftplibForward, args...).OK(); !strings.HasSuffix(out, "done\n") {
		t.Fatalf("the script said %q", out)
	}
	sameBytes(t, "on disk", uploaded(t, s, name), body)
}

// lftp knows the three methods as types of proxies.
func forwardByLFTP(t *testing.T, method, addr string, s *peers.Server) {
	forwardByLFTPTo(t, method, addr, bracketed(s.Host), s)
}

func forwardByLFTPTo(t *testing.T, method, addr, host string, s *peers.Server) {
	body := noise(300_000)
	up, back, name := local(t, "up", body), t.TempDir()+"/back", "lftp-"+strings.NewReplacer("@", "", ",", "").Replace(method)
	proxy := map[string]string{
		userAtHost:        "set ftp:proxy ftp://" + addr + "\nset ftp:proxy-auth-type user\n",
		proxyThenUserHost: fmt.Sprintf("set ftp:proxy ftp://%s:%s@%s\nset ftp:proxy-auth-type user\n", guest, guestPassword, addr),
		proxyHostThenUser: fmt.Sprintf("set ftp:proxy ftp://%s:%s@%s\nset ftp:proxy-auth-type proxy-user@host\n", guest, guestPassword, addr),
	}[method]
	log := t.TempDir() + "/log"
	script := fmt.Sprintf("%sdebug -o %s 9\nopen -u %s,%s ftp://%s:%d\nput %s -o %s\nget %s -o %s\ncls -1\nbye\n",
		proxy, log, s.User, s.Password, host, s.Port, up, name, name, back)
	r := peers.LFTP(t, script).Wait()
	if r.Code != 0 || !strings.Contains(r.Stdout, name) {
		t.Fatalf("%v\n%s", r, read(t, log))
	}
	sameBytes(t, "on disk", uploaded(t, s, name), body)
	sameBytes(t, "back", read(t, back), body)
}

// curl has no word for such proxies, but takes any user name, and a second login as commands of its own.
func forwardByCurl(t *testing.T, method, addr string, s *peers.Server) {
	body := noise(300_000)
	up, back, name := local(t, "up", body), t.TempDir()+"/back", "curl-"+strings.NewReplacer("@", "", ",", "").Replace(method)
	pairs := pairsOf(method, s)
	at := fmt.Sprintf("ftp://%s@%s/%s", url.UserPassword(pairs[0][0], pairs[0][1]), addr, name)
	var more []string
	for _, l := range pairs[1:] {
		more = append(more, "-Q", "USER "+l[0], "-Q", "PASS "+l[1])
	}
	peers.Curl(t, append(more, "-T", up, at)...).OK()
	peers.Curl(t, append(more, "-o", back, at)...).OK()
	peers.Curl(t, append(more, "--ftp-port", "127.0.0.1", "-o", back, at)...).OK()
	sameBytes(t, "on disk", uploaded(t, s, name), body)
	sameBytes(t, "back", read(t, back), body)
}

// TestForward_lftp_over_IPv6 has lftp name its destination, as it writes an IPv6 address without its
// brackets, where nobody can tell it from its port if there is one.
func TestForward_lftp_over_IPv6(t *testing.T) {
	if l, err := net.Listen("tcp", "[::1]:0"); err != nil {
		peers.GiveUp(t, fmt.Errorf("%w: an IPv6 loopback address (enable IPv6): %w", peers.ErrUnavailable, err))
	} else {
		_ = l.Close()
	}
	dns := peers.StartDNS(t, peers.DNSRecords{TTL: 60, Lines: []string{"host-record=peer.test,::1"}})
	server := peers.Start(t, peers.ProFTPD, peers.Options{Address: "::1",
		TLS: &peers.TLS{Certificate: certificates(t).ECDSA, Demand: peers.Private}})
	for _, method := range []string{userAtHost, proxyThenUserHost, proxyHostThenUser} {
		t.Run(method, func(t *testing.T) {
			g, addr := forwardGateway(t, method, append(forwardTLS(t), "ProxyDNSServer "+dns.Addr)...)
			forwardByLFTPTo(t, method, addr, "peer.test", server)
			c := knock(t, "127.0.0.1", addr)
			if method == userAtHost {
				c.Must(530, "USER alice@2001:db8::1:%d", server.Port)
				c.Send("USER alice@::1") // without a port it can
				c.Reply()
				eventually(t, callLimit, "an attempt at port 21", func() bool { return len(noted(g, "[::1]:21")) > 0 })
				eventually(t, callLimit, "a line that says what is wrong", func() bool { return len(noted(g, "where its port begins cannot be said")) == 1 })
			}
		})
	}
}

const ftplibSNI = `
import ftplib, io, ssl, sys
port, sni, user, password, path, ca = sys.argv[1:]
body = open(path, 'rb').read()
context = ssl.create_default_context(cafile=ca)
context.check_hostname = False
with ftplib.FTP_TLS(context=context) as ftp:
    ftp.connect('127.0.0.1', int(port), timeout=20)
    ftp.host = sni
    ftp.auth()
    ftp.login(user, password, secure=False)
    ftp.prot_p()
    for passive in (True, False):
        ftp.set_pasv(passive)
        ftp.storbinary('STOR py-sni', io.BytesIO(body))
        got = io.BytesIO()
        ftp.retrbinary('RETR py-sni', got.write)
        assert got.getvalue() == body, (passive, len(got.getvalue()), len(body))
    print('done')
    ftp.quit()
`

// TestForward_by_SNI names the destination in the TLS handshake, port and all.
func TestForward_by_SNI(t *testing.T) {
	for name, server := range forwardServers(t) {
		t.Run(name, func(t *testing.T) {
			dns := peers.StartDNS(t, peers.DNSRecords{TTL: 60, Lines: []string{"host-record=peer.test," + server.Host}})
			lines := append(frontLines(t, explicit, "NoSessionReuseRequired"), forwardTLS(t)...)
			_, addr := forwardGateway(t, userAtSNI, append(lines, "ProxyDNSServer "+dns.Addr)...)
			body := noise(300_000)
			sni := "peer.test:" + strconv.Itoa(server.Port)
			out := peers.Python(t, ftplibSNI, addr[strings.LastIndexByte(addr, ':')+1:], sni, server.User, server.Password,
				local(t, "body", body), certificates(t).CA).OK()
			if !strings.HasSuffix(out, "done\n") {
				t.Fatalf("the script said %q", out)
			}
			sameBytes(t, "on disk", uploaded(t, server, "py-sni"), body)

			c := knock(t, "127.0.0.1", addr)
			c.Must(530, "USER %s@%s", server.User, sni) // without TLS nobody has named anything
			c.Must(221, "QUIT")
		})
	}
	// curl names the host of its URL, and no port: that is the usual one.
	t.Run("curl", func(t *testing.T) {
		host := "127.0.99.200"
		if l, err := net.Listen("tcp", host+":21"); err != nil {
			peers.GiveUp(t, fmt.Errorf("%w: port 21 of %s (run as root): %w", peers.ErrUnavailable, host, err))
		} else {
			_ = l.Close()
		}
		server := peers.Start(t, peers.VSFTPD, peers.Options{Address: host, Port: 21})
		dns := peers.StartDNS(t, peers.DNSRecords{TTL: 60, Lines: []string{"host-record=peer.test," + server.Host}})
		_, addr := forwardGateway(t, userAtSNI, append(frontLines(t, explicit), "ProxyTLSEngine off", "ProxyDNSServer "+dns.Addr)...)
		body := noise(300_000)
		args := append(peers.TrustCurl(certificates(t).CA), "--tlsv1.3", "--connect-to", "peer.test:21:"+addr, "--user", server.User+":"+server.Password)
		peers.Curl(t, append(args, "-T", local(t, "up", body), "ftp://peer.test/curl-sni")...).OK()
		sameBytes(t, "on disk", uploaded(t, server, "curl-sni"), body)
	})
}
