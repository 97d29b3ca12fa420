package tlspolicy

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
)

// Cipher lists up to TLS 1.2, after ciphers(1) of OpenSSL. Its rules:
//
//   - Items are separated by ':', ',', ';' or blanks, and applied from left to
//     right to a list that begins empty. An item adds what it means to the end;
//     '-' takes away, '!' takes away for good, '+' moves to the end what is
//     there already. A+B means what both A and B mean.
//   - DEFAULT is for the beginning of a list. OpenSSL finds nothing in one that
//     comes later; here it then adds the same suites.
//   - @STRENGTH sorts by key length, @SECLEVEL=n drops what is too weak.
//   - OpenSSL passes over words that it does not know, and so lets a misspelt
//     '!RC4' do nothing. Here they are errors.
//   - What OpenSSL is no longer built with (RC4, 3DES, DES …) is chosen by its
//     own words only, never by ALL or MEDIUM.
//
// crypto/tls orders suites itself; the order of the result is OpenSSL's, but
// only the set has an effect.

// Ciphers is an understood cipher list.
type Ciphers struct {
	IDs           []uint16 // what crypto/tls can speak of it, for tls.Config.CipherSuites
	Unspoken      []string // asked for by exact name, but crypto/tls cannot speak it
	Broken        []string // OpenSSL's names of chosen suites with RC4 or 3DES
	SecurityLevel int      // of @SECLEVEL=n, applied to IDs already; -1: not written
}

// Bounds of a list: longer ones are no cipher list.
const (
	maxList  = 8 << 10 // bytes
	maxItems = 512
)

// ParseCiphers understands the argument of TLSCipherSuite and
// ProxyTLSCipherSuite for protocols up to TLS 1.2. The empty list stands for
// crypto/tls's own choice and gives no IDs. Errors are an *UnknownError, wrap
// ErrNothingLeft, or tell what is malformed.
func ParseCiphers(list string) (Ciphers, error) {
	if list == "" {
		return Ciphers{SecurityLevel: -1}, nil
	}
	if len(list) > maxList {
		return Ciphers{}, fmt.Errorf("the cipher list is longer than %d bytes", maxList)
	}
	c := chooser{order: slices.Clone(suites), active: map[*suite]bool{}, level: -1}
	items := strings.FieldsFunc(list, func(r rune) bool { return strings.ContainsRune(":,; ", r) })
	if len(items) > maxItems {
		return Ciphers{}, fmt.Errorf("the cipher list has more than %d items", maxItems)
	}
	for i, item := range items {
		if err := c.item(item, i == 0); err != nil {
			return Ciphers{}, err
		}
	}
	return c.result(list)
}

// chooser carries a list out.
type chooser struct {
	order  []*suite // everything not taken away for good
	active map[*suite]bool
	named  []string // exact names that an item added
	level  int
}

func (c *chooser) item(item string, first bool) error {
	switch {
	case item[0] == '@':
		return c.special(item)
	case item == "DEFAULT" && first:
		c.kill(match{not: "DEFAULT"})
		fallthrough
	case item == "DEFAULT":
		c.add(match{mark: "DEFAULT", not: "NULL"})
		return nil
	case first && item == "SUITEB128", first && item == "SUITEB192", first && item == "SUITEB128ONLY":
		return c.suiteB(item)
	case first && strings.HasPrefix(item, "PROFILE="):
		return c.item("DEFAULT", true) // the system's profile: there is none here
	}
	verb := byte(0)
	if strings.IndexByte("!-+", item[0]) >= 0 {
		verb, item = item[0], item[1:]
	}
	if item == "" {
		return nil // as OpenSSL has it
	}
	return c.rule(verb, strings.Split(item, "+"))
}

