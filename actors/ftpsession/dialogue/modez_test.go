package dialogue

import "testing"

func deflating(c *Config) { c.Deflate.Clients = true }
func thrifty(c *Config)   { c.Deflate.Backends = DeflateAll }

const (
	// zGreeted has a backend that knows MODE Z.
	zGreeted = reached + `
		B: 211-Features↵ EPSV↵ EPRT↵ MODE Z↵211 End
		>C 220 hello`
	modeZOn = `
		C: MODE Z
		>C 200 Mode set to Z`
)

// refusedOnce ends a transfer.
const refusedOnce = `
	B: 550 no
	abort data
	data finished back aborted
	>C 550 no`

// answered is a command that we answer ourselves.
func answered(line, reply string) string { return "\nC: " + line + "\n>C " + reply }

func TestMode(t *testing.T) {
	const in = greeted + signedIn
	prove(t, []claim{
		{"Z_S_and_nothing_else", deflating, in + answered("MODE z", "200 Mode set to Z") + answered("MODE S", "200 Mode set to S") +
			answered("MODE B", "504 'MODE B' unsupported transfer mode") + answered("MODE C", "504 'MODE C' unsupported transfer mode") +
			answered("MODE X", "501 'MODE X' unrecognized transfer mode") + answered("MODE", "500 'MODE' not understood")},
		{"Z_is_not_there_by_default", nil, in + answered("MODE Z", "504 'MODE Z' unsupported transfer mode") +
			pasv + begin("RETR f", "down", "")},
		{"it_wants_a_login", deflating, greeted + answered("MODE Z", "530 Please login with USER and PASS")},
		{"downloads", deflating, in + modeZOn + pasv + begin("RETR f", "down", " z=6/0")},
		{"uploads", deflating, in + modeZOn + pasv + begin("STOR f", "up", " z=6/0")},
		{"listings", deflating, in + modeZOn + pasv + begin("NLST", "down", " z=6/0")},
		{"until_MODE_S", deflating, in + modeZOn + answered("MODE S", "200 Mode set to S") + pasv + begin("RETR f", "down", "")},
		{"a_MODE_that_is_refused_changes_nothing", deflating, in + modeZOn + answered("MODE B", "504 'MODE B' unsupported transfer mode") +
			pasv + begin("RETR f", "down", " z=6/0")},
		{"it_outlives_a_transfer", deflating, in + modeZOn + pasv + begin("RETR f", "down", " z=6/0") + `
			B: 550 no
			abort data
			data finished back aborted
			>C 550 no` + pasv + begin("RETR f", "down", " z=6/0")},
		{"REIN_ends_it", deflating, in + modeZOn + answered("OPTS MODE Z LEVEL 2", "200 MODE Z LEVEL set to 2") + `
			C: REIN
			>B REIN
			B: 220 anew
			>C 220 anew` + pasv + begin("RETR f", "down", "")},
		{"a_REIN_that_is_refused_does_not", deflating, in + modeZOn + `
			C: REIN
			>B REIN
			B: 502 no
			>C 502 no` + pasv + begin("RETR f", "down", " z=6/0")},
		{"past_us_it_is_the_backends", func(c *Config) { deflating(c); c.Direct.On = true }, in + `
			C: MODE Z
			>B MODE Z
			B: 504 no
			>C 504 no
			C: OPTS MODE Z LEVEL 3
			>B OPTS MODE Z LEVEL 3
			B: 501 no
			>C 501 no`},
	})
}

func TestOptsModeZ(t *testing.T) {
	const in = greeted + signedIn + modeZOn
	prove(t, []claim{
		{"the_level", deflating, in + answered("OPTS MODE Z LEVEL 9", "200 MODE Z LEVEL set to 9") + pasv + begin("RETR f", "down", " z=9/0")},
		{"in_any_case", deflating, in + answered("opts mode z level 1", "200 MODE Z LEVEL set to 1") + pasv + begin("LIST", "down", " z=1/0")},
		{"all_as_usual", deflating, in + answered("OPTS MODE Z LEVEL 9", "200 MODE Z LEVEL set to 9") +
			answered("OPTS MODE Z", "200 MODE Z LEVEL set to 6") + pasv + begin("RETR f", "down", " z=6/0")},
		{"the_only_engine_and_method", deflating, in + answered("OPTS MODE Z ENGINE zlib METHOD 8 LEVEL 3", "200 MODE Z LEVEL set to 3")},
		{"no_others", deflating, in + answered("OPTS MODE Z ENGINE LZO", "501 OPTS MODE Z ENGINE LZO not understood") +
			answered("OPTS MODE Z METHOD 7", "501 OPTS MODE Z METHOD 7 not understood") +
			answered("OPTS MODE Z LEVEL 0", "501 OPTS MODE Z LEVEL 0 not understood") +
			answered("OPTS MODE Z LEVEL 10", "501 OPTS MODE Z LEVEL 10 not understood") +
			answered("OPTS MODE Z LEVEL x", "501 OPTS MODE Z LEVEL x not understood") +
			answered("OPTS MODE Z LEVEL 5 EXTRA", "501 OPTS MODE Z EXTRA not understood") +
			pasv + begin("RETR f", "down", " z=6/0")},
		{"without_DeflateEngine_they_are_the_backends", nil, greeted + signedIn + `
			C: OPTS MODE Z LEVEL 3
			>B OPTS MODE Z LEVEL 3
			B: 501 no
			>C 501 no`},
	})
}

