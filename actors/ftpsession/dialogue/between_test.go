package dialogue

import "testing"

// Servers of one address may choose at different moments.
func TestSwitchBetweenSelections(t *testing.T) {
	names := func(mode Selection) func(*Config) {
		return func(c *Config) { named(c); atUser(c); c.Selection = mode }
	}
	play := func(t *testing.T, from, to Selection, text string) {
		cfg := usual()
		names(from)(&cfg)
		playBetween(t, cfg, to, text)
	}
	const host = `
		C: HOST other.example
		switch to other.example
		switched`
	t.Run("from_a_backend_to_a_greeting", func(t *testing.T) {
		play(t, AtConnect, AtPass, greeted+host+`
			drop backend
			return lease`+hello+named331)
	})
	t.Run("from_a_greeting_to_a_banner", func(t *testing.T) {
		play(t, AtPass, AtConnect, hello+host+`
			pick
			picked b1
			dial 1 b1
			B connected
			B: 220 I am b1
			report connected
			>B FEAT
			B: 500 what?
			>C 220 I am b1`+signedIn)
	})
	t.Run("from_a_greeting_to_nothing", func(t *testing.T) {
		play(t, AtPass, AtConnect, hello+host+`
			pick
			picked none
			>C 421 Unable to connect to server, closing control connection
			end: no backend to choose`)
	})
	t.Run("a_name_said_before_is_forgotten", func(t *testing.T) {
		play(t, AtPass, AtPass, hello+named331+host+hello+`
			C: PASS s3cret
			>C 530 Login incorrect.`)
	})
	t.Run("a_backend_of_a_name_is_left", func(t *testing.T) {
		play(t, AtUser, AtPass, joeThere+`
			B: 331 password?
			>C 331 password?`+host+`
			drop backend
			return lease`+hello+named331)
	})
	t.Run("by_SNI_without_a_second_greeting", func(t *testing.T) {
		play(t, AtConnect, AtUser, greeted+authTLS+` other.example
			switch to other.example
			switched
			drop backend
			return lease`+userJoe)
	})
	t.Run("by_SNI_to_a_backend_whose_banner_is_not_shown", func(t *testing.T) {
		play(t, AtUser, AtConnect, hello+authTLS+` other.example
			switch to other.example
			switched
			pick
			picked b1
			dial 1 b1
			B connected
			B: 220 I am b1
			report connected
			>B FEAT
			B: 500 what?`+signedIn)
	})
	t.Run("by_SNI_of_implicit_TLS_with_the_only_greeting", func(t *testing.T) {
		cfg := usual()
		names(AtConnect)(&cfg)
		cfg.TLS.Implicit = true
		playBetween(t, cfg, AtUser, `
			secure client
			C secured other.example
			switch to other.example
			switched`+hello+userJoe)
	})
}
