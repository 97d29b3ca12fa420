package dialogue

import (
	"testing"
	"time"
)

const (
	// retr and stor begin a transfer, running ones have their 150.
	retr = greeted + signedIn + pasv + `
		C: RETR f
		>B RETR f
		start down front=listen back=198.51.100.5:5000`
	stor = greeted + signedIn + pasv + `
		C: STOR f
		>B STOR f
		start up front=listen back=198.51.100.5:5000`
	went = `
		B: 150 here
		>C 150 here
		proceed`
	gone = `
		C lost
		abort data
		data finished back aborted`
)

func TestDownload(t *testing.T) {
	prove(t, []claim{
		{"the_last_word_after_the_data", nil, retr + went + `
			data ended
			B: 226 done
			settle clean
			data finished
			record RETR f I true
			>C 226 done`},
		{"the_last_word_before_the_data", nil, retr + went + `
			B: 226 done
			data ended
			settle clean
			data finished
			record RETR f I true
			>C 226 done`},
		{"a_last_word_without_1xx", nil, retr + `
			B: 226 empty
			proceed
			data ended
			settle clean
			data finished
			record RETR f I true
			>C 226 empty`},
		{"a_listing_is_not_recorded", nil, greeted + signedIn + pasv + `
			C: MLSD
			>B MLSD
			start down front=listen back=198.51.100.5:5000` + went + `
			data ended
			B: 250 done
			settle clean
			data finished
			>C 250 done`},
		{"refused", nil, retr + `
			B: 550 no such file
			abort data
			data finished back aborted
			>C 550 no such file
			C: RETR f
			drop offers
			>B RETR f                # the offer is used up
			B: 425 no connection
			>C 425 no connection`},
		{"refused_while_its_data_connection_failed", nil, retr + `
			data finished back open Connection refused
			B: 550 no such file
			>C 550 no such file`},
		{"the_backends_data_connection_fails", nil, retr + `
			data finished back open Connection refused
			B: 425 nobody there
			>C 425 nobody there`},
		{"the_backends_data_connection_fails_but_it_claims_success", nil, retr + `
			data finished back open Connection refused
			B: 226 done
			record RETR f I false
			>C 425 RETR: Connection refused`},
		{"the_backends_data_connection_fails_and_it_is_silent", nil, retr + `
			data finished back open Connection refused
			wait 3s
			>C 425 RETR: Connection refused`},
		{"the_clients_data_connection_fails", nil, retr + went + `
			data finished front open Connection timed out
			B: 426 broken pipe
			record RETR f I false
			>C 425 RETR: Connection timed out`},
		{"the_source_breaks_but_the_backend_claims_success", nil, retr + went + `
			data finished back copy
			B: 226 done
			record RETR f I false
			>C 426 Transfer aborted. Data connection closed`},
		{"the_client_stops_reading", nil, retr + went + `
			data finished front copy
			B: 226 done
			record RETR f I false
			>C 426 Transfer aborted. Data connection closed`},
		{"a_failure_after_a_proper_end_of_data", nil, retr + went + `
			data ended
			B: 451 disk
			settle broken
			data finished front aborted
			record RETR f I false
			>C 451 disk`},
		{"closing_the_clients_side_fails", nil, retr + went + `
			data ended
			B: 226 done
			settle clean
			data finished front copy
			record RETR f I false
			>C 426 Transfer aborted. Data connection closed`},
		{"a_3xx_is_no_success", nil, retr + went + `
			data ended
			B: 350 hm
			settle broken
			data finished front aborted
			record RETR f I false
			>C 426 Transfer aborted. Data connection closed`},
		{"a_failure_in_mid_data_gives_the_rest_a_moment", nil, retr + went + `
			B: 426 cut
			wait 3s
			abort data
			data finished back aborted
			record RETR f I false
			>C 426 cut`},
		{"a_data_channel_that_closed_unasked_is_not_believed", nil, retr + went + `
			B: 226 done
			data finished
			record RETR f I false
			>C 426 Transfer aborted. Data connection closed`},
		{"stalled_closes_without_a_word", nil, retr + went + `
			data finished front stalled
			record RETR f I false
			end: data transfer stalled`},
		{"bytes_may_take_hours_after_an_early_226", func(c *Config) { c.TimeoutIdle = time.Minute }, retr + went + `
			B: 226 done
			wait 3h
			data ended
			settle clean
			data finished
			record RETR f I true
			>C 226 done`},
		{"before_login_the_backend_refuses", nil, greeted + `
			C: RETR f
			drop offers
			>B RETR f
			B: 530 login
			>C 530 login`},
		{"active_on_both_sides", nil, greeted + signedIn + `
			C: PORT 192,0,2,7,19,136
			drop offers
			listen back
			listening back 6000
			>B PORT 198,51,100,1,23,112
			B: 200 ok
			>C 200 PORT command successful
			C: RETR f
			>B RETR f
			start down front=192.0.2.7:5000 back=listen` + went + `
			data ended
			B: 226 done
			settle clean
			data finished
			record RETR f I true
			>C 226 done`},
		{"news_of_an_earlier_data_channel_are_ignored", nil, retr + `
			B: 550 no
			abort data
			data finished back aborted
			>C 550 no`},
	})
}

