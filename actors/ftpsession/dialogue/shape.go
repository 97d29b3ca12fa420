package dialogue

import (
	"slices"

	"github.com/sluice-gateway/sluice/protocols/ftp"
	"github.com/sluice-gateway/sluice/protocols/listing"
)

// Shape says what becomes of a transfer's content on its way. Its zero value
// leaves every byte as it is.
type Shape struct {
	Translate Translation
	Listing   listing.Options // for Translate
	// Limit is how many bytes of the file may pass; one more is the end of the
	// transfer (messages.StageLimit). 0: any number.
	Limit int64
	Rate  Rate
	// FrontLevel and BackLevel are the levels, from 1 to 9, of MODE Z on each side;
	// 0: MODE S.
	FrontLevel, BackLevel int
}

// Translation turns the listing that a backend gives into the one that the client
// asked for.
type Translation uint8

// The translations.
const (
	NoTranslation Translation = iota
	MLSDFromList              // ProxyDirectoryListPolicy LIST
	ListFromMLSD
	NamesFromMLSD
)

// Bounds are what transfers of files are held to.
type Bounds struct {
	Rates       []Rate // TransferRate, in the order of the file: the first that has the verb counts
	MaxStore    int64  // MaxStoreFileSize, bytes; 0: no limit
	MaxRetrieve int64  // MaxRetrieveFileSize
}

// Rate is one TransferRate.
type Rate struct {
	Commands       []string // RETR, STOR, APPE, STOU
	BytesPerSecond int64    // 0: as fast as may be
	Free           int64    // bytes that pass at full speed first
}

// rate is what a command is held to.
func (b *Bounds) rate(verb string) Rate {
	for _, r := range b.Rates {
		if slices.Contains(r.Commands, verb) {
			return r
		}
	}
	return Rate{}
}

// size is how large a file that a command moves may be, with the directive that says
// so; 0: of any size.
func (b *Bounds) size(verb string) (limit int64, directive string) {
	switch verb {
	case ftp.RETR:
		return b.MaxRetrieve, "MaxRetrieveFileSize"
	case ftp.STOR, ftp.APPE, ftp.STOU:
		return b.MaxStore, "MaxStoreFileSize"
	}
	return 0, ""
}
