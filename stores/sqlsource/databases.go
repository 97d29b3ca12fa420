package sqlsource

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// Query is one SQLNamedQuery.
type Query struct {
	Verb       string // SELECT or FREEFORM give rows; INSERT, UPDATE and DELETE do not
	Text       string // without the verb
	Connection string // empty = DefaultConnection
}

// Config is what a server's SQL directives say. Of connections with one name
// the first counts.
type Config struct {
	Backend     string // SQLBackend; empty = what the connection looks like
	Connections []Connection
	Queries     map[string]Query

	Timeout        time.Duration // one look-up as a whole; 0 = 5 s
	ConnectTimeout time.Duration // one attempt to connect; 0 = 5 s
	MaxConns       int           // open connections to one database; 0 = 8
	Log            zerolog.Logger
}

const (
	defaultTimeout  = 5 * time.Second
	defaultMaxConns = 8
)

// Databases are the connections of one server. Nothing is opened before a
// source or an account is asked for. Its methods may be called from several
// goroutines; Close ends it.
type Databases struct {
	cfg  Config
	open func(Connection, Dialect, bool) (driver.Connector, error)

	mu    sync.Mutex
	pools map[poolKey]*pool
	gone  bool
}

type poolKey struct {
	connection string
	reads      bool // a pool of SQLite that cannot write
}

// New makes the connections of a server. What of it is wrong is found when a
// query is prepared with Source or Accounts, so that directives that nothing
// here uses (SQLLog's, say) do no harm.
func New(cfg Config) *Databases {
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.ConnectTimeout <= 0 {
		cfg.ConnectTimeout = defaultTimeout
	}
	if cfg.MaxConns <= 0 {
		cfg.MaxConns = defaultMaxConns
	}
	d := &Databases{cfg: cfg, pools: map[poolKey]*pool{}}
	d.open = d.connector
	return d
}

// Close ends all connections. Questions that are being answered are waited
// for, which their deadline bounds.
func (d *Databases) Close() error {
	d.mu.Lock()
	pools := d.pools
	d.pools, d.gone = nil, true
	d.mu.Unlock()
	var all error
	for _, p := range pools {
		if err := p.db.Close(); err != nil {
			all = errors.Join(all, fmt.Errorf("close %s: %w", p.connection, err))
		}
	}
	return all
}

// connection finds a connection by name.
func (d *Databases) connection(name string) (Connection, Dialect, error) {
	if name == "" {
		name = DefaultConnection
	}
	for _, c := range d.cfg.Connections {
		if c.Name != name {
			continue
		}
		fallback := ""
		if name == DefaultConnection {
			fallback = d.cfg.Backend
		}
		dialect, err := c.dialect(fallback)
		if err == nil {
			err = c.check(dialect)
		}
		if err != nil {
			return Connection{}, 0, fmt.Errorf("%s: %w", c, err)
		}
		return c, dialect, nil
	}
	if name == DefaultConnection {
		return Connection{}, 0, errors.New("SQLConnectInfo is missing")
	}
	return Connection{}, 0, fmt.Errorf("there is no SQLNamedConnectInfo %s", clip(name))
}

// pool gives the pool that answers a statement, and makes it the first time.
func (d *Databases) pool(c Connection, dialect Dialect, reads bool) (*pool, error) {
	key := poolKey{c.Name, reads && dialect == SQLite}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gone {
		return nil, errors.New("the databases are closed")
	}
	if p, ok := d.pools[key]; ok {
		return p, nil
	}
	connector, err := d.open(c, dialect, reads)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c, err)
	}
	some, idle, err := c.keep()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c, err)
	}
	p := &pool{connection: c, dialect: dialect, db: sql.OpenDB(connector), timeout: d.cfg.Timeout}
	if some {
		p.idle = d.cfg.MaxConns
	}
	p.db.SetMaxOpenConns(d.cfg.MaxConns)
	p.db.SetMaxIdleConns(p.idle)
	p.db.SetConnMaxIdleTime(idle)
	p.db.SetConnMaxLifetime(lifeTime)
	d.pools[key] = p
	return p, nil
}

func (d *Databases) connector(c Connection, dialect Dialect, reads bool) (driver.Connector, error) {
	switch dialect {
	case SQLite:
		return openSQLite(c, reads)
	case Postgres:
		return openPostgres(c, d.cfg.ConnectTimeout)
	default:
		return openMySQL(c, d.cfg.ConnectTimeout, d.cfg.Timeout)
	}
}

// question is a statement and who answers it.
type question struct {
	name      string // as errors and the log name it
	statement *Statement
	pool      *pool
}

// named prepares a SQLNamedQuery that is given some arguments. The names of
// queries are compared as they are written.
func (d *Databases) named(name string, args int) (question, error) {
	q, ok := d.cfg.Queries[name]
	if !ok {
		return question{}, fmt.Errorf("there is no SQLNamedQuery %s", clip(name))
	}
	text := q.Text
	switch verb := strings.ToUpper(q.Verb); verb {
	case "SELECT":
		text = "SELECT " + text
	case "FREEFORM":
	default:
		return question{}, fmt.Errorf("SQLNamedQuery %s: %s gives no rows: write SELECT or FREEFORM", name, clip(verb))
	}
	return d.question("SQLNamedQuery "+name, q.Connection, text, args)
}

// question prepares a text of SQL.
func (d *Databases) question(name, connection, text string, args int) (question, error) {
	c, dialect, err := d.connection(connection)
	if err != nil {
		return question{}, fmt.Errorf("%s: %w", name, err)
	}
	statement, err := Parse(dialect, text)
	if err != nil {
		return question{}, fmt.Errorf("%s: %w", name, err)
	}
	if statement.args() > args {
		return question{}, fmt.Errorf("%s: %%{%d} has no value here: expected at most %%{%d}", name, statement.args()-1, args-1)
	}
	p, err := d.pool(c, dialect, statement.reads)
	if err != nil {
		return question{}, fmt.Errorf("%s: %w", name, err)
	}
	return question{name, statement, p}, nil
}
