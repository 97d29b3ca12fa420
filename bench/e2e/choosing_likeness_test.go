package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// TestClaim15_PerUser_unknown_name_and_wrong_password: with PerUser alone backends check passwords, each in
// its own words and its own time. A name that has no backend is answered in the same words and after times
// of the same distribution, once two names have been answered.
func TestClaim15_PerUser_unknown_name_and_wrong_password(t *testing.T) {
	t.Parallel()
	for _, kind := range peers.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			peers.RequireGateway(t)
			server := peers.Start(t, kind, peers.Options{})
			dir := t.TempDir()
			for _, name := range []string{server.User, "second", "third"} { // the backend knows the first only
				place(t, filepath.Join(dir, name+".json"), jsonList(server.URL()), 0o644)
			}
			_, addr := startGateway(t, nil, "ProxyReverseConnectPolicy PerUser", "ProxyReverseServers file:"+dir+"/%U.json")
			var known, unknown [2][]time.Duration // of USER and of PASS
			for i := range 3 {
				_, took := probe(t, addr, []string{server.User, "second"}[i%2])
				for n := range took {
					known[n] = append(known[n], took[n])
				}
			}
			rounds, began := 0, time.Now()
			for ; rounds < 12 && (rounds < 4 || time.Since(began) < 20*time.Second); rounds++ {
				i := rounds
				listed, nobody := []string{server.User, "second", "third"}[i%3], fmt.Sprint("nobody", i)
				a, took := probe(t, addr, listed)
				b, tookThen := probe(t, addr, nobody)
				if a, b = strings.ReplaceAll(a, listed, "NAME"), strings.ReplaceAll(b, nobody, "NAME"); a != b {
					t.Fatalf("a known name and a wrong password are answered\n%s\nand an unknown name\n%s", a, b)
				}
				for n := range took {
					known[n], unknown[n] = append(known[n], took[n]), append(unknown[n], tookThen[n])
				}
			}
			for n, verb := range []string{"USER", "PASS"} {
				a, b := known[n], unknown[n]
				slices.Sort(a)
				slices.Sort(b)
				t.Logf("%s, %s: known %v (%v-%v, %d of them), unknown %v (%v-%v, %d of them)", kind, verb,
					a[len(a)/2], a[len(a)/4], a[3*len(a)/4], len(a), b[len(b)/2], b[len(b)/4], b[3*len(b)/4], len(b))
				// What is imitated has been measured: so it lies within what known names meet.
				if m := b[len(b)/2]; m < a[0]-time.Millisecond || m > a[len(a)-1]+time.Second {
					t.Errorf("the times of %s tell the two apart", verb)
				}
			}
		})
	}
}

// probe tries a name with wrong passwords and other commands that a backend may answer, and gives the whole
// dialogue with the times of USER and the first PASS.
func probe(t *testing.T, addr, user string) (dialogue string, took [2]time.Duration) {
	t.Helper()
	c := peers.Dial(t, addr)
	c.Expect(220)
	for i, line := range []string{"USER " + user, "PASS not the password", "SYST", "PWD", "TYPE I", "PASV", "QUIT"} {
		began := time.Now()
		r := c.Cmd("%s", line)
		if i < len(took) {
			took[i] = time.Since(began)
		}
		dialogue += r.String() + "\n"
	}
	return dialogue, took
}
