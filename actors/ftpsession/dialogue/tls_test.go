package dialogue

import (
	"net/netip"
	"testing"
	"time"
)

// offered has TLS for clients; the functions below ask for it.
func offered(c *Config)    { c.TLS.Enabled = true }
func implicitly(c *Config) { offered(c); c.TLS.Implicit = true }
func required(c *Config) {
	offered(c)
	c.TLS.Required = Required{Control: true, Auth: true, Data: true}
}
func authOnly(c *Config)    { offered(c); c.TLS.Required = Required{Auth: true} }
func dataOnly(c *Config)    { offered(c); c.TLS.Required = Required{Data: true} }
func neverOnData(c *Config) { offered(c); c.TLS.Required = Required{NoData: true} }

const (
	authTLS = `
		C: AUTH TLS
		>C 234 AUTH TLS successful
		secure client
		C secured`
	pbsz = `
		C: PBSZ 0
		>C 200 PBSZ 0 successful`
	protP = `
		C: PROT P
		>C 200 Protection set to Private`
	retrP = `
		C: RETR f
		>B RETR f
		start down front=listen+TLS back=198.51.100.5:5000`
)

func TestAuth(t *testing.T) {
	prove(t, []claim{
		{"without_TLS_all_of_it_is_unknown", nil, greeted + `
			C: AUTH TLS
			>C 500 AUTH not understood
			C: PBSZ 0
			>C 500 PBSZ not understood
			C: PROT P
			>C 500 PROT not understood
			C: CCC
			>C 500 CCC not understood
			C: SSCN
			>C 500 SSCN not understood`},
		{"its_four_names_in_any_case", offered, greeted + `
			C: AUTH tls-c
			>C 234 AUTH TLS-C successful
			secure client
			C secured
			C: AUTH TLS
			>C 503 Unwilling to accept second AUTH`},
		{"clients_in_TLS_may_be_shown_an_address_of_their_own", func(c *Config) {
			offered(c)
			c.Masquerade, c.TLSMasquerade = netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("203.0.113.10")
		}, greeted + signedIn + `
			C: PASV
			drop offers
			>B PASV
			B: 227 go (198,51,100,5,19,136)
			listen front
			listening front 4000
			>C 227 Entering Passive Mode (203,0,113,9,15,160).` + authTLS + `
			C: PASV
			drop offers
			>B PASV
			B: 227 go (198,51,100,5,19,136)
			listen front
			listening front 4000
			>C 227 Entering Passive Mode (203,0,113,10,15,160).`},
		{"other_mechanisms", offered, greeted + `
			C: AUTH GSSAPI
			>C 504 AUTH GSSAPI unsupported
			C: AUTH
			>C 504 AUTH requires at least one argument
			C: AUTH TLS x
			>C 504 AUTH TLS x unsupported
			C: ADAT x
			>C 500 ADAT not understood
			C: MIC x
			>C 500 MIC not understood
			C: CONF x
			>C 500 CONF not understood
			C: ENC x
			>C 500 ENC not understood`},
		{"FEAT_lists_it_where_it_is_offered", offered, greeted + `
			C: FEAT
			>C 211-Features:↵ AUTH TLS↵ CCC↵ EPRT↵ EPSV↵ HOST↵ PBSZ↵ PROT↵ SSCN↵ TVFS↵ UTF8↵211 End`},
		{"a_failed_handshake_ends_the_session", offered, greeted + `
			C: AUTH TLS
			>C 234 AUTH TLS successful
			secure client
			C insecure
			>C 421 TLS handshake failed
			end: TLS handshake failed`},
		{"of_implicit_TLS_without_a_word_in_clear", implicitly, `
			secure client
			C insecure
			end: TLS handshake failed`},
		{"before_the_banner_it_waits_for_that", offered, `
			pick
			C: AUTH TLS
			picked b1
			dial 1 b1
			B connected
			B: 220 hello
			report connected
			>B FEAT
			B: 500 no
			>C 220 hello
			>C 234 AUTH TLS successful
			secure client
			C secured`},
		{"behind_a_transfer_it_ends_the_session", offered, greeted + pasv + `
			C: LIST
			>B LIST
			start down front=listen back=198.51.100.5:5000
			C: AUTH TLS
			C: USER x
			B: 530 no
			abort data
			data finished back aborted
			>C 530 no
			>C 421 TLS handshake failed
			end: commands in clear around AUTH`},
		{"in_mid_transfer_alone_it_does_so_too", offered, greeted + pasv + `
			C: LIST
			>B LIST
			start down front=listen back=198.51.100.5:5000
			C: AUTH TLS
			B: 530 no
			abort data
			data finished back aborted
			>C 530 no
			>C 421 TLS handshake failed
			end: commands in clear around AUTH`},
		{"HTTP_in_TLS_ends_the_session", offered, greeted + authTLS + `
			C: POST / HTTP/1.1
			end: client sent POST`},
	})
}

