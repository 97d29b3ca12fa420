package dialogue

import "testing"

func TestTransferLosses(t *testing.T) {
	const lost = `
		>C 421 Lost connection to server, closing control connection
		end: backend lost in mid transfer`
	prove(t, []claim{
		{"a_second_150_ends_what_was_broken_off", nil, retr + went + `
			data finished front copy
			B: 150 0.007 seconds (measured here)
			record RETR f I false
			>C 426 Transfer aborted. Data connection closed`},
		{"the_client_before_1xx", nil, retr + gone + `
			end: client lost in mid transfer`},
		{"the_client_in_mid_data", nil, retr + went + gone + `
			record RETR f I false
			end: client lost in mid transfer`},
		{"the_client_after_the_data", nil, retr + went + `
			data ended` + gone + `
			record RETR f I false
			end: client lost in mid transfer`},
		{"the_client_after_a_timeout_ended_its_upload", nil, stor + went + `
			data ended
			wait 1ms
			settle clean
			wait 600s
			abort data
			C lost
			data finished front aborted
			record STOR f I false
			end: idle timeout`},
		{"the_client_then_the_backend", nil, retr + went + `
			C lost
			abort data
			B lost
			data finished back aborted
			record RETR f I false
			end: client lost in mid transfer`},
		{"the_backend_before_1xx", nil, retr + `
			B lost
			report lost
			abort data
			data finished back aborted` + lost},
		{"the_backend_in_mid_data", nil, retr + went + `
			B lost
			report lost
			abort data
			data finished back aborted
			record RETR f I false` + lost},
		{"the_backend_after_a_proper_end_of_data", nil, retr + went + `
			data ended
			B lost
			report lost
			abort data
			data finished back aborted
			record RETR f I false` + lost},
		{"the_backend_after_the_data_is_closed", nil, stor + went + `
			data ended
			wait 1ms
			settle clean
			data finished
			B lost
			report lost
			record STOR f I false` + lost},
		{"the_backend_after_its_last_word", nil, retr + went + `
			B: 226 done
			B lost
			report lost
			C: NOOP
			data ended
			settle clean
			data finished
			record RETR f I true
			>C 226 done
			>C 421 Lost connection to server, closing control connection
			end: backend lost`},
		{"the_backend_after_its_last_word_and_the_client_aborts", nil, retr + went + `
			B: 226 done
			B lost
			report lost
			C: ABOR
			abort data
			data finished back aborted
			record RETR f I false` + lost},
		{"421_is_the_last_word", nil, retr + went + `
			B: 421 going down
			B lost
			wait 3s
			abort data
			data finished back aborted
			record RETR f I false
			>C 421 going down
			end: backend closed the session`},
		{"421_after_the_last_word", nil, retr + went + `
			B: 226 done
			B: 421 idle too long
			B lost
			data ended
			settle clean
			data finished
			record RETR f I true
			>C 226 done
			>C 421 idle too long
			end: backend closed the session`},
		{"421_after_the_last_word_and_the_client_aborts", nil, retr + went + `
			B: 226 done
			B: 421 idle too long
			C: ABOR
			abort data
			data finished back aborted
			record RETR f I false
			>C 421 idle too long
			end: backend closed the session`},
		{"421_before_1xx", nil, retr + `
			B: 421 going down
			abort data
			data finished back aborted
			>C 421 going down
			end: backend closed the session`},
		{"421_where_the_client_cannot_be_reached", nil, retr + went + `
			data finished front open Connection refused
			B: 421 going down
			record RETR f I false
			>C 425 RETR: Connection refused
			>C 421 going down
			end: backend closed the session`},
	})
}

func TestMalformedReply(t *testing.T) {
	const ends = `
			report lost
			>C 500 PWD: Invalid argument
			>C 421 Lost connection to server, closing control connection
			end: backend sent a malformed reply`
	prove(t, []claim{
		{"no_code", nil, greeted + signedIn + `
			C: PWD
			>B PWD
			B: what?` + ends},
		{"a_low_code", nil, greeted + signedIn + `
			C: PWD
			>B PWD
			B: 099 low` + ends},
		{"nobody_asked", nil, greeted + signedIn + `
			B: what?
			report lost
			>C 421 Lost connection to server, closing control connection
			end: backend lost`},
	})
}
