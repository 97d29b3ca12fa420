package dialogue

import (
	"strings"
	"testing"
)

func TestGreeting(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		want  string
	}{
		"of_ServerIdent":               {Greeting(nil, true, false, "", "up", "h", "1"), "220 ProFTPD Server (up) [192.0.2.1]"},
		"of_ServerIdent_off":           {Greeting(nil, false, false, "text", "up", "h", "1"), "220 192.0.2.1 FTP server ready"},
		"with_a_text_of_its_own":       {Greeting(nil, true, false, "%v on %V (%L) %{version} 100%", "up", "h.example", "1.2"), "220 up on h.example (192.0.2.1) 1.2 100%"},
		"of_DeferWelcome":              {Greeting(nil, true, true, "", "up", "h", "1"), "220 ProFTPD Server ready."},
		"behind_DisplayConnect":        {Greeting([]string{"Welcome", "220 at %L"}, false, false, "", "", "", ""), "220-Welcome↵ 220 at 192.0.2.1↵220 192.0.2.1 FTP server ready"},
		"that_nobody_has_thought_of":   {nil, "220 192.0.2.1 FTP server ready"},
		"names_are_not_taken_for_more": {Greeting(nil, true, false, "%v", "%V", "h", ""), "220 %V"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := usual()
			cfg.Selection, cfg.Greeting = AtUser, c.lines
			play(t, cfg, ">C "+c.want)
		})
	}
	t.Run("shows_MasqueradeAddress", func(t *testing.T) {
		cfg := usual()
		atUser(&cfg)
		cfg.Masquerade = cfg.Client.Addr()
		play(t, cfg, `>C 220 ProFTPD Server (upstairs) [192.0.2.7]`)
	})
}

// Before there is a backend the gateway answers for itself.
func TestAlone(t *testing.T) {
	login := func(verbs ...string) string { return saidTo(verbs, "530 Please login with USER and PASS") }
	denied := func(verbs ...string) string { return saidTo(verbs, "530 Access denied") }
	unknown := func(verbs ...string) string {
		var text strings.Builder
		for _, v := range verbs {
			text.WriteString(saidTo([]string{v}, "500 "+v+" not understood"))
		}
		return text.String()
	}
	for name, text := range map[string]string{
		"data":      denied("PASV", "EPSV", "PORT 192,0,2,7,200,1", "EPRT |1|192.0.2.7|5000|", "LIST", "NLST", "MLSD", "RETR f", "STOR f", "STOU", "APPE f"),
		"files":     login("CWD d", "XCWD d", "CDUP", "XCUP", "PWD", "XPWD", "MKD d", "XMKD d", "RMD d", "XRMD d", "DELE f", "RNFR a", "RNTO b", "SIZE f", "MDTM f", "MLST f", "MFMT 1 f", "MFF a f"),
		"the_rest":  login("ACCT x", "REIN", "SITE HELP", "STAT", "REST 5", "ALLO 5", "MODE S", "STRU F", "OPTS MLST size;", "OPTS HASH X"),
		"nonsense":  unknown("XYZZY", "LPRT", "CPSV", "MIC", "ADAT", "AUTH", "PBSZ", "PROT", "CCC", "XSHA1", "HASH"),
		"abort":     saidTo([]string{"ABOR"}, "500 ABOR: Invalid argument"),
		"password":  saidTo([]string{"PASS x", "PASS"}, "530 Login incorrect."),
		"user":      saidTo([]string{"USER", "USER "}, "500 USER: command requires a parameter"),
		"quit":      saidTo([]string{"QUIT"}, "221 Goodbye.") + "\nend: client quit",
		"system":    saidTo([]string{"SYST"}, "215 UNIX Type: L8"),
		"nothing":   saidTo([]string{"NOOP", "NOOP x"}, "200 NOOP command successful"),
		"names":     saidTo([]string{"CLNT x", "CSID Name=x;"}, "200 OK"),
		"utf8":      saidTo([]string{"OPTS UTF8 ON", "opts utf8 on", "OPTS UTF8"}, "200 UTF8 set to on"),
		"language":  saidTo([]string{"LANG", "LANG en", "LANG en-GB"}, "200 Using default language en_US") + saidTo([]string{"LANG fr"}, "504 fr: Language not supported"),
		"type_I":    saidTo([]string{"TYPE I", "TYPE i"}, "200 Type set to I"),
		"type_A":    saidTo([]string{"TYPE A", "TYPE a n"}, "200 Type set to A"),
		"type_L":    saidTo([]string{"TYPE L 8"}, "200 Type set to L"),
		"type_X":    saidTo([]string{"TYPE X"}, "504 TYPE not implemented for 'X' parameter") + saidTo([]string{"TYPE"}, "500 'TYPE' not understood"),
		"bad_lines": saidTo([]string{"PWD a␀b"}, "500 Forbidden control character in command"),
		"host":      saidTo([]string{"HOST 192.0.2.1"}, "220 HOST command successful") + saidTo([]string{"HOST a b"}, "501 a b: Invalid hostname provided"),
		"HTTP":      "\nC: GET / HTTP/1.1\nend: client sent GET",
		"help":      saidTo([]string{"HELP"}, "214-The following commands are recognized:↵ USER PASS ACCT HOST FEAT AUTH PBSZ PROT CCC QUIT NOOP SYST HELP TYPE OPTS CLNT LANG↵214 All others need a login first"),
		"features":  saidTo([]string{"FEAT"}, "211-Features:↵ CLNT↵ CSID↵ EPRT↵ EPSV↵ HOST↵ LANG↵ MDTM↵ MFF↵ MFMT↵ MLST↵ RANG↵ REST STREAM↵ SIZE↵ TVFS↵ UTF8↵211 End"),
	} {
		for _, mode := range []func(*Config){atUser, atPass} {
			t.Run(name, func(t *testing.T) {
				cfg := usual()
				mode(&cfg)
				cfg.ShowFeatures = true // there is nobody yet whose features could be shown
				play(t, cfg, hello, text)
			})
		}
	}
	prove(t, []claim{
		{"TLSRequired_comes_first", func(c *Config) { atPass(c); required(c) }, hello + `
			C: USER joe
			>C 550 SSL/TLS required on the control channel
			C: PWD
			>C 550 SSL/TLS required on the control channel` + authTLS + `
			C: LIST
			>C 522 SSL/TLS required on the data channel` + named331},
		{"an_idle_client_is_told", atUser, hello + `
			wait 300s
			>C 421 Login timeout (300 seconds): closing control connection
			end: login timeout`},
		{"a_draining_gateway_says_goodbye", atUser, hello + `
			drain
			>C 421 Service is being restarted, please connect again
			end: drained`},
		{"a_client_that_leaves_is_noticed", atUser, hello + `
			C lost
			end: client closed the connection`},
	})
}

func saidTo(lines []string, want string) string {
	var text strings.Builder
	for _, l := range lines {
		text.WriteString("\nC: " + l + "\n>C " + want)
	}
	return text.String()
}
