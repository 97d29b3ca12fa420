package ftpsession

import (
	"context"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/listing"
)

// interpreter translates one listing. It is the data channel's from the moment
// that one is told to proceed until it reports the end, and the session's before
// and after.
type interpreter struct {
	*listing.Translator
	asIs bool // the backend lists what the client asked for
	in   []byte
}

func newInterpreter(shape dialogue.Shape) *interpreter {
	return &interpreter{Translator: listing.NewTranslator(shape.Listing)}
}

// Feed and Append follow one another in the data channel, which keeps what was fed
// unchanged in between.
func (i *interpreter) Feed(p []byte) {
	if i.asIs {
		i.in = p
		return
	}
	i.Translator.Feed(p)
}

func (i *interpreter) Append(dst []byte) []byte {
	if i.asIs {
		dst, i.in = append(dst, i.in...), nil
		return dst
	}
	return i.Translator.Append(dst)
}

func (s *Session) listAsIs() {
	if s.listing != nil { // its data channel may have come to nothing
		s.listing.asIs = true
	}
}

// listed tells the dialogue and the log what became of a listing. One that nobody
// understood shows the client an empty directory, which somebody should know of.
func (s *Session) listed(ctx context.Context, ev messages.ToSession) {
	end, ok := ev.(messages.TransferFinished)
	i := s.listing
	if !ok || i == nil {
		return
	}
	s.listing = nil
	if i.asIs {
		return
	}
	counts, level, text := i.Counts(), zerolog.DebugLevel, "listing translated"
	if end.Err == nil && counts.Baffling() {
		level, text = zerolog.WarnLevel, "nothing in the backend's listing was understood (ProxyDirectoryListPolicy)"
	}
	s.proxyLog(level).Stringer("family", i.Family()).Int("entries", counts.Entries).
		Int("skipped", counts.Skipped).Int("too-long", counts.TooLong).Msg(text)
	if i.Family() == listing.FamilyUnix { // of no other family all tell of themselves
		s.step(ctx, messages.ListingRead{Transfer: end.Transfer, Directories: counts.Self})
	}
}