// Nothing is written while a handshake is under way.
func TestAuth_is_left_alone(t *testing.T) {
	const begun = greeted + `
		C: AUTH TLS
		>C 234 AUTH TLS successful
		secure client`
	prove(t, []claim{
		{"by_the_login_timeout", offered, begun + `
			wait 300s
			end: login timeout`},
		{"by_the_idle_timeout", func(c *Config) { offered(c); c.TimeoutLogin = 0 }, begun + `
			wait 600s
			end: idle timeout`},
		{"by_the_login_timeout_in_implicit_TLS", implicitly, `
			secure client
			wait 300s
			end: login timeout`},
		{"by_a_lost_backend", offered, begun + `
			B lost
			report lost
			end: backend lost`},
		{"by_a_backend_that_says_421", offered, begun + `
			B: 421 bye
			end: backend closed the session`},
		{"by_a_drain_which_says_so_afterwards", offered, begun + `
			drain
			C secured
			>C 421 Service is being restarted, please connect again
			end: drained`},
		{"by_a_drain_in_implicit_TLS", implicitly, `
			secure client
			drain
			end: drained`},
	})
}

func TestImplicit(t *testing.T) {
	prove(t, []claim{
		{"the_backend_is_picked_after_the_handshake", implicitly, `
			secure client
			C secured` + greeted},
		{"PROT_P_is_preset", implicitly, `
			secure client
			C secured` + greeted + signedIn + pasv + retrP},
		{"unless_TLSRequired_forbids_it", func(c *Config) { implicitly(c); c.TLS.Required.NoData = true }, `
			secure client
			C secured` + greeted + signedIn + pasv + `
			C: RETR f
			>B RETR f
			start down front=listen back=198.51.100.5:5000`},
		{"a_client_that_leaves_then_is_noticed", implicitly, `
			secure client
			C secured
			pick
			C lost
			end: client closed the connection`},
	})
}

func TestProt(t *testing.T) {
	const secured = greeted + authTLS
	prove(t, []claim{
		{"in_clear_is_refused", offered, greeted + `
			C: PBSZ 0
			>C 503 PBSZ not allowed on insecure control connection
			C: PROT P
			>C 503 PROT not allowed on insecure control connection
			C: SSCN
			>C 503 SSCN not allowed on insecure control connection
			C: CCC
			>C 533 CCC not allowed on insecure control connection`},
		{"comes_after_PBSZ", offered, secured + `
			C: PROT P
			>C 503 You must issue the PBSZ command prior to PROT` + pbsz + protP + `
			C: PROT c
			>C 200 Protection set to Clear
			C: PROT E
			>C 536 PROT E unsupported
			C: PROT S
			>C 536 PROT S unsupported
			C: PROT X
			>C 504 PROT X unsupported`},
		{"P_protects_the_next_transfer", offered, secured + pbsz + protP + signedIn + pasv + retrP},
		{"C_leaves_it_in_clear", offered, secured + pbsz + protP + signedIn + `
			C: PROT C
			>C 200 Protection set to Clear` + pasv + `
			C: STOR f
			>B STOR f
			start up front=listen back=198.51.100.5:5000`},
		{"SSL_and_TLS-P_imply_P", offered, greeted + `
			C: AUTH SSL
			>C 234 AUTH SSL successful
			secure client
			C secured` + signedIn + pasv + retrP},
		{"SSCN_has_one_role", offered, secured + `
			C: SSCN
			>C 200 SSCN:SERVER METHOD
			C: SSCN off
			>C 200 SSCN:SERVER METHOD
			C: SSCN ON
			>C 504 SSCN ON unsupported`},
	})
}

