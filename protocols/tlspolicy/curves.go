package tlspolicy

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
)

// Curves is an understood list of groups for key exchange.
type Curves struct {
	IDs      []tls.CurveID // for tls.Config.CurvePreferences; nil: crypto/tls's own choice
	Unspoken []string      // known to OpenSSL, not to crypto/tls
}

// curveIDs has the names of OpenSSL, NIST and SEC 2, in lower case.
var curveIDs = map[string]tls.CurveID{
	"x25519":     tls.X25519,
	"prime256v1": tls.CurveP256, "secp256r1": tls.CurveP256, "p-256": tls.CurveP256,
	"secp384r1": tls.CurveP384, "p-384": tls.CurveP384,
	"secp521r1": tls.CurveP521, "p-521": tls.CurveP521,
	"x25519mlkem768":     tls.X25519MLKEM768,
	"secp256r1mlkem768":  tls.SecP256r1MLKEM768,
	"secp384r1mlkem1024": tls.SecP384r1MLKEM1024,
}

// curveNames are the names to suggest.
var curveNames = strings.Fields(`X25519 prime256v1 secp256r1 secp384r1 secp521r1 P-256 P-384 P-521
X25519MLKEM768 SecP256r1MLKEM768 SecP384r1MLKEM1024`)

// foreignCurves are OpenSSL's others, in lower case.
var foreignCurves = strings.Fields(`x448 secp256k1 secp224r1 p-224 secp224k1 prime192v1 secp192r1 secp192k1
secp160r1 secp160r2 secp160k1 brainpoolp256r1 brainpoolp384r1 brainpoolp512r1 brainpoolp256r1tls13
brainpoolp384r1tls13 brainpoolp512r1tls13 ffdhe2048 ffdhe3072 ffdhe4096 ffdhe6144 ffdhe8192 mlkem512 mlkem768
mlkem1024 sect163k1 sect163r1 sect163r2 sect193r1 sect193r2 sect233k1 sect233r1 sect239k1 sect283k1 sect283r1
sect409k1 sect409r1 sect571k1 sect571r1 b-163 b-233 b-283 b-409 b-571 k-163 k-233 k-283 k-409 k-571`)

// maxCurves bounds a list.
const maxCurves = 64

// ParseCurves understands the argument of TLSECDHCurve. An item may hold
// several names with colons between them; "auto", or no item, leaves the
// choice to crypto/tls, which also prefers as it thinks best.
func ParseCurves(names []string) (Curves, error) {
	var r Curves
	list := strings.Split(strings.Join(names, ":"), ":")
	if len(list) > maxCurves {
		return r, fmt.Errorf("more than %d curves are listed", maxCurves)
	}
	asked := 0
	for _, name := range list {
		key := strings.ToLower(strings.TrimSpace(name))
		id, spoken := curveIDs[key]
		switch {
		case key == "":
			continue
		case key == "auto":
			return Curves{}, nil
		case spoken && !slices.Contains(r.IDs, id):
			r.IDs = append(r.IDs, id)
		case slices.Contains(foreignCurves, key):
			r.Unspoken = append(r.Unspoken, name)
		case !spoken:
			return Curves{}, &UnknownError{Kind: "curve", Word: name, Nearest: nearest(name, slices.Values(curveNames))}
		}
		asked++
	}
	if asked > 0 && len(r.IDs) == 0 {
		return r, fmt.Errorf("of the curves '%s' none can be spoken here, such as X25519 and prime256v1 can: %w",
			strings.Join(names, ":"), ErrNothingLeft)
	}
	return r, nil
}
