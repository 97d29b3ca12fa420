package sqlsource

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// What is wrong in the configuration is said before anybody logs in.
func TestMistakes(t *testing.T) {
	file := Connection{Name: DefaultConnection, Database: "/nowhere/x.db"}
	change := func(f func(*Connection)) []Connection {
		c := file
		f(&c)
		return []Connection{c}
	}
	network := func(f func(*Connection)) []Connection {
		c := Connection{Name: DefaultConnection, Backend: "postgres", Database: "d", Host: "h", User: "u", Password: "canary"}
		f(&c)
		return []Connection{c}
	}
	option := func(key, value string) []Connection {
		return network(func(c *Connection) { c.TLS = []Option{{key, value}} })
	}
	query := func(verb, text string) map[string]Query { return map[string]Query{"q": {Verb: verb, Text: text}} }
	good := query("SELECT", "1")
	for claim, tt := range map[string]struct {
		connections []Connection
		queries     map[string]Query
		want        string
	}{
		"no_such_query":           {change(func(*Connection) {}), nil, "no SQLNamedQuery q"},
		"a_query_without_rows":    {change(func(*Connection) {}), query("INSERT", "x"), "INSERT gives no rows"},
		"a_second_argument":       {change(func(*Connection) {}), query("SELECT", "%{1}"), "%{1} has no value here"},
		"a_variable_in_a_name":    {change(func(*Connection) {}), query("SELECT", "x FROM t_%u"), "SQLNamedQuery q: at character"},
		"no_connection":           {nil, good, "SQLConnectInfo is missing"},
		"no_named_connection":     {nil, map[string]Query{"q": {Verb: "SELECT", Text: "1", Connection: "other"}}, "no SQLNamedConnectInfo other"},
		"no_database":             {change(func(c *Connection) { c.Database, c.Backend = "", "sqlite3" }), good, "name of the database is missing"},
		"an_unknown_kind":         {change(func(c *Connection) { c.Backend = "oracle" }), good, "unknown SQLBackend"},
		"odbc":                    {change(func(c *Connection) { c.Backend = "odbc" }), good, "not part of this gateway"},
		"no_kind":                 {network(func(c *Connection) { c.Backend = "" }), good, "SQLBackend is missing"},
		"a_relative_file":         {change(func(c *Connection) { c.Database, c.Backend = "x.db", "sqlite3" }), good, "must be a full path"},
		"tls_to_a_file":           {change(func(c *Connection) { c.TLS = []Option{{"ssl-ca", "/x"}} }), good, "no meaning for a file"},
		"a_port":                  {network(func(c *Connection) { c.Port = "x" }), good, "expected a number"},
		"a_policy":                {network(func(c *Connection) { c.Policy = "NEVER" }), good, "PERSESSION, PERCONNECTION"},
		"an_unknown_option":       {option("ssl-x", "y"), good, "unknown option ssl-x"},
		"an_unknown_mode":         {option("ssl-mode", "maybe"), good, "verify-full"},
		"a_certificate_alone":     {option("ssl-cert", "/x"), good, "go together"},
		"a_missing_authority":     {option("ssl-ca", "/nowhere/ca.pem"), good, "read ssl-ca"},
		"a_missing_folder":        {option("ssl-ca-dir", "/nowhere"), good, "read ssl-ca-dir"},
		"ciphers_nobody_knows":    {option("ssl-ciphers", "NONSENSE"), good, "ssl-ciphers"},
		"a_key_that_is_not_there": {network(func(c *Connection) { c.TLS = []Option{{"ssl-cert", "/x"}, {"ssl-key", "/y"}} }), good, "read ssl-cert /x"},
	} {
		t.Run(claim, func(t *testing.T) {
			d := New(Config{Connections: tt.connections, Queries: tt.queries})
			defer d.Close()
			s, err := d.Source("q", ByUser)
			if err == nil {
				t.Fatalf("accepted as %v", s)
			}
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "canary") {
				t.Errorf("error %q, want %q in it", err, tt.want)
			}
		})
	}
}

