package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// change is what has to be another text in a printed example before it can run here, and why. Words such
// as {dir} stand for places of the test.
type change struct{ from, to, why string }

// The changes that many examples need.
var (
	paths   = change{"/path/to/", "{dir}/", "a folder of the test's own"}
	tabled  = change{"/var/ftp/proxy", "{dir}/proxy", "a folder of the test's own"}
	trusted = change{"/etc/ftpd/", "{dir}/", "certificates and lists of the test's own"}
	andSoOn = change{" ...\n", "\n", "the ellipsis says: and so on"}
	mapped  = change{"::ffff:6.7.8.9", "::ffff:{mapped}", "an address of this machine, mapped likewise"}
	literal = change{"1.2.3.4", "{literal}", "an address of this machine"}
	queried = change{"    ...\n    SQLNamedQuery", "    SQLEngine on\n    SQLAuthenticate off\n    SQLBackend {backend}\n    SQLConnectInfo {connect}\n    SQLNamedQuery", "the ellipsis stands for the database"}
)

// example is one configuration of the reference document, printed in testdata/seed byte for byte.
type example struct {
	changes []change
	// warns are words of the warnings that a check has for it, one each.
	warns []string
	// idle names directives without effect in this version.
	idle []string
	// play starts what the example needs, opens the gateway, and does what the text promises.
	play func(s *scene)
}

// scene is where an example runs: a gateway with the backends and the names that the example has.
type scene struct {
	*testing.T
	name    string
	example example
	g       *peers.Gateway
	port    int
	addr    string
	places  map[string]string // of the words in braces
	records []string          // what the test's own DNS knows
}

func newScene(t *testing.T, name string, e example) *scene {
	t.Helper()
	peers.RequireGateway(t)
	s := &scene{T: t, name: name, example: e, g: peers.NewGateway(t), port: freePort(t), places: map[string]string{}}
	s.addr = loopback(s.port)
	s.places["dir"] = s.g.Dir
	return s
}

// own is an address of this machine where nobody listens on a port yet. Every example has its own
// ones, so that all may keep the ports that they are printed with.
func own(t testing.TB, port int) string {
	t.Helper()
	for range 100 {
		host := fmt.Sprintf("127.%d.%d.%d", 70+rand.N(50), rand.N(256), 1+rand.N(254))
		l, err := net.Listen("tcp", joinPort(host, port))
		if err == nil {
			_ = l.Close()
			return host
		}
		if errors.Is(err, fs.ErrPermission) {
			peers.GiveUp(t, fmt.Errorf("%w: port %d (run as root): %w", peers.ErrUnavailable, port, err))
		}
	}
	t.Fatalf("no address has port %d free", port)
	return ""
}

// resolve has a name lead to an address.
func (s *scene) resolve(name, address string) {
	s.records = append(s.records, "host-record="+name+","+address)
}

// server starts a real server by the name and the port of the example.
func (s *scene) server(kind peers.Kind, name string, port int, o peers.Options) *peers.Server {
	s.Helper()
	if o.Address == "" {
		o.Address = own(s, port)
	}
	o.Port = port
	if name != "" {
		s.resolve(name, o.Address)
	}
	return peers.Start(s, kind, o)
}

// printed is an example's text with its changes made.
func (s *scene) printed(name string, changes []change) string {
	s.Helper()
	return s.changed(filepath.Join("testdata", "seed", name), changes)
}

// changed is a file's text with changes made. Each of them has to be of use.
func (s *scene) changed(name string, changes []change) string {
	s.Helper()
	text := string(read(s, name))
	for _, c := range changes {
		if !strings.Contains(text, c.from) {
			s.Fatalf("%s: nothing to change in %q: %s", name, c.from, c.why)
		}
		text = strings.ReplaceAll(text, c.from, c.to)
	}
	return text
}

// around is what a stand-alone line needs to be a whole reverse proxy.
func around(lines ...string) []string {
	return append([]string{"ProxyEngine on", "ProxyRole reverse", "ProxyLog {dir}/proxy.log", "ProxyTables {dir}/proxy"}, lines...)
}

