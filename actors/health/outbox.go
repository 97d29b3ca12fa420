package health

import (
	"strings"

	"github.com/sluice-gateway/sluice/actors/outbox"
	"github.com/sluice-gateway/sluice/stores"
)

// newOutbox writes findings behind. An administrator's word is meant to last.
func newOutbox(a *Actor) *outbox.Records {
	return outbox.NewRecords(outbox.Config{
		Owner: a.String(), Store: a.cfg.Store, Kind: stores.KindHealth, Listen: true,
		FlushEvery: a.cfg.FlushEvery, StopWithin: a.cfg.StopWithin,
		Says: outbox.Says{
			Refused: "the store does not take the backends' health; it is kept in memory, and writing is tried again",
			Taken:   "the store takes the backends' health again",
			Late:    "the store is too slow; the last findings about backends may be lost",
		},
		Log: a.log,
	}, func(k stores.Key) bool { return strings.HasPrefix(k.Name, modeMark) })
}

func (a *Actor) put(k stores.Key, h stores.Health) { a.out.Change(k, stores.AppendHealth(nil, h)) }
func (a *Actor) remove(k stores.Key)               { a.out.Change(k, nil) }
