package dialogue

import "testing"

func TestAsides(t *testing.T) {
	end := `
		data ended
		B: 226 done
		settle clean
		data finished
		record RETR f I true
		>C 226 done`
	prove(t, []claim{
		{"STAT_and_NOOP_go_ahead", nil, retr + went + `
			C: STAT
			>B STAT
			B: 211 halfway
			>C 211 halfway
			C: NOOP
			>B NOOP
			B: 200 ok
			>C 200 ok` + end},
		{"a_backend_may_answer_them_afterwards", nil, retr + went + `
			C: STAT
			>B STAT
			C: NOOP
			>B NOOP
			C: PWD` + end + `
			B: 211 all of it
			>C 211 all of it
			B: 200 ok
			>C 200 ok
			>B PWD`},
		{"or_between_its_last_word_and_the_end_of_the_data", nil, retr + went + `
			C: NOOP
			>B NOOP
			B: 226 done
			B: 200 ok
			>C 200 ok
			data ended
			settle clean
			data finished
			record RETR f I true
			>C 226 done`},
		{"before_1xx_the_first_answer_is_the_transfers", nil, retr + `
			C: NOOP
			>B NOOP
			B: 530 no
			abort data
			B: 200 ok
			>C 200 ok
			data finished back aborted
			>C 530 no`},
		{"an_answer_to_NOOP_is_no_last_word", nil, retr + went + `
			C: NOOP
			>B NOOP
			B: 554 odd              # the transfer's, but who could know
			>C 554 odd
			data ended
			B: 200 ok
			wait 3s
			settle broken
			data finished front aborted
			record RETR f I false
			>C 500 RETR: Connection timed out`},
		{"nor_is_it_before_1xx", nil, retr + `
			C: NOOP
			>B NOOP
			B: 200 ok
			>C 200 ok
			B: 550 no
			abort data
			data finished back aborted
			>C 550 no`},
		{"a_reply_nobody_asked_for_is_dropped", nil, retr + went + `
			B: 226 done
			B: 226 done
			data ended
			settle clean
			data finished
			record RETR f I true
			>C 226 done`},
		{"other_commands_wait_their_turn_and_so_do_those_behind", nil, retr + went + `
			C: PWD
			C: NOOP
			C: QUIT` + end + `
			>B PWD
			B: 257 "/"
			>C 257 "/"
			>B NOOP
			B: 200 ok
			>C 200 ok
			>B QUIT
			B: 221 bye
			>C 221 bye
			end: client quit`},
		{"the_owed_answers_are_bounded", nil, retr + went +
			repeated("\nC: NOOP\n>B NOOP", asideLimit) + `
			C: NOOP` + end},
		{"a_full_queue_stands_still_then_goes_on", nil, retr + went +
			repeated("\nC: XX", heldLimit) + end + `
			>B XX` + repeated("\nB: 500 no\n>C 500 no\n>B XX", heldLimit-1) + `
			B: 500 no
			>C 500 no
			C: PWD
			>B PWD`},
	})
}