// text is a whole file: the listener, the given lines, and the example.
func (s *scene) text(lines ...string) string {
	s.Helper()
	head := []string{"ServerType standalone", "DefaultAddress 127.0.0.1", "Port " + strconv.Itoa(s.port), "SocketBindTight on",
		"SystemLog {dir}/system.log", "TransferLog {dir}/xferlog"}
	text := strings.Join(slices.Concat(head, s.names(), lines), "\n") + "\n" + s.printed(s.name+".conf", s.example.changes)
	return s.put(text)
}

// names has the gateway ask the test's own DNS, which knows the servers of the example.
func (s *scene) names() []string {
	s.Helper()
	if len(s.records) == 0 {
		return nil
	}
	lines := slices.Clone(s.records)
	for _, zone := range []string{"example.com", "example.net", "example.org", "castaglia.org"} {
		lines = append(lines, "local=/"+zone+"/")
	}
	return []string{"ProxyDNSServer " + peers.StartDNS(s, peers.DNSRecords{TTL: 60, Lines: lines}).Addr}
}

// put fills in the places of the test.
func (s *scene) put(text string) string {
	words := []string{"DIR/", s.g.Dir + "/"} // as the lines of TLS have it
	for name, place := range s.places {
		words = append(words, "{"+name+"}", place)
	}
	return strings.NewReplacer(words...).Replace(text)
}

// verdict is what a check says.
type verdict struct {
	Problems []struct{ Severity, Text string }
	Idle     []struct{ Directive string } `json:"no_effect_yet"`
	Ignored  []struct{ Directive string }
	code     int
}

// idle lists the directives without effect.
func (v verdict) idle() (names []string) {
	for _, d := range v.Idle {
		names = append(names, d.Directive)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// environment is the test's with an agent for SSH, which the documents' examples ask for.
func (s *scene) environment() []string {
	return append(os.Environ(), "SSH_AUTH_SOCK="+filepath.Join(s.g.Dir, "agent"))
}

// check asks the gateway's own command what it thinks of the configuration.
func (s *scene) check() (v verdict) {
	s.Helper()
	cmd := exec.CommandContext(s.Context(), peers.RequireGateway(s), "check", "--json", "-c", s.g.Config)
	cmd.Env = s.environment()
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.Fatal(err)
	}
	if err := json.Unmarshal(out, &v); err != nil {
		s.Fatalf("check says %q: %v", out, err)
	}
	v.code = cmd.ProcessState.ExitCode()
	return v
}

// open writes the configuration, has it checked, and runs a gateway with it.
func (s *scene) open(lines ...string) {
	s.Helper()
	s.prepare(lines...)
	s.g.Start(s.addr)
}

// prepare is open up to the start.
func (s *scene) prepare(lines ...string) {
	s.Helper()
	s.g.Configure(s.text(lines...))
	s.accepted()
}

// accepted has the configuration checked: all of it must be accepted, have its effect, and bring the
// expected warnings alone.
func (s *scene) accepted() {
	s.Helper()
	if err := os.MkdirAll(filepath.Join(s.g.Dir, "proxy"), 0o755); err != nil {
		s.Fatal(err)
	}
	v := s.check()
	if v.code != 0 || len(v.Ignored) > 0 || !slices.Equal(v.idle(), s.example.idle) {
		s.Errorf("the check ends with %d: %v; without effect %v, ignored %v", v.code, v.Problems, v.Idle, v.Ignored)
	}
	left := slices.Clone(s.example.warns)
	for _, p := range v.Problems {
		i := slices.IndexFunc(left, func(words string) bool { return strings.Contains(p.Text, words) })
		if i < 0 {
			s.Errorf("the check says: %s: %s", p.Severity, p.Text)
			continue
		}
		left = slices.Delete(left, i, i+1)
	}
	if len(left) > 0 {
		s.Errorf("the check does not say: %q", left)
	}
}

// says waits for a line of the gateway's logs that holds the words.
func (s *scene) says(words ...string) {
	s.Helper()
	for i := range words {
		words[i] = s.put(words[i])
	}
	eventually(s, callLimit, fmt.Sprintf("a line with %q", words), func() bool { return len(noted(s.g, words...)) > 0 })
}
