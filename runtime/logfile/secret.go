package logfile

import "fmt"

// hidden is how a password appears in a log, in the words that the log formats use for it.
const hidden = "(hidden)"

// Secret is text that must not reach a log: a password, a key, an ACCT argument. However it is printed,
// formatted, encoded or logged it comes out as "(hidden)"; only Reveal gives the text, and stands out in
// review.
type Secret string

// Reveal is the text itself, for the one place that must send it.
func (s Secret) Reveal() string { return string(s) }

// String hides the text.
func (Secret) String() string { return hidden }

// GoString hides the text from %#v.
func (Secret) GoString() string { return hidden }

// Format hides the text from every verb, %x and %q included.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) } // a fmt.State does not fail

// MarshalText hides the text from encoders.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// MarshalJSON hides the text from JSON, and with it from zerolog's Interface and Any.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }
