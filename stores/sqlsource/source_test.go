package sqlsource

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/runtime/logfile/logtest"
	"github.com/sluice-gateway/sluice/stores"
)

var byName = Query{Verb: "SELECT", Text: "url FROM proxy_user_servers WHERE user_name = %{0}"}

// hostile are names that a statement would fall for, if one were made of them.
var hostile = []string{
	`'`, `"`, "`", `\`, `\'`, `''`, `' OR '1'='1`, `" OR "1"="1`, `'; DROP TABLE proxy_user_servers; --`, `x' UNION SELECT 'ftp://evil`,
	"%", "_", "%%", "%{0}", "%{env:HOME}", "$1", "?", ":a", "@a", "/*", "--", "#", "a\nb", "\t", " ", "joe ", "JOE", "Jöe", "用户", "\U0001F600",
	"\u202ejoe", "NULL", "1", "0x41", "1e3", strings.Repeat("a", 4096), strings.Repeat("'", 4096),
}

// One server of each kind sees all of it: starting one takes seconds.
func TestDatabases(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		t.Run("backends", func(t *testing.T) { testSource(t, r) })
		t.Run("accounts", func(t *testing.T) { testAccounts(t, r) })
		if r.server != nil {
			t.Run("connections", func(t *testing.T) { testConnections(t, r) })
			t.Run("ended_connections", func(t *testing.T) { testEnded(t, r) })
			t.Run("restarts", func(t *testing.T) { testRestart(t, r) })
		}
	})
}

func testSource(t *testing.T, r *rig) {
	r.seed(t, [2]string{"joe", "ftp://192.0.2.1:2121"}, [2]string{"joe", "ftps://ftp.example.com?weight=3"},
		[2]string{"", "ftp://empty.example.com"}, [2]string{"blank", " "}, [2]string{"mixed", "ftp://user:canary@h:99999"}, [2]string{"mixed", " sftp://h "}, [2]string{"solo", "ftp://h"})
	t.Run("a_name_gets_its_list", func(t *testing.T) {
		s := r.source(t, byName, Config{})
		expect(t, s, stores.Asker{User: "joe"}, "ftp://192.0.2.1:2121", "ftps://ftp.example.com?weight=3")
		expect(t, s, stores.Asker{User: "unknown"})
		expect(t, s, stores.Asker{User: "blank"})
		if s.String() != "sql:/q" {
			t.Errorf("it calls itself %s", s)
		}
	})
	t.Run("every_column_is_a_url", func(t *testing.T) {
		s := r.source(t, Query{Verb: "SELECT", Text: "url, NULL, '', 'ftp://also' FROM proxy_user_servers WHERE user_name = '%{0}' ORDER BY url LIMIT 1"}, Config{})
		expect(t, s, stores.Asker{User: "joe"}, "ftp://192.0.2.1:2121", "ftp://also")
	})
	t.Run("freeform_is_the_whole_statement", func(t *testing.T) {
		s := r.source(t, Query{Verb: "FREEFORM", Text: "SELECT url FROM proxy_user_servers WHERE user_name = '%u' ORDER BY url;"}, Config{})
		expect(t, s, stores.Asker{User: "joe"}, "ftp://192.0.2.1:2121", "ftps://ftp.example.com?weight=3")
	})
	t.Run("a_certificate_picks_the_list", func(t *testing.T) {
		s := r.source(t, Query{Verb: "SELECT", Text: "url FROM proxy_user_servers WHERE user_name = '%{env:TLS_CLIENT_S_DN_CN}'"}, Config{})
		expect(t, s, stores.Asker{User: "x", Vars: map[string]string{"TLS_CLIENT_S_DN_CN": "joe"}}, "ftp://192.0.2.1:2121", "ftps://ftp.example.com?weight=3")
		expect(t, s, stores.Asker{User: "joe", Vars: map[string]string{"TLS_CLIENT_S_DN_CN": "jim"}})
		expect(t, s, stores.Asker{User: "joe"}) // no certificate: not even the row with an empty name
	})
	t.Run("what_is_no_url_is_skipped_and_said", func(t *testing.T) {
		var log logtest.Lines
		expect(t, r.source(t, byName, Config{Log: quiet(&log)}), stores.Asker{User: "mixed"}, "sftp://h")
		if text := log.String(); !strings.Contains(text, `"row":1`) || !strings.Contains(text, "port") || strings.Contains(text, "canary") {
			t.Errorf("log: %s", text)
		}
	})
	t.Run("names_are_values_whatever_they_hold", func(t *testing.T) { testHostile(t, r) })
	t.Run("a_list_has_a_bound", func(t *testing.T) { testBound(t, r) })
	t.Run("many_ask_at_once", func(t *testing.T) { testMany(t, r) })
	t.Run("a_slow_answer_has_a_deadline", func(t *testing.T) { testSlow(t, r) })
}

