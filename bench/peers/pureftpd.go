package peers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// startPureFTPd runs Pure-FTPd as root with a puredb of one account.
func startPureFTPd(s *Server, opt Options) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("start pureftpd: %w: it needs root, to become the account's user", ErrUnavailable)
	}
	in, err := Locate(string(PureFTPd))
	if err != nil {
		return err
	}
	accounts, err := s.placePureDB(in)
	if err != nil {
		return fmt.Errorf("start pureftpd: %w", err)
	}
	family := "--ipv4only"
	if strings.Contains(s.Host, ":") {
		family = "--ipv6only"
	}
	low, high := passivePorts()
	args := []string{
		fmt.Sprintf("--bind=%s,%d", s.Host, s.Port), family,
		"--login=puredb:" + accounts, "--minuid=1", "--noanonymous", "--dontresolve",
		fmt.Sprintf("--passiveportrange=%d:%d", low, high),
		"--maxclientsnumber=500", "--maxclientsperip=500",
		"--altlog=stats:" + s.log("stats.log"), "--pidfile=" + filepath.Join(s.dir, "pid"),
		"--umask=022:022", "--dontresolve",
	}
	secure, env, err := s.pureftpdTLS(opt.TLS)
	if err != nil {
		return err
	}
	args = append(append(args, secure...), opt.Extra...)
	s.proc, err = startProcess("pureftpd", in.Binary, s.dir, append(env, in.Env...), args...)
	return err
}

// placePureDB writes the account in the text form and has pure-pw compile it.
func (s *Server) placePureDB(in Install) (string, error) {
	hashed, err := hash(s.Password)
	if err != nil {
		return "", fmt.Errorf("hash the password: %w", err)
	}
	line := fmt.Sprintf("%s:%s:%d:%d::%s/./::::::::::::\n", s.User, hashed, nobody, nobody, s.Home)
	text, err := s.place("accounts", line, 0o600)
	if err != nil {
		return "", err
	}
	database := filepath.Join(s.dir, "accounts.pdb")
	cmd := exec.CommandContext(context.Background(), in.Tool("pure-pw"), "mkdb", database, "-f", text)
	cmd.Env = append(os.Environ(), in.Env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("compile the account database: %w: %s", err, out)
	}
	return database, nil
}
