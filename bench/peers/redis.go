package peers

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/certs"
)

// RedisOptions say how a Redis is set up; the zero value is one without a password on a free port
// of 127.0.0.1.
type RedisOptions struct {
	// Socket has it listen on a socket in its directory instead of a port.
	Socket bool
	// Password is what the default user must give; "" asks for none.
	Password string
	// Certificate has it speak TLS, and nothing else.
	Certificate certs.Files
	// Extra holds arguments to add, such as "--maxmemory", "8mb".
	Extra []string
}

// Redis is a running Redis that keeps what it is told over a restart, also when it was killed.
type Redis struct {
	// Address is host:port, or the path of the socket.
	Address string

	opt  RedisOptions
	port int
	at   Install
	dir  string
	proc *process // nil while it is down
}

// LaunchRedis starts a Redis and waits until it answers. The caller owns it and must Close it. Tests
// use StartRedis.
func LaunchRedis(opt RedisOptions) (*Redis, error) {
	at, err := Locate("redis")
	if err != nil {
		return nil, fmt.Errorf("start redis: %w", err)
	}
	r := &Redis{opt: opt, at: at}
	if r.dir, err = tempDir("redis"); err != nil {
		return nil, fmt.Errorf("start redis: %w", err)
	}
	if opt.Socket {
		r.Address = filepath.Join(r.dir, "socket")
	} else if r.port, err = FreePort(); err != nil {
		r.Close()
		return nil, fmt.Errorf("start redis: %w", err)
	} else {
		r.Address = net.JoinHostPort("127.0.0.1", strconv.Itoa(r.port))
	}
	if err := r.Resume(); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// StartRedis is LaunchRedis for tests: it ends the test (see GiveUp) when Redis cannot start, closes it with
// the test, and shows its log when the test failed.
func StartRedis(t testing.TB, opt RedisOptions) *Redis {
	t.Helper()
	r, err := LaunchRedis(opt)
	if err != nil {
		GiveUp(t, err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("redis at %s logged:\n%s", r.Address, tail(r.Log(), 4000))
		}
		r.Close()
	})
	return r
}

// arguments are Redis' own, kept off its configuration file since there is none.
func (r *Redis) arguments() []string {
	args := []string{"--dir", r.dir, "--daemonize", "no", "--save", "", "--appendonly", "yes", "--appendfsync", "no", "--bind", "127.0.0.1"}
	switch {
	case r.opt.Socket:
		args = append(args, "--port", "0", "--unixsocket", r.Address)
	case r.opt.Certificate.Cert != "":
		args = append(args, "--port", "0", "--tls-port", strconv.Itoa(r.port), "--tls-auth-clients", "no",
			"--tls-cert-file", r.opt.Certificate.Cert, "--tls-key-file", r.opt.Certificate.Key)
	default:
		args = append(args, "--port", strconv.Itoa(r.port))
	}
	if r.opt.Password != "" {
		args = append(args, "--requirepass", r.opt.Password)
	}
	return append(args, r.opt.Extra...)
}

// Resume starts a Redis that is down, with what data it has, on the same address.
func (r *Redis) Resume() error {
	if r.proc != nil {
		return errors.New("start redis: it runs already")
	}
	p, err := startProcess("redis", r.at.Binary, r.dir, r.at.Env, r.arguments()...)
	if err != nil {
		return err
	}
	r.proc = p
	for deadline := time.Now().Add(startLimit); ; p.wait(5 * time.Millisecond) {
		err := r.answers()
		switch {
		case err == nil:
			return nil
		case p.exited():
			return fmt.Errorf("start redis: it ended (%s); it printed:\n%s", p.fate(), p.printed())
		case time.Now().After(deadline):
			return fmt.Errorf("start redis: no answer on %s within %v: %w; it printed:\n%s", r.Address, startLimit, err, p.printed())
		}
	}
}

// answers is nil when Redis serves: it accepts connections before it has read its data.
func (r *Redis) answers() error {
	network := "tcp"
	if r.opt.Socket {
		network = "unix"
	}
	conn, err := (&net.Dialer{Timeout: time.Second}).Dial(network, r.Address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	if r.opt.Certificate.Cert != "" {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) // this asks whether, not who
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && !strings.HasPrefix(line, "+PONG") && !strings.HasPrefix(line, "-NOAUTH") {
		err = fmt.Errorf("ask redis whether it serves: %q", line)
	}
	return err
}

// Halt ends Redis in an orderly way and keeps its data.
func (r *Redis) Halt() {
	if r.proc != nil {
		r.proc.stop(stopGrace)
		r.proc = nil
	}
}

// Kill ends Redis at once with SIGKILL. Its data is what it wrote by then.
func (r *Redis) Kill() {
	if r.proc != nil {
		_ = r.proc.signal(syscall.SIGKILL) // it may have exited just now
		r.Halt()
	}
}

// Freeze has Redis answer nothing while its connections stand, until Thaw.
func (r *Redis) Freeze() error { return r.proc.signal(syscall.SIGSTOP) }

// Thaw ends Freeze.
func (r *Redis) Thaw() error { return r.proc.signal(syscall.SIGCONT) }

// Forget halts Redis and removes its data.
func (r *Redis) Forget() error {
	r.Halt()
	for _, name := range []string{"appendonlydir", "dump.rdb"} {
		if err := os.RemoveAll(filepath.Join(r.dir, name)); err != nil {
			return fmt.Errorf("remove the data of redis: %w", err)
		}
	}
	return nil
}

// PID is the server's process id, 0 while it is down.
func (r *Redis) PID() int {
	if r.proc == nil {
		return 0
	}
	return r.proc.pid()
}

// Log is everything Redis has printed so far, over all its lives.
func (r *Redis) Log() string { return readAll(filepath.Join(r.dir, "redis.out")) }

// Close ends Redis and removes its files.
func (r *Redis) Close() {
	r.Halt()
	_ = os.RemoveAll(r.dir) // a leftover in the temporary folder harms nobody
}
