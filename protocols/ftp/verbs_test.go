package ftp

import "testing"

func TestCanonical(t *testing.T) {
	for _, tc := range []struct{ claim, verb, want string }{
		{"XCWD means CWD", XCWD, CWD},
		{"XCUP means CDUP", XCUP, CDUP},
		{"XMKD means MKD", XMKD, MKD},
		{"XPWD means PWD", XPWD, PWD},
		{"XRMD means RMD", XRMD, RMD},
		{"a plain verb means itself", RETR, RETR},
		{"an unknown verb means itself", "XYZZY", "XYZZY"},
	} {
		t.Run(tc.claim, func(t *testing.T) {
			if got := Canonical(tc.verb); got != tc.want {
				t.Errorf("Canonical(%q) = %q, want %q", tc.verb, got, tc.want)
			}
		})
	}
}

func TestKnownVerbsAreWritable(t *testing.T) {
	for name, v := range verbs {
		got, ok := readVerb([]byte(name))
		if !ok || got != v || name != v {
			t.Errorf("readVerb(%q) = %q, %v", name, got, ok)
		}
	}
	if !Known(MLSD) || Known("mlsd") || Known("XYZZY") {
		t.Error("Known is about the upper-case table and nothing else")
	}
}

func TestForeign(t *testing.T) {
	for _, v := range []string{"GET", "POST", "CONNECT", "EHLO", "PROXY", "SSH-2.0-OPENSSH_9.9"} {
		if !Foreign(v) {
			t.Errorf("%s is not seen as foreign", v)
		}
	}
	for v := range verbs {
		if Foreign(v) {
			t.Errorf("%s is an FTP verb but seen as foreign", v)
		}
	}
}
