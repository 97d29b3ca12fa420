package config

import "strings"

// keyword ties the word of an argument to its value.
type keyword[T comparable] struct {
	word  string
	value T
}

// keywords are the words one argument accepts; the first word of a value is
// its proper name.
type keywords[T comparable] []keyword[T]

// find looks a word up without regard to case.
func (k keywords[T]) find(word string) (T, bool) {
	for _, kw := range k {
		if strings.EqualFold(kw.word, word) {
			return kw.value, true
		}
	}
	var none T
	return none, false
}

func (k keywords[T]) name(value T) string {
	for _, kw := range k {
		if kw.value == value {
			return kw.word
		}
	}
	return "unknown"
}

// list renders the words for a message: "a, b, c".
func (k keywords[T]) list() string {
	words := make([]string, len(k))
	for i, kw := range k {
		words[i] = kw.word
	}
	return strings.Join(words, ", ")
}

var policyNames = keywords[Policy]{
	{"RoundRobin", PolicyRoundRobin},
	{"Random", PolicyRandom},
	{"Shuffle", PolicyShuffle},
	{"LeastConns", PolicyLeastConns},
	{"LeastResponseTime", PolicyLeastResponseTime},
	{"PerUser", PolicyPerUser},
	{"PerGroup", PolicyPerGroup},
	{"PerHost", PolicyPerHost},
}
