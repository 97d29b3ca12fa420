package peers

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// Kind names a real FTP server.
type Kind string

// The servers that Start knows.
const (
	VSFTPD   Kind = "vsftpd"
	ProFTPD  Kind = "proftpd"
	PureFTPd Kind = "pureftpd"
)

// Kinds lists every server, in the order reports show them.
func Kinds() []Kind { return []Kind{VSFTPD, ProFTPD, PureFTPd} }

const (
	startLimit = 10 * time.Second
	stopGrace  = 2 * time.Second
	// nobody is the Unix account that serves files when the test runs as root.
	nobody = 65534
)

// Options say how a server is set up; the zero value is a good start.
type Options struct {
	// Address to listen on: 127.0.0.1 (default), ::1 or another address of this machine.
	Address string
	// Port to listen on; by default a free one.
	Port int
	// User and Password of the one account; alice / wonderland by default.
	User, Password string
	// Extra holds configuration lines (ProFTPD, vsftpd) or arguments (Pure-FTPd) to add.
	Extra []string
	// TLS has the server speak TLS; nil for clear text only.
	TLS *TLS
}

// Server is a running real FTP server with one account and an empty home directory.
type Server struct {
	Kind           Kind
	Host           string // address without port
	Port           int
	User, Password string
	// Home is the account's directory, its root as seen through FTP.
	Home string

	tls  *TLS
	dir  string
	proc *process
	logs []string // paths worth showing when a test fails
}

// Addr is host:port of the control listener.
func (s *Server) Addr() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// URL is the server as ProxyReverseServers wants it, without credentials: with TLS where it demands
// TLS. Implicit TLS is understood only if the port is 990, see ImplicitAddress.
func (s *Server) URL() string {
	if s.tls != nil && (s.tls.Implicit || s.tls.Demand != Nothing) {
		return "ftps://" + s.Addr()
	}
	return "ftp://" + s.Addr()
}

// Implicit tells whether the server speaks TLS from the first byte.
func (s *Server) Implicit() bool { return s.tls != nil && s.tls.Implicit }

// PID is the daemon's process id; its sessions are its descendants.
func (s *Server) PID() int { return s.proc.pid() }

// Sessions lists the process ids that serve clients now.
func (s *Server) Sessions() []int { return descendants(s.PID()) }

// KillSessions ends every session process at once with SIGKILL and leaves the daemon running.
func (s *Server) KillSessions() error {
	family := s.Sessions()
	if len(family) == 0 {
		return fmt.Errorf("kill the sessions of %s: it has none", s.Kind)
	}
	var all error
	for _, pid := range family {
		// ESRCH: killing a session's parent may have ended its child already.
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			all = errors.Join(all, fmt.Errorf("kill session %d of %s: %w", pid, s.Kind, err))
		}
	}
	return all
}

// Log is everything the server has logged and printed so far.
func (s *Server) Log() string {
	var text string
	for _, path := range append([]string{s.proc.output}, s.logs...) {
		if body := readAll(path); body != "" {
			text += "== " + filepath.Base(path) + "\n" + body
		}
	}
	return text
}

// Stop ends the daemon and every session of it, and removes its files.
func (s *Server) Stop() {
	s.proc.stop(stopGrace)
	_ = os.RemoveAll(s.dir) // a leftover in the temporary folder harms nobody
}

// launch gives each kind's starter.
var launch = map[Kind]func(*Server, Options) error{
	VSFTPD: startVSFTPD, ProFTPD: startProFTPD, PureFTPd: startPureFTPd,
}

// Launch starts a server of the given kind and waits until it greets. The caller owns it and
// must Stop it. Tests use Start.
func Launch(kind Kind, opt Options) (*Server, error) {
	begin, ok := launch[kind]
	if !ok {
		return nil, fmt.Errorf("start %s: no such kind of server", kind)
	}
	if opt.Address == "" {
		opt.Address = "127.0.0.1"
	}
	if opt.User == "" {
		opt.User = "alice"
	}
	if opt.Password == "" {
		opt.Password = "wonderland"
	}
	if opt.Port == 0 {
		var err error
		if opt.Port, err = FreePort(); err != nil {
			return nil, fmt.Errorf("start %s: %w", kind, err)
		}
	}
	dir, err := tempDir(string(kind))
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", kind, err)
	}
	s := &Server{Kind: kind, Host: opt.Address, Port: opt.Port, User: opt.User, Password: opt.Password,
		Home: filepath.Join(dir, "home"), dir: dir, tls: opt.TLS}
	if err := s.begin(begin, opt); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	return s, nil
}

func (s *Server) begin(begin func(*Server, Options) error, opt Options) error {
	if err := os.Mkdir(s.Home, 0o755); err != nil {
		return fmt.Errorf("start %s: %w", s.Kind, err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(s.Home, nobody, nobody); err != nil {
			return fmt.Errorf("start %s: give the home directory to its user: %w", s.Kind, err)
		}
	}
	if err := begin(s, opt); err != nil {
		return err
	}
	if err := waitListening(s.Addr(), !s.Implicit(), s.proc, startLimit); err != nil {
		s.proc.stop(stopGrace)
		return err
	}
	return nil
}

// Start is Launch for tests: it ends the test (see GiveUp) when the server cannot start, stops it with the
// test, and shows its logs when the test failed.
func Start(t testing.TB, kind Kind, opt Options) *Server {
	t.Helper()
	s, err := Launch(kind, opt)
	if err != nil {
		GiveUp(t, err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s on %s logged:\n%s", kind, s.Addr(), tail(s.Log(), 8000))
		}
		s.Stop()
	})
	return s
}

// tempDir makes a directory that the daemons' unprivileged users can pass through, which a
// test's own TempDir does not allow.
func tempDir(name string) (string, error) {
	dir, err := os.MkdirTemp("", "sluice-"+name+"-")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o755)
}

// identity is the Unix account that the server's sessions run as.
func identity() (uid, gid int) {
	if os.Geteuid() == 0 {
		return nobody, nobody
	}
	return os.Getuid(), os.Getgid()
}

// hash encodes a password the way crypt(3) reads it. The lowest cost, since thousands of
// logins follow and the account lives for seconds.
func hash(password string) (string, error) {
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	return string(h), err
}

// place writes a file below the server's directory and returns its path.
func (s *Server) place(name, body string, mode os.FileMode) (string, error) {
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	if err := os.WriteFile(path, []byte(body), mode); err != nil {
		return "", err
	}
	return path, os.Chmod(path, mode) // whatever the umask says
}

// tail keeps the end of a long text, where failures show.
func tail(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return "…" + text[len(text)-limit:]
}
