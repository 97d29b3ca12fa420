package listing

import "testing"

// Lines that are nearly of a family are not of it: a guess would be a wrong file.
func TestNearlyIsNotEnough(t *testing.T) {
	for family, lines := range map[Family][]string{
		FamilyUnix: {
			"-rw-r--r--", "-rw-r--r--  ", "-rw-r--r--x 1 a b 1 Jan  1  2020 x", "-rw-r--r-q 1 a b 1 Jan  1  2020 x",
			"xrw-r--r-- 1 a b 1 Jan  1  2020 x", "-rw-r--r-- 1 a b 1 Jan  1  2020", "-rw-r--r-- 1 a b 1 Jan  1  2020 ",
			"-rw-r--r-- 1 a b x Jan  1  2020 x", "-rw-r--r-- 1 a b 1 Jan 32  2020 x", "-rw-r--r-- 1 a b 1 Jan  1 25:00 x",
			"-rw-r--r-- 1 a b 1 Jan  1 12:60 x", "-rw-r--r-- 1 a b 1 2020-13-01 12:00 x", "-rw-r--r-- 1 a b 1 13-01 12:00 x",
			"-rw-r--r-- 1 a b 1 Jan x 2020 x", "-rw-r--r-- 1 a b 1 Feb 29  2023 x", "-rw-r--r-- Jan  1  2020 x",
		},
		FamilyDOS: {
			"04-27-00  09:09PM       <DIR>", "04-27-00  09:09PM       <DIR>          ", "04-27-00  09:09PM       <DIR  x",
			"04-27-00  09:09PM       <TAG>          x", "04-27-00  13:09PM                 12 x", "04-27-00  00:09AM                 12 x",
			"04-27-00  09:09PM                 12", "04-27-00  09:09PM                1,2 x", "04-27-00  09:09PM              1,2345 x",
			"04-27-00  09:09 PM", "04-27-00  19:09 PM   12 x", "04-27  09:09PM       <DIR>          x", "13-13-00  09:09PM       <DIR>          x",
			"04-27-00  9PM       <DIR>          x",
		},
		FamilyEPLF:    {"+r,s1,x", "+r,\t", "r,\tx", ""},
		FamilyVMS:     {"A.TXT  1  8-SEP-1996 16:09", ";1  1  8-SEP-1996 16:09", "  1  8-SEP-1996 16:09", "Total of 3 files"},
		FamilyOS400:   {"JOE 12 06/11/97 12:27:39 *stmf x", "JOE 12 06/11/97 12:27:39 *STMF", "JOE 12 06/31/97 12:27:39 *STMF     x", "JOE 12 *STMF      x", "a b c d e *STMF      x"},
		FamilyOS2:     {"1  A  04-31-95  16:26  x", "1  A  04-11-95  16:26", "1  A  04-11-95", "x  A  04-11-95  16:26  x", "1 DIR A R", `1  A  04-11-95  16:26  a\b`},
		FamilyMVS:     {"Migrated", "Migrated lower.case", "Migrated TOOLONGNAME", "Migrated A..B", "Migrated 'A.B"},
		FamilyMembers: {"TOOLONGNAME", "lower", "A 01.03 2002/09/12 2002/10/32 09:37", "A two"},
		FamilyNetWare: {"d [R----F--] x 512 Jan 14 18:53", "d [Q] x 512 Jan 14 18:53 x", "d R x 512 Jan 14 18:53 x", "l [R] x 512 Jan 14 18:53 x", "d [R----F--] x Jan"},
		FamilyCMS: {
			"A B F 80 1 1 1999-13-28 12:24:01 X", "A B F 80 1 1 1999-07-28", "A B F x 1 1 1999-07-28 12:24:01 X", "A B FB 80 1 1 1999-07-28 12:24:01 X",
			"NINELONG9 B F 80 1 1 1999-07-28 12:24:01 X",
		},
		FamilyGuardian: {"A 101 x 18-Sep-00 09:03:37 1,1", "A 101 1 18-Sep-00", "A O 101 1 18-Sep-00", "a 101 1 18-Sep-00 09:03:37 1,1", "A 101 1 18-Xep-00 09:03:37 1,1"},
		FamilyMLSD:     {"", " ", "type=file;x", "type=file;size; x", "x; y", "=; y", "type=file; "},
	} {
		for _, line := range lines {
			p := NewParser(family, today)
			if e, ok := p.Parse([]byte(line)); ok {
				t.Errorf("%v takes %q for %q", family, line, e.Name)
			}
		}
	}
}

