//go:build unix

package scenario

import (
	"slices"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/bench/measure"
	"github.com/sluice-gateway/sluice/bench/target"
)

func names(points []Point) (names []string) {
	for _, p := range points {
		names = append(names, p.Name)
	}
	return names
}

func TestSelect(t *testing.T) {
	cases := map[string]struct {
		words, want []string
		bad         bool
	}{
		"a whole name":                     {words: []string{"retr-8"}, want: []string{"retr-8"}},
		"a kind":                           {words: []string{"login"}, want: []string{"login-1", "login-16", "login-64"}},
		"in the order of the run, once":    {words: []string{"idle", "pwd", "pwd-1"}, want: []string{"pwd-1", "pwd-16", "idle"}},
		"a kind with its dash":             {words: []string{"tls-plain-"}, want: []string{"tls-plain-retr-1", "tls-plain-retr-8", "tls-plain-stor-1", "tls-plain-stor-8"}},
		"part of a word names nothing":     {words: []string{"log"}, bad: true},
		"one wrong word spoils the choice": {words: []string{"idle", "nothing"}, bad: true},
		"an empty word names nothing":      {words: []string{""}, bad: true},
	}
	for claim, c := range cases {
		t.Run(claim, func(t *testing.T) {
			got, err := Select(All(), c.words)
			if (err != nil) != c.bad || !slices.Equal(names(got), c.want) {
				t.Errorf("got %v (%v), want %v", names(got), err, c.want)
			}
		})
	}
}

func TestEveryMetricHasItsPoint(t *testing.T) {
	for _, m := range measure.All() {
		if !slices.Contains(names(All()), m.Point) {
			t.Errorf("%s is to come from %s, which does not exist", m.ID, m.Point)
		}
	}
}

func TestHAProxyIsNotAskedForFTPData(t *testing.T) {
	for _, p := range All() {
		if got, want := p.Fits(target.HAProxy), !slices.Contains([]string{"small-retr", "small-stor", "long"}, p.Name) && !strings.HasPrefix(p.Name, "tls-"); got != want {
			t.Errorf("%s on haproxy: %v, want %v", p.Name, got, want)
		}
		if got, want := p.Fits(target.Direct), !strings.HasPrefix(p.Name, "tls-plain"); got != want {
			t.Errorf("%s without a gateway: %v, want %v", p.Name, got, want)
		}
		if !p.Fits(target.Sluice) {
			t.Errorf("%s does not fit sluice", p.Name)
		}
	}
}
