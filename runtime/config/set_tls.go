package config

import (
	"strings"
)

// Parsers shared by the TLS directives of both sides.

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
		if v == 0 && !c.bad {
			c.errorf(c.pos, "no protocol is left: allow at least TLSv1.2 or TLSv1.3")
		}
		return set(func(s *Settings) { *field(s) = v })
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
		list, field := c.arg(0), old
		if len(c.args) > 1 {
			list = c.arg(1)
			if c.tlsVersion(0, c.arg(0)) == TLSv13 {
				field = tls13
			}
		} else if strings.Contains(list, "_") {
			c.errorf(c.at(0), "'%s' looks like a list for TLS 1.3: write %s TLSv1.3 %s", list, c.row.Name, list)
		}
		if strings.Trim(list, ":,! ") == "" {
			c.errorf(c.at(0), "unable to use ciphersuite '%s': the list is empty", list)
		}
		return set(func(s *Settings) { *field(s) = list })
	}
}

// maxIdentity bounds a PSK identity, in bytes (RFC 4279, section 5.3).
const maxIdentity = 128

// preSharedKey reads "identity hex:/path". A key file that cannot be used is
// a warning only, as the peer has it.
func preSharedKey(identity, file func(*Settings) *string) parser {
	return func(c *call) effect {
		if !c.need(2) {
			return effect{}
		}
		name, path := c.arg(0), c.arg(1)
		if len(name) > maxIdentity {
			c.errorf(c.at(0), "the identity is longer than %d bytes", maxIdentity)
		}
		path, ok := strings.CutPrefix(path, "hex:")
		if !ok || !strings.HasPrefix(path, "/") {
			c.errorf(c.at(1), "unsupported %s format: '%s': expected hex:/path/to/key", c.row.Name, c.arg(1))
			return effect{}
		}
		if problem := pskProblem(c.load.files, path); problem != "" {
			c.warnf(c.at(1), "the key is not used: '%s' %s", path, problem)
			return effect{}
		}
		return set(func(s *Settings) { *identity(s), *file(s) = name, path })
	}
}

// minKeyDigits is the shortest pre-shared key, in hexadecimal digits.
const minKeyDigits = 20

func pskProblem(files Files, path string) string {
	info, err := files.Stat(path)
	if err != nil {
		return "does not exist or cannot be read"
	}
	if info.Mode().Perm()&(worldRead|worldWrite) != 0 {
		return "is world-readable or world-writable: run chmod o-rw on it"
	}
	raw, err := files.ReadFile(path, 64<<10)
	if err != nil {
		return "cannot be read"
	}
	key, _, _ := strings.Cut(string(raw), "\n")
	key = strings.TrimRight(key, "\r")
	if len(key) < minKeyDigits {
		return "holds fewer than 20 digits in its first line"
	}
	if strings.Trim(key, "0123456789abcdefABCDEF") != "" {
		return "holds more than hexadecimal digits in its first line"
	}
	return ""
}
