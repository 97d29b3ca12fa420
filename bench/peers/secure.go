package peers

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/sluice-gateway/sluice/bench/certs"
)

// ErrUnsupported says that a server of this kind cannot be set up in the way that was asked for.
var ErrUnsupported = errors.New("this server cannot do that")

// Versions are the TLS versions that a server speaks.
type Versions string

// The choices of versions; the zero value is TLS12And13.
const (
	TLS12And13 Versions = ""
	TLS12      Versions = "TLSv1.2"
	TLS13      Versions = "TLSv1.3"
)

// Demand says what a server refuses to do in clear.
type Demand string

// The demands, each including the ones before it; the zero value is Nothing: TLS is offered.
const (
	Nothing Demand = ""
	Login   Demand = "login"
	Private Demand = "data" // login and data connections
)

// TLS says how a server speaks TLS. The zero value with a Certificate offers explicit TLS 1.2 and 1.3
// and asks data connections to resume the control connection's session, if it is a server that can.
type TLS struct {
	// Certificate is the server's own, of either kind of key.
	Certificate certs.Files
	// Second is one of the other kind of key to offer beside it. ProFTPD alone can.
	Second certs.Files
	// Implicit means TLS from the first byte. Pure-FTPd cannot.
	Implicit bool
	Versions Versions
	Demand   Demand
	// NoReuse lets data connections begin a session of their own. Pure-FTPd never minds, and over
	// TLS 1.3 gives out no ticket to resume one with.
	NoReuse bool
	// ClientCA is the PEM file of the authority that client certificates must come from; "" asks for
	// none. None of the servers turns a revoked one away: ProFTPD has a setting for lists, and lets
	// them in all the same.
	ClientCA string
	// StrictEnd has an upload fail that ends without a close_notify. Only vsftpd can.
	StrictEnd bool
	// Tickets has ProFTPD hand out session tickets instead of keeping the sessions. vsftpd and
	// Pure-FTPd always hand them out. Without it Go's client cannot resume TLS 1.2 with ProFTPD.
	Tickets bool
}

// implicitPort is where a gateway takes ftps:// to mean implicit TLS (ProxyReverseServers).
const implicitPort = 990

// ImplicitAddress finds a loopback address, one that the certificates of certs.Kit name, where nobody
// listens on port 990: the port by which ProxyReverseServers tells implicit TLS from explicit.
func ImplicitAddress() (host string, port int, err error) {
	candidates := certs.Loopback()[3:]
	ports.Lock()
	defer ports.Unlock()
	for _, i := range rand.Perm(len(candidates)) {
		host = candidates[i].String()
		if ports.implicit[host] || !addressFree(host, implicitPort) {
			continue
		}
		ports.implicit[host] = true
		return host, implicitPort, nil
	}
	return "", 0, fmt.Errorf("find an address with port %d free: %w: none of %d is", implicitPort, ErrUnavailable, len(candidates))
}

func addressFree(host string, port int) bool {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return false
	}
	_ = l.Close()
	return true
}

// limitVersions makes OpenSSL keep to the versions asked for, for servers that have no setting of their
// own: it reads the file in OPENSSL_CONF when it starts.
func (s *Server) limitVersions(v Versions) ([]string, error) {
	lowest, highest := TLS12, TLS13
	if v != TLS12And13 {
		lowest, highest = v, v
	}
	text := fmt.Sprintf("openssl_conf = peer\n[peer]\nssl_conf = defaults\n[defaults]\nsystem_default = limits\n"+
		"[limits]\nMinProtocol = %s\nMaxProtocol = %s\n", lowest, highest)
	path, err := s.place("openssl.cnf", text, 0o644)
	return []string{"OPENSSL_CONF=" + path}, err
}

