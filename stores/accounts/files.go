package accounts

import (
	"cmp"
	"context"
	"errors"
	"hash/maphash"
	"slices"
	"strconv"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/stores"
)

// Matcher is a filter on names or directories.
type Matcher interface{ Match(s string) bool }

// File is an AuthUserFile or AuthGroupFile and the entries it may give.
type File struct {
	Path   string
	IDLow  int64 // inclusive; both 0: all
	IDHigh int64
	Home   Matcher // nil: all; of users only
	Name   Matcher // nil: all
}

// permits says whether an entry passes the filters.
func (f File) permits(id int64, name string) bool {
	return (f.IDLow == 0 && f.IDHigh == 0 || f.IDLow <= id && id <= f.IDHigh) && (f.Name == nil || f.Name.Match(name))
}

// Config is what Open needs. Zero values mean the defaults.
type Config struct {
	Users         []File // AuthUserFile, asked in this order
	Groups        []File // AuthGroupFile
	InsecurePerms bool   // AuthFileOptions: rights of others do not matter
	SyntaxCheck   bool   // AuthFileOptions: every malformed line is named
	Limits        Limits
	MaxBytes      int64            // of a file; 0 means 64 MiB
	Every         time.Duration    // between two looks at a file; 0 means 1 s
	Now           func() time.Time // nil: time.Now
	Log           zerolog.Logger
}

func (c Config) withDefaults() Config {
	c.MaxBytes = cmp.Or(c.MaxBytes, 64<<20)
	c.Every = cmp.Or(c.Every, time.Second)
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Limits = c.Limits.withDefaults()
	return c
}

// Files is the source mod_auth_file.c, or, with a shadow file, mod_auth_unix.c.
type Files struct {
	cfg    Config
	name   string
	seed   maphash.Seed
	users  []*watched[userTable]
	shadow *watched[shadowTable] // nil: hashes stand in the files of users
	groups []*watched[groupTable]
}

var _ stores.Accounts = (*Files)(nil)

// Open reads the files. It fails if one is missing, open to others, or too
// large.
func Open(cfg Config) (*Files, error) {
	cfg = cfg.withDefaults()
	f := &Files{cfg: cfg, name: "mod_auth_file.c", seed: maphash.MakeSeed()}
	for _, file := range cfg.Users {
		w, err := open(f.watch(file.Path, !cfg.InsecurePerms), func(content string) (userTable, error) {
			return readUsers(content, file, cfg)
		})
		if err != nil {
			return nil, err
		}
		f.users = append(f.users, w)
	}
	return f, f.openGroups()
}

func (f *Files) openGroups() error {
	for _, file := range f.cfg.Groups {
		w, err := open(f.watch(file.Path, false), func(content string) (groupTable, error) {
			return readGroups(content, file, f.cfg)
		})
		if err != nil {
			return err
		}
		f.groups = append(f.groups, w)
	}
	return nil
}

func (f *Files) watch(path string, private bool) watch {
	return watch{path: path, private: private, guarded: !f.cfg.InsecurePerms, most: f.cfg.MaxBytes,
		every: f.cfg.Every, now: f.cfg.Now, log: f.cfg.Log}
}

// String is the module's name.
func (f *Files) String() string { return f.name }

// Lookup returns the first entry of a name that passes the filters.
func (f *Files) Lookup(_ context.Context, q stores.AccountQuery) (stores.Account, error) {
	u, ok := f.find(q.Name)
	if !ok {
		return stores.Account{}, stores.ErrNoAccount
	}
	a := stores.Account{Name: u.name, UID: u.uid, GID: u.gid, Home: u.home, Shell: u.shell}
	if f.shadow != nil && u.hash == "x" {
		s := f.shadowed(u.name)
		u.hash, a.State = s.hash, s.state(f.cfg.Now())
	}
	a.Group, a.Groups = f.groupsOf(u)
	if h, err := ParseHash(u.hash, f.cfg.Limits); err != nil {
		a.Note = err.Error()
	} else {
		a.Secret = h
	}
	return a, nil
}

func (f *Files) find(name string) (user, bool) {
	for _, file := range f.users {
		if t := file.get(); t != nil {
			if line, ok := t.lines[name]; ok {
				u, err := parseUser(line)
				return u, err == nil // it was read before
			}
		}
	}
	return user{}, false
}

func (f *Files) shadowed(name string) shadow {
	if t := f.shadow.get(); t != nil {
		if s, err := parseShadow(t.lines[name]); err == nil {
			return s
		}
	}
	return shadow{changed: -1, most: -1, grace: -1, until: -1}
}

// groupsOf names a user's groups. What has no name is called by its number, as
// the peer does.
func (f *Files) groupsOf(u user) (primary string, all []string) {
	for _, file := range f.groups {
		t := file.get()
		if t == nil {
			continue
		}
		if name, ok := t.names[u.gid]; ok && primary == "" {
			primary = name
		}
		all = append(all, t.members[u.name]...)
	}
	if primary == "" {
		primary = strconv.FormatInt(u.gid, 10)
	}
	groups := []string{primary}
	for _, g := range all {
		if !slices.Contains(groups, g) {
			groups = append(groups, g)
		}
	}
	return primary, groups
}

// Decoy returns a secret of a kind and cost that the files hold. Kinds are met
// as often as accounts have them, so that a name of nobody looks like any other.
func (f *Files) Decoy(name string) stores.Credential {
	var all []decoy
	if f.shadow != nil {
		if t := f.shadow.get(); t != nil {
			all = t.decoys
		}
	}
	for _, file := range f.users {
		if t := file.get(); t != nil {
			all = append(all[:len(all):len(all)], t.decoys...)
		}
	}
	return pickDecoy(all, maphash.String(f.seed, name))
}

// State says whether the dates of an account let it in.
func (s shadow) state(now time.Time) stores.AccountState {
	today := now.Unix() / 86400
	switch {
	case s.until > 0 && today > s.until:
		return stores.AccountDisabled
	case s.changed == 0, s.changed > 0 && s.most > 0 && today > s.changed+s.most+max(s.grace, 0):
		return stores.AccountExpired
	}
	return stores.AccountUsable
}

// errNonsense says that a file has lines, but none that can be used.
var errNonsense = errors.New("none of its lines has the form it should have")
