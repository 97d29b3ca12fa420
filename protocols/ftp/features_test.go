package ftp

import (
	"slices"
	"strings"
	"testing"
)

func TestParseFeatures(t *testing.T) {
	for _, tc := range []struct{ claim, wire, want string }{
		{"the lines between the first and the last", "211-Features:\r\n EPSV\r\n SIZE\r\n211 End\r\n", "EPSV,SIZE"},
		{"parameters stay", "211-F\r\n MLST type*;size*;\r\n211 End\r\n", "MLST type*;size*;"},
		{"blank lines are not features", "211-F\r\n\r\n EPSV\r\n  \r\n211 End\r\n", "EPSV"},
		{"indentation may be missing or wider", "211-F\r\nEPSV\r\n\t SIZE \r\n211 End\r\n", "EPSV,SIZE"},
		{"the code may be repeated", "211-F\r\n211-EPSV\r\n211-SIZE\r\n211 End\r\n", "EPSV,SIZE"},
		{"the last line may be a bare code", "211-F\r\n EPSV\r\n211\r\n", "EPSV"},
		{"one line is no feature", "211 no features\r\n", ""},
		{"a refusal has no features", "502-a\r\n EPSV\r\n502 b\r\n", ""},
		{"a line beyond measure is left out", "211-F\r\n " + strings.Repeat("x", MaxFeatureLine) + "\r\n EPSV\r\n211 End\r\n", "EPSV"},
	} {
		t.Run(tc.claim, func(t *testing.T) {
			var d ReplyDecoder
			d.Feed([]byte(tc.wire))
			r, ok, err := d.Next()
			if !ok || err != nil {
				t.Fatal(ok, err)
			}
			f := ParseFeatures(r)
			if got := strings.Join(f.Lines(), ","); got != tc.want || f.Len() != len(f.Lines()) {
				t.Errorf("features are %q, want %q", got, tc.want)
			}
		})
	}
}

func TestFeaturesAreBounded(t *testing.T) {
	lines := make([]string, 2*MaxFeatures)
	for i := range lines {
		lines[i] = "X"
	}
	if got := ParseFeatures(NewReply(211, lines...)).Len(); got != MaxFeatures {
		t.Errorf("%d features kept, want %d", got, MaxFeatures)
	}
}

func TestFeaturesHas(t *testing.T) {
	f := ParseFeatures(NewReply(211, "F", " epsv", " AUTH TLS;TLS-C;SSL", " MLST  type*;size;", " AUTH GSSAPI", " UTF8", "End"))
	for name, want := range map[string]bool{
		"EPSV": true, "epsv": true, "EPS": false, "EPSV2": false, "": false, "F": false, "End": false,
		"AUTH": true, "AUTH TLS": true, "auth tls-c": true, "AUTH GSSAPI": true, "AUTH TL": false,
		"MLST": true, "MLST size": true, "MLST modify": false, "UTF8": true, "UTF8 x": false,
	} {
		if got := f.Has(name); got != want {
			t.Errorf("Has(%q) = %v", name, got)
		}
	}
	for name, want := range map[string]string{"mlst": "type*;size;", "AUTH": "TLS;TLS-C;SSL", "UTF8": ""} {
		if got, ok := f.Params(name); got != want || !ok {
			t.Errorf("Params(%q) = %q, %v; want %q", name, got, ok, want)
		}
	}
	if _, ok := f.Params("HOST"); ok {
		t.Error("parameters of a feature that is not listed")
	}
	if (Features{}).Has("EPSV") {
		t.Error("a server that said nothing has EPSV")
	}
}

func TestFeaturesReply(t *testing.T) {
	list := []string{"UTF8", "epsv", "EPRT", "MLST type*;size*;"}
	kept := slices.Clone(list)
	want := "211-Features:\r\n EPRT\r\n epsv\r\n MLST type*;size*;\r\n UTF8\r\n211 End\r\n"
	if got := string(FeaturesReply(list).Append(nil)); got != want {
		t.Errorf("reply is %q, want %q", got, want)
	}
	if !slices.Equal(list, kept) {
		t.Error("the caller's list was sorted")
	}
	same := []string{"b", "X", "B", "x", "a"}
	want = "211-Features:\r\n a\r\n b\r\n B\r\n X\r\n x\r\n211 End\r\n"
	if got := string(FeaturesReply(same).Append(nil)); got != want {
		t.Errorf("reply is %q, want %q", got, want)
	}
	if got := string(FeaturesReply(nil).Append(nil)); got != "211-Features:\r\n211 End\r\n" {
		t.Errorf("no features are %q", got)
	}
}
