package config

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Parsers of the SSH directives of both sides.

// hostKeySource reads "/abs/path" or "agent:/socket".
func (c *call) hostKeySource(i int) (HostKey, bool) {
	key := HostKey{Pos: c.at(i)}
	if socket, ok := strings.CutPrefix(c.arg(i), "agent:"); ok {
		if !strings.HasPrefix(socket, "/") {
			c.errorf(c.at(i), "the socket of an agent must be a full path, such as agent:/run/agent.sock")
		}
		key.Agent = socket
		return key, !c.bad
	}
	key.Path = c.arg(i)
	_, ok := c.existing(i, false)
	return key, ok
}

func parseBackendHostKey(c *call) effect {
	if !c.need(1) {
		return effect{}
	}
	key, ok := c.hostKeySource(0)
	if ok && key.Path != "" {
		if info, ok := c.keyInfo(0); ok {
			c.private(0, info)
		}
	}
	return set(func(s *Settings) { s.BackendSSH.HostKeys = joined(s.BackendSSH.HostKeys, key) })
}

// parseHostKey leaves the check of permissions for later, since
// SFTPOptions InsecureHostKeyPerms may stand anywhere.
func parseHostKey(c *call) effect {
	if !c.need(1) {
		return effect{}
	}
	if kind, ok := strings.CutPrefix(c.arg(0), "No"); ok {
		if !slices.Contains([]string{"RSA", "DSA", "ECDSA", "ED25519", "ED448"}, strings.ToUpper(kind)) {
			c.errorf(c.at(0), "unknown kind of key '%s': expected NoRSA, NoDSA, NoECDSA, NoED25519 or NoED448", c.arg(0))
		}
		return set(func(s *Settings) { s.SSH.WithoutHostKeys = joined(s.SSH.WithoutHostKeys, strings.ToUpper(kind)) })
	}
	key, _ := c.hostKeySource(0)
	return set(func(s *Settings) { s.SSH.HostKeys = joined(s.SSH.HostKeys, key) })
}

func parsePassPhraseProvider(field func(*Process) *string) parser {
	return func(c *call) effect {
		if !c.need(1) {
			return effect{}
		}
		name, _ := c.existing(0, false)
		return set(func(p *Process) { *field(p) = name })
	}
}

// alive reads "count interval".
func alive(field func(*Settings) *Alive) parser {
	return func(c *call) effect {
		if !c.exactly(2) {
			return effect{}
		}
		count, _ := c.integer(0, 0, 1000)
		interval, _ := c.integer(1, 0, 24*3600)
		v := Alive{Count: count, Interval: time.Duration(interval) * time.Second}
		if count == 0 || interval == 0 {
			v = Alive{}
		}
		return set(func(s *Settings) { *field(s) = v })
	}
}

// sshMatch reads "regex key value …" with the given keys.
func sshMatch(keys []string, field func(*Settings) *[]SSHMatch) parser {
	return func(c *call) effect {
		if !c.need(3) {
			return effect{}
		}
		if len(c.args)%2 == 0 {
			c.errorf(c.at(len(c.args)-1), "key '%s' has no value: after the expression, keys and values come in pairs", c.arg(len(c.args)-1))
			return effect{}
		}
		m := SSHMatch{Pattern: c.pattern(0, false)}
		for i := 1; i < len(c.args); i += 2 {
			if !slices.Contains(keys, c.arg(i)) {
				c.errorf(c.at(i), "unknown key '%s': expected one of %s; case matters", c.arg(i), strings.Join(keys, ", "))
			}
			switch c.arg(i) {
			case "pessimisticNewkeys":
				m.PessimisticNewkeys, _ = c.boolean(i + 1)
			case "pessimisticKexinit":
				m.PessimisticKexinit, _ = c.boolean(i + 1)
			}
			m.Settings = append(m.Settings, KeyValue{c.arg(i), c.arg(i + 1)})
		}
		return set(func(s *Settings) { *field(s) = joined(*field(s), m) })
	}
}

var authMethods = []string{"publickey", "password", "keyboard-interactive", "hostbased"}

