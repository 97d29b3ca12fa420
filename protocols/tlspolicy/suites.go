package tlspolicy

import (
	"crypto/tls"
	_ "embed" // for the table of suites
	"fmt"
	"slices"
	"strconv"
	"strings"
)

//go:embed suites.txt
var suitesText string

// suite is one line of the table: a cipher suite up to TLS 1.2.
type suite struct {
	id      uint16
	name    string // OpenSSL's
	iana    string
	version string // oldest protocol: SSLv3, TLSv1, TLSv1.2
	kx      string // key exchange
	au      string // authentication
	enc     string // encryption
	bits    int    // strength of the encryption
	mac     string
	marks   []string
	spoken  bool // by crypto/tls
}

// gone marks suites that no OpenSSL of today is built with. General words such
// as ALL do not choose them, only their own.
const gone = "GONE"

func (s *suite) is(mark string) bool { return slices.Contains(s.marks, mark) }

// suites is the table, in OpenSSL's order of preference. It never changes.
var suites = parseSuites(suitesText)

func parseSuites(text string) []*suite {
	spoken := map[uint16]bool{}
	for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		spoken[s.ID] = true
	}
	var all []*suite
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) != 10 || f[0] == "#" {
			continue
		}
		id, err := strconv.ParseUint(f[0], 16, 16)
		bits, bitsErr := strconv.Atoi(f[7])
		if err != nil || bitsErr != nil {
			panic("tlspolicy: the table of suites has a bad line: " + line) // a mistake in the program itself
		}
		all = append(all, &suite{id: uint16(id), name: f[1], iana: f[2], version: f[3], kx: f[4], au: f[5], enc: f[6],
			bits: bits, mac: f[8], marks: strings.Split(f[9], ","), spoken: spoken[uint16(id)]})
	}
	return all
}

func suiteByID(id uint16) *suite {
	i := slices.IndexFunc(suites, func(s *suite) bool { return s.id == id })
	if i < 0 {
		return nil
	}
	return suites[i]
}

func suiteByName(name string) *suite {
	if real, ok := otherNames[name]; ok {
		name = real
	}
	i := slices.IndexFunc(suites, func(s *suite) bool { return s.name == name || s.iana == name })
	if i < 0 {
		return nil
	}
	return suites[i]
}

// otherNames are second names of OpenSSL for the same suite.
var otherNames = map[string]string{
	"EDH-RSA-DES-CBC3-SHA": "DHE-RSA-DES-CBC3-SHA",
	"EDH-DSS-DES-CBC3-SHA": "DHE-DSS-DES-CBC3-SHA",
	"EDH-RSA-DES-CBC-SHA":  "DHE-RSA-DES-CBC-SHA",
	"EDH-DSS-DES-CBC-SHA":  "DHE-DSS-DES-CBC-SHA",
}

// suite13 is a cipher suite of TLS 1.3.
type suite13 struct {
	id     uint16
	name   string // the same for OpenSSL and IANA
	bits   int
	spoken bool
}

// suites13 are all that RFC 8446 defines (appendix B.4).
var suites13 = []suite13{
	{tls.TLS_AES_256_GCM_SHA384, "TLS_AES_256_GCM_SHA384", 256, true},
	{tls.TLS_CHACHA20_POLY1305_SHA256, "TLS_CHACHA20_POLY1305_SHA256", 256, true},
	{tls.TLS_AES_128_GCM_SHA256, "TLS_AES_128_GCM_SHA256", 128, true},
	{0x1304, "TLS_AES_128_CCM_SHA256", 128, false},
	{0x1305, "TLS_AES_128_CCM_8_SHA256", 128, false},
}

func suite13ByName(name string) (suite13, bool) {
	i := slices.IndexFunc(suites13, func(s suite13) bool { return s.name == name })
	if i < 0 {
		return suite13{}, false
	}
	return suites13[i], true
}

// SuiteName is OpenSSL's name of a negotiated cipher suite, such as
// ECDHE-RSA-AES128-GCM-SHA256; the number in hexadecimal if it is unknown.
func SuiteName(id uint16) string {
	if s := suiteByID(id); s != nil {
		return s.name
	}
	for _, s := range suites13 {
		if s.id == id {
			return s.name
		}
	}
	return fmt.Sprintf("0x%04X", id)
}

// SuiteBits is the key length of a suite's encryption: the bits that count for
// its strength, and those of the key. They differ for 3DES only. 0: unknown.
func SuiteBits(id uint16) (used, possible int) {
	if s := suiteByID(id); s != nil {
		if s.enc == "3DES" {
			return s.bits, 168
		}
		return s.bits, s.bits
	}
	for _, s := range suites13 {
		if s.id == id {
			return s.bits, s.bits
		}
	}
	return 0, 0
}

// VersionName is OpenSSL's name of a protocol version: TLSv1.3 … TLSv1, SSLv3.
func VersionName(version uint16) string {
	for _, v := range versions {
		if v.id == version {
			return v.name
		}
	}
	return fmt.Sprintf("0x%04X", version)
}
