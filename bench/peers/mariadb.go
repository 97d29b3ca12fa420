package peers

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// LaunchMariaDB starts a MariaDB from the cache, which speaks MySQL's protocol. The caller owns it
// and must Stop it.
func LaunchMariaDB(opt DatabaseOptions) (*Database, error) {
	cache, err := cacheDir()
	if err != nil {
		return nil, fmt.Errorf("look for mariadb: %w", err)
	}
	root := filepath.Join(cache, "mariadb")
	if !executable(filepath.Join(root, "usr/sbin/mariadbd")) {
		return nil, fmt.Errorf("look for mariadb: %w: it is not in %s; run .ci/peers, which unpacks the package mariadb-server-core", ErrUnavailable, cache)
	}
	return launchDatabase("mariadb", opt, func(d *Database) error {
		if err := d.setUpMariaDB(root, opt); err != nil {
			return fmt.Errorf("start mariadb: %w", err)
		}
		return nil
	})
}

// StartMariaDB is LaunchMariaDB for tests: see Start.
func StartMariaDB(t testing.TB, opt DatabaseOptions) *Database {
	t.Helper()
	d, err := LaunchMariaDB(opt)
	return startDatabase(t, d, err)
}

func (d *Database) setUpMariaDB(root string, opt DatabaseOptions) error {
	home := filepath.Join(d.dir, "data")
	if err := os.Mkdir(home, 0o700); err != nil {
		return err
	}
	d.Socket = filepath.Join(d.dir, "mariadb.sock")
	env := []string{"LD_LIBRARY_PATH=" + libraryPath(root)}
	binary := filepath.Join(root, "usr/sbin/mariadbd")
	share := filepath.Join(root, "usr/share/mysql")
	args := []string{
		"--no-defaults", "--datadir=" + home, "--lc-messages-dir=" + share, "--character-sets-dir=" + filepath.Join(share, "charsets"),
		"--plugin-dir=" + home, "--tmpdir=" + d.dir, "--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M",
		"--innodb-flush-log-at-trx-commit=0", "--aria-pagecache-buffer-size=8M", "--key-buffer-size=1M",
	}
	if os.Geteuid() == 0 {
		args = append(args, "--user=root") // it asks for a word of consent
	}
	if err := d.installMariaDB(share, env, binary, args); err != nil {
		return err
	}
	account, err := d.place("account.sql", []byte(d.mariaDBAccount()))
	if err != nil {
		return err
	}
	args = append(args, "--init-file="+account, "--bind-address="+d.Host, "--port="+strconv.Itoa(d.Port), "--socket="+d.Socket,
		"--pid-file="+filepath.Join(d.dir, "pid"), "--skip-name-resolve", "--max-connections=40", "--skip-log-bin")
	if opt.Certificate.Cert != "" {
		cert, key, err := d.placeCertificate(opt.Certificate)
		if err != nil {
			return err
		}
		args = append(args, "--ssl-cert="+cert, "--ssl-key="+key)
	}
	d.halt = syscall.SIGTERM
	d.begin = func(d *Database) error {
		if d.proc, err = startProcess(d.kind, binary, d.dir, env, args...); err != nil {
			return err
		}
		if err := waitListening(d.Addr(), true, d.proc, databaseLimit); err != nil {
			d.proc.stop(stopGrace)
			return err
		}
		return nil
	}
	return nil
}

// installMariaDB makes the system's tables, as mariadb-install-db does.
func (d *Database) installMariaDB(share string, env []string, binary string, args []string) error {
	path := filepath.Join(d.dir, "bootstrap.sql")
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.WriteString(file, "CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n")
	for _, name := range []string{"mysql_system_tables.sql", "mysql_performance_tables.sql", "mysql_system_tables_data.sql"} {
		body, reading := os.ReadFile(filepath.Join(share, name))
		_, writing := file.Write(body)
		err = errors.Join(err, reading, writing)
	}
	if err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return d.finish(file, env, binary, append(args, "--bootstrap", "--skip-grant-tables", "--enforce-storage-engine=")...)
}

// mariaDBAccount is executed at each start, a statement a line.
func (d *Database) mariaDBAccount() string {
	secret := strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(d.Password)
	return fmt.Sprintf("CREATE DATABASE IF NOT EXISTS %[1]s CHARACTER SET utf8mb4;\n"+
		"CREATE USER IF NOT EXISTS '%[2]s'@'%%' IDENTIFIED BY '%[3]s';\n"+
		"GRANT ALL ON %[1]s.* TO '%[2]s'@'%%';\n", d.Name, d.User, secret)
}
