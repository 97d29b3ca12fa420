package warden

import (
	"github.com/sluice-gateway/sluice/actors/outbox"
	"github.com/sluice-gateway/sluice/stores"
)

// newOutbox writes bans behind. They are rare, and meant to last.
func newOutbox(a *Actor) *outbox.Records {
	return outbox.NewRecords(outbox.Config{
		Owner: a.String(), Store: a.cfg.Store, Kind: stores.KindBan, Listen: true,
		FlushEvery: a.cfg.FlushEvery, StopWithin: a.cfg.StopWithin,
		Says: outbox.Says{
			Refused: "the store does not take the bans; they are kept in memory, and writing is tried again",
			Taken:   "the store takes the bans again",
			Late:    "the store is too slow; the last bans may be lost",
		},
		Log: a.log,
	}, func(stores.Key) bool { return true })
}
