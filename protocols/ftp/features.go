package ftp

import (
	"slices"
	"strings"
)

// Features is what a server says it can do (RFC 2389 §3). The zero value is a
// server that said nothing.
type Features struct {
	lines []string // "NAME" or "NAME params", in the server's order
}

// ParseFeatures reads the reply to FEAT. Anything but 2xx means no features.
// The first and last line are headings; blank lines, missing indentation and a
// repeated "211-" before each feature are forgiven.
func ParseFeatures(r Reply) Features {
	if !r.Positive() {
		return Features{}
	}
	var f Features
	first := true
	for rest, more := r.Text, true; more && len(f.lines) < MaxFeatures; {
		var line string
		line, rest, more = strings.Cut(rest, "\n")
		if !first && more {
			f.add(r.Code, line)
		}
		first = false
	}
	return f
}

func (f *Features) add(code int, line string) {
	if len(line) > MaxFeatureLine {
		return
	}
	if readCode([]byte(line)) == code && len(line) > 3 && line[3] == '-' {
		line = line[4:]
	}
	if line = strings.Trim(line, " \t"); line != "" {
		f.lines = append(f.lines, strings.Clone(line)) // do not hold on to the whole reply
	}
}

// Len is the number of features.
func (f Features) Len() int { return len(f.lines) }

// Lines are the features as the server wrote them, without indentation.
func (f Features) Lines() []string { return slices.Clone(f.lines) }

// Has reports whether the feature is listed, ignoring case. The name may have
// a parameter, "AUTH TLS", which then must be among those listed.
func (f Features) Has(name string) bool {
	name, param, _ := strings.Cut(name, " ")
	for _, l := range f.lines {
		n, params, _ := strings.Cut(l, " ")
		if strings.EqualFold(n, name) && (param == "" || hasWord(params, param)) {
			return true
		}
	}
	return false
}

// Params returns what follows the feature's name, of the first line with it:
// for MLST the facts, "type*;size*;modify*;".
func (f Features) Params(name string) (params string, ok bool) {
	for _, l := range f.lines {
		n, params, _ := strings.Cut(l, " ")
		if strings.EqualFold(n, name) {
			return strings.TrimLeft(params, " "), true
		}
	}
	return "", false
}

// hasWord looks for a word in a list separated by any of " ;,".
func hasWord(list, word string) bool {
	for w := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ' ' || r == ';' || r == ',' }) {
		if strings.EqualFold(w, word) {
			return true
		}
	}
	return false
}

// FeaturesReply is our own answer to FEAT: the list sorted ignoring case.
func FeaturesReply(list []string) Reply {
	sorted := slices.SortedStableFunc(slices.Values(list), func(a, b string) int {
		return strings.Compare(strings.ToLower(a), strings.ToLower(b))
	})
	lines := make([]string, 0, len(sorted)+2)
	lines = append(lines, "Features:")
	for _, f := range sorted {
		lines = append(lines, " "+f)
	}
	return NewReply(211, append(lines, "End")...)
}
