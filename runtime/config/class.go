package config

import (
	"net/netip"
	"path"
	"strings"

	"github.com/sluice-gateway/sluice/protocols/conf"
)

// Class is a <Class> section: a named set of clients.
type Class struct {
	Name           string
	From           []AddressRule
	SatisfyAll     bool // Satisfy all; otherwise one rule is enough
	ForwardSet     bool // ProxyForwardEnabled was written
	ForwardEnabled bool
	Pos            conf.Pos
}

// Match reports whether a client belongs to the class. dnsName is the name of
// the address, empty when unknown; rules about names then do not match.
func (c *Class) Match(addr netip.Addr, dnsName string) bool {
	if len(c.From) == 0 {
		return false
	}
	for _, rule := range c.From {
		if rule.Match(addr, dnsName) != c.SatisfyAll {
			return !c.SatisfyAll
		}
	}
	return c.SatisfyAll
}

// AddressRule is one item of From, Allow or Deny. At most one of Prefix,
// Glob and Suffix is set, unless it is All or None.
type AddressRule struct {
	Negate bool // "!" before the item
	All    bool
	None   bool
	Prefix netip.Prefix // an address is a prefix of full length
	Glob   string       // "10.1.*", "*.example.com", or a plain name; lower case
	Suffix string       // ".example.com"; lower case
	Pos    conf.Pos
}

// Match reports whether a client fits the rule, its negation included.
func (r AddressRule) Match(addr netip.Addr, dnsName string) bool {
	return r.plain(addr.Unmap(), strings.ToLower(dnsName)) != r.Negate
}

func (r AddressRule) plain(addr netip.Addr, name string) bool {
	switch {
	case r.All:
		return true
	case r.None:
		return false
	case r.Prefix.IsValid():
		return r.Prefix.Contains(addr.WithZone(""))
	case r.Suffix != "":
		return strings.HasSuffix(name, r.Suffix)
	}
	if globFits(r.Glob, addr.String()) {
		return true
	}
	return name != "" && r.AboutName() && globFits(r.Glob, name)
}

func globFits(glob, s string) bool {
	ok, err := path.Match(glob, s)
	return err == nil && ok
}

// AliasMatches reports whether a name asked for by HOST or SNI is one of the
// server's aliases. Case does not matter; aliases may be globs.
func (s *Server) AliasMatches(name string) bool {
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	for _, alias := range s.Aliases {
		if globFits(strings.ToLower(alias), name) {
			return true
		}
	}
	return false
}
