package tlspolicy

import (
	"crypto/tls"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// needOpenSSL skips where the program is missing, but not in CI.
func needOpenSSL(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err == nil {
		return path
	}
	if os.Getenv("CI") != "" {
		t.Fatal("openssl is missing, and CI must not pass without it: apt-get install openssl")
	}
	t.Skip("openssl is missing: apt-get install openssl to compare with it")
	return ""
}

// TestCiphersAsOpenSSLHasThem compares with the real program, on the suites
// that crypto/tls knows.
func TestCiphersAsOpenSSLHasThem(t *testing.T) {
	openssl := needOpenSSL(t)
	for _, list := range []string{
		"DEFAULT:!ADH:!EXPORT:!DES", // what the directives mean when they are absent
		"DEFAULT", "ALL", "HIGH", "HIGH:!aNULL:!MD5", "HIGH:MEDIUM:!LOW", "FIPS", "ALL:!RC4:@STRENGTH",
		"AES128-SHA", "kRSA", "RSA+AES", "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM", "EECDH+AESGCM:EDH+AESGCM",
		"AES256+ECDHE:AES128+ECDHE", "ALL:-SHA:AES256-SHA", "ALL:-kRSA:-AES128:kRSA", "ALL:!kRSA:kRSA", "ALL:+AES256:+kRSA",
		"ALL:+ECDHE:+SHA", "aECDSA:aRSA", "ECDH:!ECDSA", "TLSv1.2:!kRSA", "SSLv3", "TLSv1", "TLSv1.0+AES256",
		"SHA384:SHA256:SHA1", "CHACHA20:AESGCM", "AESGCM+kRSA", "HIGH:!AESGCM:!CHACHA20", "SUITEB128", "SUITEB192",
		"HIGH,MEDIUM !aNULL;!kRSA", "COMPLEMENTOFDEFAULT:kRSA+AES128-SHA", "ALL:!COMPLEMENTOFALL:!aNULL:-AES256:@STRENGTH",
		"ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:!AES256", "PSK:SRP:DSS:ECDHE-ECDSA-AES128-SHA",
		"CAMELLIA:ARIA:AESCCM:AES256-GCM-SHA384", "!SHA:ALL", "AES128:-AES128:AES", "AES:-AES128:AES128:+AES256",
	} {
		t.Run(list, func(t *testing.T) { sameAsOpenSSL(t, list, exec.Command(openssl, "ciphers", list)) })
	}
	// Levels count when OpenSSL speaks, so it is asked for what it would offer.
	for _, list := range []string{"ALL:@SECLEVEL=0", "ALL:@SECLEVEL=2", "ALL:@SECLEVEL=3", "@SECLEVEL=4:ALL", "HIGH:@SECLEVEL=5:@STRENGTH"} {
		t.Run(list, func(t *testing.T) { sameAsOpenSSL(t, list, exec.Command(openssl, "ciphers", "-s", "-tls1_2", list)) })
	}
}

func sameAsOpenSSL(t *testing.T, list string, cmd *exec.Cmd) {
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("openssl refuses the list: %v", err)
	}
	var want []string
	for name := range strings.SplitSeq(strings.TrimSpace(string(out)), ":") {
		if s := suiteByName(name); s != nil && s.spoken {
			want = append(want, name)
		}
	}
	got, err := ParseCiphers(list)
	if err != nil && !errors.Is(err, ErrNothingLeft) {
		t.Fatal(err)
	}
	if names := suiteNames(got.IDs); !slices.Equal(names, want) {
		t.Errorf("%s\nopenssl: %v\n   here: %v", list, want, names)
	}
}

func suiteNames(ids []uint16) []string {
	var names []string
	for _, id := range ids {
		names = append(names, SuiteName(id))
	}
	return names
}

