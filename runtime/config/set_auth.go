package config

import (
	"slices"
	"strconv"
	"strings"
)

// Parsers of directives about accounts, messages and access.

func parseServerIdent(c *call) effect {
	if !c.need(1) {
		return effect{}
	}
	on, _ := c.boolean(0)
	text := c.rest(1)
	return set(func(s *Settings) { s.Banner.ServerIdent, s.Banner.IdentText = on, text })
}

// displayFile reads the path of a file that clients are shown. One that is not
// there keeps nobody out.
func displayFile(field func(*Settings) *string) parser {
	return func(c *call) effect {
		if !c.one() {
			return effect{}
		}
		name := c.arg(0)
		if !strings.HasPrefix(name, "/") {
			c.warnf(c.at(0), "'%s' is not shown: a path without '/' at its beginning is looked for in directories of users, which are the backend's", name)
			return set(func(s *Settings) { *field(s) = "" })
		}
		info, err := c.load.files.Stat(name)
		switch {
		case err != nil:
			c.warnf(c.at(0), "'%s' is not shown, as it cannot be read: %v", name, err)
		case !info.Mode().IsRegular():
			c.warnf(c.at(0), "'%s' is not shown: it is not a regular file", name)
		}
		return set(func(s *Settings) { *field(s) = name })
	}
}

// parseOrder reads "allow,deny" or "deny,allow"; blanks do not matter.
func parseOrder(c *call) effect {
	if !c.need(1) {
		return effect{}
	}
	denyFirst := false
	switch order := strings.ToLower(strings.Join(c.texts(0), "")); order {
	case "allow,deny":
	case "deny,allow":
		denyFirst = true
	default:
		c.errorf(c.at(0), "unknown order '%s': expected allow,deny or deny,allow", c.rest(0))
	}
	return set(func(s *LimitSection) { s.OrderDenyAllow = denyFirst })
}

// mark reads no arguments: its presence counts.
func mark(field func(*LimitSection) *bool) parser {
	return func(c *call) effect {
		if len(c.args) > 0 {
			c.warnf(c.at(0), "takes no parameters; '%s' is not looked at", c.rest(0))
		}
		return set(func(s *LimitSection) { *field(s) = true })
	}
}

func addressList[T target](field func(*T) *[]AddressRule) parser {
	return func(c *call) effect {
		rules := c.addressRules()
		return set(func(t *T) { *field(t) = joined(*field(t), rules...) })
	}
}

// pairs reads "key value" into a map.
func pairs[M ~map[string]string](field func(*Settings) *M) parser {
	return func(c *call) effect {
		if !c.exactly(2) {
			return effect{}
		}
		key, value := c.arg(0), c.arg(1)
		return set(func(s *Settings) { *field(s) = with(*field(s), key, value) })
	}
}

// with adds to a map in place, like joined. The first value of a key counts.
func with[M ~map[string]V, V any](m M, key string, value V) M {
	if m == nil {
		m = M{}
	}
	if _, taken := m[key]; !taken {
		m[key] = value
	}
	return m
}

func parseAuthFileOptions(c *call) effect {
	known := []option[Settings]{
		{"InsecurePerms", func(s *Settings) *bool { return &s.Auth.InsecurePerms }},
		{"SyntaxCheck", func(s *Settings) *bool { return &s.Auth.SyntaxCheck }},
	}
	if slices.Contains(c.texts(0), "InsecurePerms") {
		c.scope.insecureAuthPerms = true
	}
	return options("unknown AuthFileOption '%s'", known)(c)
}

// accountFile reads a path and filters. Files of users must be closed to
// others; files of groups may be read by all.
func accountFile(kind string, field func(*Settings) *[]AccountFile) parser {
	return func(c *call) effect {
		if !c.need(1) {
			return effect{}
		}
		f := AccountFile{Path: c.arg(0), Pos: c.pos}
		if info, ok := c.keyInfo(0); ok && !c.scope.insecureAuthPerms {
			forbidden := worldRead | worldWrite
			if kind == "group" {
				forbidden = worldWrite
			}
			if perm := info.Mode().Perm(); perm&forbidden != 0 {
				c.errorf(c.at(0), "unable to use '%s': perms %04o give others access; run chmod o-rw on it", f.Path, perm)
			}
			if dir, perm, writable := worldWritableDir(c.load.files, f.Path); writable {
				c.errorf(c.at(0), "unable to use '%s' from world-writable directory '%s' (perms %04o)", f.Path, dir, perm)
			}
		}
		for i := 1; i < len(c.args); i += 2 {
			c.accountFilter(i, kind, &f)
		}
		return set(func(s *Settings) { *field(s) = joined(*field(s), f) })
	}
}

func (c *call) accountFilter(i int, kind string, f *AccountFile) {
	if i+1 >= len(c.args) {
		c.errorf(c.at(i), "filter '%s' has no value", c.arg(i))
		return
	}
	switch word := strings.ToLower(c.arg(i)); {
	case word == "id":
		low, high, ok := strings.Cut(c.arg(i+1), "-")
		a, err1 := strconv.ParseInt(low, 10, 64)
		b, err2 := strconv.ParseInt(high, 10, 64)
		if !ok || err1 != nil || err2 != nil || a > b || a < 0 {
			c.errorf(c.at(i+1), "expected a range of ids such as 1000-2000, not '%s'", c.arg(i+1))
		}
		f.IDLow, f.IDHigh = a, b
	case word == "name":
		f.NameFilter = c.pattern(i+1, false)
	case word == "home" && kind == "":
		f.HomeFilter = c.pattern(i+1, false)
	default:
		c.errorf(c.at(i), "unknown filter '%s': expected %s", c.arg(i), c.row.Syntax)
	}
}

var authModules = []string{"mod_auth_file.c", "mod_sql.c", "mod_auth_unix.c", "mod_auth_pam.c"}

func parseAuthOrder(c *call) effect {
	if !c.need(1) {
		return effect{}
	}
	var order []AuthModule
	for _, a := range c.args {
		name, final := strings.CutSuffix(a.Text, "*")
		i := slices.IndexFunc(authModules, func(known string) bool {
			return strings.EqualFold(strings.TrimSuffix(known, ".c"), strings.TrimSuffix(name, ".c"))
		})
		if i < 0 {
			c.warnf(a.Pos, "module '%s' is passed over: known are %s", name, strings.Join(authModules, ", "))
			continue
		}
		order = append(order, AuthModule{Name: authModules[i], Authoritative: final})
	}
	return set(func(s *Settings) { s.Auth.Order = order })
}
