package proxyproto

import (
	"encoding/binary"
	"slices"
)

// TLV is one more thing that a header of version 2 says:
//
//	type u8 | length u16 | value
type TLV struct {
	Type  byte
	Value []byte
}

// Types of TLVs (section 2.2), and two of the range for applications (section
// 2.2.8) by which clouds name the private endpoint that a client came by.
const (
	TypeALPN      = 0x01
	TypeAuthority = 0x02 // the name that the client asked for: HOST, or SNI
	TypeCRC32C    = 0x03
	TypeNoOp      = 0x04
	TypeUniqueID  = 0x05
	TypeSSL       = 0x20
	TypeAWS       = 0xEA // VPC endpoint
	TypeAzure     = 0xEE // private link
)

// Sub-types in TypeSSL (section 2.2.6).
const (
	subVersion      = 0x21
	subCommonName   = 0x22
	subCipher       = 0x23
	subSignatureAlg = 0x24
	subKeyAlg       = 0x25
)

// MaxUniqueID is the longest unique id (section 2.2.5).
const MaxUniqueID = 128

const (
	tlvHead = 3
	crcSize = 4
	sslHead = 5 // client u8 | verify u32
)

// ClientBits say what there is of a client's TLS.
type ClientBits byte

// The bits. CertConn comes beside TLS, not in its place.
const (
	ClientTLS      ClientBits = 0x01
	ClientCertConn ClientBits = 0x02 // a certificate was shown on this connection
	ClientCertSess ClientBits = 0x04 // … or earlier in its TLS session
)

// SSL is the value of TypeSSL. The zero value says that the client has no TLS.
type SSL struct {
	Client     ClientBits
	Verified   bool   // the client's certificate was verified
	Version    string // TLSv1.3
	CommonName string // of the client's certificate
	Cipher     string
	Signature  string // what the certificate that the client was shown is signed with
	Key        string // the kind of its key
}

// TLV encodes the value. Empty strings are left out.
func (s SSL) TLV() TLV {
	verify := uint32(1)
	if s.Verified {
		verify = 0
	}
	v := binary.BigEndian.AppendUint32([]byte{byte(s.Client)}, verify)
	for _, sub := range []struct {
		kind byte
		text string
	}{
		{subVersion, s.Version}, {subCommonName, s.CommonName}, {subCipher, s.Cipher},
		{subSignatureAlg, s.Signature}, {subKeyAlg, s.Key},
	} {
		if sub.text != "" {
			v = appendTLV(v, TLV{sub.kind, []byte(sub.text)})
		}
	}
	return TLV{TypeSSL, v}
}

// ParseSSL decodes the value of TypeSSL. Sub-types that it does not know are
// passed over.
func ParseSSL(value []byte) (SSL, error) {
	if len(value) < sslHead {
		return SSL{}, malformed("an SSL TLV of %d bytes", len(value))
	}
	s := SSL{Client: ClientBits(value[0]), Verified: binary.BigEndian.Uint32(value[1:]) == 0}
	for rest := value[sslHead:]; len(rest) > 0; {
		var sub TLV
		var err error
		if sub, rest, err = nextTLV(rest); err != nil {
			return SSL{}, err
		}
		text := string(sub.Value)
		switch sub.Type {
		case subVersion:
			s.Version = text
		case subCommonName:
			s.CommonName = text
		case subCipher:
			s.Cipher = text
		case subSignatureAlg:
			s.Signature = text
		case subKeyAlg:
			s.Key = text
		}
	}
	return s, nil
}

// Find is the value of the first TLV of a type.
func (h Header) Find(kind byte) (value []byte, ok bool) {
	i := slices.IndexFunc(h.TLVs, func(t TLV) bool { return t.Type == kind })
	if i < 0 {
		return nil, false
	}
	return h.TLVs[i].Value, true
}

// PassedOn are the TLVs that a proxy in the middle hands on as they are: by which
// private endpoint of a cloud the client came, which nobody further on can know.
func (h Header) PassedOn() []TLV {
	var some []TLV
	for _, t := range h.TLVs {
		if t.Type == TypeAWS || t.Type == TypeAzure {
			some = append(some, t)
		}
	}
	return some
}

// appendTLV encodes a TLV whose length was checked.
func appendTLV(b []byte, t TLV) []byte {
	b = binary.BigEndian.AppendUint16(append(b, t.Type), uint16(len(t.Value)))
	return append(b, t.Value...)
}

// nextTLV cuts the first one off. Its value stays where it is.
func nextTLV(b []byte) (t TLV, rest []byte, err error) {
	if len(b) < tlvHead {
		return t, nil, malformed("%d bytes are too short for a TLV", len(b))
	}
	n := int(binary.BigEndian.Uint16(b[1:]))
	if n > len(b)-tlvHead {
		return t, nil, malformed("TLV 0x%02x of %d bytes goes beyond the header's end", b[0], n)
	}
	return TLV{b[0], b[tlvHead : tlvHead+n]}, b[tlvHead+n:], nil
}