func TestCiphers(t *testing.T) {
	cases := map[string]struct{ list, want, unspoken, broken string }{
		"iana_names":                      {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "", ""},
		"a_name_that_cannot_be_spoken":    {"DHE-RSA-AES128-SHA:AES128-SHA", "AES128-SHA", "DHE-RSA-AES128-SHA", ""},
		"keywords_name_nothing":           {"DHE:AES128-SHA", "AES128-SHA", "", ""},
		"gone_families_name_nothing":      {"ECDH-RSA-AES128-SHA:AES128-SHA", "AES128-SHA", "ECDH-RSA-AES128-SHA", ""},
		"taking_away_names_nothing":       {"AES128-SHA:!EDH-RSA-DES-CBC3-SHA:!KRB5-DES-CBC3-SHA", "AES128-SHA", "", ""},
		"default_later_adds_the_same":     {"!kRSA:!SHA:!SHA256:!SHA384:!AES256:!CHACHA20:DEFAULT", "ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-GCM-SHA256", "", ""},
		"rc4_only_by_its_name":            {"RC4-SHA", "RC4-SHA", "", "RC4-SHA"},
		"triple_des_by_its_own_word":      {"3DES+kRSA", "DES-CBC3-SHA", "", "DES-CBC3-SHA"},
		"medium_means_nothing_today":      {"MEDIUM:AES128-SHA", "AES128-SHA", "", ""},
		"level_two_drops_rc4":             {"RC4:AES128-SHA:@SECLEVEL=2", "AES128-SHA", "", ""},
		"profile_of_the_system":           {"PROFILE=SYSTEM:!ALL:AES128-SHA:!SHA256", "", "", ""},
		"lonely_signs_are_passed_over":    {"!:AES128-SHA:-", "AES128-SHA", "", ""},
		"words_that_openssl_lost":         {"!EXPORT:!SSLv2:!EXP:!KRB5:AES128-SHA", "AES128-SHA", "", ""},
		"the_last_word_of_openssl_counts": {"AES128-SHA:!SHA:AES128-SHA", "", "", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := ParseCiphers(c.list)
			if (err != nil) != (c.want == "") || err != nil && !errors.Is(err, ErrNothingLeft) {
				t.Fatalf("error %v", err)
			}
			for what, pair := range map[string][2]string{
				"suites":   {strings.Join(suiteNames(got.IDs), " "), c.want},
				"unspoken": {strings.Join(got.Unspoken, " "), c.unspoken},
				"broken":   {strings.Join(got.Broken, " "), c.broken},
			} {
				if pair[0] != pair[1] {
					t.Errorf("%s: %q, want %q", what, pair[0], pair[1])
				}
			}
		})
	}
	if got, err := ParseCiphers(""); err != nil || got.IDs != nil {
		t.Errorf("the empty list gives %v, %v; it leaves the choice to crypto/tls", got.IDs, err)
	}
	if got, _ := ParseCiphers("ALL:@SECLEVEL=3"); got.SecurityLevel != 3 {
		t.Errorf("security level %d", got.SecurityLevel)
	}
}

func TestFits(t *testing.T) {
	old, all := Bounds{Min: tls.VersionTLS10, Max: tls.VersionTLS11}, Bounds{Min: tls.VersionTLS10, Max: tls.VersionTLS13}
	cases := map[string]struct {
		list  string
		in    Bounds
		kinds []string
		want  bool
	}{
		"no_list":                     {"", old, []string{KeyRSA}, true},
		"gcm_is_of_tls12":             {"AESGCM", old, nil, false},
		"gcm_in_tls12":                {"AESGCM", all, nil, true},
		"cbc_is_older":                {"AES128-SHA", old, nil, true},
		"cbc_with_sha256_is_not":      {"AES128-SHA256", old, nil, false},
		"rsa_for_an_rsa_key":          {"aRSA", all, []string{KeyRSA}, true},
		"rsa_for_an_ecdsa_key":        {"aRSA", all, []string{KeyECDSA}, false},
		"one_of_two_keys_is_enough":   {"aRSA", all, []string{KeyECDSA, KeyRSA}, true},
		"nothing_old_without_old_tls": {"ALL", Bounds{Min: tls.VersionTLS13, Max: tls.VersionTLS13}, nil, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			list, err := ParseCiphers(c.list)
			if err != nil {
				t.Fatal(err)
			}
			if got := list.Fits(c.in, c.kinds...); got != c.want {
				t.Errorf("fits: %v", got)
			}
		})
	}
}

func TestProfileOfTheSystemIsTheDefault(t *testing.T) {
	profile, err := ParseCiphers("PROFILE=SYSTEM:!kRSA")
	if plain, _ := ParseCiphers("DEFAULT:!kRSA"); err != nil || !slices.Equal(profile.IDs, plain.IDs) {
		t.Errorf("%v, %v", suiteNames(profile.IDs), err)
	}
}

