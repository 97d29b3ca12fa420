package dialogue

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/protocols/ftp"
	"github.com/sluice-gateway/sluice/protocols/listing"
)

// listingShown writes a translation as scripts do.
func listingShown(s Shape) string {
	o := s.Listing
	switch s.Translate {
	case MLSDFromList:
		return fmt.Sprintf(" MLSD(%v) of %d-%d-%d", o.Facts, o.Now.Year, o.Now.Month, o.Now.Day) + map[bool]string{true: " slink"}[o.UseSlink]
	case ListFromMLSD:
		return " LIST" + map[bool]string{true: " with dots"}[o.All]
	case NamesFromMLSD:
		return " NLST " + o.Prefix + "…"
	}
	return ""
}

func byLIST(c *Config) {
	c.Listings = Listings{Policy: ListByLIST, Choice: listing.AllFacts, Facts: listing.FactsNamed([]string{"type", "size", "unix.ownername"})}
}

func byMLSD(c *Config) { c.Listings = Listings{Policy: ListByMLSD} }

const (
	shownFacts = "MLSD(size;type;UNIX.ownername;) of 2024-5-1"
	modern     = reached + `
		B: 211-F↵ MLST Type*;Size*;Modify;Unique*;UNIX.mode;↵211 End
		>C 220 hello`
	lists4 = `
		start down front=listen back=198.51.100.5:5000 `
	listed = `
		B: 150 here
		>C 150 here
		proceed
		data ended
		B: 226 done
		settle clean
		data finished
		>C 226 done`
)

func TestMLSDByLIST(t *testing.T) {
	asked := func(command, sent string) string {
		return greeted + signedIn + pasv + `
			C: ` + command + `
			>B ` + sent + lists4 + shownFacts + listed
	}
	prove(t, []claim{
		{"of_here", byLIST, asked("MLSD", "LIST -al")},
		{"of_an_empty_path", byLIST, asked("MLSD␣", "LIST -al")},
		{"of_a_path", byLIST, asked("MLSD a/b\\c;", "LIST -al a/b\\c;")},
		{"of_a_path_that_looks_like_an_option", byLIST, asked("MLSD -R", "LIST -al ./-R")},
		{"with_links", func(c *Config) { byLIST(c); c.Listings.UseSlink = true }, greeted + signedIn + pasv + `
			C: MLSD
			>B LIST -al` + lists4 + shownFacts + " slink" + listed},
		{"owners_by_number_without_UNIX.ownername", func(c *Config) { byLIST(c); c.Listings.Choice = listing.FactSize }, greeted + signedIn + pasv + `
			C: MLSD
			>B LIST -aln` + lists4 + "MLSD(size;) of 2024-5-1" + listed},
		{"LIST_NLST_and_MLST_are_left_alone", byLIST, greeted + signedIn + pasv + `
			C: LIST -al x
			>B LIST -al x
			start down front=listen back=198.51.100.5:5000` + listed + pasv + `
			C: NLST
			>B NLST
			start down front=listen back=198.51.100.5:5000` + listed + `
			C: MLST x
			>B MLST x
			B: 500 what?
			>C 500 what?`},
		{"refused_without_a_data_connection", byLIST, greeted + signedIn + `
			C: MLSD x
			drop offers
			>B LIST -al x
			B: 425 use PORT or PASV first
			>C 425 use PORT or PASV first`},
		{"not_where_the_data_goes_past_us", func(c *Config) { byLIST(c); c.Direct.On = true }, greeted + signedIn + `
			C: MLSD x
			>B MLSD x
			B: 500 what?
			>C 500 what?`},
		{"a_path_too_long_for_options", byLIST, greeted + signedIn + pasv + `
			C: MLSD ` + strings.Repeat("x", ftp.MaxCommandLine-len("MLSD ")) + `
			>B LIST ` + strings.Repeat("x", ftp.MaxCommandLine-len("LIST ")) + lists4 + shownFacts + listed},
		{"a_path_too_long_for_anything_else", byLIST, greeted + signedIn + pasv + `
			C: MLSD -` + strings.Repeat("x", ftp.MaxCommandLine-len("MLSD -")) + `
			>B MLSD -` + strings.Repeat("x", ftp.MaxCommandLine-len("MLSD -")) + `
			start down front=listen back=198.51.100.5:5000` + listed},
		{"an_aborted_one_is_broken", byLIST, greeted + signedIn + pasv + `
			C: MLSD
			>B LIST -al` + lists4 + shownFacts + `
			B: 150 here
			>C 150 here
			proceed
			C: ABOR
			>B urgent ABOR
			abort data
			B: 426 aborted
			>C 426 aborted
			data finished front aborted
			B: 226 abort done
			>C 226 abort done`},
		{"a_truncated_one_is_broken", byLIST, greeted + signedIn + pasv + `
			C: MLSD
			>B LIST -al` + lists4 + shownFacts + `
			B: 150 here
			>C 150 here
			proceed
			data ended
			B: 451 the disk broke
			settle broken
			data finished front aborted
			>C 451 the disk broke`},
	})
}