func testHostile(t *testing.T, r *rig) {
	bare := r.source(t, byName, Config{})
	joined := r.source(t, Query{Verb: "SELECT", Text: "url FROM proxy_user_servers WHERE 'it''s <' || user_name || '>' = 'it''s <%{0}>'"}, Config{})
	if r.dialect == MySQL {
		joined = r.source(t, Query{Verb: "SELECT", Text: `url FROM proxy_user_servers WHERE CONCAT('it\'s <', user_name, ">") = "it's <%{0}>"`}, Config{})
	}
	for i, name := range hostile {
		expect(t, bare, stores.Asker{User: name})
		r.do(t, "INSERT INTO proxy_user_servers VALUES (?, ?)", name, fmt.Sprintf("ftp://h%d", i))
	}
	for i, name := range hostile {
		want := []string{fmt.Sprintf("ftp://h%d", i)}
		expect(t, bare, stores.Asker{User: name}, want...)
		expect(t, joined, stores.Asker{User: name}, want...)
	}
	for _, name := range []string{"a\x00b", "\xff\xfe", "joe\x00"} {
		expect(t, bare, stores.Asker{User: name})
	}
}

func testBound(t *testing.T, r *rig) {
	for range 3 {
		r.do(t, "INSERT INTO proxy_user_servers SELECT 'many', 'ftp://h' FROM proxy_user_servers")
	}
	for range 5 {
		r.do(t, "INSERT INTO proxy_user_servers SELECT 'many', 'ftp://h' FROM proxy_user_servers WHERE user_name = 'many'")
	}
	defer r.do(t, "DELETE FROM proxy_user_servers WHERE user_name = 'many'")
	var log logtest.Lines
	urls, err := r.source(t, byName, Config{Log: quiet(&log)}).Backends(context.Background(), stores.Asker{User: "many"})
	if err != nil || len(urls) != maxRows {
		t.Errorf("%d URLs, %v: want %d", len(urls), err, maxRows)
	}
	if !strings.Contains(log.String(), "more backends than are used") {
		t.Errorf("log: %s", log.String())
	}
	s := r.source(t, Query{Verb: "SELECT", Text: "user_name FROM proxy_user_servers WHERE user_name = %{0}"}, Config{Log: quiet(&log)})
	if _, err := s.Backends(context.Background(), stores.Asker{User: "many"}); !errors.Is(err, stores.ErrNoList) {
		t.Errorf("a list of nothing but errors: %v", err)
	}
	if n := strings.Count(log.String(), "no backend URL"); n != maxComplaints+1 {
		t.Errorf("%d log lines about entries that are no URLs: want %d", n, maxComplaints+1)
	}
}

func testMany(t *testing.T, r *rig) {
	s := r.source(t, byName, Config{MaxConns: 3})
	var all conc.WaitGroup
	for range 32 {
		all.Go(func() {
			for range 5 {
				expect(t, s, stores.Asker{User: "mixed"}, "sftp://h")
			}
		})
	}
	all.Wait()
}

