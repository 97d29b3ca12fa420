package sqlsource

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"
)

// DefaultConnection is the name that SQLConnectInfo gives its connection, and
// that a SQLNamedQuery means which names none.
const DefaultConnection = "default"

// Connection is one SQLConnectInfo or SQLNamedConnectInfo.
type Connection struct {
	Name     string // DefaultConnection, or as SQLNamedConnectInfo says
	Backend  string // as SQLBackend names it; empty = Config.Backend, or what the rest looks like
	Database string // name, or the absolute path of SQLite's file
	Host     string // name, address, absolute path of a socket (MySQL) or of its directory (PostgreSQL); empty = this machine
	Port     string // empty = the database's own
	User     string
	Password string // a secret, never printed
	Policy   string // PERSESSION, PERCONNECTION, PERCALL or seconds; empty = PERSESSION
	TLS      []Option
}

// Option is one ssl-… option of a connection.
type Option struct {
	Key   string // with its "ssl-", in lower case
	Value string
}

// String names the connection and where it leads, without the password.
func (c Connection) String() string {
	where := c.Database
	if c.Host != "" {
		where += "@" + c.Host
	}
	if c.Port != "" {
		where += ":" + c.Port
	}
	return fmt.Sprintf("connection %s (%s)", c.Name, where)
}

// GoString keeps %#v from printing the password.
func (c Connection) GoString() string { return c.String() }

// dialect finds the kind of database: as written, as SQLBackend says, or as
// it looks.
func (c Connection) dialect(fallback string) (Dialect, error) {
	written := c.Backend
	if written == "" {
		written = fallback
	}
	switch {
	case written != "":
		return ParseDialect(written)
	case strings.HasPrefix(c.Database, "/"):
		return SQLite, nil
	case c.Port == "5432":
		return Postgres, nil
	case c.Port == "3306":
		return MySQL, nil
	default:
		return 0, errors.New("SQLBackend is missing: say sqlite3, postgres or mysql")
	}
}

// check finds what cannot work in any run.
func (c Connection) check(d Dialect) error {
	if c.Port != "" {
		if n, err := strconv.ParseUint(c.Port, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("port %q: expected a number from 1 to 65535", clip(c.Port))
		}
	}
	switch {
	case c.Database == "":
		return errors.New("the name of the database is missing")
	case d == SQLite && !path.IsAbs(c.Database):
		return fmt.Errorf("the database of sqlite3 must be a full path, such as /var/lib/sluice/%s", path.Base(clip(c.Database)))
	case d == SQLite && len(c.TLS) > 0:
		return errors.New("ssl-… has no meaning for a file")
	}
	_, _, err := c.keep()
	return err
}

// How long a connection that nobody uses is kept. The peer keeps one for each
// session; here they serve everybody, and what matters is that a quiet
// gateway holds none.
const (
	idleTime = time.Minute
	lifeTime = 30 * time.Minute
)

// keep says whether idle connections are kept, and for how long. PERSESSION and
// PERCONNECTION both mean a pool that everybody shares; PERCALL keeps none;
// seconds say how long.
func (c Connection) keep() (some bool, idle time.Duration, err error) {
	switch c.Policy {
	case "", "PERSESSION", "PERCONNECTION", "0":
		return true, idleTime, nil
	case "PERCALL":
		return false, 0, nil
	}
	n, err := strconv.ParseUint(c.Policy, 10, 31)
	if err != nil {
		return false, 0, fmt.Errorf("connection policy %q: expected PERSESSION, PERCONNECTION, PERCALL or seconds", clip(c.Policy))
	}
	return true, time.Duration(n) * time.Second, nil
}