// parseAuthMethods reads "m[+m] …": alternatives of chains.
func parseAuthMethods(c *call) effect {
	if !c.need(1) {
		return effect{}
	}
	var chains [][]string
	for _, a := range c.args {
		chain := strings.Split(strings.ToLower(a.Text), "+")
		for i, m := range chain {
			if !slices.Contains(authMethods, m) {
				c.errorf(a.Pos, "unknown authentication method '%s': expected one of %s", m, strings.Join(authMethods, ", "))
			} else if slices.Contains(chain[:i], m) {
				c.errorf(a.Pos, "method '%s' stands twice in one chain", m)
			}
		}
		chains = append(chains, chain)
	}
	return set(func(s *Settings) { s.SSH.AuthMethods, s.SSH.AuthMethodsSet = chains, true })
}

// keyStores reads "file:/path" and "sql:/query" entries.
func keyStores(field func(*Settings) *[]KeyStore) parser {
	return func(c *call) effect {
		if !c.need(1) {
			return effect{}
		}
		var stores []KeyStore
		for _, a := range c.args {
			kind, info, ok := strings.Cut(a.Text, ":")
			kind = strings.ToLower(kind)
			if !ok || kind != "file" && kind != "sql" || info == "" {
				c.errorf(a.Pos, "'%s' is not a store of keys: expected file:/path, in which %%u and ~ may stand, or sql:/query", a.Text)
				continue
			}
			if kind == "file" && info[0] != '/' && info[0] != '~' {
				c.errorf(a.Pos, "the path of '%s' must begin with '/' or '~'", a.Text)
			}
			stores = append(stores, KeyStore{Kind: kind, Info: info})
		}
		return set(func(s *Settings) { *field(s) = joined(*field(s), stores...) })
	}
}

// parseRekey reads "none | required [interval [megabytes [timeout]]]".
func parseRekey(c *call) effect {
	if !c.need(1) {
		return effect{}
	}
	var v Rekey
	switch {
	case strings.EqualFold(c.arg(0), "none"):
		v.Off = true
	case !strings.EqualFold(c.arg(0), "required"):
		c.errorf(c.at(0), "expected none or required, not '%s'", c.arg(0))
	default:
		v.Interval, v.MaxBytes, v.Timeout = c.rekeyLimits()
	}
	return set(func(s *Settings) { s.SSH.Rekey = v })
}

func (c *call) rekeyLimits() (interval time.Duration, bytes int64, timeout time.Duration) {
	var n [3]int
	for i := range n {
		if i+1 < len(c.args) {
			n[i], _ = c.integer(i+1, 0, 1<<30)
		}
	}
	return time.Duration(n[0]) * time.Second, int64(n[1]) << 20, time.Duration(n[2]) * time.Second
}

// parseKeyLimits reads "name value …", such as MinimumRSASize 2048.
func parseKeyLimits(c *call) effect {
	if !c.need(2) {
		return effect{}
	}
	var limits []KeyValue
	for i := 0; i+1 < len(c.args); i += 2 {
		if _, err := strconv.ParseUint(c.arg(i+1), 10, 16); err != nil {
			c.errorf(c.at(i+1), "expected a number of bits, not '%s'", c.arg(i+1))
		}
		limits = append(limits, KeyValue{c.arg(i), c.arg(i + 1)})
	}
	return set(func(s *Settings) { s.SSH.KeyLimits = joined(s.SSH.KeyLimits, limits...) })
}

// fileOptions concern files, which are the backend's; they are accepted.
var fileOptions = []string{"IncludeSFTPTimes", "PrivKeyPerms", "AllowUnsafeLogin"}

// parseSSHOptions is options, extended by those that only concern files.
func parseSSHOptions(c *call) effect {
	var others []string
	mine := c.args[:0:0]
	for _, a := range c.args {
		if strings.HasPrefix(a.Text, "Ignore") || slices.Contains(fileOptions, a.Text) {
			others = append(others, a.Text)
			continue
		}
		mine = append(mine, a)
	}
	if len(others) > 0 && len(mine) == 0 {
		return set(func(s *Settings) { s.SSH.Options.Others = joined(s.SSH.Options.Others, others...) })
	}
	c.args = mine
	e := options("unknown SFTPOption '%s'", sshOptions)(c)
	return set(func(s *Settings) {
		e.settings(s)
		s.SSH.Options.Others = joined(s.SSH.Options.Others, others...)
	})
}
