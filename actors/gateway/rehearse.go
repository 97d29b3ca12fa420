package gateway

import (
	"errors"
	"slices"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/protocols/conf"
	"github.com/sluice-gateway/sluice/runtime/config"
	"github.com/sluice-gateway/sluice/stores/accounts"
	"github.com/sluice-gateway/sluice/stores/backendfile"
)

// Rehearse finds what a start would trip over although the configuration reads
// well: queries that cannot be asked, accounts that cannot be read. It opens
// files for reading, connects to nothing and resolves nothing.
func Rehearse(cfg *config.Config) []config.Problem {
	g := &Gateway{log: zerolog.Nop(), choice: &choice{
		files:  backendfile.New(backendfile.Config{}),
		shells: accounts.NewList("/etc/shells", zerolog.Nop()),
		banned: accounts.NewList("/etc/ftpusers", zerolog.Nop()),
	}}
	var found []config.Problem
	say := func(pos conf.Pos, directive string, err error) {
		p := config.Problem{Severity: config.Error, Pos: pos, Directive: directive, Text: err.Error()}
		if !slices.Contains(found, p) { // classes have most in common
			found = append(found, p)
		}
	}
	for _, server := range cfg.Servers {
		if server.Port == 0 {
			continue
		}
		for _, class := range classNames(cfg.Process.Classes) {
			set := server.Settings(class)
			if unserved(set) != "" {
				continue
			}
			g.rehearse(server, set, say)
		}
	}
	return found
}

func (g *Gateway) rehearse(server *config.Server, set *config.Settings, say func(conf.Pos, string, error)) {
	db := g.database(set)
	if db != nil {
		defer func() { _ = db.Close() }() // nothing was connected to
	}
	var source *sourceError
	if _, err := g.plan("rehearsal", set.Proxy, db); errors.As(err, &source) {
		say(source.pos, "ProxyReverseServers", source.err)
	}
	if !authenticates(set.Proxy) {
		return
	}
	if _, err := g.book(server, set, db); err != nil {
		say(server.Pos, "", err)
	}
}
