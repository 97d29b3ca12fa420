package tlspolicy

import (
	"maps"
	"slices"
	"strings"
)

// The words of OpenSSL's cipher lists (ciphers(1), "CIPHER STRINGS").

// match is what a word or a conjunction of words asks of a suite; an empty
// field asks nothing.
type match struct {
	suite *suite // named itself
	kx    []string
	au    []string
	enc   []string
	bits  int // with enc
	mac   []string
	ver   string
	mark  string // the suite has it
	not   string // the suite has it not
	never bool   // nothing fits: a word of OpenSSL for what is gone
}

func (m match) fits(s *suite) bool {
	return !m.never && (m.suite == nil || m.suite == s) &&
		(m.kx == nil || slices.Contains(m.kx, s.kx)) &&
		(m.au == nil || slices.Contains(m.au, s.au)) &&
		(m.enc == nil || slices.Contains(m.enc, s.enc)) &&
		(m.bits == 0 || m.bits == s.bits) &&
		(m.mac == nil || slices.Contains(m.mac, s.mac)) &&
		(m.ver == "" || m.ver == s.version) &&
		(m.mark == "" || s.is(m.mark)) &&
		(m.not == "" || !s.is(m.not))
}

// names reports whether the word means this suite rather than many: by its
// name or by its encryption.
func (m match) names(s *suite) bool { return m.suite == s || slices.Contains(m.enc, s.enc) }

var (
	aes    = []string{"AES", "AESGCM", "AESCCM", "AESCCM8"}
	kxPSK  = []string{"PSK", "RSAPSK", "DHEPSK", "ECDHEPSK"}
	none   = []string{"None"} // no authentication, or no encryption
	signed = []string{"RSA", "DSS", "ECDSA", "PSK", "SRP"}
)

// keywords are the words for many suites.
var keywords = map[string]match{
	"ALL":                 {not: "NULL"},
	"COMPLEMENTOFALL":     {mark: "NULL"},
	"COMPLEMENTOFDEFAULT": {not: "DEFAULT"},
	"HIGH":                {mark: "HIGH"},
	"MEDIUM":              {mark: "MEDIUM"},
	"LOW":                 {mark: "LOW"},
	"FIPS":                {mark: "FIPS"},

	"kRSA": {kx: []string{"RSA"}}, "RSA": {kx: []string{"RSA"}, au: []string{"RSA"}},
	"kDHE": {kx: []string{"DH"}}, "kEDH": {kx: []string{"DH"}}, "DH": {kx: []string{"DH"}},
	"DHE": {kx: []string{"DH"}, au: signed}, "EDH": {kx: []string{"DH"}, au: signed},
	"kECDHE": {kx: []string{"ECDH"}}, "kEECDH": {kx: []string{"ECDH"}}, "ECDH": {kx: []string{"ECDH"}},
	"ECDHE": {kx: []string{"ECDH"}, au: signed}, "EECDH": {kx: []string{"ECDH"}, au: signed},
	"kPSK": {kx: []string{"PSK"}}, "kRSAPSK": {kx: []string{"RSAPSK"}}, "kDHEPSK": {kx: []string{"DHEPSK"}},
	"kECDHEPSK": {kx: []string{"ECDHEPSK"}}, "PSK": {kx: kxPSK},
	"kSRP": {kx: []string{"SRP"}}, "SRP": {kx: []string{"SRP"}}, "aSRP": {au: []string{"SRP"}},

	"aRSA": {au: []string{"RSA"}}, "aDSS": {au: []string{"DSS"}}, "DSS": {au: []string{"DSS"}},
	"aECDSA": {au: []string{"ECDSA"}}, "ECDSA": {au: []string{"ECDSA"}}, "aPSK": {au: []string{"PSK"}},
	"aNULL": {au: none}, "ADH": {kx: []string{"DH"}, au: none}, "AECDH": {kx: []string{"ECDH"}, au: none},

	"eNULL": {enc: none}, "NULL": {enc: none},
	"AES": {enc: aes}, "AES128": {enc: aes, bits: 128}, "AES256": {enc: aes, bits: 256},
	"AESGCM": {enc: []string{"AESGCM"}}, "AESCCM": {enc: []string{"AESCCM", "AESCCM8"}}, "AESCCM8": {enc: []string{"AESCCM8"}},
	"ARIA": {enc: []string{"ARIAGCM"}}, "ARIAGCM": {enc: []string{"ARIAGCM"}},
	"ARIA128": {enc: []string{"ARIAGCM"}, bits: 128}, "ARIA256": {enc: []string{"ARIAGCM"}, bits: 256},
	"CAMELLIA": {enc: []string{"Camellia"}}, "CAMELLIA128": {enc: []string{"Camellia"}, bits: 128},
	"CAMELLIA256": {enc: []string{"Camellia"}, bits: 256},
	"CHACHA20":    {enc: []string{"CHACHA20/POLY1305"}},
	"3DES":        {enc: []string{"3DES"}}, "RC4": {enc: []string{"RC4"}}, "DES": {enc: []string{"DES"}},
	"IDEA": {enc: []string{"IDEA"}}, "SEED": {enc: []string{"SEED"}},

	"MD5": {mac: []string{"MD5"}}, "SHA": {mac: []string{"SHA1"}}, "SHA1": {mac: []string{"SHA1"}},
	"SHA256": {mac: []string{"SHA256"}}, "SHA384": {mac: []string{"SHA384"}},

	"SSLv3": {ver: "SSLv3"}, "TLSv1": {ver: "TLSv1"}, "TLSv1.0": {ver: "TLSv1"}, "TLSv1.2": {ver: "TLSv1.2"},
}

