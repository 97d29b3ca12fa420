package dialogue

import (
	"fmt"
	"testing"
)

// shapeShown is what becomes of the content, for scripts.
func shapeShown(s Shape) string {
	text := ""
	if s.Limit > 0 {
		text += fmt.Sprintf(" limit=%d", s.Limit)
	}
	if s.Rate.BytesPerSecond > 0 {
		text += fmt.Sprintf(" rate=%d+%d", s.Rate.BytesPerSecond, s.Rate.Free)
	}
	if s.FrontLevel+s.BackLevel > 0 {
		text += fmt.Sprintf(" z=%d/%d", s.FrontLevel, s.BackLevel)
	}
	return text
}

const (
	// binary is what nearly every client says first.
	binary = `
		C: TYPE I
		>B TYPE I
		B: 200 I
		>C 200 I`
	refusedDown = `
		drop offers
		>C 426 Transfer aborted. Operation not permitted`
	refusedUp = `
		drop offers
		>C 552 Transfer aborted. File too large`
)

// begin is a transfer command that goes straight on.
func begin(line, way, shape string) string {
	return "\nC: " + line + "\n>B " + line + started(way, shape)
}

func started(way, shape string) string {
	return "\nstart " + way + " front=listen back=198.51.100.5:5000" + shape
}

func rest(n string) string {
	return "\nC: REST " + n + "\n>B REST " + n + "\nB: 350 at " + n + "\n>C 350 at " + n
}

func sized(answer string) string { return "\n>B SIZE f\nB: " + answer }

func bounded(store, retrieve int64) func(*Config) {
	return func(c *Config) { c.Bounds.MaxStore, c.Bounds.MaxRetrieve = store, retrieve }
}

func TestMaxStoreFileSize(t *testing.T) {
	limit := bounded(100, 0)
	prove(t, []claim{
		{"STOR_may_bring_so_much", limit, greeted + signedIn + pasv + begin("STOR f", "up", " limit=100")},
		{"STOU_too", limit, greeted + signedIn + pasv + begin("STOU", "up", " limit=100")},
		{"downloads_and_listings_are_not_meant", limit, greeted + signedIn + pasv + begin("RETR f", "down", "")},
		{"nor_listings", limit, greeted + signedIn + pasv + begin("LIST", "down", "")},
		{"what_REST_skips_is_there_already", limit, greeted + signedIn + rest("40") + pasv + begin("STOR f", "up", " limit=60")},
		{"REST_counts_once", limit, greeted + signedIn + rest("40") + pasv + begin("STOR f", "up", " limit=60") + `
			B: 553 no
			abort data
			data finished back aborted
			>C 553 no` + pasv + begin("STOR f", "up", " limit=100")},
		{"REST_is_what_the_backend_granted_last", limit, greeted + signedIn + rest("40") + `
			C: REST 90
			>B REST 90
			B: 501 no
			>C 501 no` + pasv + begin("STOR f", "up", " limit=60")},
		{"REST_is_read_as_backends_may", limit, greeted + signedIn + rest("+40 bytes") + pasv + begin("STOR f", "up", " limit=60")},
		{"a_RANG_begins_somewhere_too", limit, greeted + signedIn + `
			C: RANG 40 59
			>B RANG 40 59
			B: 350 ok
			>C 350 ok` + pasv + begin("STOR f", "up", " limit=60")},
		{"an_empty_RANG_is_none", limit, greeted + signedIn + `
			C: RANG 1 0
			>B RANG 1 0
			B: 350 ok
			>C 350 ok` + pasv + begin("STOR f", "up", " limit=100")},
		{"nothing_may_be_added_to_a_full_file", limit, greeted + signedIn + rest("100") + pasv + `
			C: STOR f
			drop offers
			>B REST 0                # or the next transfer would begin there
			B: 350 ok
			>C 552 Transfer aborted. File too large` + pasv + begin("STOR g", "up", " limit=100")},
		{"a_number_beyond_all_measure_is_full", limit, greeted + signedIn + rest("99999999999999999999") + pasv + `
			C: STOR f
			drop offers
			>B REST 0
			B: 350 ok
			>C 552 Transfer aborted. File too large`},
		{"REIN_takes_REST_back", limit, greeted + signedIn + rest("40") + `
			C: REIN
			>B REIN
			B: 220 anew
			>C 220 anew` + pasv + begin("STOR f", "up", " limit=100")},
	})
}

