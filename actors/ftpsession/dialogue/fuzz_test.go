package dialogue

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/protocols/destination"
	"github.com/sluice-gateway/sluice/protocols/ftp"
	"github.com/sluice-gateway/sluice/protocols/listing"
)

// worldConfig has a limit of every kind, so that each can be reached.
func worldConfig(kind, tls, late byte) Config {
	cfg := usual()
	cfg.RetryCount = 2
	cfg.TimeoutNoTransfer, cfg.TimeoutSession = 300*time.Second, 900*time.Second
	cfg.LimitLogins = kind&1 != 0
	cfg.Selection, cfg.MaxLoginAttempts = Selection(late)%(AtDestination+1), int(late>>2)%4
	if cfg.Selection == AtUser && late>>4&1 > 0 {
		cfg.Likeness = &likeness{took: time.Second, knows: map[string]string{"USER": "331 NAME?", "PASS": "530 no", "PASV": "530 first log in"}}
	}
	cfg.Forward.Method = destination.Method(late>>4) % (destination.UserAtSNI + 1)
	cfg.Direct = Direct{On: late>>6 == 3, Check: kind&16 != 0}
	switch late >> 6 {
	case 1:
		cfg.Bounds = Bounds{MaxStore: 100, MaxRetrieve: 100}
	case 2:
		cfg.Bounds = Bounds{MaxStore: 100, MaxRetrieve: 5} // the size of every file is 7
	case 3:
		cfg.Bounds, cfg.Deflate = Bounds{MaxRetrieve: 100}, Deflate{Clients: true, Backends: DeflateDownloads}
	}
	cfg.Listings = Listings{Policy: ListPolicy(kind>>1+late) % (ListByMLSD + 1), Choice: listing.AllFacts}
	cfg.DataPolicy = DataPolicy(kind>>1) % (OnlyEPRT + 1)
	cfg.BackendTLS, cfg.Protection = BackendTLS(tls)%(TLSLikeClient+1), Protection(tls>>2)%(ProtectClear+1)
	if cfg.TLS.Enabled = tls&16 != 0; cfg.TLS.Enabled {
		cfg.TLS.Implicit = tls&32 != 0
		cfg.TLS.Required = []Required{{}, {Control: true, Auth: true, Data: true}, {Auth: true}, {NoData: true}}[tls>>6]
	}
	return cfg
}

var openings = [][]string{nil, {"USER", "PASS"}, {"USER", "PASS", "PASV", "RETR"}, {"USER", "PASS", "EPSV", "STOR"}}

// opening is how a life begins: where TLS is offered, mostly with that.
func opening(kind byte, cfg Config) []string {
	var first []string
	if need := cfg.TLS.Required; cfg.TLS.Enabled && kind>>6 > 0 && (kind&32 == 0 || cfg.TLS.Implicit || need.Control || need.Auth) {
		if !cfg.TLS.Implicit {
			first = []string{"AUTH TLS"}
		}
		first = append(first, "PBSZ 0")
		if cfg.Protection != ProtectAsClient {
			first = append(first, "PROT P")
		}
	}
	if cfg.Selection == AtDestination && cfg.Forward.Method != destination.UserAtHost && cfg.Forward.Method != destination.UserAtSNI && kind>>6 > 0 {
		first = append(first, "USER", "PASS") // at the gateway
	}
	last := openings[kind>>6]
	if n := len(last) - 1; n > 0 && last[n] == ftp.RETR && kind&8 != 0 {
		last = append(slices.Clone(last[:n]), map[ListPolicy]string{ListAsAsked: ftp.LIST, ListByLIST: ftp.MLSD, ListByMLSD: ftp.NLST}[cfg.Listings.Policy])
	}
	return append(first, last...)
}

// live leads one life. Its first choice says under which configuration, and
// how far it has come when chance sets in.
func live(choices []byte) (*world, error) {
	var kind, tls, late byte
	if len(choices) > 2 {
		kind, tls, late, choices = choices[0], choices[1], choices[2], choices[3:]
	}
	cfg := worldConfig(kind, tls, late)
	if late>>6 == 1 {
		cfg.Rules = worldRules(cfg)
	}
	return lead(func() *world { return newWorld(cfg, choices) }, opening(kind, cfg))
}