func TestCipherMistakes(t *testing.T) {
	cases := map[string]struct{ list, gist string }{
		"misspelt":               {"HIGH:!aNUL", "unknown cipher 'aNUL': did you mean aNULL?"},
		"wrong_case":             {"aes128-sha", "did you mean AES128-SHA?"},
		"misspelt_conjunction":   {"ECDHE+AESGCN", "did you mean AESGCM?"},
		"nothing_like_it":        {"zzzzzzzzzzzz", "unknown cipher 'zzzzzzzzzzzz'"},
		"tls13_name":             {"TLS_AES_128_GCM_SHA256", "put TLSv1.3 before it"},
		"half_a_conjunction":     {"AES+", "without a cipher beside it"},
		"two_signs":              {"!!AES", "unknown cipher '!AES'"},
		"unknown_command":        {"@STRENGHT", "expected @STRENGTH"}, //nolint:misspell // on purpose
		"level_six":              {"@SECLEVEL=6", "n from 0 to 5"},
		"only_separators":        {":,:", "chooses nothing"},
		"nothing_that_go_speaks": {"DHE:!kECDHE", "none can be spoken here"},
		"too_long":               {strings.Repeat("AES:", 3000), "longer than"},
		"too_many":               {strings.Repeat("AES:", 600), "more than 512 items"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := ParseCiphers(c.list); err == nil || !strings.Contains(err.Error(), c.gist) {
				t.Errorf("error %v, want %q", err, c.gist)
			}
		})
	}
	var unknown *UnknownError
	if _, err := ParseCiphers("AES:NOSUCH"); !errors.As(err, &unknown) || unknown.Word != "NOSUCH" {
		t.Errorf("%v is no UnknownError", err)
	}
}

func TestCiphers13(t *testing.T) {
	got, err := ParseCiphers13("TLS_AES_256_GCM_SHA384:TLS_AES_128_CCM_SHA256")
	if err != nil || !slices.Equal(got.IDs, []uint16{tls.TLS_AES_256_GCM_SHA384}) ||
		!slices.Equal(got.Unspoken, []string{"TLS_AES_128_CCM_SHA256"}) ||
		!slices.Equal(got.StaysOn, []string{"TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"}) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := ParseCiphers13("TLS_AES_128_CCM_8_SHA256"); !errors.Is(err, ErrNothingLeft) {
		t.Errorf("CCM alone: %v", err)
	}
	if _, err := ParseCiphers13("TLS_AES_128_GCM_SHA265"); err == nil || !strings.Contains(err.Error(), "did you mean TLS_AES_128_GCM_SHA256?") {
		t.Errorf("misspelt: %v", err)
	}
}

// Every suite of crypto/tls has a name of OpenSSL and a key length; the table
// agrees with crypto/tls about IANA's names.
func TestEverySpokenSuiteIsKnown(t *testing.T) {
	for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if used, _ := SuiteBits(s.ID); used == 0 || strings.HasPrefix(SuiteName(s.ID), "0x") {
			t.Errorf("%s is unknown", s.Name)
		}
		if ours := suiteByID(s.ID); ours != nil && ours.iana != strings.TrimSuffix(s.Name, "_SHA256") && ours.iana != s.Name {
			t.Errorf("%s is called %s", s.Name, ours.iana)
		}
	}
	for id, want := range map[uint16]string{
		tls.TLS_AES_128_GCM_SHA256: "TLS_AES_128_GCM_SHA256", tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: "ECDHE-RSA-AES128-GCM-SHA256",
		tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA: "DES-CBC3-SHA", 0xabcd: "0xABCD",
	} {
		if got := SuiteName(id); got != want {
			t.Errorf("%04x is %s, want %s", id, got, want)
		}
	}
	if used, possible := SuiteBits(tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA); used != 112 || possible != 168 {
		t.Errorf("3DES has %d of %d bits", used, possible)
	}
}

func FuzzCiphers(f *testing.F) {
	for _, s := range []string{"DEFAULT:!ADH:!EXPORT:!DES", "ALL:+AES:-SHA:@STRENGTH", "@SECLEVEL=3:ALL", "a+b+c", "!", "+-!@", "PROFILE=x", "SUITEB128"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, list string) {
		got, err := ParseCiphers(list)
		if err == nil && list != "" && len(got.IDs) == 0 {
			t.Fatal("accepted, and nothing is left")
		}
		if len(got.IDs) > len(suites) {
			t.Fatal("a suite stands twice")
		}
		got13, err := ParseCiphers13(list)
		if err == nil && len(got13.IDs)+len(got13.StaysOn) != 3 {
			t.Fatalf("%+v is not all of TLS 1.3", got13)
		}
	})
}
