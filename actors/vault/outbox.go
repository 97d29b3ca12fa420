package vault

import (
	"fmt"

	"github.com/sluice-gateway/sluice/actors/outbox"
	"github.com/sluice-gateway/sluice/stores"
)

// newOutbox writes sessions behind. They are never synced: what a power cut
// takes is had again by a full handshake.
func newOutbox(v *Vault) *outbox.Outbox {
	return outbox.New(outbox.Config{
		Owner: v.String(), Store: v.cfg.Store, Kind: stores.KindTLSSession,
		FlushEvery: v.cfg.FlushEvery, StopWithin: v.cfg.StopWithin,
		Says: outbox.Says{
			Refused: "the store does not take TLS sessions; they are kept in memory, and writing is tried again",
			Taken:   "the store takes TLS sessions again",
			Late:    "the store is too slow; the last TLS sessions are not kept over the restart",
		},
		Log: v.log,
	}, v.shelf)
}

// found is what a store gave.
type found struct {
	sessions   []entry
	useless    []place // records that are to leave the store
	bad        int
	unreadable error // why the first of the bad ones could not be read
}

func sift(records []stores.Record) found {
	var f found
	for _, r := range records {
		p := place{r.Key.Pool, r.Key.Name}
		session, err := stores.ParseTLSSession(r.Value)
		if err != nil {
			f.useless = append(f.useless, p)
			f.bad++
			if f.unreadable == nil {
				f.unreadable = fmt.Errorf("%v: %w", r.Key, err)
			}
			continue
		}
		f.sessions = append(f.sessions, entry{place: p, session: session})
	}
	return f
}
