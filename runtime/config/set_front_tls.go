package config

import (
	"strings"
	"time"
)

// Parsers of mod_tls directives whose arguments are of no common kind.

var tlsRequireds = keywords[TLSRequired]{
	{"on", TLSRequired{Control: true, Data: true}},
	{"off", TLSRequired{}},
	{"ctrl", TLSRequired{Control: true}},
	{"control", TLSRequired{Control: true}},
	{"ctrl+data", TLSRequired{Control: true, Data: true}},
	{"ctrl+!data", TLSRequired{Control: true, NoData: true}},
	{"data", TLSRequired{Data: true}},
	{"!data", TLSRequired{NoData: true}},
	{"auth", TLSRequired{Auth: true}},
	{"auth+data", TLSRequired{Auth: true, Data: true}},
	{"auth+!data", TLSRequired{Auth: true, NoData: true}},
	{"both", TLSRequired{Control: true, Data: true}},
}

func parseTLSRequired(c *call) effect {
	if !c.need(1) {
		return effect{}
	}
	v, ok := tlsRequireds.find(c.arg(0))
	if on, isBool := booleans.find(c.arg(0)); !ok && isBool {
		v, ok = TLSRequired{Control: on, Data: on}, true
	}
	if !ok {
		c.errorf(c.at(0), "bad parameter '%s': expected one of %s", c.arg(0), tlsRequireds.list())
	}
	return set(func(s *Settings) { s.TLS.Required = v })
}

// splitList reads one argument of items between separators.
func splitList(separator string, field func(*Settings) *[]string) parser {
	return func(c *call) effect {
		if !c.need(1) {
			return effect{}
		}
		v := strings.Split(c.arg(0), separator)
		return set(func(s *Settings) { *field(s) = v })
	}
}

func parseSessionCache(c *call) effect {
	if !c.need(1) {
		return effect{}
	}
	v := SessionCache{Kind: "internal", Timeout: 300 * time.Second}
	if on, isBool := booleans.find(c.arg(0)); isBool && !on || strings.EqualFold(c.arg(0), "none") {
		v.Off = true
	} else if kind, info, ok := strings.Cut(c.arg(0), ":"); ok {
		v.Kind, v.Info = strings.ToLower(kind), info
	} else if !strings.EqualFold(c.arg(0), "internal") {
		c.errorf(c.at(0), "bad parameter '%s': expected off or type:/info", c.arg(0))
	}
	if len(c.args) > 1 {
		seconds, _ := c.integer(1, 1, 86400*7)
		v.Timeout = time.Duration(seconds) * time.Second
	}
	return set(func(s *Settings) { s.TLS.SessionCache = v })
}
