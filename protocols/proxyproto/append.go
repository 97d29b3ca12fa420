package proxyproto

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"
	"strconv"
)

// signature begins every header of version 2 (section 2.2).
const signature = "\r\n\r\n\x00\r\nQUIT\n"

const (
	fixedBytes = len(signature) + 4 // | version and command u8 | family u8 | length u16

	version2     = 0x20
	commandLocal = 0x00
	commandProxy = 0x01

	familyNone = 0x0
	familyIPv4 = 0x1
	familyIPv6 = 0x2
	familyUnix = 0x3

	transportNone   = 0x0
	transportStream = 0x1
	transportDgram  = 0x2
)

// Append encodes a header. One without addresses is UNKNOWN or UNSPEC, or LOCAL if
// it says so, which version 1 has no other word for than UNKNOWN. The error is a
// header of more than MaxBytes, or one with a TLV that breaks its own limit.
func (h Header) Append(b []byte) ([]byte, error) {
	switch h.Version {
	case V1:
		return h.appendLine(b), nil
	case V2:
		return h.appendBlock(b, false)
	}
	return nil, malformed("there is no version %d", h.Version)
}

// AppendChecked is Append for version 2 with a checksum (section 2.2.3).
func (h Header) AppendChecked(b []byte) ([]byte, error) {
	if h.Version != V2 {
		return nil, malformed("version %d has no checksums", h.Version)
	}
	return h.appendBlock(b, true)
}

// appendLine: PROXY TCP4|TCP6 source destination sport dport CRLF (section 2.1).
func (h Header) appendLine(b []byte) []byte {
	from, to, ok := h.pair()
	if !ok {
		return append(b, "PROXY UNKNOWN\r\n"...)
	}
	kind := "TCP6 "
	if from.Addr().Is4() {
		kind = "TCP4 "
	}
	b = append(append(b, "PROXY "...), kind...)
	b = append(from.Addr().AppendTo(b), ' ')
	b = append(to.Addr().AppendTo(b), ' ')
	b = append(strconv.AppendUint(b, uint64(from.Port()), 10), ' ')
	b = strconv.AppendUint(b, uint64(to.Port()), 10)
	return append(b, "\r\n"...)
}

func (h Header) appendBlock(b []byte, checked bool) ([]byte, error) {
	start := len(b)
	b = append(b, signature...)
	command, family := byte(commandProxy), byte(familyNone<<4|transportNone)
	from, to, ok := h.pair()
	switch {
	case h.Local:
		command = commandLocal
	case ok && from.Addr().Is4():
		family = familyIPv4<<4 | transportStream
	case ok:
		family = familyIPv6<<4 | transportStream
	}
	b = append(b, version2|command, family, 0, 0)
	if ok {
		b = appendAddresses(b, from, to)
	}
	for _, t := range h.TLVs {
		if t.Type == TypeUniqueID && len(t.Value) > MaxUniqueID {
			return nil, malformed("a unique id of %d bytes, %d are allowed", len(t.Value), MaxUniqueID)
		}
		if len(b)-start+tlvHead+len(t.Value) > MaxBytes {
			return nil, malformed("more than %d bytes", MaxBytes)
		}
		b = appendTLV(b, t)
	}
	if checked {
		b = appendTLV(b, TLV{TypeCRC32C, make([]byte, crcSize)})
	}
	if len(b)-start > MaxBytes {
		return nil, malformed("more than %d bytes", MaxBytes)
	}
	binary.BigEndian.PutUint16(b[start+fixedBytes-2:], uint16(len(b)-start-fixedBytes))
	if checked {
		sum := crc32.Checksum(b[start:], crc32.MakeTable(crc32.Castagnoli))
		binary.BigEndian.PutUint32(b[len(b)-crcSize:], sum)
	}
	return b, nil
}

// appendAddresses: source | destination | sport u16 | dport u16, of one family.
func appendAddresses(b []byte, from, to netip.AddrPort) []byte {
	b = append(append(b, from.Addr().AsSlice()...), to.Addr().AsSlice()...)
	b = binary.BigEndian.AppendUint16(b, from.Port())
	return binary.BigEndian.AppendUint16(b, to.Port())
}