func TestLISTThatKnowsNoOptions(t *testing.T) {
	first := greeted + signedIn + pasv + `
		C: MLSD d
		>B LIST -al d` + lists4 + shownFacts
	again := func(command, sent string) string {
		return pasv + `
		C: ` + command + `
		>B ` + sent + lists4 + shownFacts
	}
	refused := `
		abort data
		data finished back aborted
		`
	prove(t, []claim{
		{"is_asked_without_and_never_with_them_again", byLIST, first + `
			B: 501 parameters not understood
			>B LIST d` + listed + again("MLSD", "LIST") + listed + again("MLSD -e", "LIST ./-e") + `
			B: 550 none
			` + refused + `>C 550 none`},
		{"may_take_them_for_a_name", byLIST, first + `
			B: 550 '-al d': no such file
			>B LIST d` + listed},
		{"was_right_about_the_name", byLIST, first + `
			B: 550 d: no such directory
			>B LIST d
			B: 550 d: no such directory, again
			` + refused + `>C 550 d: no such directory, again`},
		{"forgets_the_data_connection_with_its_first_refusal", byLIST, first + `
			B: 450 d: no such directory
			>B LIST d
			B: 425 use PASV first
			` + refused + `>C 450 d: no such directory`},
		{"is_none_that_took_them_before", byLIST, first + listed + again("MLSD e", "LIST -al e") + `
			B: 550 e: no such directory
			` + refused + `>C 550 e: no such directory`},
		{"is_not_asked_twice_what_it_denies", byLIST, first + `
			B: 530 not for you
			` + refused + `>C 530 not for you`},
		{"is_not_asked_on_data_connections_that_failed", byLIST, first + `
			data finished back open Connection refused
			B: 501 parameters not understood
			>C 501 parameters not understood`},
		{"is_not_asked_again_when_an_ABOR_crosses", byLIST, first + `
			C: ABOR
			>B urgent ABOR
			abort data
			B: 501 parameters not understood
			>C 501 parameters not understood
			data finished back aborted
			B: 226 nothing to abort
			>C 226 nothing to abort`},
	})
}

func TestListByMLSD(t *testing.T) {
	asked := func(command, sent, what string) string {
		return modern + signedIn + pasv + `
			C: ` + command + `
			>B ` + sent + strings.TrimRight(lists4+what, " ") + listed
	}
	looked := func(command, sent, what string) string {
		return modern + signedIn + pasv + `
			C: ` + command + `
			>B MLST` + strings.TrimPrefix(sent, "MLSD") + `
			B: 250-it is↵ Size=1;Type=Dir; /x↵250 that
			>B ` + sent + lists4 + what + listed
	}
	prove(t, []claim{
		{"of_here", byMLSD, asked("LIST", "MLSD", "LIST")},
		{"without_its_options", byMLSD, asked("LIST -al", "MLSD", "LIST with dots")},
		{"without_several_of_them", byMLSD, looked("LIST -l -tr a b", "MLSD a b", "LIST")},
		{"of_a_path", byMLSD, looked("LIST  x", "MLSD  x", "LIST")},
		{"names", byMLSD, asked("NLST", "MLSD", "NLST …")},
		{"names_of_a_path", byMLSD, looked("NLST -a a b", "MLSD a b", "NLST a b/…")},
		{"but_not_-R", byMLSD, asked("LIST -aR x", "LIST -aR x", "")},
		{"but_not_-d", byMLSD, asked("LIST -d x", "LIST -d x", "")},
		{"but_not_what_is_no_option", byMLSD, asked("LIST -- x", "LIST -- x", "")},
		{"but_not_wildcards", byMLSD, asked("NLST *.txt", "NLST *.txt", "")},
		{"but_no_long_names", byMLSD, asked("NLST -l", "NLST -l", "")},
		{"but_not_MLSD", byMLSD, asked("MLSD x", "MLSD x", "")},
		{"not_of_a_backend_without_it", byMLSD, greeted + signedIn + pasv + `
			C: LIST
			>B LIST
			start down front=listen back=198.51.100.5:5000` + listed},
		{"a_file_is_listed_as_it_is", byMLSD, modern + signedIn + pasv + `
			C: LIST -l f
			>B MLST f
			B: 250-it is↵ Type=file;Size=7; type=dir;↵250 that
			>B LIST -l f
			start down front=listen back=198.51.100.5:5000` + listed},
		{"nothing_is_the_backends_to_refuse", byMLSD, modern + signedIn + pasv + `
			C: LIST f
			>B MLST f
			B: 550 f: none
			>B LIST f
			start down front=listen back=198.51.100.5:5000
			B: 450 f: none
			abort data
			data finished back aborted
			>C 450 f: none`},
		{"a_backend_that_promised_too_much_is_not_asked_again", byMLSD, modern + signedIn + pasv + `
			C: NLST -a
			>B MLSD` + lists4 + `NLST …
			B: 502 not implemented
			as it is
			>B NLST -a` + listed + pasv + `
			C: LIST
			>B LIST
			start down front=listen back=198.51.100.5:5000` + listed},
	})
}

