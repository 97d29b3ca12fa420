package sqlsource

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/sluice-gateway/sluice/stores"
)

func TestSQLiteFile(t *testing.T) {
	joe := stores.Asker{User: "joe"}
	t.Run("a_file_everybody_may_write_is_refused", func(t *testing.T) {
		r := sqliteRig(t)
		r.seed(t, [2]string{"joe", "ftp://h"})
		s := r.source(t, byName, Config{})
		expect(t, s, joe, "ftp://h")
		must(t, os.Chmod(r.conn.Database, 0o666))
		if _, err := s.Backends(context.Background(), joe); !errors.Is(err, ErrWritable) || !strings.Contains(err.Error(), "perms 0666") {
			t.Errorf("error %v", err)
		}
		must(t, os.Chmod(r.conn.Database, 0o644))
		expect(t, s, joe, "ftp://h")
	})
	t.Run("so_is_a_directory_everybody_may_write", func(t *testing.T) {
		r := sqliteRig(t)
		r.seed(t, [2]string{"joe", "ftp://h"})
		must(t, os.Chmod(filepath.Dir(r.conn.Database), 0o1777))
		defer os.Chmod(filepath.Dir(r.conn.Database), 0o755)
		if _, err := r.source(t, byName, Config{}).Backends(context.Background(), joe); !errors.Is(err, ErrWritable) || !strings.Contains(err.Error(), "world-writable directory") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("and_one_behind_a_symbolic_link", func(t *testing.T) {
		r := sqliteRig(t)
		r.seed(t, [2]string{"joe", "ftp://h"})
		open := t.TempDir()
		must(t, os.Chmod(open, 0o777))
		link := filepath.Join(open, "link.db")
		must(t, os.Symlink(r.conn.Database, link))
		s := r.source(t, byName, Config{Connections: []Connection{{Name: DefaultConnection, Database: link}}})
		if _, err := s.Backends(context.Background(), joe); !errors.Is(err, ErrWritable) {
			t.Errorf("error %v", err)
		}
		must(t, os.Chmod(open, 0o755))
		expect(t, s, joe, "ftp://h")
	})
	t.Run("a_missing_file_is_not_made", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "none.db")
		r := &rig{conn: Connection{Name: DefaultConnection, Database: path}}
		for _, text := range []string{"SELECT 1", "UPDATE t SET x = 1 RETURNING x"} {
			_, err := r.source(t, Query{Verb: "FREEFORM", Text: text}, Config{}).Backends(context.Background(), joe)
			if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), path) {
				t.Errorf("error %v", err)
			}
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the file: %v", err)
		}
	})
	t.Run("it_may_come_later", func(t *testing.T) {
		r := sqliteRig(t)
		s := r.source(t, byName, Config{})
		if _, err := s.Backends(context.Background(), joe); err == nil {
			t.Error("a file that is not there has answered")
		}
		r.seed(t, [2]string{"joe", "ftp://h"})
		expect(t, s, joe, "ftp://h")
	})
	t.Run("a_new_file_in_its_place_is_read", func(t *testing.T) {
		r, other := sqliteRig(t), sqliteRig(t)
		r.seed(t, [2]string{"joe", "ftp://before"})
		other.seed(t, [2]string{"joe", "ftp://after"})
		s := r.source(t, byName, Config{})
		expect(t, s, joe, "ftp://before")
		must(t, other.admin.Close())
		must(t, os.Rename(other.conn.Database, r.conn.Database))
		expect(t, s, joe, "ftp://after")
	})
	t.Run("rows_that_change_are_seen", func(t *testing.T) {
		r := sqliteRig(t)
		r.do(t, "PRAGMA journal_mode = WAL")
		r.seed(t, [2]string{"joe", "ftp://before"})
		s := r.source(t, byName, Config{})
		expect(t, s, joe, "ftp://before")
		r.do(t, "UPDATE proxy_user_servers SET url = 'ftp://after'")
		expect(t, s, joe, "ftp://after")
	})
	t.Run("a_select_cannot_write", func(t *testing.T) {
		r := sqliteRig(t)
		r.seed(t, [2]string{"joe", "ftp://h"})
		d := r.databases(t, Config{})
		p, err := d.pool(r.conn, SQLite, true)
		must(t, err)
		if _, err := p.db.Exec("DELETE FROM proxy_user_servers"); err == nil {
			t.Error("what a SELECT is asked on has deleted rows")
		}
		s := r.source(t, Query{Verb: "FREEFORM", Text: "UPDATE proxy_user_servers SET url = url RETURNING url"}, Config{})
		expect(t, s, joe, "ftp://h")
	})
}

