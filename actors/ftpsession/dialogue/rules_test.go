package dialogue

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/protocols/destination"
	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// denying refuses some commands to everybody.
func denying(commands ...string) func(*Config) {
	return ruled(func(r *Rules) {
		r.Refuses = func(command string, _ Caller) string {
			if slices.Contains(commands, command) {
				return "<Limit> at here:1"
			}
			return ""
		}
	})
}

// denyingTo refuses a command to a user, or to a group.
func denyingTo(command, user, group string) func(*Config) {
	return ruled(func(r *Rules) {
		r.Refuses = func(c string, by Caller) string {
			if c == command && (user != "" && by.User == user || slices.Contains(by.Groups, group)) {
				return "<Limit> at here:1"
			}
			return ""
		}
	})
}

func ruled(change func(*Rules)) func(*Config) {
	return func(c *Config) {
		if c.Rules == nil {
			c.Rules = &Rules{}
		}
		change(c.Rules)
	}
}

func all(changes ...func(*Config)) func(*Config) {
	return func(c *Config) {
		for _, change := range changes {
			change(c)
		}
	}
}

func matches(expr string) func(string) bool { return regexp.MustCompile(expr).MatchString }

func TestLimits(t *testing.T) {
	prove(t, []claim{
		{"a_limited_command_never_reaches_the_backend", denying("LIST", "STAT", "XMKD"), greeted + signedIn + `
			C: LIST
			>C 550 LIST: Operation not permitted
			C: STAT /x
			>C 550 STAT: Operation not permitted
			C: XMKD d
			>C 550 XMKD: Operation not permitted
			C: PWD
			>B PWD`},
		{"those_that_set_a_parameter_get_501", denying("TYPE", "REST", "MODE", "STRU", "ALLO"), greeted + signedIn + `
			C: TYPE I
			>C 501 TYPE: Operation not permitted
			C: REST 1
			>C 501 REST: Operation not permitted
			C: MODE S
			>C 501 MODE: Operation not permitted
			C: STRU F
			>C 501 STRU: Operation not permitted
			C: ALLO 1
			>C 501 ALLO: Operation not permitted`},
		{"SITE_is_known_by_what_follows", denying("SITE_CHMOD"), greeted + signedIn + `
			C: SITE chmod 600 f
			>C 550 SITE: Operation not permitted
			C: SITE  	CHMOD	600 f
			>C 550 SITE: Operation not permitted
			C: SITE
			>B SITE
			B: 214 help
			>C 214 help
			C: SITE HELP
			>B SITE HELP`},
		{"before_the_login_as_well", denying("RETR", "TYPE", "XYZZY"), greeted + `
			C: RETR f
			>C 550 RETR: Operation not permitted
			C: TYPE A
			>C 501 TYPE: Operation not permitted
			C: XYZZY
			>C 550 XYZZY: Operation not permitted`},
		{"and_without_a_backend", all(atUser, denying("NOOP", "LIST")), hello + `
			C: NOOP
			>C 550 NOOP: Operation not permitted
			C: LIST
			>C 550 LIST: Operation not permitted`},
		{"a_users_rule_counts_once_it_is_logged_in", denyingTo("PWD", "joe", ""), greeted + `
			C: PWD
			>C 530 Please login with USER and PASS` + signedIn + `
			C: PWD
			>C 550 PWD: Operation not permitted`},
		{"and_for_nobody_else", denyingTo("PWD", "ann", ""), greeted + signedIn + `
			C: PWD
			>B PWD`},
		{"groups_are_unknown_where_the_backend_checks", denyingTo("LIST", "", "staff"), greeted + signedIn + pasv + `
			C: LIST
			>B LIST
			start down front=listen back=198.51.100.5:5000`},
		{"and_known_where_we_do", all(atPass, denyingTo("LIST", "", "staff")), replayed + `
			B: 230 welcome
			logged in joe
			>C 230 welcome
			C: LIST
			>C 550 LIST: Operation not permitted`},
		{"in_the_forward_role_the_client_is_who_logged_in_here", forwarding(destination.ProxyUserThenUserAtHost, denyingTo("PWD", "px", "")),
			hello + proxyIn + joeAtH + joeIn + `
			C: PWD
			>C 550 PWD: Operation not permitted`},
		{"with_its_groups", forwarding(destination.ProxyUserAtHostThenUser, denyingTo("PWD", "joe", "staff")), hello + proxyInAtH + `
			C: PWD
			>C 550 PWD: Operation not permitted`},
		{"and_not_without_a_login_here", forwarding(destination.UserAtHost, denyingTo("PWD", "px", "staff")), hello + joeAtH + joeIn + `
			C: PWD
			>B PWD`},
	})
}

