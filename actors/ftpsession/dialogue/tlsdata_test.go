package dialogue

import "testing"

func TestTransfersInTLS(t *testing.T) {
	const running = greeted + authTLS + pbsz + protP + signedIn + pasv + retrP + `
		B: 150 here
		>C 150 here
		proceed`
	prove(t, []claim{
		{"are_recorded_as_those_of_ftps", offered, running + `
			data ended
			B: 226 done
			settle clean
			data finished
			record RETR f I true ftps
			>C 226 done`},
		{"a_client_that_does_not_resume_gets_425_and_the_next_is_well", offered, running + `
			data finished front secure
			B: 226 done
			record RETR f I false ftps
			>C 425 Unable to build data connection: Operation not permitted` + pasv + retrP + `
			B: 150 here
			>C 150 here
			proceed
			data ended
			B: 226 done
			settle clean
			data finished
			record RETR f I true ftps
			>C 226 done`},
		{"whatever_the_backend_makes_of_it", offered, running + `
			data finished front secure
			B: 426 broken
			record RETR f I false ftps
			>C 425 Unable to build data connection: Operation not permitted`},
		{"a_backend_that_cannot_secure_them_says_why", offered, running + `
			data finished back secure
			B: 522 SSL connection failed; session reuse required
			record RETR f I false ftps
			>C 522 SSL connection failed; session reuse required`},
		{"or_is_said_to_have_failed", offered, running + `
			data finished back secure
			B: 226 done
			record RETR f I false ftps
			>C 425 Unable to build data connection: Operation not permitted`},
		{"in_silence_too", offered, running + `
			data finished back secure
			wait 3s
			record RETR f I false ftps
			>C 425 Unable to build data connection: Operation not permitted`},
		{"DELE_is_recorded_alike", offered, greeted + authTLS + signedIn + `
			C: DELE f
			>B DELE f
			B: 250 gone
			record DELE f I true ftps
			>C 250 gone`},
	})
}
