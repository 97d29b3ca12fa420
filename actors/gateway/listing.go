package gateway

import (
	"github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"
	"github.com/sluice-gateway/sluice/protocols/listing"
	"github.com/sluice-gateway/sluice/runtime/config"
)

var listPolicies = map[config.ListPolicy]dialogue.ListPolicy{
	config.ListClient: dialogue.ListAsAsked,
	config.ListLIST:   dialogue.ListByLIST,
	config.ListMLSD:   dialogue.ListByMLSD,
}

// listings is ProxyDirectoryListPolicy, with FactsDefault and FactsOptions for what
// it makes of lists.
func listings(set *config.Settings) dialogue.Listings {
	shown := set.Data.DisplayFacts
	l := dialogue.Listings{
		Policy:   listPolicies[set.Proxy.ListPolicy],
		UseSlink: set.Proxy.UseSlink || shown.UseSlink,
		Choice:   listing.AllFacts,
		Facts:    listing.AllFacts,
	}
	if shown.NoNames {
		l.Choice &^= listing.FactUnixOwnerName | listing.FactUnixGroupName
	}
	if shown.Default != nil {
		l.Facts = listing.FactsNamed(shown.Default)
	}
	return l
}