func TestLimitLogin(t *testing.T) {
	bars := denyingTo("LOGIN", "joe", "")
	prove(t, []claim{
		{"is_refused_at_PASS_and_unheard_by_the_backend", bars, greeted + `
			C: USER joe
			>C 331 Password required for joe
			C: PASS s3cret
			>C 530 Login incorrect.
			C: PASS s3cret
			>C 530 Login incorrect.
			C: USER ann
			>B USER ann
			B: 331 password?
			>C 331 password?
			C: PASS other
			>B PASS other`},
		{"counts_as_a_refused_login", all(bars, func(c *Config) { c.MaxLoginAttempts = 1 }), greeted + `
			C: USER joe
			>C 331 Password required for joe
			C: PASS s3cret
			>C 530 Login incorrect.
			end: MaxLoginAttempts reached`},
		{"before_a_backend_is_chosen", all(atUser, bars), hello + named331 + `
			C: PASS s3cret
			>C 530 Login incorrect.
			C: USER ann
			pick for ann`},
		{"and_leaves_the_one_of_another", all(atUser, bars), hello + `
			C: USER ann
			pick for ann` + there + `
			>B USER ann
			B: 331 password?
			>C 331 password?
			C: USER joe
			drop backend
			return lease
			>C 331 Password required for joe
			C: PASS s3cret
			>C 530 Login incorrect.`},
		{"where_the_gateway_checks_it_is_the_porters", all(atPass, bars), hello + granted},
		{"no_destination_hears_of_it", forwarding(destination.UserAtHost, bars), hello + `
			C: USER joe@h.test
			>C 331 Password required for joe
			C: PASS s3cret
			>C 530 Login incorrect.
			C: USER ann@h.test
			resolve h.test:21 for ann`},
		{"names_at_destinations_are_theirs", forwarding(destination.ProxyUserThenUserAtHost, bars), hello + proxyIn + joeAtH + joeIn},
	})
}

// TestRulesStay: nobody leaves them behind under another name.
func TestRulesStay(t *testing.T) {
	personal := ruled(func(r *Rules) { r.Personal = true })
	prove(t, []claim{
		{"with_rules_about_clients", personal, greeted + signedIn + `
			C: USER ann
			>C 503 You are already logged in
			C: REIN
			>C 503 You are already logged in
			C: PWD
			>B PWD`},
		{"before_the_login_names_may_change", personal, greeted + `
			C: USER ann
			>B USER ann
			B: 331 password?
			>C 331 password?` + signedIn},
		{"without_the_backend_decides", ruled(func(*Rules) {}), greeted + signedIn + `
			C: USER ann
			>B USER ann`},
	})
}

// TestLimitsInMidTransfer: what goes ahead of a transfer's end is limited, too.
func TestLimitsInMidTransfer(t *testing.T) {
	prove(t, []claim{{"STAT", denying("STAT"), greeted + signedIn + pasv + `
		C: RETR f
		>B RETR f
		start down front=listen back=198.51.100.5:5000
		B: 150 here it comes
		>C 150 here it comes
		proceed
		C: STAT /secret
		data ended
		B: 226 done
		settle clean
		data finished
		record RETR f I true
		>C 226 done
		>C 550 STAT: Operation not permitted`}})
}

func TestFilters(t *testing.T) {
	args := ruled(func(r *Rules) { r.Args = Filter{Allow: matches("^[a-z/ ]+$"), Deny: matches("etc")} })
	paths := ruled(func(r *Rules) {
		r.Paths = Filter{Name: "Path", Allow: matches(`\.txt$`), Deny: matches(`^\.`)}
	})
	prove(t, []claim{
		{"of_arguments", args, greeted + signedIn + `
			C: CWD A
			>C 550 A: Forbidden command argument
			C: RETR a/etc/b
			>C 550 a/etc/b: Forbidden command argument
			C: PWD
			>B PWD
			B: 257 x
			>C 257 x
			C: CWD abc
			>B CWD abc`},
		{"passwords_are_none", args, greeted + `
			C: USER joe
			>B USER joe
			B: 331 password?
			>C 331 password?
			C: PASS s3cret
			>B PASS s3cret`},
		{"of_paths", paths, greeted + signedIn + `
			C: STOR a.exe
			>C 550 a.exe: Forbidden filename
			C: MKD d
			>C 550 d: Forbidden filename
			C: DELE .a.txt
			>C 550 .a.txt: Forbidden filename
			C: RNTO b
			>C 550 b: Forbidden filename
			C: SITE  CHMOD	600  a b
			>C 550 a b: Forbidden filename
			C: MFMT 20240101000000 c
			>C 550 c: Forbidden filename
			C: RETR a.exe
			drop offers
			>B RETR a.exe`},
	})
}

