package dialogue

import "testing"

func TestFeatures(t *testing.T) {
	// having is a session whose backend answers FEAT so.
	having := func(reply string) string {
		return reached + "\nB: " + reply + "\n>C 220 hello" + answeredFeat
	}
	prove(t, []claim{
		{"of_a_backend_that_tells_little", nil, having("211-F↵ PASV↵211 End") + "↵ EPRT↵ EPSV↵ HOST↵ TVFS↵ UTF8↵211 End"},
		{"what_a_backend_does_is_told_in_its_words", nil, having("211-F↵ HASH SHA-256*;MD5↵ size↵ REST STREAM↵ XCRC \"filename\"↵211 End") +
			"↵ EPRT↵ EPSV↵ HASH SHA-256*;MD5↵ HOST↵ REST STREAM↵ size↵ TVFS↵ UTF8↵ XCRC \"filename\"↵211 End"},
		{"AVBL_RANG_and_the_like", nil, having("211-F↵ AVBL↵ MFF modify;↵ MFMT↵ MLST size*;↵ RANG STREAM↵211 End") +
			"↵ AVBL↵ EPRT↵ EPSV↵ HOST↵ MFF modify;↵ MFMT↵ MLST size*;↵ RANG STREAM↵ TVFS↵ UTF8↵211 End"},
		{"what_would_lead_past_us_is_left_out", nil, having("211-F↵ AUTH TLS↵ CPSV↵ LPRT↵ MODE Z↵ PROT↵ SPSV↵ XYZZY↵211 End") +
			"↵ EPRT↵ EPSV↵ HOST↵ TVFS↵ UTF8↵211 End"},
		{"of_a_backend_that_does_not_tell", nil, having("500 what?") +
			"↵ CLNT↵ CSID↵ EPRT↵ EPSV↵ HOST↵ LANG↵ MDTM↵ MFF↵ MFMT↵ MLST↵ RANG↵ REST STREAM↵ SIZE↵ TVFS↵ UTF8↵211 End"},
		{"MODE_Z_where_it_is_offered", deflating, having("211-F↵ SIZE↵211 End") + "↵ EPRT↵ EPSV↵ HOST↵ MODE Z↵ SIZE↵ TVFS↵ UTF8↵211 End"},
		{"past_us_where_the_backend_has_it", func(c *Config) { c.Direct.On = true }, having("211-F↵ MODE Z↵211 End") + "↵ EPRT↵ EPSV↵ HOST↵ MODE Z↵ TVFS↵ UTF8↵211 End"},
	})
}

const answeredFeat = `
	C: FEAT
	>C 211-Features:`
