package config

import (
	"slices"
	"strconv"
	"strings"
)

// Parsers of mod_sql.

var sqlPolicies = []string{"PERSESSION", "PERCONNECTION", "PERCALL"}

// sqlConnection reads "database[@host][:port] [user] [password] [policy] [ssl-…]"
// from argument i on.
func (c *call) sqlConnection(i int, v SQLConnection) SQLConnection {
	v.Database, v.Host, v.Port = splitDatabase(c.arg(i))
	if v.Database == "" {
		c.errorf(c.at(i), "the name of the database is missing in '%s'", c.arg(i))
	}
	position := 0
	for i++; i < len(c.args); i++ {
		key, value, isPair := strings.Cut(c.arg(i), ":")
		switch _, err := strconv.ParseUint(c.arg(i), 10, 31); {
		case isPair && strings.HasPrefix(strings.ToLower(key), "ssl-"):
			v.TLS = append(v.TLS, KeyValue{strings.ToLower(key), value})
			continue
		case slices.Contains(sqlPolicies, strings.ToUpper(c.arg(i))), position == 2 && err == nil:
			v.Policy = strings.ToUpper(c.arg(i))
		case position == 0:
			v.User = c.arg(i)
		case position == 1:
			v.Password = c.arg(i)
		default:
			c.errorf(c.at(i), "unknown connection policy: expected PERSESSION, PERCONNECTION, PERCALL or seconds")
		}
		position++
	}
	return v
}

// splitDatabase cuts "database@host:port". A path is a database of sqlite3.
func splitDatabase(s string) (database, host, port string) {
	if strings.HasPrefix(s, "/") {
		return s, "", ""
	}
	database, host, found := strings.Cut(s, "@")
	if !found {
		database, port, _ = strings.Cut(s, ":")
		return database, "", port
	}
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host, port = host[:i], host[i+1:]
	}
	return database, strings.Trim(host, "[]"), port
}

func parseSQLConnect(c *call) effect {
	if !c.need(1) {
		return effect{}
	}
	v := c.sqlConnection(0, SQLConnection{Name: "default"})
	return set(func(s *Settings) { s.SQL.Connections = joined(s.SQL.Connections, v) })
}

func parseSQLNamedConnect(c *call) effect {
	if !c.need(3) {
		return effect{}
	}
	backend, ok := sqlBackends.find(c.arg(1))
	if !ok {
		c.errorf(c.at(1), "unknown SQLBackend '%s': expected one of %s", c.arg(1), sqlBackends.list())
	}
	v := c.sqlConnection(2, SQLConnection{Name: c.arg(0), Backend: backend})
	return set(func(s *Settings) { s.SQL.Connections = joined(s.SQL.Connections, v) })
}

var sqlVerbs = []string{"SELECT", "UPDATE", "INSERT", "DELETE", "FREEFORM"}

func parseSQLQuery(c *call) effect {
	if !c.need(3) {
		return effect{}
	}
	q := SQLQuery{Verb: strings.ToUpper(c.arg(1)), Text: c.arg(2), Connection: "default"}
	if !slices.Contains(sqlVerbs, q.Verb) {
		c.errorf(c.at(1), "query type '%s' is unknown: expected one of %s", c.arg(1), strings.Join(sqlVerbs, ", "))
	}
	i := 3
	if q.Verb == "UPDATE" || q.Verb == "INSERT" || q.Verb == "DELETE" {
		if !c.need(4) {
			return effect{}
		}
		q.Table = c.arg(3)
		i++
	}
	if i < len(c.args) {
		q.Connection = c.arg(i)
	}
	name := c.arg(0)
	return set(func(s *Settings) { s.SQL.Queries = with(s.SQL.Queries, name, q) })
}

func parseSQLLog(c *call) effect {
	if !c.need(2) {
		return effect{}
	}
	v := SQLLog{Commands: strings.Split(strings.ToUpper(c.arg(0)), ","), Query: c.arg(1)}
	if len(c.args) > 2 {
		v.Ignore = strings.EqualFold(c.arg(2), "IGNORE_ERRORS")
		if !v.Ignore {
			c.errorf(c.at(2), "unknown option '%s': expected IGNORE_ERRORS", c.arg(2))
		}
	}
	return set(func(s *Settings) { s.SQL.Logs = joined(s.SQL.Logs, v) })
}

// parseMinID keeps apart what was not written (0) and a written 0 (-1), which
// lets every ID pass.
func parseMinID(c *call) effect {
	if !c.need(1) {
		return effect{}
	}
	n, ok := c.integer(0, 0, 1<<31)
	if ok && n == 0 {
		n = -1
	}
	return set(func(s *Settings) { s.SQL.MinID = int64(n) })
}
