package messages

import (
	"time"

	"github.com/sluice-gateway/sluice/protocols/logformat"
)

// ExtendedLog is a log of commands: where it is, which records it wants, and how its lines look. Servers
// share theirs with their sessions, so none is changed once it is in use.
type ExtendedLog struct {
	Log    string // path; or "syslog:LEVEL", for the system's own log
	Wants  *logformat.Selection
	Format *logformat.Format
}

// RecordCommand has one command of a client, or the begin or end of its session, written to every log
// that wants it.
type RecordCommand struct {
	Logs   []ExtendedLog
	At     time.Time
	Record logformat.Record // its own At is made from that
}

func (RecordCommand) toJournal() {}
