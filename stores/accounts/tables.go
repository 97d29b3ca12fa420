package accounts

import (
	"slices"
	"strings"

	"github.com/rs/zerolog"
)

// What is kept of a file: its text, cut into lines, and where to find a name.

// userTable is a file of users.
type userTable struct {
	lines  map[string]string // by name, only those that pass the filters
	decoys []decoy
}

// shadowTable is a file of hashes.
type shadowTable struct {
	lines  map[string]string
	decoys []decoy
}

// groupTable is a file of groups.
type groupTable struct {
	names   map[int64]string
	members map[string][]string // groups by user
}

func readUsers(content string, file File, cfg Config) (userTable, error) {
	t := userTable{lines: map[string]string{}}
	r := newReading(file.Path, cfg)
	eachLine(content, func(number int, line string) {
		u, err := parseUser(line)
		if !r.note(number, err) || !file.permits(u.uid, u.name) || file.Home != nil && !file.Home.Match(u.home) {
			return
		}
		if _, taken := t.lines[u.name]; !taken { // the first of a name counts
			t.lines[u.name] = line
			r.hash(u.name, u.hash)
		}
	})
	t.decoys = r.decoys.list()
	return t, r.report()
}

func readShadow(content, path string, cfg Config) (shadowTable, error) {
	t := shadowTable{lines: map[string]string{}}
	r := newReading(path, cfg)
	eachLine(content, func(number int, line string) {
		s, err := parseShadow(line)
		if !r.note(number, err) {
			return
		}
		if _, taken := t.lines[s.name]; !taken {
			t.lines[s.name] = line
			r.hash(s.name, s.hash)
		}
	})
	t.decoys = r.decoys.list()
	return t, r.report()
}

func readGroups(content string, file File, cfg Config) (groupTable, error) {
	t := groupTable{names: map[int64]string{}, members: map[string][]string{}}
	r := newReading(file.Path, cfg)
	eachLine(content, func(number int, line string) {
		g, err := parseGroup(line)
		if !r.note(number, err) || !file.permits(g.gid, g.name) {
			return
		}
		if _, taken := t.names[g.gid]; !taken {
			t.names[g.gid] = g.name
		}
		for _, m := range g.members {
			if !slices.Contains(t.members[m], g.name) {
				t.members[m] = append(t.members[m], g.name)
			}
		}
	})
	return t, r.report()
}

// mostNamed bounds how many faults of one file are logged one by one.
const mostNamed = 100

// reading is what goes wrong while a file is read, and what its hashes are
// like. Nothing of it quotes a line, since lines hold hashes.
type reading struct {
	path   string
	limits Limits
	named  int // how many faults are still logged one by one
	log    zerolog.Logger

	good, bad, shut int
	first           error // of the bad ones
	firstLine       int
	decoys          profile
}

func newReading(path string, cfg Config) *reading {
	r := &reading{path: path, limits: cfg.Limits, log: cfg.Log, decoys: profile{}}
	if cfg.SyntaxCheck {
		r.named = mostNamed
	}
	return r
}

// note counts a line and reports whether it can be used.
func (r *reading) note(number int, err error) bool {
	if err == nil {
		r.good++
		return true
	}
	if r.bad++; r.bad == 1 {
		r.first, r.firstLine = err, number
	}
	if r.named > 0 {
		r.named--
		r.log.Warn().Str("file", r.path).Int("line", number).Err(err).Msg("this line is no account or group; it is passed over")
	}
	return false
}

// hash looks what kind a hash is of.
func (r *reading) hash(name, text string) {
	if strings.EqualFold(text, "x") {
		return // it stands elsewhere
	}
	h, err := ParseHash(text, r.limits)
	switch {
	case err == nil:
		r.decoys.count(h)
	case text == "" || text[0] == '*' || text[0] == '!': // meant so
	default:
		if r.shut++; r.shut <= 10 {
			r.log.Warn().Str("file", r.path).Str("user", name).Err(err).Msg("this account lets nobody in")
		}
	}
}

// report sums up.
func (r *reading) report() error {
	if r.bad > 0 && r.good == 0 {
		return errNonsense
	}
	if r.bad > 0 {
		r.log.Warn().Str("file", r.path).Int("lines", r.bad).Int("first", r.firstLine).Err(r.first).
			Msg("lines that are no accounts or groups are passed over")
	}
	if r.shut > 10 {
		r.log.Warn().Str("file", r.path).Int("accounts", r.shut).Msg("accounts let nobody in, since their hashes cannot be used")
	}
	return nil
}