func TestShownFiles(t *testing.T) {
	files := ruled(func(r *Rules) {
		r.AfterLogin = []string{"Hello %U from %R,", "230 is no end, %L", "%q %T"}
		r.AtQuit = []string{"Bye"}
		r.GrantMsg = "%u is in"
	})
	const came = `
		C: USER px
		>C 331 Password required for px
		C: PASS s3cret
		check px s3cret
		grant staff
		>C 230-Hello px from 192.0.2.7,↵ 230 is no end, 192.0.2.1↵%q Wed May  1 12:00:00 2024↵230 px is in`
	prove(t, []claim{
		{"after_a_login_at_the_gateway", forwarding(destination.ProxyUserThenUserAtHost, files), hello + came},
		{"at_a_QUIT_to_the_gateway", all(atUser, files), hello + `
			C: QUIT
			>C 221-Bye↵221 Goodbye.
			end: client quit`},
		{"not_where_the_backend_speaks", files, greeted + signedIn + `
			C: QUIT
			>B QUIT
			B: 221 bye
			>C 221 bye
			end: client quit`},
		{"before_the_greeting", func(c *Config) {
			atUser(c)
			c.Greeting = Greeting([]string{"%R comes to %L"}, true, false, "%R is not looked at in %L", "", "", "")
		}, `
			>C 220-192.0.2.7 comes to 192.0.2.1↵220 %R is not looked at in 192.0.2.1`},
	})
}

// TestLater: settings for who has logged in take the place of the others.
func TestLater(t *testing.T) {
	later := ruled(func(r *Rules) {
		own := usual()
		denying("PWD")(&own)
		own.TimeoutIdle = 10 * time.Second
		own.Selection, own.RetryCount = AtDestination, 9
		own.Rules.GrantMsg = "specially"
		r.Later = func(by Caller) *Config {
			if by.User == "joe" || slices.Contains(by.Groups, "staff") {
				return &own
			}
			return nil
		}
	})
	const refusal = `
		C: PWD
		>C 550 PWD: Operation not permitted`
	in := strings.Replace(signedIn, "logged in joe", "identified joe\nlogged in joe", 1)
	prove(t, []claim{
		{"by_user", later, greeted + in + refusal + `
			wait 11s
			>C 421 Idle timeout (10 seconds): closing control connection
			end: idle timeout`},
		{"by_group", all(atPass, later), replayed + `
			B: 230 welcome
			identified joe staff
			logged in joe
			>C 230 welcome` + refusal},
		{"from_the_login_at_the_gateway_on", forwarding(destination.ProxyUserThenUserAtHost, later), hello + `
			C: USER px
			>C 331 Password required for px
			C: PASS s3cret
			check px s3cret
			grant staff
			identified px staff
			>C 230 specially` + refusal},
		{"a_destination_named_before_is_judged_again", forwarding(destination.ProxyUserAtHostThenUser, ruled(func(r *Rules) {
			strict := usual()
			strict.Forward.Permit = func(destination.Destination) error { return errors.New("not for you") }
			r.Later = func(Caller) *Config { return &strict }
		})), hello + strings.Replace(proxyInAtH, "grant staff", "grant staff\nidentified px staff", 1) + `
			C: USER joe
			>C 530 Login incorrect.`},
		{"not_for_others", later, greeted + strings.ReplaceAll(signedIn, "joe", "ann") + `
			C: PWD
			>B PWD`},
	})
}

// TestLaterKeepsWhatIsSettled: the peers, and how they are spoken with.
func TestLaterKeepsWhatIsSettled(t *testing.T) {
	cfg := usual()
	cfg.TLS.Enabled, cfg.ServerNames, cfg.ClientName = true, []string{"here"}, "client.test"
	m := New(cfg, epoch)
	m.adopt(Config{Selection: AtDestination, DataPolicy: OnlyPASV})
	if m.cfg.Client != cfg.Client || m.cfg.Selection != AtConnect || !m.cfg.TLS.Enabled || len(m.cfg.ServerNames) != 1 || m.cfg.DataPolicy != OnlyPASV ||
		m.caller().Name != "client.test" {
		t.Errorf("adopted %+v", m.cfg)
	}
}

func TestIdentifiedComesFirst(t *testing.T) {
	cfg := usual()
	cfg.Rules = &Rules{Later: func(Caller) *Config { return &Config{} }}
	m := New(cfg, epoch)
	m.phase, m.login.user = loggedIn, "joe"
	m.start(epoch)
	m.enter(ftp.NewReply(230, "in"))
	if _, ok := m.out[0].(Identified); !ok {
		t.Errorf("first is %T", m.out[0])
	}
}