// Of a line with something amiss in a lesser column, the rest is told.
func TestWhatIsNotToldIsLeftOut(t *testing.T) {
	for in, want := range map[string]string{
		"+s1x,m99999999999999999,up9,,\tx":                   "perm=;type=file; x",
		"type=file;size=1x;modify=20261301000000;x.y=1; x":   "type=file; x",
		"type=file;;modify=202601;UNIX.mode=0999;; x":        "type=file; x",
		"type=file;modify=202601010000xx;UNIX.mode=77777; x": "type=file; x",
		"type=OS.plan9=ghost;a-key-longer-than-any=1; x":     "type=file; x",
		"Type=DIR;Perm=ELZ; x":                               "perm=el;type=dir; x",
		"-rw-r--r-- 1 a; b 1 Jan  1  2020 x":                 "modify=20200101000000;perm=adfrw;size=1;type=file;UNIX.groupname=b;UNIX.mode=0644; x",
		"lrwxrwxrwx 1 a b 9 Jan  1  2020 x -> y":             "modify=20200101000000;perm=adfrw;size=9;type=OS.unix=slink:y;UNIX.groupname=b;UNIX.mode=0777;UNIX.ownername=a; x",
		"lrwxrwxrwx 1 a b 9 Jan  1  2020 x -> y\x00":         "modify=20200101000000;perm=adfrw;size=9;type=OS.unix=symlink;UNIX.groupname=b;UNIX.mode=0777;UNIX.ownername=a; x",
		"A.TXT;1  x/y  8-SEP-1996 nn [A (R,R":                "modify=19960908000000;type=file; A.TXT;1",
		"-rw-r--r-- 1 a b 1 2026-01-14 03:26:11.12 +01 x":    "modify=20260114032611;perm=adfrw;size=1;type=file;UNIX.groupname=b;UNIX.mode=0644;UNIX.ownername=a; +01 x",
		"-rw-r--r-- 1 a b 1 2026-01-14 03:26:11.12 +0x00 x":  "modify=20260114032611;perm=adfrw;size=1;type=file;UNIX.groupname=b;UNIX.mode=0644;UNIX.ownername=a; +0x00 x",
		"-rw-r--r-- 1 a b 1 2026-01-14 03:26:11.12 -0130 x":  "modify=20260114045611;perm=adfrw;size=1;type=file;UNIX.groupname=b;UNIX.mode=0644;UNIX.ownername=a; x",
	} {
		got := translated(t, Options{Facts: AllFacts, UseSlink: true, Now: today}, in)
		if got != want+"\r\n" {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func TestWithoutNowDatesWithoutAYearAreLeftOut(t *testing.T) {
	for in, want := range map[string]string{
		"-rw-r--r-- 1 a b 1 Jan 14 03:26 x": "size=1; x\r\n",
		"-rw-r--r-- 1 a b 1 Feb 29 03:26 x": "size=1; x\r\n",
		"-rw-r--r-- 1 a b 1 Feb 30 03:26 x": "",
		"-rw-r--r-- 1 a b 1 Jan 14  2026 x": "modify=20260114000000;size=1; x\r\n",
	} {
		if got := translated(t, Options{Facts: FactModify | FactSize}, in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
	if got := translated(t, Options{To: LIST}, "-rw-r--r-- 1 a b 1 Jan 14  2026 x"); got != "-rw-r--r--   1 a        b               1 Jan 14  2026 x\r\n" {
		t.Errorf("%q", got)
	}
}

func TestFamiliesHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for f := range familiesOfLists {
		if s := f.String(); s == "" || seen[s] {
			t.Errorf("family %d is called %q", f, s)
		}
		seen[f.String()] = true
	}
	if Family(200).String() != FamilyUnknown.String() {
		t.Error("a family that is none has a name")
	}
}
