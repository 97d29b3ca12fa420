package dialogue

import "testing"

func TestLateReplies(t *testing.T) {
	silent := retr + went + `
		data ended
		wait 3s
		settle broken
		data finished front aborted
		record RETR f I false
		>C 500 RETR: Connection timed out`
	prove(t, []claim{
		{"while_nothing_is_asked", nil, silent + `
			B: 226 done
			C: ABOR
			>B ABOR
			B: 225 nothing to abort
			>C 225 nothing to abort`},
		{"in_front_of_another_answer", nil, silent + `
			C: PASV
			drop offers
			>B PASV
			B: 226 done
			B: 227 go (198,51,100,5,19,136)
			listen front`},
		{"in_front_of_an_answer_that_looks_like_it", nil, silent + `
			C: CWD nowhere
			>B CWD nowhere
			B: 250 done             # the transfer's
			B: 550 no such folder
			>C 550 no such folder
			C: CWD x
			>B CWD x
			B: 250 there
			>C 250 there`},
		{"that_refuse_a_transfer_given_up_on_before_it_began", nil, retr + `
			data finished back open Connection refused
			wait 3s
			>C 425 RETR: Connection refused
			C: STOR g
			drop offers
			>B STOR g
			B: 530 not for you      # RETR's
			B: 425 no data connection
			>C 425 no data connection
			C: CWD x
			>B CWD x
			B: 530 not there        # no doubt any more
			>C 530 not there`},
		{"never", nil, silent + `
			C: ABOR
			>B ABOR
			B: 226 nothing to abort
			wait 2999ms
			wait 1ms
			>C 226 nothing to abort
			C: PWD
			>B PWD
			B: 257 "/"
			>C 257 "/"
			C: CWD x
			>B CWD x
			B: 250 there            # no doubt any more
			>C 250 there`},
		{"before_the_data_is_closed", nil, retr + went + `
			data ended
			wait 3s
			settle broken
			B: 226 done
			data finished front aborted
			record RETR f I false
			>C 500 RETR: Connection timed out
			C: CWD x
			>B CWD x
			B: 250 there
			>C 250 there`},
		{"of_an_ABOR_that_is_not_understood", nil, retr + `
			C: ABOR
			>B urgent ABOR
			abort data
			data finished back aborted
			wait 3s
			>C 426 Transfer aborted. Data connection closed
			>C 226 Abort successful
			C: PWD
			>B PWD
			B: 150 here             # all of it late
			B: 426 cut
			B: 502 no ABOR
			B: 257 "/"
			>C 257 "/"`},
		{"of_an_ABOR_in_front_of_a_preliminary_one", nil, retr + went + `
			C: ABOR
			>B urgent ABOR
			abort data
			data finished back aborted
			B: 426 cut
			>C 426 cut
			wait 3s
			>C 226 Abort successful
			record RETR f I false
			C: SITE WAIT
			>B SITE WAIT
			B: 226 aborted
			B: 120 moment           # a final reply is not followed by that
			>C 120 moment
			B: 250 done
			>C 250 done`},
		{"behind_the_answer_to_NOOP", nil, retr + went + `
			C: NOOP
			>B NOOP
			C: ABOR
			>B urgent ABOR
			abort data
			C: CWD x
			data finished back aborted
			wait 3s
			>C 426 Transfer aborted. Data connection closed
			>C 226 Abort successful
			record RETR f I false
			B: 200 ok
			>C 200 ok
			>B CWD x
			B: 426 cut
			B: 226 aborted
			B: 250 there
			>C 250 there`},
		{"loss_in_doubt", nil, silent + `
			C: CWD x
			>B CWD x
			B: 250 which
			B lost
			report lost
			>C 421 Lost connection to server, closing control connection
			end: backend lost`},
	})
}
