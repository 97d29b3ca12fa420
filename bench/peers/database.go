package peers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/certs"
)

// Database is a running database server with one empty database, whose owner logs in with a
// password, over TCP on 127.0.0.1 and over a Unix socket.
type Database struct {
	Name           string // of the database
	Host           string
	Port           int
	Socket         string // as a client's "host": PostgreSQL's directory, MariaDB's socket itself
	User, Password string

	kind  string
	dir   string
	proc  *process
	begin func(*Database) error // starts the server and waits until it answers
	halt  syscall.Signal        // has it close its connections at once and end in order
}

// DatabaseOptions say how a database server is set up; the zero value is a good start.
type DatabaseOptions struct {
	// Password of the one account; wonderland by default.
	Password string
	// Certificate has the server speak TLS with it, for who asks for TLS.
	Certificate certs.Files
}

const (
	databaseName  = "sluice"
	databaseUser  = "gateway"
	databaseLimit = 60 * time.Second // to set one up: a busy machine initialises slowly
)

// Addr is host:port of the TCP listener.
func (d *Database) Addr() string { return net.JoinHostPort(d.Host, strconv.Itoa(d.Port)) }

// Log is what the server has printed.
func (d *Database) Log() string { return readAll(filepath.Join(d.dir, d.kind+".out")) }

// Down ends the server in order, connections first, and keeps its data.
func (d *Database) Down() error {
	if err := d.proc.signal(d.halt); err != nil {
		return err
	}
	ended := d.proc.wait(startLimit)
	d.proc.stop(stopGrace)
	if !ended {
		return fmt.Errorf("stop %s: it did not end within %v", d.kind, startLimit)
	}
	return nil
}

// Up starts the server again after Down, with its data and on its port.
func (d *Database) Up() error { return d.begin(d) }

// Stop ends the server and removes its data.
func (d *Database) Stop() {
	d.proc.stop(stopGrace)
	_ = os.RemoveAll(d.dir) // a leftover in the temporary folder harms nobody
}

// launchDatabase makes the folder and the account, and starts the server.
func launchDatabase(kind string, opt DatabaseOptions, setUp func(*Database) error) (*Database, error) {
	port, err := FreePort()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", kind, err)
	}
	dir, err := tempDir(kind)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", kind, err)
	}
	if opt.Password == "" {
		opt.Password = "wonderland"
	}
	d := &Database{Name: databaseName, Host: "127.0.0.1", Port: port, User: databaseUser, Password: opt.Password, kind: kind, dir: dir}
	err = setUp(d)
	if err == nil {
		err = d.begin(d)
	}
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	return d, nil
}

// startDatabase is for tests: see Start.
func startDatabase(t testing.TB, d *Database, err error) *Database {
	t.Helper()
	if err != nil {
		GiveUp(t, err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s on %s logged:\n%s", d.kind, d.Addr(), tail(d.Log(), 4000))
		}
		d.Stop()
	})
	return d
}

// place writes a file that the server alone may read.
func (d *Database) place(name string, body []byte) (string, error) {
	path := filepath.Join(d.dir, name)
	if err := os.WriteFile(path, body, 0o600); err != nil {
		return "", err
	}
	uid, gid := identity()
	return path, os.Chown(path, uid, gid)
}

// placeCertificate copies a certificate and its key to where the server may read them.
func (d *Database) placeCertificate(files certs.Files) (cert, key string, err error) {
	for from, to := range map[string]*string{files.Cert: &cert, files.Key: &key} {
		body, err := os.ReadFile(from)
		if err != nil {
			return "", "", err
		}
		if *to, err = d.place(filepath.Base(from), body); err != nil {
			return "", "", err
		}
	}
	return cert, key, nil
}

// folder makes a directory that the server owns.
func (d *Database) folder(name string) (string, error) {
	path := filepath.Join(d.dir, name)
	if err := os.Mkdir(path, 0o700); err != nil {
		return "", err
	}
	uid, gid := identity()
	return path, errors.Join(os.Chown(path, uid, gid), os.Chmod(path, 0o700))
}

// demoted is the command line of a program that refuses to run as root.
func demoted(binary string, args ...string) (string, []string, error) {
	if os.Geteuid() != 0 {
		return binary, args, nil
	}
	path, err := exec.LookPath("setpriv")
	if err != nil {
		return "", nil, fmt.Errorf("%w: setpriv is not on this machine; install the package util-linux", ErrUnavailable)
	}
	uid, gid := identity()
	as := []string{"--reuid=" + strconv.Itoa(uid), "--regid=" + strconv.Itoa(gid), "--clear-groups", "--", binary}
	return path, append(as, args...), nil
}

// finish runs a program to its end in the server's folder.
func (d *Database) finish(stdin *os.File, env []string, binary string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), databaseLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir, cmd.Env = d.dir, append(os.Environ(), env...)
	if stdin != nil {
		cmd.Stdin = stdin
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("run %s: %w: %s", filepath.Base(binary), err, tail(string(out), 2000))
	}
	return nil
}
