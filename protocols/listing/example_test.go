package listing_test

import (
	"bytes"
	"fmt"

	"github.com/sluice-gateway/sluice/protocols/listing"
)

// A server that knows LIST alone serves a client that asks for MLSD.
func ExampleTranslator() {
	t := listing.NewTranslator(listing.Options{
		Facts:    listing.ParseFacts("type;modify;size;"),
		UseSlink: true,
		Now:      listing.Date{Year: 2026, Month: 1, Day: 15, Hour: 12},
	})
	var out []byte
	for _, read := range []string{
		"total 8\r\n-rw-r--r--   1 joe      staff        531 De",
		"c 24 18:30 a list; of gifts\r\nlrwxrwxrwx   1 joe ",
		"     staff          7 Jan 14  2024 bin -> usr/bin\r\n",
	} {
		t.Feed([]byte(read))
		out = t.Append(out)
	}
	out = t.End(out)
	fmt.Printf("%s%v: %+v\n", bytes.ReplaceAll(out, []byte("\r"), nil), t.Family(), t.Counts())
	// Output:
	// modify=20251224183000;size=531;type=file; a list; of gifts
	// modify=20240114000000;size=7;type=OS.unix=slink:usr/bin; bin
	// Unix: {Entries:2 Self:0 Skipped:1 Idle:1 TooLong:0}
}
