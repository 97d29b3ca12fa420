package dialogue

import (
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// An empty list that does not tell of its directory is looked into, once the client
// cannot be told otherwise.
func TestEmptyListIsLookedInto(t *testing.T) {
	empty := func(command, sent string) string {
		return greeted + signedIn + pasv + `
			C: ` + command + `
			>B ` + sent + lists4 + shownFacts + `
			B: 150 here
			>C 150 here
			proceed
			data ended
			B: 226 done
			settle clean
			data listed 0
			data finished empty
			`
	}
	prove(t, []claim{
		{"and_is_there", byLIST, empty("MLSD d", "LIST -al d") + `>B PWD
			B: 257 "/a ""b"" c" is here
			>B CWD d
			C: NOOP                          # waits
			B: 250-in↵ a message↵250 d
			>C 226 done
			>B CWD /a "b" c
			B: 250 back
			>B NOOP
			B: 200 fine
			>C 200 fine`},
		{"and_is_not", byLIST, empty("MLSD -d", "LIST -al ./-d") + `>B PWD
			B: 257 "/"
			>B CWD ./-d
			B: 550 none
			>C 550 MLSD: No such directory, or it cannot be listed`},
		{"where_the_backend_tells_where_it_is", byLIST, empty("MLSD d", "LIST -al d") + `>B PWD
			B: 257 no quotes
			>C 226 done`},
		{"where_it_does_not_refuse_to", byLIST, empty("MLSD d", "LIST -al d") + `>B PWD
			B: 502 what?
			>C 226 done`},
		{"but_nobody_stays_there", byLIST, empty("MLSD d", "LIST -al d") + `>B PWD
			B: 257 "/"
			>B CWD d
			B: 250 in
			>C 226 done
			>B CWD /
			B: 550 no more
			>C 421 Working directory lost, closing control connection
			end: working directory lost`},
		{"unless_it_is_here", byLIST, empty("MLSD", "LIST -al") + `>C 226 done`},
		{"and_the_backend_may_be_lost_over_it", byLIST, empty("MLSD d", "LIST -al d") + `>B PWD
			B lost
			report lost
			>C 421 Lost connection to server, closing control connection
			end: backend lost`},
	})
}

// A path that LIST may misread is visited, until the backend has shown that it shows
// each directory; then it is taken at its word, as long as that is one of a directory.
func TestPathThatLISTMayMisread(t *testing.T) {
	visited := func(path, there string) string {
		return pasv + `
			C: MLSD ` + path + `
			>B PWD
			B: 257 "/home"
			>B CWD ` + there + `
			B: 250 in
			>B LIST -al` + lists4 + shownFacts
	}
	back := `
			>B CWD /home
			B: 250 back`
	done := func(listed, directories string) string {
		return strings.Replace(listed, "data finished", "data listed "+directories+"\n			data finished", 1)
	}
	begun := greeted + signedIn
	prove(t, []claim{
		{"is_listed_from_within", byLIST, begun + visited("a b", "a b") + done(listed, "1") + back},
		{"and_from_without_once_directories_told_of_themselves", byLIST, begun + visited(" -x", "./ -x") + done(listed, "1") + back + pasv + `
			C: MLSD a*
			>B LIST -al a*` + lists4 + shownFacts + done(listed, "1")},
		{"until_it_is_misread", byLIST, begun + visited("a b", "a b") + done(listed, "1") + back + pasv + `
			C: MLSD a b
			>B LIST -al a b` + lists4 + shownFacts + strings.Replace(done(listed, "0"), ">C 226 done", ">C 550 MLSD: No such directory, or it cannot be listed", 1) +
			visited("a b", "a b") + done(listed, "1") + back},
		{"is_refused_before_anything_is_sent", byLIST, begun + pasv + `
			C: MLSD a b
			>B PWD
			B: 257 "/home"
			>B CWD a b
			B: 550 none
			drop offers
			>C 550 none`},
		{"is_asked_for_by_name_where_there_is_no_way_back", byLIST, begun + pasv + `
			C: MLSD a b
			>B PWD
			B: 500 what?
			>B LIST -al a b` + lists4 + shownFacts + done(listed, "1")},
		{"is_left_when_the_list_is_aborted", byLIST, begun + visited("a b", "a b") + `
			B: 150 here
			>C 150 here
			proceed
			C: CWD x
			C: ABOR
			>B urgent ABOR
			abort data
			B: 426 aborted
			>C 426 aborted
			data finished front aborted
			B: 226 abort done
			>C 226 abort done` + back + `
			>B CWD x
			B: 250 in x
			>C 250 in x`},
		{"is_left_when_the_list_is_refused_twice", byLIST, begun + visited("a b", "a b") + `
			B: 501 no options
			>B LIST
			B: 550 and no list
			abort data
			data finished back aborted
			>C 550 and no list` + back},
	})
}

func TestDirectoryIn(t *testing.T) {
	for text, want := range map[string]string{`"/" is here`: "/", `"/a ""b"""`: `/a "b"`, `"""" x`: `"`, `at "C:\x" now`: `C:\x`, `"/`: "", "/": "", `""`: "", `"a` + "\r" + `b"`: ""} {
		if got, ok := directoryIn(ftp.NewReply(257, text)); got != want && ok || ok != (want != "") {
			t.Errorf("%q is of %q, %v, want %q", text, got, ok, want)
		}
	}
	if _, ok := directoryIn(ftp.NewReply(250, `"/"`)); ok {
		t.Error("250 tells of a directory")
	}
}
