package dialogue

import "github.com/sluice-gateway/sluice/protocols/listing"

// Shape says what becomes of a transfer's content on its way. Its zero value
// leaves every byte as it is.
type Shape struct {
	Translate Translation
	Listing   listing.Options // for Translate
	// Already is how much of the file the destination has before this transfer,
	// which counts for the limits of size: REST, or APPE to what is there.
	Already int64
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
