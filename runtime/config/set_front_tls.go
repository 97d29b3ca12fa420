package config

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/protocols/tlspolicy"
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

func parseCurves(c *call) effect {
	if !c.one() {
		return effect{}
	}
	v := strings.Split(c.arg(0), ":")
	known, err := tlspolicy.ParseCurves(v)
	if err != nil {
		c.errorf(c.at(0), "%v", err)
	} else {
		c.unspoken(0, known.Unspoken)
	}
	return set(func(s *Settings) { s.TLS.Curves = v })
}

// parseServerPreference says so if the clients' order is wanted: crypto/tls
// takes the best suite that both sides have, whoever prefers which.
func parseServerPreference(c *call) effect {
	if !c.one() {
		return effect{}
	}
	v, ok := c.boolean(0)
	if ok && !v {
		c.warnf(c.at(0), "has no effect: the best suite that both sides can speak is used, in the gateway's own order")
	}
	return set(func(s *Settings) { s.TLS.ServerPreference = v })
}

// parseVerifyOrder knows the peer's two ways to ask about revocation.
func parseVerifyOrder(c *call) effect {
	if !c.need(1) {
		return effect{}
	}
	for _, a := range c.args {
		switch strings.ToLower(a.Text) {
		case "crl":
		case "ocsp":
			c.warnf(a.Pos, "ocsp is not asked: name revocation lists with TLSCARevocationFile or TLSCARevocationPath")
		default:
			c.errorf(a.Pos, "unknown way to verify '%s': expected crl or ocsp", a.Text)
		}
	}
	v := c.texts(0)
	return set(func(s *Settings) { s.TLS.VerifyOrder = v })
}

// parseUserName knows which fields of a certificate can name a user.
func parseUserName(c *call) effect {
	if !c.one() {
		return effect{}
	}
	v := c.arg(0)
	isOID := strings.Contains(v, ".") && strings.Trim(v, ".0123456789") == ""
	if !isOID && !strings.EqualFold(v, "CommonName") && !strings.EqualFold(v, "EmailSubjAltName") {
		c.errorf(c.at(0), "unknown TLSUserName value '%s': expected CommonName, EmailSubjAltName or the number of an extension, such as 1.2.3.4", v)
	}
	return set(func(s *Settings) { s.TLS.UserName = v })
}

// Bounds of TLSSessionTicketKeys. A key that is too young or alone would make
// clients begin again for no reason.
const (
	minTicketKeyAge = time.Minute
	minTicketKeys   = 2
	maxTicketKeys   = 1000
)

// parseTicketKeys reads "[age duration] [count n]", and keeps durations as
// seconds.
func parseTicketKeys(c *call) effect {
	if !c.need(2) {
		return effect{}
	}
	var v []string
	for i := 0; i < len(c.args); i += 2 {
		value := c.arg(i + 1)
		switch strings.ToLower(c.arg(i)) {
		case "age":
			age, ok := parseDuration(value)
			if !ok || age < minTicketKeyAge {
				c.errorf(c.at(i+1), "bad age '%s': expected a minute or more, such as 12h", value)
			}
			v = append(v, "age", strconv.Itoa(int(age/time.Second)))
		case "count":
			n, _ := c.integer(i+1, minTicketKeys, maxTicketKeys)
			v = append(v, "count", strconv.Itoa(n))
		default:
			c.errorf(c.at(i), "unknown word '%s': expected age and count with a value each, such as age 12h count 25", c.arg(i))
		}
	}
	return set(func(s *Settings) { s.TLS.TicketKeys = v })
}

// sessionCaches are the types that mod_tls has modules for.
var sessionCaches = []string{"internal", "shm", "memcache", "redis", "fifo"}

func parseSessionCache(c *call) effect {
	if !c.need(1) {
		return effect{}
	}
	v := SessionCache{Kind: "internal", Timeout: 300 * time.Second}
	if on, isBool := booleans.find(c.arg(0)); isBool && !on || strings.EqualFold(c.arg(0), "none") {
		v.Off = true
	} else if kind, info, ok := strings.Cut(c.arg(0), ":"); ok {
		v.Kind, v.Info = strings.ToLower(kind), info
		if !slices.Contains(sessionCaches, v.Kind) {
			c.warnf(c.at(0), "the type '%s' is unknown; like all of them it means a cache in memory", kind)
		}
	} else if !strings.EqualFold(c.arg(0), "internal") {
		c.errorf(c.at(0), "bad parameter '%s': expected off or type:/info", c.arg(0))
	}
	if len(c.args) > 1 {
		seconds, _ := c.integer(1, 1, 86400*7)
		v.Timeout = time.Duration(seconds) * time.Second
	}
	return set(func(s *Settings) { s.TLS.SessionCache = v })
}
