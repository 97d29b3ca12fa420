package sqlsource

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/bench/peers"
	"github.com/sluice-gateway/sluice/runtime/logfile/logtest"
	"github.com/sluice-gateway/sluice/stores"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is one real database, its owner's connection and what the dialects call
// things.
type rig struct {
	dialect Dialect
	conn    Connection
	admin   *sql.DB
	server  *peers.Database // nil for SQLite
	text    string          // a type of text that compares byte by byte, trailing blanks included
	slow    string          // a SELECT that takes ten seconds
}

func sqliteRig(t *testing.T) *rig {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a b%41?#.db")
	admin, err := sql.Open("sqlite", "file:"+escapePath(path))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { admin.Close() })
	return &rig{dialect: SQLite, conn: Connection{Name: DefaultConnection, Database: path}, admin: admin, text: "TEXT",
		slow: "n FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c) SELECT n FROM c) WHERE n < 0 LIMIT 1"}
}

// quoting is a password that needs quoting wherever one is written.
const quoting = `it's a \ "secret" \'`

func postgresRig(t *testing.T) *rig {
	t.Helper()
	server := peers.StartPostgres(t, peers.DatabaseOptions{Password: quoting})
	return networkRig(t, &rig{dialect: Postgres, server: server, text: "TEXT", slow: "pg_sleep(10)::text"})
}

func mariaRig(t *testing.T) *rig {
	t.Helper()
	server := peers.StartMariaDB(t, peers.DatabaseOptions{Password: quoting})
	return networkRig(t, &rig{dialect: MySQL, server: server, text: "TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin", slow: "SLEEP(10)"})
}

func networkRig(t *testing.T, r *rig) *rig {
	t.Helper()
	s := r.server
	r.conn = Connection{Name: DefaultConnection, Backend: r.dialect.String(), Database: s.Name, Host: s.Host, Port: fmt.Sprint(s.Port), User: s.User, Password: s.Password}
	connector, err := New(Config{}).connector(r.conn, r.dialect, false)
	if err != nil {
		t.Fatal(err)
	}
	r.admin = sql.OpenDB(connector)
	t.Cleanup(func() { r.admin.Close() })
	return r
}

// onEach runs a test on every kind of database.
func onEach(t *testing.T, test func(*testing.T, *rig)) {
	for name, start := range map[string]func(*testing.T) *rig{"sqlite": sqliteRig, "postgres": postgresRig, "mariadb": mariaRig} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t))
		})
	}
}

// do executes statements of the owner; "TEXT" stands for the rig's type.
func (r *rig) do(t *testing.T, statement string, args ...any) {
	t.Helper()
	if r.dialect == Postgres {
		for i := 1; strings.Contains(statement, "?"); i++ {
			statement = strings.Replace(statement, "?", fmt.Sprintf("$%d", i), 1)
		}
	}
	if _, err := r.admin.Exec(strings.ReplaceAll(statement, "TEXT", r.text), args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// seed makes the table of the reference and its rows.
func (r *rig) seed(t *testing.T, rows ...[2]string) {
	t.Helper()
	r.do(t, "CREATE TABLE proxy_user_servers (user_name TEXT, url TEXT)")
	for _, row := range rows {
		r.do(t, "INSERT INTO proxy_user_servers VALUES (?, ?)", row[0], row[1])
	}
}

func (r *rig) databases(t *testing.T, cfg Config) *Databases {
	t.Helper()
	if cfg.Connections == nil {
		cfg.Connections = []Connection{r.conn}
	}
	d := New(cfg)
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// source prepares one query.
func (r *rig) source(t *testing.T, q Query, cfg Config) stores.Source {
	t.Helper()
	cfg.Queries = map[string]Query{"q": q}
	s, err := r.databases(t, cfg).Source("q", ByUser)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// expect asks and compares the URLs; none means ErrNoList.
func expect(t *testing.T, s stores.Source, who stores.Asker, want ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	urls, err := s.Backends(ctx, who)
	if len(want) == 0 {
		if !errors.Is(err, stores.ErrNoList) || len(urls) != 0 {
			t.Errorf("%.60q gets %v, %v: want no list", who.User, urls, err)
		}
		return
	}
	if err != nil {
		t.Errorf("%.60q: %v", who.User, err)
		return
	}
	var got []string
	for _, u := range urls {
		got = append(got, u.String())
	}
	if !slices.Equal(got, want) {
		t.Errorf("%.60q gets %q, want %q", who.User, got, want)
	}
}

func quiet(l *logtest.Lines) zerolog.Logger { return zerolog.New(l) }