// suiteB is the profile of RFC 6460.
func (c *chooser) suiteB(item string) error {
	for _, name := range []string{"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"} {
		if item == "SUITEB192" && strings.Contains(name, "128") || item == "SUITEB128ONLY" && strings.Contains(name, "256") {
			continue
		}
		if err := c.rule(0, []string{name}); err != nil {
			return err
		}
	}
	return nil
}

// rule applies one item: every word of it must fit.
func (c *chooser) rule(verb byte, words []string) error {
	var all conjunction
	for _, word := range words {
		m, exact, known := lookup(word)
		if !known {
			return c.unknown(word)
		}
		all = append(all, m)
		if exact && verb == 0 {
			c.named = append(c.named, word)
		}
	}
	switch verb {
	case 0:
		c.add(all...)
	case '-':
		c.remove(all)
	case '!':
		c.kill(all...)
	case '+':
		chosen := c.pick(func(s *suite) bool { return c.active[s] && all.fits(s) })
		c.order = append(c.order, chosen...)
	}
	return nil
}

func (c *chooser) unknown(word string) error {
	if _, ok := suite13ByName(word); ok {
		return fmt.Errorf("'%s' belongs to TLS 1.3, whose suites have a list of their own: put TLSv1.3 before it", word)
	}
	if word == "" {
		return fmt.Errorf("a '+' or a sign stands without a cipher beside it")
	}
	return &UnknownError{Kind: "cipher", Word: word, Nearest: nearest(word, allWords)}
}

// conjunction is A+B.
type conjunction []match

func (a conjunction) fits(s *suite) bool {
	return !slices.ContainsFunc(a, func(m match) bool { return !m.fits(s) })
}

func (a conjunction) names(s *suite) bool {
	return slices.ContainsFunc(a, func(m match) bool { return m.names(s) })
}

// pick takes suites out of the order and returns them as they stood.
func (c *chooser) pick(want func(*suite) bool) []*suite {
	var chosen, rest []*suite
	for _, s := range c.order {
		if want(s) {
			chosen = append(chosen, s)
		} else {
			rest = append(rest, s)
		}
	}
	c.order = rest
	return chosen
}

func (c *chooser) add(words ...match) {
	all := conjunction(words)
	chosen := c.pick(func(s *suite) bool { return !c.active[s] && all.fits(s) && (!s.is(gone) || all.names(s)) })
	for _, s := range chosen {
		c.active[s] = true
	}
	c.order = append(c.order, chosen...)
}

// remove puts suites first among the inactive, where a later item finds them.
func (c *chooser) remove(all conjunction) {
	chosen := c.pick(func(s *suite) bool { return c.active[s] && all.fits(s) })
	for _, s := range chosen {
		delete(c.active, s)
	}
	c.order = append(chosen, c.order...)
}

func (c *chooser) kill(words ...match) {
	all := conjunction(words)
	for _, s := range c.pick(all.fits) {
		delete(c.active, s)
	}
}

func (c *chooser) special(item string) error {
	if item == "@STRENGTH" {
		chosen := c.pick(func(s *suite) bool { return c.active[s] })
		slices.SortStableFunc(chosen, func(a, b *suite) int { return b.bits - a.bits })
		c.order = append(c.order, chosen...)
		return nil
	}
	level, ok := strings.CutPrefix(item, "@SECLEVEL=")
	if !ok || len(level) != 1 || level[0] < '0' || level[0] > '5' {
		return fmt.Errorf("'%s' is no command: expected @STRENGTH or @SECLEVEL=n with n from 0 to 5", item)
	}
	c.level = int(level[0] - '0')
	return nil
}

// levelBits are the security bits that levels 1 to 5 ask for
// (SSL_CTX_set_security_level(3)).
var levelBits = [...]int{0, 80, 112, 128, 192, 256}

// permitted applies the security level, as OpenSSL does when it speaks.
func (c *chooser) permitted(s *suite) bool {
	if c.level <= 0 {
		return true
	}
	least := levelBits[c.level]
	return s.bits >= least && s.au != "None" && s.mac != "MD5" &&
		!(least > 160 && s.mac == "SHA1") &&
		!(c.level >= 2 && s.enc == "RC4") &&
		!(c.level >= 3 && s.kx != "DH" && s.kx != "ECDH")
}

