package gateway

import (
	"os"
	"testing"

	"github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"
	"github.com/sluice-gateway/sluice/protocols/listing"
	"github.com/sluice-gateway/sluice/runtime/config"
)

func TestListings(t *testing.T) {
	const names = listing.FactUnixGroupName | listing.FactUnixOwnerName
	all := listing.AllFacts
	for name, c := range map[string]struct {
		lines string
		want  dialogue.Listings
	}{
		"nothing_said":      {"", dialogue.Listings{Policy: dialogue.ListAsAsked, Choice: all, Facts: all}},
		"LIST":              {"ProxyDirectoryListPolicy LIST", dialogue.Listings{Policy: dialogue.ListByLIST, Choice: all, Facts: all}},
		"LIST_with_links":   {"ProxyDirectoryListPolicy list useslink", dialogue.Listings{Policy: dialogue.ListByLIST, UseSlink: true, Choice: all, Facts: all}},
		"links_by_facts":    {"ProxyDirectoryListPolicy LIST\nFactsOptions UseSlink", dialogue.Listings{Policy: dialogue.ListByLIST, UseSlink: true, Choice: all, Facts: all}},
		"MLSD":              {"ProxyDirectoryListPolicy MLSD", dialogue.Listings{Policy: dialogue.ListByMLSD, Choice: all, Facts: all}},
		"facts_by_default":  {"FactsDefault SIZE type unique", dialogue.Listings{Choice: all, Facts: listing.FactSize | listing.FactType}},
		"facts_not_offered": {"FactsOptions NoNames NoAdjustedSymlinks", dialogue.Listings{Choice: all &^ names, Facts: all}},
	} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir() + "/sluice.conf"
			if err := os.WriteFile(path, []byte("ProxyEngine on\nProxyReverseServers ftp://b\n"+c.lines+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			cfg, report := config.Load(path, config.Options{Getenv: os.LookupEnv})
			if cfg == nil {
				t.Fatalf("%v", report.Problems)
			}
			if got := listings(cfg.Servers[0].Settings("")); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}