func TestTLSRequired(t *testing.T) {
	const no = `
		>C 550 SSL/TLS required on the control channel`
	prove(t, []claim{
		{"on_bars_all_but_the_way_to_TLS", required, greeted + `
			C: USER joe` + no + `
			C: NOOP` + no + `
			C: PASV` + no + `
			C: PBSZ 0` + no + `
			C: WHAT` + no + `
			C: CLNT x
			>C 530 Please login with USER and PASS
			C: HOST 192.0.2.1
			>C 220 HOST command successful
			C: QUIT
			>B QUIT
			B: 221 bye
			>C 221 bye
			end: client quit`},
		{"a_line_that_is_no_command_gets_its_answer", required, greeted + `
			C: ␀
			>C 500 Forbidden control character in command`},
		{"on_wants_PROT_P_for_transfers", required, greeted + authTLS + signedIn + pasv + `
			C: RETR f
			>C 522 SSL/TLS required on the data channel` + pbsz + `
			C: PROT C
			>C 534 Unwilling to accept security parameters` + protP + retrP},
		{"on_refuses_CCC", required, greeted + authTLS + `
			C: CCC
			>C 534 Unwilling to accept security parameters`},
		{"auth_bars_logins_alone", authOnly, greeted + `
			C: USER joe` + no + `
			C: PASS x` + no + `
			C: ACCT x` + no + `
			C: NOOP
			>C 530 Please login with USER and PASS` + authTLS + signedIn + `
			C: CCC
			>C 200 Clearing control channel protection
			clear client
			C cleared
			C: NOOP
			>B NOOP
			B: 200 ok
			>C 200 ok
			C: USER eve` + no},
		{"data_bars_transfers_in_clear_alone", dataOnly, greeted + signedIn + pasv + `
			C: LIST
			>C 522 SSL/TLS required on the data channel
			C: PWD
			>B PWD
			B: 257 "/"
			>C 257 "/"`},
		{"not_data_refuses_PROT_P", neverOnData, greeted + `
			C: AUTH SSL
			>C 234 AUTH SSL successful
			secure client
			C secured` + pbsz + `
			C: PROT P
			>C 534 Unwilling to accept security parameters` + signedIn + pasv + `
			C: RETR f
			>B RETR f
			start down front=listen back=198.51.100.5:5000`},
		{"is_nothing_without_TLS", func(c *Config) { required(c); c.TLS.Enabled = false }, greeted + signedIn},
	})
}

func TestCCC(t *testing.T) {
	const cleared = greeted + authTLS + pbsz + protP + signedIn + `
		C: CCC
		>C 200 Clearing control channel protection
		clear client
		C cleared`
	prove(t, []claim{
		{"leaves_data_protected", offered, cleared + pasv + retrP},
		{"ends_protection_for_good", offered, cleared + `
			C: AUTH TLS
			>C 534 Unwilling to accept security parameters
			C: CCC
			>C 533 CCC not allowed on insecure control connection
			C: PROT C
			>C 503 PROT not allowed on insecure control connection`},
		{"in_mid_transfer_is_out_of_sequence", offered, greeted + authTLS + signedIn + pasv + `
			C: RETR f
			>B RETR f
			start down front=listen back=198.51.100.5:5000
			C: CCC
			B: 550 no
			abort data
			data finished back aborted
			>C 550 no
			>C 503 Bad sequence of commands`},
		{"a_timeout_meanwhile_is_told_in_clear", offered, greeted + authTLS + signedIn + `
			C: CCC
			>C 200 Clearing control channel protection
			clear client
			wait 600s
			>C 421 Idle timeout (600 seconds): closing control connection
			end: idle timeout`},
	})
}

// A machine hears only of handshakes that it began.
func TestStrayNews(t *testing.T) {
	cfg := usual()
	offered(&cfg)
	s := play(t, cfg, greeted)
	for _, name := range []string{"secured", "cleared"} {
		if did := s.m.Step(frontOf(name), epoch.Add(time.Second)); len(did) > 0 || s.m.front.ftps() {
			t.Errorf("%s led to %v", name, shownAll(did))
		}
	}
	if s.m.backendSecured(); s.m.back.link.secure {
		t.Error("a backend in clear passes for one in TLS")
	}
}
