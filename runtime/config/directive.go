package config

import (
	"slices"
	"strings"
)

// Directive is one row of the table: everything that is known about a
// directive of the configuration language.
type Directive struct {
	Name     string
	Module   string // ProFTPD module that the name comes from
	Theme    string
	Contexts Context
	Syntax   string // arguments
	Default  string // empty = none
	Unit     string // of numbers, where the syntax does not say it
	Text     string // reference, for people
	Effect   Effect
	Reason   string // why, for EffectIgnored and EffectRefused

	many  bool // every occurrence counts, not only the first
	last  bool // with many: a later line overrides an earlier one of the same place
	inner bool // with many: the lines of the innermost place that has any count, and no others
	parse parser
}

// Context is the set of places where a directive may stand.
type Context uint8

// The places. Sections that depend on the client (<IfClass> and its kin)
// allow what the surrounding place allows.
const (
	InServer Context = 1 << iota // the file itself, outside of sections: the main server
	InVirtualHost
	InGlobal
	InClass
	InLimit
	InAnonymous
	InDirectory
)

// anyServer is where most directives may stand.
const anyServer = InServer | InVirtualHost | InGlobal

var contextNames = []keyword[Context]{
	{"server config", InServer},
	{"<VirtualHost>", InVirtualHost},
	{"<Global>", InGlobal},
	{"<Class>", InClass},
	{"<Limit>", InLimit},
	{"<Anonymous>", InAnonymous},
	{"<Directory>", InDirectory},
}

// String lists the places: "server config, <VirtualHost>, <Global>".
func (c Context) String() string {
	var names []string
	for _, k := range contextNames {
		if c&k.value != 0 {
			names = append(names, k.word)
		}
	}
	return strings.Join(names, ", ")
}

// Effect tells what becomes of a directive in this version.
type Effect uint8

// The effects.
const (
	EffectNotYet  Effect = iota // read and checked; nothing acts on it yet
	EffectActive                // the gateway acts on it
	EffectIgnored               // accepted so that a file loads; never acted on
	EffectRefused               // an error: what it asks for cannot be had, and must not be missed silently
)

// String says it in words.
func (e Effect) String() string {
	switch e {
	case EffectActive:
		return "in effect"
	case EffectIgnored:
		return "ignored"
	case EffectRefused:
		return "refused"
	default:
		return "accepted, no effect in this version"
	}
}

// table holds every directive by lower-case name. It is built once and never
// changed.
var table = buildTable()

func buildTable() map[string]*Directive {
	modules := parseNames(namesText)
	t := map[string]*Directive{}
	for _, theme := range themes {
		for i := range theme.rows {
			row := theme.rows[i] // a copy: the rows themselves stay as written
			key := strings.ToLower(row.Name)
			row.Theme = theme.name
			if row.Module == "" {
				row.Module = modules[key].module
			}
			if row.Effect == EffectNotYet && slices.Contains(active, row.Name) {
				row.Effect = EffectActive
			}
			t[key] = &row
		}
	}
	for key, n := range modules {
		if t[key] == nil {
			t[key] = ignoredRow(n)
		}
	}
	return t
}

// Lookup finds a directive without regard to case.
func Lookup(name string) (Directive, bool) {
	d, ok := table[strings.ToLower(name)]
	if !ok {
		return Directive{}, false
	}
	return *d, true
}

// All returns the table, by theme in the order of Themes, then by name.
// Ignored names of other modules come last, under the theme "Ignored".
func All() []Directive {
	all := make([]Directive, 0, len(table))
	for _, d := range table {
		all = append(all, *d)
	}
	order := Themes()
	slices.SortFunc(all, func(a, b Directive) int {
		if d := slices.Index(order, a.Theme) - slices.Index(order, b.Theme); d != 0 {
			return d
		}
		return strings.Compare(a.Name, b.Name)
	})
	return all
}

// Themes lists the themes in the order in which people should read them.
func Themes() []string {
	var names []string
	for _, t := range themes {
		names = append(names, t.name)
	}
	return append(names, ignoredTheme)
}

// Nearest suggests the known name closest to a misspelt one, or "".
func Nearest(name string) string {
	name = strings.ToLower(name)
	best, bestDistance := "", max(2, len(name)/4)+1
	for key, d := range table {
		distance := editDistance(name, key, bestDistance)
		if distance < bestDistance || distance == bestDistance && best != "" && d.Name < best {
			best, bestDistance = d.Name, distance
		}
	}
	return best
}

// editDistance counts insertions, deletions, replacements and swaps of
// neighbours that turn a into b; anything above limit may be reported as
// limit+1.
func editDistance(a, b string, limit int) int {
	if d := len(a) - len(b); d > limit || -d > limit {
		return limit + 1
	}
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	last := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, before
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