func TestAbort(t *testing.T) {
	const begun = `
		C: ABOR
		>B urgent ABOR
		abort data`
	prove(t, []claim{
		{"two_replies", nil, retr + went + begun + `
			data finished back aborted
			B: 426 cut
			>C 426 cut
			B: 226 aborted
			>C 226 aborted
			record RETR f I false
			C: PWD
			>B PWD`},
		{"a_second_150_is_pure_ftpds_last_word", nil, retr + went + begun + `
			data finished back aborted
			B: 150 0.007 seconds (measured here)
			>C 426 Transfer aborted. Data connection closed
			B: 226 aborted
			>C 226 aborted
			record RETR f I false`},
		{"the_data_closes_last", nil, retr + went + begun + `
			B: 426 cut
			>C 426 cut
			B: 226 aborted
			>C 226 aborted
			B: 226 once more
			data finished back aborted
			record RETR f I false`},
		{"the_first_is_never_a_success", nil, retr + went + begun + `
			data finished back aborted
			B: 226 done
			>C 426 Transfer aborted. Data connection closed
			B: 225 nothing to abort
			>C 225 nothing to abort
			record RETR f I false`},
		{"after_the_last_word", nil, retr + went + `
			B: 226 done
			C: ABOR
			>B urgent ABOR
			abort data
			>C 426 Transfer aborted. Data connection closed
			data finished back aborted
			B: 225 nothing to abort
			>C 225 nothing to abort
			record RETR f I false`},
		{"after_the_data", nil, stor + went + `
			data ended
			wait 1ms
			settle clean
			data finished
			C: ABOR
			>B urgent ABOR
			B: 226 got it
			>C 426 Transfer aborted. Data connection closed
			B: 225 nothing to abort
			>C 225 nothing to abort
			record STOR f I false`},
		{"a_backend_that_says_the_two_the_other_way_round", nil, retr + went + begun + `
			data finished back aborted
			B: 226 abort done
			>C 426 Transfer aborted. Data connection closed
			B: 426 cut
			>C 226 abort done
			record RETR f I false
			C: PWD
			>B PWD`},
		{"before_1xx", nil, retr + begun + `
			data finished back aborted
			B: 150 here
			>C 150 here
			B: 426 cut
			>C 426 cut
			B: 226 aborted
			>C 226 aborted
			record RETR f I false`},
		{"crossed_with_the_end_of_data", nil, stor + went + begun + `
			data ended
			wait 1ms
			data finished front aborted
			B: 426 cut
			>C 426 cut
			B: 226 aborted
			>C 226 aborted
			record STOR f I false`},
		{"a_backend_that_says_nothing", nil, retr + went + begun + `
			data finished back aborted
			wait 3s
			>C 426 Transfer aborted. Data connection closed
			>C 226 Abort successful
			record RETR f I false
			C: PWD
			>B PWD
			B: 426 cut              # late: both of them
			B: 226 aborted
			B: 257 "/"
			>C 257 "/"`},
		{"a_backend_that_says_one_thing", nil, retr + went + begun + `
			data finished back aborted
			B: 226 aborted
			>C 426 Transfer aborted. Data connection closed
			wait 3s
			>C 226 Abort successful
			record RETR f I false
			C: CWD x
			>B CWD x
			B: 250 there            # in doubt: it may be the missing one
			wait 3s
			>C 250 there`},
		{"a_backend_without_ABOR", nil, retr + went + begun + `
			data finished back aborted
			B: 426 cut
			>C 426 cut
			B: 502 no ABOR
			>C 502 no ABOR
			record RETR f I false`},
		{"answers_to_NOOP_come_in_between", nil, retr + went + `
			C: NOOP
			>B NOOP` + begun + `
			data finished back aborted
			B: 426 cut
			>C 426 cut
			B: 200 ok
			>C 200 ok
			B: 226 aborted
			>C 226 aborted
			record RETR f I false`},
		{"answers_to_NOOP_come_afterwards", nil, retr + went + `
			C: NOOP
			>B NOOP` + begun + `
			C: STAT
			data finished back aborted
			B: 426 cut
			>C 426 cut
			B: 226 aborted
			>C 226 aborted
			record RETR f I false
			B: 200 ok
			>C 200 ok
			>B STAT`},
		{"after_a_refusal_while_NOOP_is_due", nil, retr + `
			C: NOOP
			>B NOOP
			B: 530 no
			abort data
			C: ABOR
			>B urgent ABOR
			>C 530 no
			data finished back aborted
			B: 200 ok
			>C 200 ok
			B: 226 nothing to abort
			>C 226 nothing to abort`},
		{"a_second_one_is_answered_too", nil, retr + went + begun + `
			C: ABOR
			data finished back aborted
			B: 426 cut
			>C 426 cut
			B: 226 aborted
			>C 226 aborted
			record RETR f I false
			>B ABOR
			B: 225 nothing to abort
			>C 225 nothing to abort`},
		{"the_backend_is_lost", nil, retr + went + begun + `
			B lost
			report lost
			data finished back aborted
			record RETR f I false
			>C 421 Lost connection to server, closing control connection
			end: backend lost in mid transfer`},
		{"the_backend_says_421", nil, retr + went + begun + `
			data finished back aborted
			B: 421 bye
			record RETR f I false
			>C 421 bye
			end: backend closed the session`},
		{"the_client_is_lost", nil, retr + went + begun + `
			C lost
			data finished back aborted
			record RETR f I false
			end: client lost in mid transfer`},
		{"without_a_transfer", nil, greeted + signedIn + `
			C: ABOR
			>B ABOR
			B: 226 nothing to abort
			>C 226 nothing to abort`},
	})
}
