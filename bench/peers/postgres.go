package peers

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// postgresInstall is a PostgreSQL of this machine or of the cache.
type postgresInstall struct {
	bin string // folder of its programs
	env []string
}

// locatePostgres prefers what Debian installed. Only what everybody may pass through is of use:
// the server refuses to run as root.
func locatePostgres() (postgresInstall, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // the pattern is well formed
	if len(found) > 0 {
		return postgresInstall{bin: filepath.Dir(slices.Max(found))}, nil
	}
	cache, err := cacheDir()
	if err != nil {
		return postgresInstall{}, fmt.Errorf("look for postgres: %w", err)
	}
	root := filepath.Join(cache, "postgres")
	found, _ = filepath.Glob(filepath.Join(root, "usr/lib/postgresql/*/bin/initdb"))
	if len(found) == 0 {
		return postgresInstall{}, fmt.Errorf("look for postgres: %w: it is neither installed nor in %s; run .ci/peers", ErrUnavailable, cache)
	}
	return postgresInstall{bin: filepath.Dir(slices.Max(found)), env: []string{"LD_LIBRARY_PATH=" + libraryPath(root)}}, nil
}

// passable tells whether other users may reach a path.
func passable(path string) bool {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm()&0o001 == 0 {
			return false
		}
		if dir == "/" {
			return true
		}
	}
}

// LaunchPostgres starts a PostgreSQL with passwords by SCRAM. The caller owns it and must Stop it.
func LaunchPostgres(opt DatabaseOptions) (*Database, error) {
	in, err := locatePostgres()
	if err != nil {
		return nil, err
	}
	return launchDatabase("postgres", opt, func(d *Database) error {
		if os.Geteuid() == 0 && !passable(in.bin) {
			if in, err = d.copied(in); err != nil {
				return fmt.Errorf("start postgres: %w", err)
			}
		}
		if err := d.setUpPostgres(in, opt); err != nil {
			return fmt.Errorf("start postgres: %w", err)
		}
		return nil
	})
}

// StartPostgres is LaunchPostgres for tests: see Start.
func StartPostgres(t testing.TB, opt DatabaseOptions) *Database {
	t.Helper()
	d, err := LaunchPostgres(opt)
	return startDatabase(t, d, err)
}

// copied puts the programs where another user than root may start them. They find what belongs
// to them by their own place.
func (d *Database) copied(in postgresInstall) (postgresInstall, error) {
	from, _, _ := strings.Cut(in.bin, "/usr/lib/postgresql/")
	root := filepath.Join(d.dir, "root")
	if err := os.CopyFS(root, os.DirFS(from)); err != nil {
		return in, fmt.Errorf("copy the programs: %w", err)
	}
	return postgresInstall{bin: filepath.Join(root, strings.TrimPrefix(in.bin, from)), env: []string{"LD_LIBRARY_PATH=" + libraryPath(root)}}, nil
}

func (d *Database) setUpPostgres(in postgresInstall, opt DatabaseOptions) error {
	password, err := d.place("password", []byte(d.Password+"\n"))
	if err != nil {
		return err
	}
	home, err := d.folder("data")
	if err != nil {
		return err
	}
	if d.Socket, err = d.folder("socket"); err != nil {
		return err
	}
	if err := os.Chmod(d.Socket, 0o755); err != nil {
		return err
	}
	binary, args, err := demoted(filepath.Join(in.bin, "initdb"), "--pgdata="+home, "--username="+d.User, "--pwfile="+password,
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	if err != nil {
		return err
	}
	if err := d.finish(nil, in.env, binary, args...); err != nil {
		return err
	}
	settings := []string{
		"listen_addresses=" + d.Host, "unix_socket_directories=" + d.Socket, "shared_buffers=16MB", "max_connections=40",
		"fsync=off", "jit=off", "password_encryption=scram-sha-256", "log_min_messages=warning", "timezone=UTC",
	}
	if opt.Certificate.Cert != "" {
		cert, key, err := d.placeCertificate(opt.Certificate)
		if err != nil {
			return err
		}
		settings = append(settings, "ssl=on", "ssl_cert_file="+cert, "ssl_key_file="+key)
	}
	d.Name = "postgres" // initdb's own; nothing else lives in it
	d.halt = syscall.SIGINT
	d.begin = func(d *Database) error { return d.beginPostgres(in, home, settings) }
	return nil
}

func (d *Database) beginPostgres(in postgresInstall, home string, settings []string) error {
	args := []string{"-D", home, "-p", strconv.Itoa(d.Port)}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	binary, args, err := demoted(filepath.Join(in.bin, "postgres"), args...)
	if err != nil {
		return err
	}
	if d.proc, err = startProcess(d.kind, binary, d.dir, in.env, args...); err != nil {
		return err
	}
	// It listens before it answers.
	ready := []string{"-q", "-t", "1", "-h", d.Host, "-p", strconv.Itoa(d.Port)}
	for deadline := time.Now().Add(databaseLimit); ; {
		err := d.finish(nil, in.env, filepath.Join(in.bin, "pg_isready"), ready...)
		if err == nil {
			return nil
		}
		if d.proc.exited() || time.Now().After(deadline) {
			fate := errors.New("it does not answer")
			if d.proc.exited() {
				fate = errors.New("it ended: " + d.proc.fate())
			}
			d.proc.stop(stopGrace)
			return fmt.Errorf("start postgres: %w: %w; it printed:\n%s", fate, err, tail(d.Log(), 4000))
		}
		d.proc.wait(50 * time.Millisecond) // paces the retries, and returns at once when it dies
	}
}
