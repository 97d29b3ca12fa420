package tlspolicy

import (
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestBounds(t *testing.T) {
	cases := map[string]struct {
		set     Versions
		lo, hi  uint16
		dropped string
	}{
		"everything_but_ssl3":        {TLS10 | TLS11 | TLS12 | TLS13, tls.VersionTLS10, tls.VersionTLS13, ""},
		"one_alone":                  {TLS12, tls.VersionTLS12, tls.VersionTLS12, ""},
		"ssl3_is_dropped":            {SSL30 | TLS10, tls.VersionTLS10, tls.VersionTLS10, "SSLv3"},
		"a_hole_keeps_what_is_above": {TLS10 | TLS12 | TLS13, tls.VersionTLS12, tls.VersionTLS13, "TLSv1"},
		"two_holes":                  {TLS11 | TLS13 | SSL30, tls.VersionTLS13, tls.VersionTLS13, "SSLv3 TLSv1.1"},
		"a_hole_drops_all_below":     {TLS10 | TLS11 | TLS13, tls.VersionTLS13, tls.VersionTLS13, "TLSv1 TLSv1.1"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b, err := c.set.Bounds()
			if err != nil || b.Min != c.lo || b.Max != c.hi || b.Dropped.String() != c.dropped {
				t.Errorf("%+v (%s), %v", b, b.Dropped, err)
			}
		})
	}
	for _, set := range []Versions{0, SSL30} {
		if _, err := set.Bounds(); !errors.Is(err, ErrNothingLeft) {
			t.Errorf("%q: %v", set, err)
		}
	}
}

func TestVersionNames(t *testing.T) {
	for id, want := range map[uint16]string{
		tls.VersionTLS13: "TLSv1.3", tls.VersionTLS12: "TLSv1.2", tls.VersionTLS11: "TLSv1.1", tls.VersionTLS10: "TLSv1", 0x7f00: "0x7F00",
	} {
		if got := VersionName(id); got != want {
			t.Errorf("%04x is %s, want %s", id, got, want)
		}
	}
}

func TestCurves(t *testing.T) {
	cases := map[string]struct {
		names    []string
		want     []tls.CurveID
		unspoken string
	}{
		"auto":                    {[]string{"auto"}, nil, ""},
		"nothing":                 {nil, nil, ""},
		"openssl_and_nist_names":  {[]string{"X25519", "prime256v1", "P-384", "secp521r1"}, []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521}, ""},
		"one_item_with_colons":    {[]string{"X25519MLKEM768:X25519"}, []tls.CurveID{tls.X25519MLKEM768, tls.X25519}, ""},
		"twice_is_once":           {[]string{"P-256", "prime256v1"}, []tls.CurveID{tls.CurveP256}, ""},
		"one_that_is_not_spoken":  {[]string{"X448", "X25519"}, []tls.CurveID{tls.X25519}, "X448"},
		"case_does_not_matter":    {[]string{"x25519"}, []tls.CurveID{tls.X25519}, ""},
		"the_hybrids_of_today_go": {[]string{"SecP256r1MLKEM768"}, []tls.CurveID{tls.SecP256r1MLKEM768}, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := ParseCurves(c.names)
			if err != nil || !slices.Equal(got.IDs, c.want) || strings.Join(got.Unspoken, " ") != c.unspoken {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	if _, err := ParseCurves([]string{"secp256r2"}); err == nil || !strings.Contains(err.Error(), "unknown curve 'secp256r2': did you mean secp256r1?") {
		t.Errorf("misspelt: %v", err)
	}
	for _, name := range curveNames {
		if _, err := ParseCurves([]string{name}); err != nil {
			t.Errorf("%s is suggested, and refused: %v", name, err)
		}
	}
	if _, err := ParseCurves([]string{"X448"}); !errors.Is(err, ErrNothingLeft) {
		t.Errorf("X448 alone: %v", err)
	}
}

func FuzzCurves(f *testing.F) {
	f.Add("X25519:prime256v1")
	f.Add("auto")
	f.Add("secp384r1:sect571k1::")
	f.Fuzz(func(t *testing.T, list string) {
		if got, err := ParseCurves([]string{list}); err != nil && errors.Is(err, ErrNothingLeft) && len(got.IDs) > 0 {
			t.Fatal("something is left all the same")
		}
	})
}