// vsftpdTLS gives the lines of vsftpd's configuration for TLS, and its environment.
func (s *Server) vsftpdTLS(o *TLS) (lines, env []string, err error) {
	if o == nil {
		return nil, nil, nil
	}
	if o.Second.Cert != "" || o.Tickets {
		return nil, nil, fmt.Errorf("start vsftpd with a second certificate or a choice of tickets: %w", ErrUnsupported)
	}
	lines = []string{
		"ssl_enable=YES", "ssl_tlsv1=YES", "ssl_sslv2=NO", "ssl_sslv3=NO",
		"rsa_cert_file=" + o.Certificate.Cert, "rsa_private_key_file=" + o.Certificate.Key, // of either kind
		"ssl_ciphers=HIGH:!aNULL", // its own default is one suite, for RSA alone
		"implicit_ssl=" + yesNo(o.Implicit),
		"force_local_logins_ssl=" + yesNo(o.Demand != Nothing), "force_local_data_ssl=" + yesNo(o.Demand == Private),
		"require_ssl_reuse=" + yesNo(!o.NoReuse), "strict_ssl_read_eof=" + yesNo(o.StrictEnd),
		"debug_ssl=YES",
	}
	if o.ClientCA != "" {
		lines = append(lines, "require_cert=YES", "validate_cert=YES", "ca_certs_file="+o.ClientCA)
	}
	env, err = s.limitVersions(o.Versions)
	return lines, env, err
}

func yesNo(on bool) string {
	if on {
		return "YES"
	}
	return "NO"
}

// proftpdTLS gives the lines of ProFTPD's configuration for TLS.
func (s *Server) proftpdTLS(o *TLS) ([]string, error) {
	if o == nil {
		return nil, nil
	}
	if o.StrictEnd {
		return nil, fmt.Errorf("start proftpd with a demand for close_notify: %w", ErrUnsupported)
	}
	versions := string(o.Versions)
	if o.Versions == TLS12And13 {
		versions = "TLSv1.2 TLSv1.3"
	}
	lines := []string{
		"LoadModule mod_tls.c", "<IfModule mod_tls.c>", "TLSEngine on", "TLSLog " + s.log("tls.log"),
		"TLSProtocol " + versions,
		"TLSRequired " + map[Demand]string{Nothing: "off", Login: "ctrl", Private: "on"}[o.Demand],
	}
	for _, files := range []certs.Files{o.Certificate, o.Second} {
		kind, err := keyKind(files)
		if err != nil {
			return nil, fmt.Errorf("start proftpd: %w", err)
		}
		if kind != "" {
			lines = append(lines, fmt.Sprintf("TLS%sCertificateFile %s", kind, files.Cert),
				fmt.Sprintf("TLS%sCertificateKeyFile %s", kind, files.Key))
		}
	}
	options := ""
	if o.NoReuse {
		options += " NoSessionReuseRequired"
	}
	if o.Implicit {
		options += " UseImplicitSSL"
	}
	if options != "" {
		lines = append(lines, "TLSOptions"+options)
	}
	if o.Tickets {
		lines = append(lines, "TLSSessionTickets on")
	}
	if o.ClientCA != "" {
		lines = append(lines, "TLSVerifyClient on", "TLSCACertificateFile "+o.ClientCA)
	}
	return append(lines, "</IfModule>"), nil
}

// keyKind is what ProFTPD's directives call the kind of a certificate's key; "" for no certificate.
func keyKind(f certs.Files) (string, error) {
	if f.Cert == "" {
		return "", nil
	}
	kind, err := certs.KindOf(f.Cert)
	return string(kind), err
}

// pureftpdTLS gives Pure-FTPd's arguments for TLS, and its environment.
func (s *Server) pureftpdTLS(o *TLS) (args, env []string, err error) {
	if o == nil {
		return nil, nil, nil
	}
	if o.Implicit || o.Second.Cert != "" || o.StrictEnd || o.Tickets {
		return nil, nil, fmt.Errorf("start pureftpd with implicit TLS, a second certificate, "+
			"a demand for close_notify or a choice of tickets: %w", ErrUnsupported)
	}
	certificate, suites := o.Certificate.Cert, "HIGH"
	if o.ClientCA != "" {
		// It takes the authorities of clients from its own certificate's file.
		body, err := joined(o.Certificate.Cert, o.ClientCA)
		if err != nil {
			return nil, nil, err
		}
		if certificate, err = s.place("certificate.pem", body, 0o644); err != nil {
			return nil, nil, err
		}
		suites = "-C:HIGH"
	}
	level := map[Demand]string{Nothing: "1", Login: "2", Private: "3"}[o.Demand]
	args = []string{"--tls=" + level, "--certfile=" + certificate + "," + o.Certificate.Key, "--tlsciphersuite=" + suites}
	env, err = s.limitVersions(o.Versions)
	return args, env, err
}

func joined(paths ...string) (string, error) {
	var b strings.Builder
	for _, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		b.Write(body)
	}
	return b.String(), nil
}