func testSlow(t *testing.T, r *rig) {
	s := r.source(t, Query{Verb: "SELECT", Text: r.slow}, Config{Timeout: 200 * time.Millisecond})
	began := time.Now()
	_, err := s.Backends(context.Background(), stores.Asker{User: "joe"})
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no answer within 200ms") {
		t.Errorf("error %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("the client has gone"))
	if _, err := s.Backends(ctx, stores.Asker{}); err == nil || !strings.Contains(err.Error(), "the client has gone") {
		t.Errorf("after the client went: %v", err)
	}
	expect(t, r.source(t, byName, Config{}), stores.Asker{User: "mixed"}, "sftp://h")
}

// Servers go away and come back.
func testRestart(t *testing.T, r *rig) {
	s := r.source(t, byName, Config{})
	solo := stores.Asker{User: "solo"}
	expect(t, s, solo, "ftp://h")
	idle(t, s)
	if err := r.server.Down(); err != nil {
		t.Fatal(err)
	}
	if err := r.server.Up(); err != nil {
		t.Fatal(err)
	}
	expect(t, s, solo, "ftp://h") // with every kept connection dead
	if err := r.server.Down(); err != nil {
		t.Fatal(err)
	}
	_, err := s.Backends(context.Background(), solo)
	if err == nil || errors.Is(err, stores.ErrNoList) {
		t.Fatalf("while it is down: %v", err)
	}
	if text := err.Error(); !strings.Contains(text, "connection default") || !strings.Contains(text, "SQLNamedQuery q") || strings.Contains(text, r.conn.Password) {
		t.Errorf("error %s", text)
	}
	if err := r.server.Up(); err != nil {
		t.Fatal(err)
	}
	expect(t, s, solo, "ftp://h")
}

// The server ends connections that nobody uses, and the next look-up, at
// once, does not mind.
func testEnded(t *testing.T, r *rig) {
	s := r.source(t, byName, Config{})
	for range 5 {
		idle(t, s)
		if r.dialect == Postgres {
			r.do(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")
		} else {
			r.killOthers(t)
		}
		expect(t, s, stores.Asker{User: "solo"}, "ftp://h")
	}
}

// killOthers ends all connections of MariaDB but the one it asks on.
func (r *rig) killOthers(t *testing.T) {
	t.Helper()
	conn, err := r.admin.Conn(context.Background())
	must(t, err)
	defer conn.Close()
	rows, err := conn.QueryContext(context.Background(), "SELECT ID FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID()")
	must(t, err)
	var ids []int
	for rows.Next() {
		var id int
		must(t, rows.Scan(&id))
		ids = append(ids, id)
	}
	must(t, rows.Close())
	for _, id := range ids {
		_, _ = conn.ExecContext(context.Background(), fmt.Sprintf("KILL %d", id)) // it may have ended by itself
	}
}

// idle leaves several connections open.
func idle(t *testing.T, s stores.Source) {
	t.Helper()
	var all conc.WaitGroup
	for range 16 {
		all.Go(func() { expect(t, s, stores.Asker{User: "solo"}, "ftp://h") })
	}
	all.Wait()
}

func testConnections(t *testing.T, r *rig) {
	with := func(change func(*Connection)) stores.Source {
		c := r.conn
		change(&c)
		return r.source(t, byName, Config{Connections: []Connection{c}})
	}
	for claim, change := range map[string]func(*Connection){
		"by_tcp":             func(*Connection) {},
		"by_its_socket":      func(c *Connection) { c.Host = r.server.Socket },
		"a_call_each":        func(c *Connection) { c.Policy = "PERCALL" },
		"seconds":            func(c *Connection) { c.Policy = "30" },
		"without_tls_at_all": func(c *Connection) { c.TLS = []Option{{"ssl-mode", "disable"}} },
	} {
		t.Run(claim, func(t *testing.T) {
			s := with(change)
			for range 3 {
				expect(t, s, stores.Asker{User: "solo"}, "ftp://h")
			}
		})
	}
	for claim, change := range map[string]func(*Connection){
		"a_wrong_password": func(c *Connection) { c.Password = "canary-canary" },
		"a_wrong_user":     func(c *Connection) { c.User, c.Password = "nobody", "canary-canary" },
		"a_wrong_database": func(c *Connection) { c.Database = "elsewhere" },
		"tls_demanded":     func(c *Connection) { c.TLS = []Option{{"ssl-mode", "require"}} },
	} {
		t.Run(claim, func(t *testing.T) {
			_, err := with(change).Backends(context.Background(), stores.Asker{User: "solo"})
			if err == nil || strings.Contains(err.Error(), "canary-canary") || !strings.Contains(err.Error(), "connection default") {
				t.Errorf("error %v", err)
			}
		})
	}
}

// A server that accepts and says nothing costs one deadline.
func TestSilentServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	host, port, _ := net.SplitHostPort(l.Addr().String())
	for _, d := range []Dialect{Postgres, MySQL} {
		r := &rig{conn: Connection{Name: DefaultConnection, Backend: d.String(), Database: "d", Host: host, Port: port, User: "u", Password: "canary"}}
		s := r.source(t, byName, Config{Timeout: 300 * time.Millisecond})
		began := time.Now()
		_, err := s.Backends(context.Background(), stores.Asker{User: "joe"})
		if !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", d, err)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s took %v", d, took)
		}
	}
}
