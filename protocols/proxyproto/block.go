package proxyproto

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"
	"slices"
)

// blockBytes is how long a header of version 2 is, as far as that is known.
func blockBytes(b []byte) int {
	if len(b) < fixedBytes {
		return fixedBytes
	}
	return fixedBytes + int(binary.BigEndian.Uint16(b[fixedBytes-2:]))
}

// checkFixed judges each of the fixed bytes as soon as it is there.
func checkFixed(b []byte) error {
	at := len(signature)
	if len(b) > at {
		if b[at]&0xF0 != version2 {
			return malformed("version %d behind the signature", b[at]>>4)
		}
		if b[at]&0x0F > commandProxy {
			return malformed("command %d", b[at]&0x0F)
		}
	}
	if len(b) > at+1 && (b[at+1]>>4 > familyUnix || b[at+1]&0x0F > transportDgram) {
		return malformed("family 0x%02x", b[at+1])
	}
	if len(b) >= fixedBytes && blockBytes(b) > MaxBytes {
		return malformed("%d bytes announced, %d are allowed", blockBytes(b), MaxBytes)
	}
	return nil
}

// addressBytes by family.
var addressBytes = [...]int{familyNone: 0, familyIPv4: 4 + 4 + 2 + 2, familyIPv6: 16 + 16 + 2 + 2, familyUnix: 108 + 108}

// parseBlock decodes a whole header. Of LOCAL, and of connections that are not
// TCP's, nothing further is looked at: it is not about the client.
func parseBlock(b []byte) (Header, error) {
	h := Header{Version: V2, Local: b[len(signature)]&0x0F == commandLocal}
	family, transport := b[len(signature)+1]>>4, b[len(signature)+1]&0x0F
	rest := b[fixedBytes:]
	if h.Local || family == familyNone || transport == transportNone {
		return h, nil
	}
	n := addressBytes[family]
	if len(rest) < n {
		return h, malformed("%d bytes are too short for addresses of family %d", len(rest), family)
	}
	if transport == transportStream && family != familyUnix {
		h.Source, h.Destination = parseAddresses(rest[:n])
	}
	tlvs, err := parseTLVs(b, fixedBytes+n)
	if h.Known() {
		h.TLVs = tlvs
	}
	return h, err
}

func parseAddresses(b []byte) (from, to netip.AddrPort) {
	size := (len(b) - 4) / 2
	one, _ := netip.AddrFromSlice(b[:size]) // 4 or 16 bytes
	two, _ := netip.AddrFromSlice(b[size : 2*size])
	ports := b[2*size:]
	return netip.AddrPortFrom(one.Unmap(), binary.BigEndian.Uint16(ports)),
		netip.AddrPortFrom(two.Unmap(), binary.BigEndian.Uint16(ports[2:]))
}

// parseTLVs decodes what stands behind the addresses, in memory of its own.
func parseTLVs(b []byte, at int) (all []TLV, err error) {
	checked := false
	for rest := b[at:]; len(rest) > 0; {
		var t TLV
		if t, rest, err = nextTLV(rest); err != nil {
			return nil, err
		}
		switch t.Type {
		case TypeNoOp:
			continue
		case TypeCRC32C:
			if checked {
				return nil, malformed("two checksums")
			}
			checked = true
			if err := checkSum(b, len(b)-len(rest)-len(t.Value), t.Value); err != nil {
				return nil, err
			}
			continue
		case TypeUniqueID:
			if len(t.Value) > MaxUniqueID {
				return nil, malformed("a unique id of %d bytes, %d are allowed", len(t.Value), MaxUniqueID)
			}
		case TypeSSL:
			if _, err := ParseSSL(t.Value); err != nil {
				return nil, err
			}
		}
		all = append(all, TLV{t.Type, slices.Clone(t.Value)})
	}
	return all, nil
}

// checkSum compares a checksum with that of the header, in which it stands at a
// place as zeros (section 2.2.3).
func checkSum(b []byte, at int, sum []byte) error {
	if len(sum) != crcSize {
		return malformed("a checksum of %d bytes", len(sum))
	}
	table := crc32.MakeTable(crc32.Castagnoli)
	got := crc32.Update(0, table, b[:at])
	got = crc32.Update(got, table, make([]byte, crcSize))
	got = crc32.Update(got, table, b[at+crcSize:])
	if got != binary.BigEndian.Uint32(sum) {
		return malformed("the checksum does not fit")
	}
	return nil
}