// A query may name another database, and be asked by group.
func TestNamedConnection(t *testing.T) {
	first, second := sqliteRig(t), sqliteRig(t)
	first.seed(t, [2]string{"staff", "ftp://first"})
	second.seed(t, [2]string{"staff", "ftp://second"})
	other := second.conn
	other.Name = "other"
	d := first.databases(t, Config{
		Backend:     "postgres", // is about SQLConnectInfo alone
		Connections: []Connection{{Name: DefaultConnection, Backend: "sqlite3", Database: first.conn.Database}, other, {Name: "other", Database: "/nowhere"}},
		Queries:     map[string]Query{"a": byName, "b": {Verb: "select", Text: byName.Text, Connection: "other"}},
	})
	for query, want := range map[string]string{"a": "ftp://first", "b": "ftp://second"} {
		s, err := d.Source(query, ByGroup)
		must(t, err)
		expect(t, s, stores.Asker{User: "joe", Group: "staff"}, want)
		expect(t, s, stores.Asker{User: "staff"})
	}
	must(t, d.Close())
	if _, err := d.Source("a", ByUser); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("after Close: %v", err)
	}
}

func BenchmarkSQLite(b *testing.B) {
	path := filepath.Join(b.TempDir(), "bench.db")
	admin, err := sql.Open("sqlite", "file:"+escapePath(path))
	if err != nil {
		b.Fatal(err)
	}
	defer admin.Close()
	for _, text := range []string{
		"CREATE TABLE t (user_name TEXT PRIMARY KEY, url TEXT)",
		"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c WHERE n < 10000) INSERT INTO t SELECT 'user' || n, 'ftp://192.0.2.1:2121' FROM c",
	} {
		if _, err := admin.Exec(text); err != nil {
			b.Fatal(err)
		}
	}
	d := New(Config{Connections: []Connection{{Name: DefaultConnection, Database: path}},
		Queries: map[string]Query{"q": {Verb: "SELECT", Text: "url FROM t WHERE user_name = '%{0}'"}}})
	defer d.Close()
	s, err := d.Source("q", ByUser)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Backends(context.Background(), stores.Asker{User: "user5000"}); err != nil {
			b.Fatal(err)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// recorder keeps the statements that a driver is given.
type recorder struct {
	driver.Connector
	mu    sync.Mutex
	texts map[string]int
}

func (r *recorder) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := r.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &recordedConn{conn.(*fileConn), r}, nil
}

type recordedConn struct {
	*fileConn
	to *recorder
}

func (c *recordedConn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	c.to.mu.Lock()
	c.to.texts[text]++
	c.to.mu.Unlock()
	return c.fileConn.QueryContext(ctx, text, args)
}

// echo asks a real database to say a value back, bare, inside a literal and
// in hexadecimal, and records what the database was given to execute.
func echo(tb testing.TB) (ask func(string) ([]row, error), given *recorder) {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "echo.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		tb.Fatal(err)
	}
	d := New(Config{
		Connections: []Connection{{Name: DefaultConnection, Database: path}},
		Queries:     map[string]Query{"echo": {Verb: "SELECT", Text: "%{0}, '<%{0}''%u>', hex(%{0}), typeof('%{0}')"}},
	})
	tb.Cleanup(func() { d.Close() })
	given = &recorder{texts: map[string]int{}}
	d.open = func(c Connection, k Dialect, reads bool) (driver.Connector, error) {
		var err error
		given.Connector, err = d.connector(c, k, reads)
		return given, err
	}
	q, err := d.named("echo", 1)
	if err != nil {
		tb.Fatal(err)
	}
	return func(value string) ([]row, error) {
		rows, _, err := q.ask(context.Background(), Values{Args: []string{value}, User: value})
		return rows, err
	}, given
}

// checkEcho is the law of this package: a value arrives as it was sent, and
// never becomes part of the statement.
func checkEcho(t interface{ Fatalf(string, ...any) }, value string, rows []row, err error, given *recorder) {
	if err != nil || len(rows) != 1 {
		t.Fatalf("%q: %d rows, %v", value, len(rows), err)
	}
	r := rows[0]
	if want := strings.ToUpper(hexed(value)); r[0].String != value || r[1].String != "<"+value+"'"+value+">" || r[2].String != want || r[3].String != "text" {
		t.Fatalf("%q came back as %v", value, r)
	}
	given.mu.Lock()
	defer given.mu.Unlock()
	if len(given.texts) != 1 || given.texts["SELECT ?, ?, hex(?), typeof(?)"] == 0 {
		t.Fatalf("%q: the database was given %v", value, given.texts)
	}
}

func hexed(s string) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for i := range len(s) {
		b.WriteByte(digits[s[i]>>4])
		b.WriteByte(digits[s[i]&15])
	}
	return b.String()
}

func TestValuesArriveUnchanged(t *testing.T) {
	ask, given := echo(t)
	for _, name := range append(hostile, "a\x00b", "\xff", "", strings.Repeat("\x00'", 2048)) {
		rows, err := ask(name)
		checkEcho(t, name, rows, err, given)
	}
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 4096), func(b []byte) string { return string(b) })).Draw(rt, "name")
		rows, err := ask(name)
		checkEcho(rt, name, rows, err, given)
	})
}

func FuzzValue(f *testing.F) {
	for _, name := range hostile {
		f.Add(name)
	}
	ask, given := echo(f)
	f.Fuzz(func(t *testing.T, name string) {
		rows, err := ask(name)
		checkEcho(t, name, rows, err, given)
	})
}