func TestAppendCountsWhatIsThere(t *testing.T) {
	limit := bounded(100, 0)
	appe := greeted + signedIn + binary + pasv + `
		C: APPE f`
	prove(t, []claim{
		{"its_size_is_asked_for", limit, appe + sized("213 30") + `
			>B APPE f` + started("up", " limit=70")},
		{"in_binary", limit, greeted + signedIn + pasv + `
			C: APPE f
			>B TYPE I
			B: 200 I` + sized("213 30") + `
			>B TYPE A
			B: 200 A
			>B APPE f` + started("up", " limit=70")},
		{"and_the_clients_TYPE_is_put_back", limit, greeted + signedIn + `
			C: TYPE A N
			>B TYPE A N
			B: 200 A
			>C 200 A` + pasv + `
			C: APPE f
			>B TYPE I
			B: 200 I` + sized("213 30") + `
			>B TYPE A N
			B: 200 A
			>B APPE f` + started("up", " limit=70")},
		{"a_TYPE_that_cannot_be_put_back_is_the_end_of_it", limit, greeted + signedIn + pasv + `
			C: APPE f
			>B TYPE I
			B: 200 I` + sized("213 30") + `
			>B TYPE A
			B: 504 no
			drop offers
			>C 504 no`},
		{"a_backend_that_knows_no_binary_is_asked_all_the_same", limit, greeted + signedIn + pasv + `
			C: APPE f
			>B TYPE I
			B: 504 no` + sized("213 30") + `
			>B APPE f` + started("up", " limit=70")},
		{"a_file_that_is_not_there_is_empty", limit, appe + sized("550 no such file") + `
			>B APPE f` + started("up", " limit=100")},
		{"a_full_file_stays_as_it_is", limit, appe + sized("213 100") + refusedUp},
		{"REST_counts_if_it_is_more", limit, greeted + signedIn + binary + rest("50") + pasv + `
			C: APPE f` + sized("213 30") + `
			>B REST 50               # the backend may have forgotten
			B: 350 ok
			>B APPE f` + started("up", " limit=50")},
		{"a_backend_without_SIZE_is_asked_once", limit, appe + sized("502 what?") + `
			>B APPE f` + started("up", " limit=100") + `
			B: 553 no
			abort data
			data finished back aborted
			>C 553 no` + pasv + begin("APPE f", "up", " limit=100")},
		{"without_a_limit_nobody_asks", nil, greeted + signedIn + binary + pasv + begin("APPE f", "up", "")},
		{"a_backend_that_leaves_meanwhile", limit, appe + `
			>B SIZE f
			B lost
			report lost
			>C 421 Lost connection to server, closing control connection
			end: backend lost`},
		{"an_ABOR_meanwhile_waits", limit, appe + `
			>B SIZE f
			B: 213 30
			>B APPE f` + started("up", " limit=70") + went + `
			C: ABOR
			>B urgent ABOR
			abort data`},
	})
}

