package listing

import "strings"

// Facts is a set of facts to show. The zero set shows names alone.
type Facts uint16

// The facts that a list can tell, in the order they are written.
const (
	FactModify Facts = 1 << iota
	FactPerm
	FactSize
	FactType
	FactUnixGroup
	FactUnixGroupName
	FactUnixMode
	FactUnixOwner
	FactUnixOwnerName

	// AllFacts are what is shown until the client chooses. A unique fact is not
	// among them: no LIST tells which file is which.
	AllFacts Facts = 1<<iota - 1
)

var factNames = [...]string{"modify", "perm", "size", "type", "UNIX.group", "UNIX.groupname", "UNIX.mode", "UNIX.owner", "UNIX.ownername"}

// FactsNamed is the set of the facts with these names, in any case; others are
// ignored (FactsDefault).
func FactsNamed(names []string) (f Facts) {
	for _, name := range names {
		for i, known := range factNames {
			if strings.EqualFold(name, known) {
				f |= 1 << i
			}
		}
	}
	return f
}

// ParseFacts reads the argument of OPTS MLST, "fact;fact;". A name without its
// ";" does not count, nor does one that is not known (RFC 3659 §7.9).
func ParseFacts(arg string) (f Facts) {
	names := strings.Split(arg, ";")
	return FactsNamed(names[:len(names)-1])
}

// Has says whether all facts of g are in the set.
func (f Facts) Has(g Facts) bool { return f&g == g }

// String is "fact;fact;", as the answer to OPTS MLST has it.
func (f Facts) String() string {
	var b strings.Builder
	for i, name := range factNames {
		if f&(1<<i) != 0 {
			b.WriteString(name)
			b.WriteByte(';')
		}
	}
	return b.String()
}

// Feature is the parameter of MLST in FEAT: every fact that may be chosen, those
// that are starred (RFC 3659 §7.8).
func (f Facts) Feature(choice Facts) string {
	var b strings.Builder
	for i, name := range factNames {
		if choice&(1<<i) == 0 {
			continue
		}
		b.WriteString(name)
		if f&(1<<i) != 0 {
			b.WriteByte('*')
		}
		b.WriteByte(';')
	}
	return b.String()
}

// ListFlags are the options of the LIST that is sent in place of MLSD: all
// entries, and owners by number if their names are not wanted.
func (f Facts) ListFlags() string {
	if f.Has(FactUnixOwnerName) {
		return "-al"
	}
	return "-aln"
}