func (c *chooser) result(list string) (Ciphers, error) {
	r := Ciphers{SecurityLevel: c.level}
	chosen := 0
	for _, s := range c.order {
		if !c.active[s] {
			continue
		}
		chosen++
		if !s.spoken || !c.permitted(s) {
			continue
		}
		r.IDs = append(r.IDs, s.id)
		if s.is(gone) {
			r.Broken = append(r.Broken, s.name)
		}
	}
	for _, name := range c.named {
		if s := suiteByName(name); (s == nil || !s.spoken) && !slices.Contains(r.Unspoken, name) {
			r.Unspoken = append(r.Unspoken, name)
		}
	}
	switch {
	case len(r.IDs) > 0:
		return r, nil
	case chosen == 0:
		return r, fmt.Errorf("the cipher list '%s' chooses nothing: %w", list, ErrNothingLeft)
	default:
		return r, fmt.Errorf("of the ciphers in '%s' none can be spoken here; "+
			"ECDHE with AES-GCM, ChaCha20-Poly1305 or AES-CBC can: %w", list, ErrNothingLeft)
	}
}

// Kinds of keys in servers' certificates, as cipher suites tell them apart. An
// Ed25519 key counts as ECDSA (RFC 8422 section 5.10).
const (
	KeyRSA   = "RSA"
	KeyECDSA = "ECDSA"
)

// Fits reports whether a handshake up to TLS 1.2 can come to one of the suites,
// in a version of the bounds and with a certificate of one of the kinds. No
// kind stands for any; no list fits always.
func (c Ciphers) Fits(b Bounds, kinds ...string) bool {
	if c.IDs == nil {
		return true
	}
	return slices.ContainsFunc(c.IDs, func(id uint16) bool {
		s := suiteByID(id)
		return s != nil && b.Min <= tls.VersionTLS12 &&
			(s.version != "TLSv1.2" || b.Max >= tls.VersionTLS12) &&
			(len(kinds) == 0 || slices.Contains(kinds, s.au))
	})
}

// Ciphers13 is an understood list of TLS 1.3 suites. crypto/tls has no way to
// switch any of its three off.
type Ciphers13 struct {
	IDs      []uint16
	Unspoken []string // listed, but crypto/tls cannot speak it
	StaysOn  []string // not listed, and spoken all the same
}

// ParseCiphers13 understands a list for TLS 1.3: names between colons.
func ParseCiphers13(list string) (Ciphers13, error) {
	var r Ciphers13
	if len(list) > maxList {
		return r, fmt.Errorf("the cipher list is longer than %d bytes", maxList)
	}
	for name := range strings.SplitSeq(list, ":") {
		if name == "" {
			continue
		}
		s, known := suite13ByName(name)
		switch {
		case !known:
			return Ciphers13{}, &UnknownError{Kind: "cipher of TLS 1.3", Word: name, Nearest: nearest(name, names13)}
		case !s.spoken && !slices.Contains(r.Unspoken, name):
			r.Unspoken = append(r.Unspoken, name)
		case s.spoken && !slices.Contains(r.IDs, s.id):
			r.IDs = append(r.IDs, s.id)
		}
	}
	if len(r.IDs) == 0 {
		return r, fmt.Errorf("of the ciphers in '%s' none can be spoken here: %w", list, ErrNothingLeft)
	}
	for _, s := range suites13 {
		if s.spoken && !slices.Contains(r.IDs, s.id) {
			r.StaysOn = append(r.StaysOn, s.name)
		}
	}
	return r, nil
}

func names13(yield func(string) bool) {
	for _, s := range suites13 {
		if !yield(s.name) {
			return
		}
	}
}
