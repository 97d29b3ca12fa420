package e2e

import (
	"crypto/tls"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// lands logs in and reports the number of the backend; -1 and the error when the client is refused.
func lands(l landing, a ask) (int, error) {
	c, err := enterAs(a)
	if err != nil {
		return -1, err
	}
	at := l.of(c.where)
	return at, c.quit()
}

func mustLand(t testing.TB, l landing, addr, user string, want int) {
	t.Helper()
	if at, err := lands(l, ask{addr: addr, user: user, password: "x"}); at != want || err != nil {
		t.Fatalf("%q landed at number %d (%v), want %d", user, at, err, want)
	}
}

// opened counts the connections that backends have seen.
func opened(list []*peers.Scripted) (n int) {
	for _, s := range list {
		n += visits(s)
	}
	return n
}

// mustStrand fails unless a name gets nothing but the usual words, and no backend hears of it.
func mustStrand(t testing.TB, list []*peers.Scripted, addr string, users ...string) {
	t.Helper()
	before := opened(list)
	for _, user := range users {
		c := peers.Dial(t, addr)
		c.Expect(220)
		r := c.Cmd("USER %s", user)
		if r.Code == 331 {
			r = c.Cmd("PASS x")
		}
		if r.String() != "530 Login incorrect." {
			t.Errorf("USER %s: got %q, want 530 Login incorrect.", user, r)
		}
		c.Close()
	}
	if n := opened(list) - before; n > 0 {
		t.Errorf("%d connections came to backends by names that have none", n)
	}
}

func jsonList(urls ...string) string { return `["` + strings.Join(urls, `", "`) + `"]` }

// TestClaim20_PerUser_by_JSON: a file for each name, which may change at any time.
func TestClaim20_PerUser_by_JSON(t *testing.T) {
	t.Parallel()
	peers.RequireGateway(t)
	list, urls, l := marked(t, 3, "json")
	dir := t.TempDir()
	file := func(user string) string { return filepath.Join(dir, "users", user+".json") }
	folder(t, filepath.Join(dir, "users"))
	place(t, file("alice"), jsonList(urls[0]), 0o644)
	place(t, file("bob"), jsonList(urls[1]), 0o644)
	place(t, file("empty"), "[]", 0o644)
	place(t, file("broken"), "[ not JSON", 0o644)
	place(t, file("open"), jsonList(urls[2]), 0o666)
	place(t, filepath.Join(dir, "outside.json"), jsonList(urls[2]), 0o644)
	place(t, filepath.Join(dir, "users", ".hidden.json"), jsonList(urls[2]), 0o644)
	_, addr := startGateway(t, nil, "ProxyReverseConnectPolicy PerUser", "ProxyReverseServers file:"+filepath.Join(dir, "users")+"/%U.json")
	mustLand(t, l, addr, "alice", 0)
	mustLand(t, l, addr, "bob", 1)
	mustStrand(t, list, addr, "carol", "empty", "broken", "open", "../outside", "x/../alice", "./alice", ".hidden", "..", "alice.json", "*", "%U")
	place(t, file("alice"), jsonList(urls[2]), 0o644)
	mustLand(t, l, addr, "alice", 2)
	place(t, file("alice"), jsonList(urls[0], urls[2], urls[1]), 0o644)
	mustLand(t, l, addr, "alice", 2) // where she was is still on the list
	place(t, file("carol"), jsonList(urls[1]), 0o644)
	mustLand(t, l, addr, "carol", 1)
	place(t, file("alice"), "[]", 0o644)
	mustStrand(t, list, addr, "alice")
	t.Log("PerUser by JSON: two names, four changes at run time, each seen by the next login; 13 names without a list reached no backend")
}

// TestPerUser_by_JSON_falls_back_to_a_static_list where there is one.
func TestPerUser_by_JSON_falls_back_to_a_static_list(t *testing.T) {
	t.Parallel()
	peers.RequireGateway(t)
	list, urls, l := marked(t, 2, "fallback")
	dir := t.TempDir()
	place(t, filepath.Join(dir, "alice.json"), jsonList(urls[0]), 0o644)
	_, addr := startGateway(t, nil, "ProxyReverseConnectPolicy PerUser", "ProxyReverseServers file:"+dir+"/%U.json", "ProxyReverseServers "+urls[1])
	mustLand(t, l, addr, "alice", 0)
	mustLand(t, l, addr, "bob", 1)
	if n := visits(list[0]); n != 1 {
		t.Errorf("alice's backend was visited %d times", n)
	}
}

// database is a real database with the table of the reference.
type database struct {
	admin *sql.DB
	lines []string // the gateway's
	away  func(t *testing.T) (back func())
}

var databases = map[string]func(t *testing.T) database{
	"sqlite": func(t *testing.T) database {
		path := filepath.Join(t.TempDir(), "servers.db")
		return database{admin: openSQL(t, "sqlite", path), lines: []string{"SQLBackend sqlite3", "SQLConnectInfo " + path}}
	},
	"postgres": func(t *testing.T) database {
		d := peers.StartPostgres(t, peers.DatabaseOptions{Password: "canary-of-the-database"})
		dsn := fmt.Sprintf("postgres://%s:%s@%s/%s?sslmode=disable", d.User, d.Password, d.Addr(), d.Name)
		return database{admin: openSQL(t, "pgx", dsn), lines: networkLines("postgres", d), away: awayOf(d)}
	},
	"mariadb": func(t *testing.T) database {
		d := peers.StartMariaDB(t, peers.DatabaseOptions{Password: "canary-of-the-database"})
		dsn := fmt.Sprintf("%s:%s@tcp(%s)/%s", d.User, d.Password, d.Addr(), d.Name)
		return database{admin: openSQL(t, "mysql", dsn), lines: networkLines("mysql", d), away: awayOf(d)}
	},
}

func openSQL(t *testing.T, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func networkLines(backend string, d *peers.Database) []string {
	return []string{"SQLBackend " + backend, fmt.Sprintf("SQLConnectInfo %s@%s:%d %s %s", d.Name, d.Host, d.Port, d.User, d.Password)}
}

func awayOf(d *peers.Database) func(*testing.T) func() {
	return func(t *testing.T) func() {
		t.Helper()
		if err := d.Down(); err != nil {
			t.Fatal(err)
		}
		return func() {
			if err := d.Up(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func (d database) do(t *testing.T, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := d.admin.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// TestClaim20_PerUser_by_SQL: the real databases, the reference's table and query.
func TestClaim20_PerUser_by_SQL(t *testing.T) {
	t.Parallel()
	for name, begin := range databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			peers.RequireGateway(t)
			list, urls, l := marked(t, 3, name)
			d := begin(t)
			d.do(t, "CREATE TABLE proxy_user_servers (user_name VARCHAR(200), url VARCHAR(200))",
				"INSERT INTO proxy_user_servers VALUES ('alice', '"+urls[0]+"'), ('bob', '"+urls[1]+"'), ('o''hara', '"+urls[1]+"'), ('blank', '')")
			g, addr := startGateway(t, nil, append(d.lines, "ProxyReverseConnectPolicy PerUser",
				`SQLNamedQuery get-user-servers SELECT "url FROM proxy_user_servers WHERE user_name = '%{0}'"`, "ProxyReverseServers sql:/get-user-servers")...)
			mustLand(t, l, addr, "alice", 0)
			mustLand(t, l, addr, "bob", 1)
			mustLand(t, l, addr, "o'hara", 1)
			mustStrand(t, list, addr, "carol", "blank", "' OR '1'='1", "x' UNION SELECT url FROM proxy_user_servers --", `alice' -- `, `\' OR 1=1 -- `, "alic_", "%")
			d.do(t, "UPDATE proxy_user_servers SET url = '"+urls[2]+"' WHERE user_name = 'alice'", "INSERT INTO proxy_user_servers VALUES ('carol', '"+urls[0]+"')",
				"DELETE FROM proxy_user_servers WHERE user_name = 'bob'")
			mustLand(t, l, addr, "alice", 2)
			mustLand(t, l, addr, "carol", 0)
			mustStrand(t, list, addr, "bob")
			if d.away != nil {
				back := d.away(t)
				mustStrand(t, list, addr, "alice", "carol")
				back()
				inTime(t, "a login after the database is back", func() bool {
					at, err := lands(l, ask{addr: addr, user: "alice", password: "x"})
					return at == 2 && err == nil
				})
			}
			mustNotTell(t, g, "canary-of-the-database")
			t.Logf("PerUser by %s: three names, three changes at run time; 9 names without rows, six of them attacks, reached no backend; away: %v", name, d.away != nil)
		})
	}
}

// mustNotTell fails if a secret stands in anything that the gateway has written or printed.
func mustNotTell(t testing.TB, g *peers.Gateway, secrets ...string) {
	t.Helper()
	for name, text := range map[string]string{
		"its output": g.Output(), "system.log": g.File("system.log"), "proxy.log": g.File("proxy.log"), "tls.log": g.File("tls.log"), "xferlog": g.File("xferlog"),
	} {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("a secret stands in %s", name)
			}
		}
	}
}

// TestPerUser_by_client_certificate: the query asks for who the certificate names, whatever USER says.
func TestPerUser_by_client_certificate(t *testing.T) {
	t.Parallel()
	peers.RequireGateway(t)
	list, urls, l := marked(t, 2, "cert")
	k := certificates(t)
	d := databases["sqlite"](t)
	d.do(t, "CREATE TABLE servers (cn TEXT, url TEXT)", "INSERT INTO servers VALUES ('alice', '"+urls[0]+"'), ('bob', '"+urls[1]+"'), ('', '"+urls[1]+"')")
	lines := append(frontLines(t, explicit, "StdEnvVars", "NoSessionReuseRequired"), d.lines...)
	_, addr := secureGateway(t, nil, append(lines, "TLSVerifyClient optional", "TLSCACertificateFile "+k.CA, "ProxyReverseConnectPolicy PerUser",
		`SQLNamedQuery by-certificate SELECT "url FROM servers WHERE cn = '%{env:TLS_CLIENT_S_DN_CN}'"`, "ProxyReverseServers sql:/by-certificate")...)
	for _, version := range versions {
		pair, err := tls.LoadX509KeyPair(k.Client.Cert, k.Client.Key)
		if err != nil {
			t.Fatal(err)
		}
		config := clientConfig(t, version)
		config.Certificates = []tls.Certificate{pair}
		for _, user := range []string{"alice", "bob", "somebody"} {
			c := peers.Dial(t, addr).Secure(config)
			c.Must(331, "USER %s", user)
			if r := c.Must(230, "PASS x"); l.of(r.String()) != 0 {
				t.Errorf("%s, USER %s with alice's certificate: %q", version, user, r)
			}
			c.Must(221, "QUIT")
		}
	}
	before := opened(list)
	for _, user := range []string{"alice", "bob", "", "CN=alice"} {
		for _, front := range []leg{plain, explicit} {
			c := greet(t, addr, front, clientConfig(t, peers.TLS13))
			r := c.Cmd("USER %s", user)
			if r.Code == 331 {
				r = c.Cmd("PASS x")
			}
			if r.Code < 500 {
				t.Errorf("%s, USER %s without a certificate: %q", front, user, r)
			}
		}
	}
	if n := opened(list) - before; n > 0 {
		t.Errorf("%d connections came to backends by clients without a certificate", n)
	}
	t.Log("PerUser by client certificate: TLS 1.2 and 1.3, the subject alone decides; 8 clients without one reached no backend")
}
