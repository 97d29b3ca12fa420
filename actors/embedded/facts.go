package embedded

import (
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// allFacts are the facts of MLST that can be told (RFC 3659 §7.5).
var allFacts = []string{"modify", "perm", "size", "type"}

// factList is the FEAT form: those that are told carry an asterisk.
func factList(all, told []string) string {
	var b strings.Builder
	for _, f := range all {
		b.WriteString(f)
		if slices.Contains(told, f) {
			b.WriteByte('*')
		}
		b.WriteByte(';')
	}
	return b.String()
}

func joinFacts(facts []string) string { return strings.ReplaceAll(factList(facts, nil), "*", "") }

// chooseFacts reads the list of OPTS MLST; what is unknown is left out.
func chooseFacts(wanted string) []string {
	var chosen []string
	for f := range strings.SplitSeq(strings.ToLower(wanted), ";") {
		if slices.Contains(allFacts, f) && !slices.Contains(chosen, f) {
			chosen = append(chosen, f)
		}
	}
	return chosen
}

// appendFacts writes "fact=value;… name".
func appendFacts(b []byte, facts []string, info fs.FileInfo, kind, name string) []byte {
	for _, f := range facts {
		value := ""
		switch f {
		case "type":
			value = kind
		case "size":
			if info.IsDir() {
				continue // says nothing of a directory
			}
			value = strconv.FormatInt(info.Size(), 10)
		case "modify":
			value = stamp(info.ModTime())
		case "perm":
			value = "adfrw"
			if info.IsDir() {
				value = "cdeflmp"
			}
		}
		b = append(b, f...)
		b = append(b, '=')
		b = append(b, value...)
		b = append(b, ';')
	}
	b = append(b, ' ')
	return append(b, name...)
}

func kindOf(info fs.FileInfo) string {
	if info.IsDir() {
		return "dir"
	}
	return "file"
}
