package tlspolicy

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Distinguished names as OpenSSL prints them on one line (XN_FLAG_ONELINE):
// "C = DE, O = \"Example, Inc.\", CN = www". Attributes of one relative name
// are joined by " + ".

// attribute is one type and value of a name, in DER.
type attribute struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue
}

// relativeNameSET is what a name is a sequence of; encoding/asn1 knows by the
// ending of its name that it is a SET.
type relativeNameSET []attribute

// parseName reads a name in DER; nil if it is none.
func parseName(raw []byte) []relativeNameSET {
	var name []relativeNameSET
	if rest, err := asn1.Unmarshal(raw, &name); err != nil || len(rest) > 0 {
		return nil
	}
	return name
}

// DN renders a name in DER, such as x509.Certificate.RawSubject.
func DN(raw []byte) string {
	var b strings.Builder
	for i, rdn := range parseName(raw) {
		if i > 0 {
			b.WriteString(", ")
		}
		for j, a := range rdn {
			if j > 0 {
				b.WriteString(" + ")
			}
			b.WriteString(shortName(a.Type))
			b.WriteString(" = ")
			b.WriteString(quotedValue(a.Value))
		}
	}
	return b.String()
}

// shortNames are OpenSSL's for the attributes of RFC 4519, RFC 2985 and the
// CA/Browser forum.
var shortNames = map[string]string{
	"2.5.4.3": "CN", "2.5.4.4": "SN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST",
	"2.5.4.9": "street", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.12": "title", "2.5.4.13": "description",
	"2.5.4.15": "businessCategory", "2.5.4.16": "postalAddress", "2.5.4.17": "postalCode", "2.5.4.18": "postOfficeBox",
	"2.5.4.20": "telephoneNumber", "2.5.4.41": "name", "2.5.4.42": "GN", "2.5.4.43": "initials",
	"2.5.4.44": "generationQualifier", "2.5.4.45": "x500UniqueIdentifier", "2.5.4.46": "dnQualifier",
	"2.5.4.65": "pseudonym", "2.5.4.72": "role", "2.5.4.97": "organizationIdentifier",
	"0.9.2342.19200300.100.1.1": "UID", "0.9.2342.19200300.100.1.3": "mail", "0.9.2342.19200300.100.1.25": "DC",
	"1.2.840.113549.1.9.1": "emailAddress", "1.2.840.113549.1.9.2": "unstructuredName",
	"1.3.6.1.4.1.311.60.2.1.1": "jurisdictionL", "1.3.6.1.4.1.311.60.2.1.2": "jurisdictionST",
	"1.3.6.1.4.1.311.60.2.1.3": "jurisdictionC",
}

func shortName(oid asn1.ObjectIdentifier) string {
	if name, ok := shortNames[oid.String()]; ok {
		return name
	}
	return oid.String()
}

// text decodes a string type; false for anything else.
func text(v asn1.RawValue) (string, bool) {
	if v.Class != asn1.ClassUniversal || v.IsCompound {
		return "", false
	}
	switch v.Tag {
	case asn1.TagUTF8String:
		return string(v.Bytes), utf8.Valid(v.Bytes)
	case asn1.TagPrintableString, asn1.TagIA5String, asn1.TagT61String, asn1.TagNumericString, tagVisibleString:
		return latin1(v.Bytes), true
	case asn1.TagBMPString:
		if len(v.Bytes)%2 != 0 {
			return "", false
		}
		units := make([]uint16, len(v.Bytes)/2)
		for i := range units {
			units[i] = uint16(v.Bytes[2*i])<<8 | uint16(v.Bytes[2*i+1])
		}
		return string(utf16.Decode(units)), true
	}
	return "", false
}

const tagVisibleString = 26

func latin1(b []byte) string {
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return string(runes)
}

// quotedValue renders a value: quotes around what would end it, hexadecimal
// escapes for what is not ASCII, and the DER of what is no text.
func quotedValue(v asn1.RawValue) string {
	s, ok := text(v)
	if !ok {
		return "#" + strings.ToUpper(hex.EncodeToString(v.FullBytes))
	}
	var b strings.Builder
	quote := s != "" && (s[0] == '#' || s[0] == ' ' || s[len(s)-1] == ' ')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c >= 0x7f:
			fmt.Fprintf(&b, "\\%02X", c)
		default:
			quote = quote || strings.IndexByte(",+<>;", c) >= 0
			b.WriteByte(c)
		}
	}
	if quote {
		return `"` + b.String() + `"`
	}
	return b.String()
}

var (
	oidCommonName = asn1.ObjectIdentifier{2, 5, 4, 3}
	oidSubjectAlt = asn1.ObjectIdentifier{2, 5, 29, 17}
)

// values are the texts of one attribute, in the order of the name.
func values(raw []byte, oid asn1.ObjectIdentifier) []string {
	var all []string
	for _, rdn := range parseName(raw) {
		for _, a := range rdn {
			if s, ok := text(a.Value); ok && a.Type.Equal(oid) {
				all = append(all, s)
			}
		}
	}
	return all
}

func commonNames(cert *x509.Certificate) []string { return values(cert.RawSubject, oidCommonName) }

// UserName reads the user name that TLSUserName takes from a client's
// certificate. field is CommonName, EmailSubjAltName, or the number of an
// extension whose value is a text, such as 1.2.3.4. What cannot be a user name
// (empty, or with control characters) is an error.
func UserName(cert *x509.Certificate, field string) (string, error) {
	var found []string
	switch {
	case strings.EqualFold(field, "CommonName"):
		found = commonNames(cert)
	case strings.EqualFold(field, "EmailSubjAltName"):
		found = cert.EmailAddresses
	default:
		for _, e := range cert.Extensions {
			var v asn1.RawValue
			if e.Id.String() != field || e.Id.Equal(oidSubjectAlt) {
				continue
			}
			if _, err := asn1.Unmarshal(e.Value, &v); err != nil {
				continue
			}
			if s, ok := text(v); ok {
				found = append(found, s)
			}
		}
	}
	if len(found) == 0 {
		return "", fmt.Errorf("the client's certificate has no %s to take the user name from", field)
	}
	if name := found[0]; name != "" && !strings.ContainsFunc(name, unicode.IsControl) {
		return name, nil
	}
	return "", fmt.Errorf("%s of the client's certificate, %q, cannot be a user name", field, found[0])
}