func TestModeZWithBackends(t *testing.T) {
	const agreed = `
		C: RETR f
		>B MODE Z
		B: 200 Z
		>B RETR f`
	prove(t, []claim{
		{"it_is_asked_for_once", thrifty, zGreeted + signedIn + pasv + agreed + started("down", " z=0/6") + `
			B: 550 no
			abort data
			data finished back aborted
			>C 550 no` + pasv + begin("STOR f", "up", " z=0/6")},
		{"and_again_after_REIN", thrifty, zGreeted + signedIn + pasv + agreed + started("down", " z=0/6") + `
			B: 550 no
			abort data
			data finished back aborted
			>C 550 no
			C: REIN
			>B REIN
			B: 220 anew
			>C 220 anew` + pasv + agreed + started("down", " z=0/6")},
		{"both_sides_may_have_it", func(c *Config) { deflating(c); thrifty(c) }, zGreeted + signedIn + modeZOn +
			answered("OPTS MODE Z LEVEL 1", "200 MODE Z LEVEL set to 1") + pasv + agreed + started("down", " z=1/6")},
		{"a_client_in_MODE_S_knows_nothing_of_it", func(c *Config) { deflating(c); thrifty(c) }, zGreeted + signedIn + modeZOn +
			answered("MODE S", "200 Mode set to S") + pasv + agreed + started("down", " z=0/6")},
		{"a_refusal_is_no_obstacle", thrifty, zGreeted + signedIn + pasv + `
			C: RETR f
			>B MODE Z
			B: 504 no
			>B RETR f` + started("down", "") + `
			B: 550 no
			abort data
			data finished back aborted
			>C 550 no` + pasv + begin("RETR f", "down", "")},
		{"downloads_alone", func(c *Config) { c.Deflate.Backends = DeflateDownloads }, zGreeted + signedIn + pasv +
			begin("STOR f", "up", "") + refusedOnce + pasv + agreed + started("down", " z=0/6") + refusedOnce + pasv + `
			C: LIST
			>B LIST` + started("down", " z=0/6") + refusedOnce + pasv + `
			C: STOR f
			>B MODE S
			B: 200 S
			>B STOR f` + started("up", "") + refusedOnce + pasv + agreed + started("down", " z=0/6")},
		{"a_MODE_S_that_is_refused_is_the_end_of_it", func(c *Config) { c.Deflate.Backends = DeflateDownloads }, zGreeted + signedIn + pasv +
			agreed + started("down", " z=0/6") + refusedOnce + pasv + `
			C: STOR f
			>B MODE S
			B: 504 never
			drop offers
			>C 504 never`},
		{"who_does_not_list_it_is_not_asked", thrifty, greeted + signedIn + pasv + begin("RETR f", "down", "")},
		{"nor_who_does_while_it_is_off", deflating, zGreeted + signedIn + modeZOn + pasv + begin("RETR f", "down", " z=6/0")},
		{"before_the_size_is", func(c *Config) { thrifty(c); c.Bounds.MaxRetrieve = 100 }, zGreeted + signedIn + binary + pasv + `
			C: RETR f
			>B MODE Z
			B: 200 Z` + sized("213 5") + `
			>B RETR f` + started("down", " limit=100 z=0/6")},
	})
}

func TestOptsUTF8(t *testing.T) {
	const lists = reached + `
		B: 211-Features↵ EPSV↵ UTF8↵211 End
		>C 220 hello` + signedIn
	prove(t, []claim{
		{"a_backend_that_lists_it_is_asked", nil, lists + `
			C: OPTS UTF8 ON
			>B OPTS UTF8 ON
			B: 501 always on
			>C 501 always on`},
		{"of_others_it_changes_nothing", nil, greeted + signedIn + answered("OPTS UTF8 ON", "200 UTF8 set to on") +
			answered("opts utf8 off", "200 UTF8 set to off") + answered("OPTS UTF8", "200 UTF8 set to on")},
		{"nonsense_is_the_backends_to_refuse", nil, greeted + signedIn + `
			C: OPTS UTF8 NLST
			>B OPTS UTF8 NLST
			B: 501 no
			>C 501 no
			C: OPTS HASH SHA-1
			>B OPTS HASH SHA-1
			B: 200 SHA-1
			>C 200 SHA-1
			C: OPTS
			>B OPTS
			B: 501 no
			>C 501 no`},
	})
}