// worldRules refuse this and that, to some more than to others.
func worldRules(cfg Config) *Rules {
	refuses := func(commands ...string) func(string, Caller) string {
		return func(command string, by Caller) string {
			switch {
			case command == "LOGIN" && strings.Contains(by.User, "3"), slices.Contains(commands, command):
				return "<Limit>"
			}
			return ""
		}
	}
	own := cfg
	own.TimeoutIdle, own.Rules = 100*time.Second, &Rules{Refuses: refuses("REST", "RETR", "LIST"), AtQuit: []string{"Bye"}}
	return &Rules{
		Refuses: refuses("NLST", "CWD", "TYPE"), Paths: Filter{Deny: func(path string) bool { return strings.Contains(path, "7") }},
		GrantMsg: "%u logged in", AfterLogin: []string{"Hello %U"},
		Later: func(by Caller) *Config {
			if strings.Contains(by.User, "1") {
				return &own
			}
			return nil
		},
	}
}

// lead lets a world go by, and once more with its story if it comes to grief.
func lead(begin func() *world, opening []string) (*world, error) {
	wd := begin()
	err := wd.run(opening...)
	if err != nil {
		wd = begin()
		wd.tracing = true
		err = wd.run(opening...)
	}
	return wd, err
}

// FuzzDialogue leads machines through lives made of chance and looks for what
// must never happen (watch, world).
func FuzzDialogue(f *testing.F) {
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, choices []byte) {
		if len(choices) > 400 {
			return
		}
		if wd, err := live(choices); err != nil {
			t.Fatalf("%v\n%s", err, strings.Join(wd.trace, "\n"))
		}
	})
}

// TestManyLives is a small FuzzDialogue for every run of the tests.
func TestManyLives(t *testing.T) {
	const lives = 10_000 // fewer would leave some of the ends out
	ends, entered := map[string]int{}, map[Selection]int{}
	for n := range lives {
		r := rand.New(rand.NewPCG(1, uint64(n)))
		choices := make([]byte, 10+r.IntN(120))
		for i := range choices {
			choices[i] = byte(r.Uint32())
		}
		wd, err := live(choices)
		if err != nil {
			t.Fatalf("life %d: %v\n%s", n, err, strings.Join(wd.trace, "\n"))
		}
		ends[wd.reason]++
		if wd.entered {
			entered[wd.m.cfg.Selection]++
		}
	}
	// A world that never gets anywhere proves nothing.
	for _, reason := range []string{"", "client quit", "drained", "client lost in mid transfer", "client lost after its upload",
		"backend lost in mid transfer", "backend closed the session", "no backend could be reached", "session timeout",
		"TLS handshake failed", "commands in clear around AUTH", "client named another server after its login", "MaxLoginAttempts reached"} {
		if ends[reason] == 0 {
			t.Errorf("no life ended with %q: %v", reason, ends)
		}
	}
	for s := range AtDestination + 1 {
		if entered[s] < lives/20 {
			t.Errorf("too few lives got as far as a login: %v", entered)
		}
	}
}

var depth = flag.Int("depth", 3, "how many events deep TestEveryInterleaving goes")

// TestEveryInterleaving goes through all that can happen to a transfer, in
// every order, whatever the backend answers, to a certain depth; from there on
// all goes well.
func TestEveryInterleaving(t *testing.T) {
	cfg := worldConfig(0, 0, 0)
	cfg.Listings.Policy = ListByLIST
	for _, verb := range []string{"RETR", "STOR", "MLSD"} {
		for way, codes := range transfers {
			t.Run(fmt.Sprint(verb, codes), func(t *testing.T) {
				lives := 0
				for path := make([]byte, *depth); path != nil; lives++ {
					wd, err := lead(func() *world {
						wd := newWorld(cfg, path)
						wd.exploring, wd.way = true, byte(way)
						return wd
					}, []string{"USER", "PASS", "PASV", verb})
					if err != nil {
						t.Fatalf("%v: %v\n%s", path, err, strings.Join(wd.trace, "\n"))
					}
					path = following(path, wd.taken)
				}
				if lives < 1000 {
					t.Errorf("only %d lives", lives)
				}
			})
		}
	}
}

// following is the path after one at whose choices there were so many ways.
func following(path []byte, ways []int) []byte {
	next := make([]byte, len(path))
	copy(next, path)
	for i := len(ways) - 1; i >= 0; i-- {
		if int(next[i])+1 < ways[i] {
			next[i]++
			clear(next[i+1:])
			return next
		}
	}
	return nil
}