func TestUpload(t *testing.T) {
	done := `
		settle clean
		data finished
		B: 226 got it
		record STOR f I true
		>C 226 got it`
	prove(t, []claim{
		{"its_end_is_believed_after_a_while", nil, stor + went + `
			data ended 200ms
			wait 199ms
			wait 1ms` + done},
		{"the_last_word_spares_the_wait_for_the_close", nil, stor + went + `
			data ended
			wait 1ms
			settle clean
			B: 226 got it
			abort data
			data finished
			record STOR f I true
			>C 226 got it`},
		{"a_client_killed_with_its_upload", nil, stor + went + `
			data ended 200ms
			C killed
			abort data
			data finished front aborted
			record STOR f I false
			end: client lost in mid transfer`},
		{"a_client_killed_in_mid_upload", nil, stor + went + `
			C killed
			abort data
			data ended               # crossed with the abort
			wait 1s
			data finished front aborted
			record STOR f I false
			end: client lost in mid transfer`},
		{"a_client_lost_after_its_whole_upload", nil, stor + went + `
			data ended
			wait 1ms
			settle clean
			C lost
			B: 226 got it
			abort data
			data finished
			record STOR f I true
			end: client lost after its upload`},
		{"a_client_lost_after_its_upload_that_nobody_confirms", nil, stor + went + `
			data ended
			wait 1ms
			settle clean
			C lost
			data finished
			record STOR f I false
			end: client lost after its upload`},
		{"a_client_lost_while_the_last_word_is_due", nil, stor + went + `
			data ended
			wait 1ms
			settle clean
			data finished
			C lost
			record STOR f I false
			end: client closed the connection`},
		{"the_backend_resets_after_the_end", nil, stor + went + `
			data ended
			wait 1ms
			settle clean
			data finished back copy
			B: 226 got it
			record STOR f I false
			>C 426 Transfer aborted. Data connection closed`},
		{"the_backend_runs_out_of_space", nil, stor + went + `
			B: 552 full
			data finished back copy
			record STOR f I false
			>C 552 full`},
		{"the_backend_runs_out_of_space_and_takes_no_more", nil, stor + went + `
			B: 552 full
			wait 3s
			abort data
			data finished back aborted
			record STOR f I false
			>C 552 full`},
		{"a_refusal_at_the_end", nil, stor + went + `
			data ended
			B: 451 checksum
			wait 1ms
			settle clean
			data finished
			record STOR f I false
			>C 451 checksum`},
		{"an_early_226_whose_backend_does_not_close", nil, stor + went + `
			B: 226 got it
			data ended
			wait 1ms
			settle clean
			wait 3s
			abort data
			data finished
			record STOR f I true
			>C 226 got it`},
		{"no_last_word", nil, stor + went + `
			data ended
			wait 1ms
			settle clean
			data finished
			wait 3s
			record STOR f I false
			>C 500 STOR: Connection timed out`},
		{"a_backend_that_neither_closes_nor_speaks_meets_the_idle_timeout", nil, stor + went + `
			data ended
			wait 1ms
			settle clean
			wait 600s
			abort data
			data finished
			record STOR f I false
			>C 421 Idle timeout (600 seconds): closing control connection
			end: idle timeout`},
		{"a_client_we_no_longer_hear_is_not_believed", nil, stor + went +
			repeated("\nC: PWD", heldLimit) + `
			data ended
			wait 1ms
			abort data
			data finished front aborted
			B: 226 got it
			record STOR f I false
			>C 426 Transfer aborted. Data connection closed
			>B PWD`},
		{"STOU_and_APPE_are_uploads", nil, greeted + signedIn + pasv + `
			C: STOU
			>B STOU
			start up front=listen back=198.51.100.5:5000
			B: 550 no
			abort data
			data finished back aborted
			>C 550 no` + pasv + `
			C: APPE f
			>B APPE f
			start up front=listen back=198.51.100.5:5000`},
	})
}

func repeated(s string, n int) string {
	var out string
	for range n {
		out += s
	}
	return out
}
