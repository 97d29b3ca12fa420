package gateway

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluice-gateway/sluice/actors/discovery"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/conf"
	"github.com/sluice-gateway/sluice/runtime/config"
	"github.com/sluice-gateway/sluice/stores/backendfile"
	"github.com/sluice-gateway/sluice/stores/sqlsource"
)

// database makes the connections that a server's SQL directives name; nil
// without any. Nothing is connected to before somebody asks.
func (g *Gateway) database(set *config.Settings) *sqlsource.Databases {
	if len(set.SQL.Connections) == 0 || set.SQL.Engine == config.SQLOff {
		return nil
	}
	cfg := sqlsource.Config{Backend: set.SQL.Backend, Queries: map[string]sqlsource.Query{}, Log: g.log}
	for _, c := range set.SQL.Connections {
		conn := sqlsource.Connection{
			Name: c.Name, Backend: c.Backend, Database: c.Database, Host: c.Host, Port: c.Port,
			User: c.User, Password: c.Password, Policy: c.Policy,
		}
		for _, o := range c.TLS {
			conn.TLS = append(conn.TLS, sqlsource.Option{Key: o.Key, Value: o.Value})
		}
		cfg.Connections = append(cfg.Connections, conn)
	}
	for name, q := range set.SQL.Queries {
		cfg.Queries[name] = sqlsource.Query{Verb: q.Verb, Text: q.Text, Connection: q.Connection}
	}
	return sqlsource.New(cfg)
}

// sourceError says which line of ProxyReverseServers cannot be used.
type sourceError struct {
	pos conf.Pos
	err error
}

func (e *sourceError) Error() string { return fmt.Sprintf("%s: ProxyReverseServers: %v", e.pos, e.err) }

// Unwrap gives the reason.
func (e *sourceError) Unwrap() error { return e.err }

var errNoDatabase = errors.New("SQLConnectInfo is missing, or SQLEngine is off")

// plan says where the backends of a server (and class) come from.
func (g *Gateway) plan(id messages.PoolID, p config.Proxy, db *sqlsource.Databases) (discovery.PoolPlan, error) {
	plan := discovery.PoolPlan{ID: id}
	file, query := backendfile.User, sqlsource.ByUser
	if p.Policy == config.PolicyPerGroup {
		file, query = backendfile.Group, sqlsource.ByGroup
	}
	for _, s := range p.Servers {
		switch s.Kind {
		case config.SourceURLs:
			plan.Static = append(plan.Static, discovery.List{URLs: s.URLs})
		case config.SourceFile:
			plan.Static = append(plan.Static, discovery.List{URLs: s.URLs, File: s.Path})
		case config.SourceFileTemplate:
			plan.Files = append(plan.Files, g.choice.files.Template(s.Path, file))
		case config.SourceSQL:
			if db == nil {
				return plan, &sourceError{s.Pos, fmt.Errorf("sql:/%s: %w", s.Query, errNoDatabase)}
			}
			source, err := db.Source(s.Query, query)
			if err != nil {
				return plan, &sourceError{s.Pos, err}
			}
			plan.Queries = append(plan.Queries, source)
		}
	}
	return plan, nil
}

// prepare resolves the lists of a plan that are known before anybody logs in.
// The error says where the configuration has what cannot be resolved.
func (g *Gateway) prepare(ctx context.Context, plan discovery.PoolPlan, p config.Proxy) (discovery.Prepared, error) {
	prepared, err := g.choice.discovery.Prepare(ctx, plan)
	var bad *discovery.URLError
	if errors.As(err, &bad) {
		static := -1
		for _, s := range p.Servers {
			if s.Kind == config.SourceURLs || s.Kind == config.SourceFile {
				if static++; static == bad.List {
					return prepared, &sourceError{s.Pos, err}
				}
			}
		}
	}
	return prepared, err
}
