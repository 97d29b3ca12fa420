// Package tlspolicy translates between the words in which administrators and
// OpenSSL speak of TLS and the values that Go's crypto/tls works with: cipher
// lists, protocol sets, curves, names of what was negotiated, distinguished
// names, the TLS_… variables of mod_tls, and the rules by which a certificate
// names a server or a client. For session IDs, which crypto/tls does not know,
// it reads a ServerHello and writes a client session.
//
// Everything here is a pure function of its arguments: crypto/tls and
// crypto/x509 serve as a vocabulary of constants and parsed values. No
// connection is opened and no clock is read.
package tlspolicy

import (
	"errors"
	"fmt"
	"strings"
)

// ErrNothingLeft is wrapped by the errors about lists that choose nothing that
// can be spoken.
var ErrNothingLeft = errors.New("nothing is left to speak")

// UnknownError is about a word that means nothing.
type UnknownError struct {
	Kind    string // "cipher", "curve"
	Word    string
	Nearest string // known word that may have been meant; empty: none is near
}

// Error names the word and the nearest known one.
func (e *UnknownError) Error() string {
	text := fmt.Sprintf("unknown %s '%s'", e.Kind, e.Word)
	if e.Nearest != "" {
		text += ": did you mean " + e.Nearest + "?"
	}
	return text
}

// maxWord bounds a word of a list. The longest name has 45 bytes.
const maxWord = 64

// nearest finds the known word closest to a misspelt one. Case does not count;
// of equally close words the first in the alphabet is taken.
func nearest(word string, known func(yield func(string) bool)) string {
	if len(word) > maxWord {
		return ""
	}
	best, least := "", max(2, len(word)/4)+1
	for candidate := range known {
		if d := distance(strings.ToUpper(word), strings.ToUpper(candidate)); d < least || d == least && best != "" && candidate < best {
			best, least = candidate, d
		}
	}
	return best
}

// distance counts the insertions, deletions and replacements that turn a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
