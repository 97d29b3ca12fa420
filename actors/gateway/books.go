package gateway

import (
	"fmt"
	"slices"

	"github.com/sluice-gateway/sluice/actors/porter"
	"github.com/sluice-gateway/sluice/runtime/config"
	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/accounts"
	"github.com/sluice-gateway/sluice/stores/sqlsource"
)

// The modules that know accounts, as AuthOrder names them.
const (
	fileModule = "mod_auth_file.c"
	unixModule = "mod_auth_unix.c"
	sqlModule  = "mod_sql.c"
)

// book says who may come in at one server, for one class of clients, where the
// gateway itself authenticates.
func (g *Gateway) book(server *config.Server, set *config.Settings, db *sqlsource.Databases) (*porter.Book, error) {
	files, err := accounts.Open(accounts.Config{
		Users:         accountFiles(set.Auth.UserFiles),
		Groups:        accountFiles(set.Auth.GroupFiles),
		InsecurePerms: set.Auth.InsecurePerms,
		SyntaxCheck:   set.Auth.SyntaxCheck,
		Log:           g.log,
	})
	if err != nil {
		return nil, err
	}
	known := map[string]stores.Accounts{
		fileModule: accounts.WithPasswords(files, set.Auth.UserPasswords, accounts.Limits{}),
	}
	for _, m := range set.Auth.Order {
		if m.Name != unixModule {
			continue
		}
		unix, err := accounts.OpenSystem(accounts.System{Config: accounts.Config{Log: g.log}})
		if err != nil {
			g.log.Warn().Err(err).Str("server", server.Name).Msg("the system's own accounts cannot be used")
			continue
		}
		known[unixModule] = accounts.WithPasswords(unix, set.Auth.UserPasswords, accounts.Limits{})
	}
	if db != nil && (set.SQL.Engine == config.SQLOn || set.SQL.Engine == config.SQLAuthOnly) {
		sql, err := db.Accounts(sqlsource.AccountsConfig{
			UserInfo: set.SQL.UserInfo, GroupInfo: set.SQL.GroupInfo, AuthTypes: set.SQL.AuthTypes,
			Authenticate: set.SQL.Authenticate, MinID: set.SQL.MinID,
		})
		switch {
		case err == nil:
			known[sqlModule] = sql
		case slices.ContainsFunc(set.Auth.Order, func(m config.AuthModule) bool { return m.Name == sqlModule }):
			return nil, err
		}
	}
	places, passed := porter.Order(set.Auth.Order, known)
	for i, p := range places {
		if sql, ok := p.Accounts.(*sqlsource.Accounts); ok && sql.Authoritative() {
			places[i].Authoritative = true // SQLAuthenticate says so, as AuthOrder may
		}
	}
	for _, text := range passed {
		g.log.Warn().Str("server", server.Name).Msg(text)
	}
	return &porter.Book{
		Server: server.Name, Sources: places, Auth: set.Auth, Access: set.Access,
		Shells: g.choice.shells, FTPUsers: g.choice.banned,
	}, nil
}

// accountFiles hands on what AuthUserFile and AuthGroupFile say.
func accountFiles(files []config.AccountFile) []accounts.File {
	var out []accounts.File
	for _, f := range files {
		file := accounts.File{Path: f.Path, IDLow: f.IDLow, IDHigh: f.IDHigh}
		if f.HomeFilter != nil { // a nil pattern in an interface would be one
			file.Home = f.HomeFilter
		}
		if f.NameFilter != nil {
			file.Name = f.NameFilter
		}
		out = append(out, file)
	}
	return out
}

// bookName names the book of a server and class.
func bookName(server *config.Server, class string) string {
	return fmt.Sprintf("%s/%s", serverID(server), class)
}
