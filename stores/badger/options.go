package badger

import (
	"strings"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/stores"
)

// tuned gives Badger the smallest footprint that still serves: a store of a
// few thousand short records, a thousand of some kilobytes and up to some
// million assignments of a hundred bytes, read once and written a few times a
// second. Everything it caches its users hold in memory anyway.
func tuned(dir string, log zerolog.Logger) badger.Options {
	return badger.DefaultOptions(dir).
		WithMemTableSize(4 << 20).
		// One memtable fills while one is written out.
		WithNumMemtables(1).
		// Values above the threshold would go to the value log, where Badger
		// answers a damaged one with an empty value and no error. So none
		// ever goes there: no batch is that large (stores.MaxBatchBytes). The
		// threshold must stay below 15 % of the memtable.
		WithValueThreshold(2 * stores.MaxBatchBytes).
		WithValueLogFileSize(1 << 20).
		WithBaseTableSize(1 << 20).
		WithBaseLevelSize(4 << 20).
		WithNumLevelZeroTables(2).
		WithNumLevelZeroTablesStall(8).
		WithNumCompactors(2). // the fewest that Badger allows
		WithNumGoroutines(1).
		WithCompression(options.None). // so that no block cache is needed
		WithBlockCacheSize(0).
		WithIndexCacheSize(0).
		WithDetectConflicts(false). // one writer; saves a map of fingerprints
		WithMetricsEnabled(false).  // expvar globals
		WithSyncWrites(false).      // Sync is asked for
		WithChecksumVerificationMode(options.OnBlockRead).
		WithLogger(bridge{log})
}

// bridge lets Badger speak through zerolog. What it calls info is about its
// own insides, debug to an administrator; its errors are warnings, because
// this package reports what they mean for the gateway.
type bridge struct{ log zerolog.Logger }

func (b bridge) say(e *zerolog.Event, format string, args []any) {
	e.Str("from", "badger").Msgf(strings.TrimSpace(format), args...)
}

// Errorf implements badger.Logger.
func (b bridge) Errorf(format string, args ...any) { b.say(b.log.Warn(), format, args) }

// Warningf implements badger.Logger.
func (b bridge) Warningf(format string, args ...any) { b.say(b.log.Warn(), format, args) }

// Infof implements badger.Logger.
func (b bridge) Infof(format string, args ...any) { b.say(b.log.Debug(), format, args) }

// Debugf implements badger.Logger.
func (b bridge) Debugf(format string, args ...any) { b.say(b.log.Debug(), format, args) }