func TestAccountMistakes(t *testing.T) {
	d := New(Config{Connections: []Connection{{Name: DefaultConnection, Database: "/nowhere/x.db"}}})
	defer d.Close()
	crypt := []string{"Crypt"}
	for claim, tt := range map[string]struct {
		cfg  AccountsConfig
		want string
	}{
		"no_kind_of_password":    {AccountsConfig{}, "SQLAuthTypes is missing"},
		"backend":                {AccountsConfig{AuthTypes: []string{"Backend"}}, "Backend is not supported"},
		"empty":                  {AccountsConfig{AuthTypes: []string{"Crypt", "Empty"}}, "let anybody in"},
		"an_unknown_kind":        {AccountsConfig{AuthTypes: []string{"ROT13"}}, "expected Crypt"},
		"no_users":               {AccountsConfig{AuthTypes: crypt, Authenticate: []string{"groups"}}, "knows no accounts"},
		"switched_off":           {AccountsConfig{AuthTypes: crypt, Authenticate: []string{"off"}}, "knows no accounts"},
		"an_unknown_scope":       {AccountsConfig{AuthTypes: crypt, Authenticate: []string{"everything"}}, "expected on, off"},
		"columns_that_lack":      {AccountsConfig{AuthTypes: crypt, UserInfo: []string{"users", "name"}}, "SQLUserInfo: 2 words"},
		"a_query_that_is_none":   {AccountsConfig{AuthTypes: crypt, UserInfo: []string{"custom:/x"}}, "no SQLNamedQuery x"},
		"group_columns":          {AccountsConfig{AuthTypes: crypt, GroupInfo: []string{"g"}}, "SQLGroupInfo: 1 words"},
		"group_queries":          {AccountsConfig{AuthTypes: crypt, GroupInfo: []string{"custom:/x"}}, "three named queries"},
		"group_queries_unknown":  {AccountsConfig{AuthTypes: crypt, GroupInfo: []string{"custom:/x/y/z"}}, "no SQLNamedQuery y"},
		"a_second_statement":     {AccountsConfig{AuthTypes: crypt, UserInfo: []string{"t; DROP TABLE t", "a", "b", "c", "d", "e", "f"}}, "second statement"},
		"a_variable_in_a_column": {AccountsConfig{AuthTypes: crypt, UserInfo: []string{"t", "%q", "b", "c", "d", "e", "f"}}, "%q is not known"},
	} {
		t.Run(claim, func(t *testing.T) {
			if _, err := d.Accounts(tt.cfg); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestConnectionLooksLike(t *testing.T) {
	for claim, tt := range map[string]struct {
		c        Connection
		fallback string
		want     Dialect
	}{
		"a_path_is_sqlite":         {Connection{Database: "/x"}, "", SQLite},
		"sqlbackend_says":          {Connection{Database: "d"}, "MySQL", MySQL},
		"its_own_word_comes_first": {Connection{Database: "d", Backend: "postgres"}, "mysql", Postgres},
		"the_port_of_postgres":     {Connection{Database: "d", Port: "5432"}, "", Postgres},
		"the_port_of_mysql":        {Connection{Database: "d", Port: "3306"}, "", MySQL},
	} {
		if d, err := tt.c.dialect(tt.fallback); err != nil || d != tt.want {
			t.Errorf("%s: %v, %v", claim, d, err)
		}
	}
}

func TestPolicies(t *testing.T) {
	for policy, tt := range map[string]struct {
		some bool
		idle time.Duration
	}{
		"": {true, idleTime}, "PERSESSION": {true, idleTime}, "PERCONNECTION": {true, idleTime}, "0": {true, idleTime},
		"PERCALL": {false, 0}, "45": {true, 45 * time.Second},
	} {
		some, idle, err := Connection{Policy: policy}.keep()
		if err != nil || some != tt.some || idle != tt.idle {
			t.Errorf("%q keeps connections: %v, for %v, %v", policy, some, idle, err)
		}
	}
}

func TestAddressesOfMySQL(t *testing.T) {
	for claim, tt := range map[string]struct {
		c    Connection
		want string
	}{
		"a_host":                 {Connection{Host: "db.example.com"}, "tcp db.example.com:3306"},
		"a_port":                 {Connection{Host: "db", Port: "3307"}, "tcp db:3307"},
		"an_address_of_ipv6":     {Connection{Host: "2001:db8::1"}, "tcp [2001:db8::1]:3306"},
		"a_socket":               {Connection{Host: "/run/x.sock"}, "unix /run/x.sock"},
		"this_machine_by_a_port": {Connection{Port: "3307"}, "tcp 127.0.0.1:3307"},
	} {
		if network, address := tt.c.mysqlAddress(); network+" "+address != tt.want {
			t.Errorf("%s: %s %s, want %s", claim, network, address, tt.want)
		}
	}
}

func TestWaysToPostgres(t *testing.T) {
	for claim, tt := range map[string]struct {
		host, mode string
		want       string
	}{
		"tls_then_clear":        {"a", "prefer", "a:5433 tls a, a:5433 clear"},
		"tls_alone":             {"a", "require", "a:5433 tls a"},
		"clear_alone":           {"a", "disable", "a:5433 clear"},
		"a_socket_is_clear":     {"/run/postgresql", "require", "/run/postgresql:5433 clear"},
		"hosts_one_by_one":      {"a,b", "require", "a:5433 tls a, b:5433 tls b"},
		"quotes_stay_in_a_host": {"a' sslmode='x", "disable", "a' sslmode='x:5433 clear"},
	} {
		c := Connection{Database: "d", Host: tt.host, Port: "5433", User: "u", TLS: []Option{{"ssl-mode", tt.mode}}}
		config, err := c.postgresConfig(time.Second)
		if err != nil {
			t.Errorf("%s: %v", claim, err)
			continue
		}
		all := append([]*pgconn.FallbackConfig{{Host: config.Host, Port: config.Port, TLSConfig: config.TLSConfig}}, config.Fallbacks...)
		var ways []string
		for _, a := range all {
			way := fmt.Sprintf("%s:%d clear", a.Host, a.Port)
			if a.TLSConfig != nil {
				way = fmt.Sprintf("%s:%d tls %s", a.Host, a.Port, a.TLSConfig.ServerName)
			}
			ways = append(ways, way)
		}
		if got := strings.Join(ways, ", "); got != tt.want {
			t.Errorf("%s: %s, want %s", claim, got, tt.want)
		}
	}
}

func TestConnectionHidesItsPassword(t *testing.T) {
	c := Connection{Name: "x", Database: "d", Host: "h", Port: "1", User: "u", Password: "canary"}
	for _, text := range []string{fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), fmt.Sprintf("%v", []Connection{c}), fmt.Sprintf("%v", Config{Connections: []Connection{c}})} {
		if strings.Contains(text, "canary") {
			t.Errorf("it shows %s", text)
		}
	}
}
