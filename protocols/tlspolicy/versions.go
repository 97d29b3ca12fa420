package tlspolicy

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
)

// Versions is a set of protocol versions.
type Versions uint8

// Members of Versions, oldest first.
const (
	SSL30 Versions = 1 << iota
	TLS10
	TLS11
	TLS12
	TLS13
)

// versions ties the members to crypto/tls's numbers and OpenSSL's names.
var versions = []struct {
	bit  Versions
	id   uint16
	name string
}{
	{SSL30, 0x0300, "SSLv3"},
	{TLS10, tls.VersionTLS10, "TLSv1"},
	{TLS11, tls.VersionTLS11, "TLSv1.1"},
	{TLS12, tls.VersionTLS12, "TLSv1.2"},
	{TLS13, tls.VersionTLS13, "TLSv1.3"},
}

// String lists the members: "TLSv1.2 TLSv1.3".
func (v Versions) String() string {
	var names []string
	for _, one := range versions {
		if v&one.bit != 0 {
			names = append(names, one.name)
		}
	}
	return strings.Join(names, " ")
}

// Bounds are the oldest and newest protocol to speak, for tls.Config.
type Bounds struct {
	Min, Max uint16
	Dropped  Versions // in the set, but not spoken: SSLv3, or below a hole
}

// Bounds turns a set into what crypto/tls can do, which is an unbroken range
// from TLS 1.0 on. Of a set with a hole the part above is kept: the newer
// protocols are the better ones. A set of nothing but SSLv3 is an error.
func (v Versions) Bounds() (Bounds, error) {
	b := Bounds{Dropped: v & SSL30}
	for _, one := range slices.Backward(versions) {
		switch wanted := v&one.bit != 0; {
		case !wanted || one.bit == SSL30:
		case b.Max == 0:
			b.Min, b.Max = one.id, one.id
		case b.Min == one.id+1:
			b.Min = one.id
		default:
			b.Dropped |= one.bit
		}
	}
	if b.Max == 0 {
		return b, fmt.Errorf("of the protocols '%s' none can be spoken here, only TLSv1 to TLSv1.3: %w", v, ErrNothingLeft)
	}
	return b, nil
}
