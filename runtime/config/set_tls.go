package config

import (
	"strings"

	"github.com/sluice-gateway/sluice/protocols/tlspolicy"
)

// Parsers shared by the TLS directives of both sides. What OpenSSL can speak
// and Sluice cannot is warned of where it was written; what nobody can speak,
// or nothing left to speak, is an error.

var tlsVersions = keywords[TLSVersions]{
	{"TLSv1.3", TLSv13}, {"TLSv1.2", TLSv12}, {"TLSv1.1", TLSv11},
	{"TLSv1", TLSv10}, {"TLSv1.0", TLSv10}, {"SSLv3", SSLv3}, {"SSLv23", SSLv3 | TLSv10},
}

// tlsProtocol reads a list of versions, or ALL followed by signed ones.
func tlsProtocol(field func(*Settings) *TLSVersions) parser {
	return func(c *call) effect {
		if !c.need(1) {
			return effect{}
		}
		var v TLSVersions
		if strings.EqualFold(c.arg(0), "ALL") {
			v = c.signedVersions()
		} else {
			for i := range c.args {
				v |= c.tlsVersion(i, c.arg(i))
			}
		}
		if !c.bad {
			c.spokenVersions(v)
		}
		return set(func(s *Settings) { *field(s) = v })
	}
}

// spokenVersions reports what of a set will not be spoken.
func (c *call) spokenVersions(v TLSVersions) {
	bounds, err := tlspolicy.Versions(v).Bounds()
	switch {
	case v == 0:
		c.errorf(c.pos, "no protocol is left: allow at least TLSv1.2 or TLSv1.3")
	case err != nil:
		c.errorf(c.pos, "%v; allow at least TLSv1.2 or TLSv1.3", err)
	default:
		if bounds.Dropped&tlspolicy.SSL30 != 0 {
			c.warnf(c.pos, "SSLv3 cannot be spoken and stays off")
		}
		if below := bounds.Dropped &^ tlspolicy.SSL30; below != 0 {
			c.warnf(c.pos, "%s stays off: only an unbroken range of versions can be spoken, and one in between is left out", below)
		}
	}
}

func (c *call) signedVersions() TLSVersions {
	v := AllTLSVersions
	for i := 1; i < len(c.args); i++ {
		text := c.arg(i)
		if text == "" || text[0] != '+' && text[0] != '-' {
			c.errorf(c.at(i), "missing required +/- prefix: after ALL write +%s or -%s", text, text)
			continue
		}
		one := c.tlsVersion(i, text[1:])
		if text[0] == '+' {
			v |= one
		} else {
			v &^= one
		}
	}
	return v
}

func (c *call) tlsVersion(i int, text string) TLSVersions {
	v, ok := tlsVersions.find(text)
	if !ok {
		c.errorf(c.at(i), "unknown protocol: '%s': expected one of %s", text, tlsVersions.list())
	}
	return v
}

// cipherSuite reads "[version] list". Suites of TLS 1.3 go to a list of their own.
func cipherSuite(old, tls13 func(*Settings) *string) parser {
	return func(c *call) effect {
		if !c.need(1) {
			return effect{}
		}
		at, field, understand := 0, old, c.ciphers
		if len(c.args) > 1 {
			at = 1
			if c.tlsVersion(0, c.arg(0)) == TLSv13 {
				field, understand = tls13, c.ciphers13
			}
		} else if strings.Contains(c.arg(0), "_") {
			c.errorf(c.at(0), "'%s' looks like a list for TLS 1.3: write %s TLSv1.3 %s", c.arg(0), c.row.Name, c.arg(0))
			return effect{}
		}
		list := c.arg(at)
		if strings.Trim(list, ":,; ") == "" {
			c.errorf(c.at(at), "unable to use ciphersuite '%s': the list is empty", list)
		} else {
			understand(at, list)
		}
		return set(func(s *Settings) { *field(s) = list })
	}
}

func (c *call) ciphers(i int, list string) {
	known, err := tlspolicy.ParseCiphers(list)
	if err != nil {
		c.errorf(c.at(i), "unable to use ciphersuite: %v", err)
		return
	}
	c.unspoken(i, known.Unspoken)
	if len(known.Broken) > 0 {
		c.warnf(c.at(i), "%s can be broken with the means of today: keep it only for a peer that knows nothing better", strings.Join(known.Broken, ", "))
	}
}

func (c *call) ciphers13(i int, list string) {
	known, err := tlspolicy.ParseCiphers13(list)
	if err != nil {
		c.errorf(c.at(i), "unable to use ciphersuite: %v", err)
		return
	}
	c.unspoken(i, known.Unspoken)
	if len(known.StaysOn) > 0 {
		c.warnf(c.at(i), "%s stays on: suites of TLS 1.3 cannot be switched off one by one", strings.Join(known.StaysOn, ", "))
	}
}

func (c *call) unspoken(i int, names []string) {
	if len(names) > 0 {
		c.warnf(c.at(i), "%s cannot be spoken here and is passed over", strings.Join(names, ", "))
	}
}