// goneWords were words of OpenSSL once, or are common in its lists without
// ever having been; they choose nothing.
var goneWords = strings.Fields(`EXP EXPORT EXPORT40 EXPORT56 RC2 kDHr kDHd kDH kECDHr kECDHe aDH aECDH KRB5 kKRB5 aKRB5
kFZA aFZA eFZA FZA kGOST kGOST18 aGOST aGOST01 aGOST12 GOST GOST94 GOST12 GOST89MAC GOST89 SSLv2 TLSv1.1 TLSv1.3`)

// goneFamilies begin the names of suites that OpenSSL had once. They are known
// by their family alone.
var goneFamilies = []string{"EXP-", "EXP1024-", "KRB5-", "ECDH-RSA-", "ECDH-ECDSA-", "DH-RSA-", "DH-DSS-",
	"GOST2001-", "GOST2012-", "GOST94-", "IDEA-", "RC2-", "RC4-64-", "DHE-DSS-RC4-", "SRP-3DES-", "SRP-RSA-3DES-", "SRP-DSS-3DES-"}

// lookup understands one word. exact: it names a single suite.
func lookup(word string) (m match, exact, known bool) {
	if m, ok := keywords[word]; ok {
		return m, false, true
	}
	if s := suiteByName(word); s != nil {
		return match{suite: s}, true, true
	}
	if slices.Contains(goneWords, word) {
		return match{never: true}, false, true
	}
	isGone := slices.ContainsFunc(goneFamilies, func(f string) bool { return strings.HasPrefix(word, f) && len(word) > len(f) })
	return match{never: true}, true, isGone
}

// allWords yields every word a list may hold, for suggestions.
func allWords(yield func(string) bool) {
	for word := range maps.Keys(keywords) {
		if !yield(word) {
			return
		}
	}
	for _, s := range suites {
		if !yield(s.name) || !yield(s.iana) {
			return
		}
	}
	for _, word := range []string{"DEFAULT", "@STRENGTH", "@SECLEVEL=2", "EXPORT"} {
		if !yield(word) {
			return
		}
	}
}
