package sqlsource

import (
	"database/sql/driver"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// openPostgres makes connections as libpq would: a host that begins with "/"
// is the directory of the server's socket, no host is this machine's usual one.
func openPostgres(c Connection, limit time.Duration) (driver.Connector, error) {
	config, err := c.postgresConfig(limit)
	if err != nil {
		return nil, err
	}
	return stdlib.GetConnector(*config), nil
}

func (c Connection) postgresConfig(limit time.Duration) (*pgx.ConnConfig, error) {
	guard, err := c.secure()
	if err != nil {
		return nil, err
	}
	config, err := pgx.ParseConfig(c.postgresWords())
	if err != nil {
		return nil, fmt.Errorf("%s: its words are not understood: check database, host, port and user", c) // err quotes them all
	}
	config.ConnectTimeout = limit
	// Descriptions of statements are kept here, not in the server, so that
	// poolers between may give each question to another server.
	config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	attempts := guard.attempts(append([]*pgconn.FallbackConfig{{Host: config.Host, Port: config.Port}}, config.Fallbacks...))
	config.Host, config.Port, config.TLSConfig = attempts[0].Host, attempts[0].Port, attempts[0].TLSConfig
	config.Fallbacks = attempts[1:]
	return config, nil
}

// attempts lists the ways to reach PostgreSQL in the order to try: each of
// its hosts ("a,b", as libpq has it) with TLS, without, or both.
func (s secure) attempts(hosts []*pgconn.FallbackConfig) []*pgconn.FallbackConfig {
	var all []*pgconn.FallbackConfig
	for _, h := range hosts {
		if network, _ := pgconn.NetworkAddress(h.Host, h.Port); network == "unix" || s.config == nil {
			all = append(all, &pgconn.FallbackConfig{Host: h.Host, Port: h.Port})
			continue
		}
		config := s.config.Clone()
		config.ServerName = h.Host
		all = append(all, &pgconn.FallbackConfig{Host: h.Host, Port: h.Port, TLSConfig: config})
		if s.mode == prefer {
			all = append(all, &pgconn.FallbackConfig{Host: h.Host, Port: h.Port})
		}
	}
	return all
}

// postgresWords writes the connection as "key='value' …". TLS is left to us.
func (c Connection) postgresWords() string {
	escape := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	var b strings.Builder
	for _, word := range []struct{ key, value string }{
		{"dbname", c.Database}, {"host", c.Host}, {"port", c.Port}, {"user", c.User}, {"password", c.Password},
		{"sslmode", "disable"}, {"application_name", "sluice"},
	} {
		if word.value != "" {
			fmt.Fprintf(&b, "%s='%s' ", word.key, escape.Replace(word.value))
		}
	}
	return b.String()
}

// sockets are where MySQL and MariaDB listen on this machine.
var sockets = []string{"/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock", "/tmp/mysql.sock"}

// openMySQL makes connections as MySQL's own library would: a host that
// begins with "/" is the server's socket, and so is localhost without a port.
func openMySQL(c Connection, limit, answer time.Duration) (driver.Connector, error) {
	guard, err := c.secure()
	if err != nil {
		return nil, err
	}
	config := mysql.NewConfig()
	config.User, config.Passwd, config.DBName = c.User, c.Password, c.Database
	config.Net, config.Addr = c.mysqlAddress()
	config.Timeout, config.ReadTimeout, config.WriteTimeout = limit, answer, answer
	config.Logger = &mysql.NopLogger{} // what goes wrong is in the errors, too
	if config.Net != "unix" && guard.config != nil {
		config.TLS = guard.config
		config.AllowFallbackToPlaintext = guard.mode == prefer
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c, err)
	}
	return connector, nil
}

func (c Connection) mysqlAddress() (network, address string) {
	if strings.HasPrefix(c.Host, "/") {
		return "unix", c.Host
	}
	host, port := c.Host, c.Port
	if (host == "" || host == "localhost") && port == "" {
		for _, path := range sockets {
			if info, err := os.Stat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
				return "unix", path
			}
		}
	}
	if host == "" {
		host = "127.0.0.1"
	}
	if port == "" {
		port = strconv.Itoa(3306)
	}
	return "tcp", net.JoinHostPort(host, port)
}