func TestMaxRetrieveFileSize(t *testing.T) {
	limit := bounded(0, 100)
	ask := greeted + signedIn + binary + pasv + `
		C: RETR f`
	prove(t, []claim{
		{"a_small_file_passes", limit, ask + sized("213 99") + `
			>B RETR f` + started("down", " limit=100")},
		{"one_just_as_large_too", limit, ask + sized("213 100") + `
			>B RETR f` + started("down", " limit=100")},
		{"a_larger_one_is_not_begun", limit, ask + sized("213 101") + refusedDown + `
			C: RETR f
			drop offers
			>B RETR f                # the offer is used up
			B: 425 no connection
			>C 425 no connection`},
		{"in_ASCII_line_ends_may_take_more_than_they_have_in_the_file", limit, greeted + signedIn + pasv + `
			C: RETR f
			>B TYPE I
			B: 200 I` + sized("213 100") + `
			>B TYPE A
			B: 200 A
			>B RETR f` + started("down", " limit=200")},
		{"nor_in_parts", limit, greeted + signedIn + binary + rest("90") + pasv + `
			C: RETR f` + sized("213 101") + `
			drop offers
			>B REST 0
			B: 350 ok
			>C 426 Transfer aborted. Operation not permitted`},
		{"nor_in_ranges", limit, greeted + signedIn + binary + `
			C: RANG 90 95
			>B RANG 90 95
			B: 350 ok
			>C 350 ok` + pasv + `
			C: RETR f` + sized("213 101") + `
			drop offers
			>B RANG 1 0
			B: 350 ok
			>C 426 Transfer aborted. Operation not permitted`},
		{"a_range_of_a_small_file_is_asked_for_again", limit, greeted + signedIn + binary + `
			C: RANG 90 95
			>B RANG 90 95
			B: 350 ok
			>C 350 ok` + pasv + `
			C: RETR f` + sized("213 99") + `
			>B RANG 90 95
			B: 350 ok
			>B RETR f` + started("down", " limit=10")},
		{"the_end_of_a_file_just_as_large", limit, greeted + signedIn + binary + rest("100") + pasv + `
			C: RETR f` + sized("213 100") + `
			>B REST 100
			B: 350 ok
			>B RETR f` + started("down", " limit=1")},
		{"a_REST_that_is_refused_the_second_time_is_the_end_of_it", limit, greeted + signedIn + binary + rest("50") + pasv + `
			C: RETR f` + sized("213 99") + `
			>B REST 50
			B: 502 no
			drop offers
			>B REST 0
			B: 502 no
			>C 502 no`},
		{"of_unknown_size_it_is_cut", limit, ask + sized("550 not plain") + `
			>B RETR f` + started("down", " limit=100") + went + `
			data finished back limit Operation not permitted
			B: 426 reset
			record RETR f I false
			>C 426 Transfer aborted. Operation not permitted`},
		{"whatever_the_backend_thinks", limit, ask + sized("550 not plain") + `
			>B RETR f` + started("down", " limit=100") + went + `
			B: 226 done
			data finished back limit Operation not permitted
			record RETR f I false
			>C 426 Transfer aborted. Operation not permitted`},
		{"even_nothing", limit, ask + sized("550 not plain") + `
			>B RETR f` + started("down", " limit=100") + went + `
			data finished back limit Operation not permitted
			wait 3s
			record RETR f I false
			>C 426 Transfer aborted. Operation not permitted`},
		{"an_upload_that_is_cut", bounded(100, 0), greeted + signedIn + pasv + begin("STOR f", "up", " limit=100") + went + `
			data finished front limit File too large
			B: 426 reset
			record STOR f I false
			>C 552 Transfer aborted. File too large
			C: PWD
			>B PWD`},
		{"a_nonsense_of_a_size_is_none", limit, ask + sized("213 lots") + `
			>B RETR f` + started("down", " limit=100")},
		{"without_a_path_there_is_nothing_to_ask", limit, greeted + signedIn + binary + pasv + begin("RETR", "down", " limit=100")},
		{"without_a_data_connection_nobody_asks", limit, greeted + signedIn + rest("5") + `
			C: RETR f
			drop offers
			>B RETR f
			B: 425 no
			>C 425 no`},
	})
}

func TestTransferRate(t *testing.T) {
	slow := func(c *Config) {
		c.Bounds.Rates = []Rate{
			{Commands: []string{"RETR", "APPE"}, BytesPerSecond: 1000, Free: 5},
			{Commands: []string{"APPE", "STOR", "RETR"}, BytesPerSecond: 2000},
		}
	}
	for line, want := range map[string]string{
		"RETR f": "down rate=1000+5", "APPE f": "up rate=1000+5", "STOR f": "up rate=2000+0", "STOU": "up", "LIST": "down", "MLSD": "down",
	} {
		t.Run(line, func(t *testing.T) {
			var way, shape string
			_, _ = fmt.Sscan(want, &way, &shape) // "up" alone has no shape
			if shape != "" {
				shape = " " + shape
			}
			cfg := usual()
			slow(&cfg)
			play(t, cfg, greeted, signedIn, pasv, begin(line, way, shape))
		})
	}
}
