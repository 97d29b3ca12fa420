package accounts

import (
	"cmp"
	"hash/maphash"
)

// System names the files of the source mod_auth_unix.c. Empty ones are the
// usual ones in /etc.
type System struct {
	Passwd, Shadow, Group string
	Config                // Users and Groups are not looked at
}

// OpenSystem reads the system's own accounts. It fails where the process may
// not read the hashes. Rights given up later do not matter until a file
// changes: then what it said last still counts, which the log says.
func OpenSystem(s System) (*Files, error) {
	s.Passwd = cmp.Or(s.Passwd, "/etc/passwd")
	s.Shadow = cmp.Or(s.Shadow, "/etc/shadow")
	s.Group = cmp.Or(s.Group, "/etc/group")
	s.Users, s.Groups = []File{{Path: s.Passwd}}, []File{{Path: s.Group}}
	cfg := s.withDefaults()
	f := &Files{cfg: cfg, name: "mod_auth_unix.c", seed: maphash.MakeSeed()}
	users, err := open(f.watch(s.Passwd, false), func(content string) (userTable, error) {
		return readUsers(content, cfg.Users[0], cfg)
	})
	if err != nil {
		return nil, err
	}
	f.users = append(f.users, users)
	f.shadow, err = open(f.watch(s.Shadow, !cfg.InsecurePerms), func(content string) (shadowTable, error) {
		return readShadow(content, s.Shadow, cfg)
	})
	if err != nil {
		return nil, err
	}
	return f, f.openGroups()
}