// Servers say 226 to what is no directory; where directories tell of themselves,
// that is no empty one.
func TestDirectoryThatIsNone(t *testing.T) {
	heard := func(listed, answer string) string {
		return `
			B: 150 here
			>C 150 here
			proceed
			data ended
			B: 226 done
			settle clean
			data listed ` + listed + `
			data finished
			>C ` + answer
	}
	asked := func(command, sent string) string {
		return pasv + `
			C: ` + command + `
			>B ` + sent + lists4 + shownFacts
	}
	const none = "550 MLSD: No such directory, or it cannot be listed"
	begun := greeted + signedIn
	prove(t, []claim{
		{"is_refused_once_directories_told_of_themselves", byLIST, begun + asked("MLSD", "LIST -al") + heard("1", "226 done") +
			asked("MLSD x", "LIST -al x") + heard("0", none) + asked("MLSD y", "LIST -al y") + heard("1", "226 done")},
		{"is_believed_of_the_root_which_has_no_dot_on_FAT", byLIST, begun + asked("MLSD d", "LIST -al d") + heard("1", "226 done") +
			asked("MLSD", "LIST -al") + heard("0", "226 done") + asked("MLSD /", "LIST -al /") + heard("0", "226 done") +
			asked("MLSD C:/", "LIST -al C:/") + heard("0", "226 done") + asked("MLSD ../..", "LIST -al ../..") + heard("0", "226 done")},
		{"is_believed_where_none_ever_did", byLIST, begun + asked("MLSD", "LIST -al") + heard("0", "226 done") +
			asked("MLSD x", "LIST -al x") + heard("0", "226 done")},
		{"is_believed_where_no_options_are_known", byLIST, begun + asked("MLSD", "LIST -al") + `
			B: 501 what?
			>B LIST` + heard("1", "226 done") + asked("MLSD x", "LIST x") + heard("0", "226 done")},
		{"is_refused_when_it_is_several", byLIST, begun + asked("MLSD", "LIST -al") + heard("1", "226 done") +
			asked("MLSD a b", "LIST -al a b") + heard("2", none)},
		{"leaves_the_backends_own_refusal", byLIST, begun + asked("MLSD", "LIST -al") + heard("1", "226 done") +
			asked("MLSD x", "LIST -al x") + strings.Replace(strings.Replace(heard("0", "451 the disk broke"), "settle clean", "settle broken", 1), "B: 226 done", "B: 451 the disk broke", 1)},
	})
}

// Whatever a path looks like, LIST is one line and begins its path where the
// client's does.
func TestListCommand(t *testing.T) {
	for _, tt := range []struct{ flags, path, want string }{
		{"-al", "", "-al"}, {"-al", "x", "-al x"}, {"-al", "x ", "-al x "}, {"-al", "./-x", "-al ./-x"}, {"-al", " ", "-al ./ "},
		{"-al", "-", "-al ./-"}, {"", "", ""}, {"", "x", "x"}, {"", "-al", "./-al"}, {"", " x", "./ x"}, {"-aln", "/", "-aln /"},
	} {
		if got := listCommand(tt.flags, tt.path); got.Arg != tt.want || got.HasArg != (tt.want != "") || got.Verb != ftp.LIST {
			t.Errorf("%q and %q make %+v, want %q", tt.flags, tt.path, got, tt.want)
		}
	}
}

func TestPathPrefix(t *testing.T) {
	for dir, want := range map[string]string{"": "", ".": "", "./": "", "/": "/", "d": "d/", "d/": "d/", "..": "../", "/a/b": "/a/b/", " ": " /"} {
		if got := pathPrefix(dir); got != want {
			t.Errorf("%q becomes %q, want %q", dir, got, want)
		}
	}
}
