package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// The matrix of FTPS: every way in, every way out, both levels of protection, both versions of TLS,
// three ways to a data connection, two client programs, three servers. Protection and version are the
// same on both sides of a cell (TestProtection mixes them); the client's version is pinned on its
// command line, the server's by its configuration.

// secureCell is one point of the matrix.
type secureCell struct {
	front, back leg
	prot        string // C or P
	version     peers.Versions
	mode        peers.Mode
	program     string
}

var (
	legs         = []leg{plain, explicit, implicit}
	secureModes  = []peers.Mode{peers.PASV, peers.EPSV, peers.PORT}
	programs     = map[string]func(testing.TB, target, secureCell, files){"curl": curlCell, "lftp": lftpCell}
	programNames = []string{"curl", "lftp"}
)

// leftOut are the rules by which points of the matrix are not run, each with its reason.
var leftOut = []struct {
	reason string
	holds  func(peers.Kind, secureCell) bool
}{
	{"without TLS on either side there is no protection or version to choose", func(_ peers.Kind, c secureCell) bool {
		return c.front == plain && c.back == plain && (c.prot != "C" || c.version != peers.TLS12)
	}},
	{"curl before 8.0 loses the TLS of active data connections (curl/curl#10666)", func(_ peers.Kind, c secureCell) bool {
		return c.program == "curl" && c.front != plain && c.prot == "P" && c.mode == peers.PORT && oldCurl()
	}},
	{"Pure-FTPd has no implicit TLS", func(kind peers.Kind, c secureCell) bool {
		return kind == peers.PureFTPd && c.back == implicit
	}},
}

// oldCurl tells whether the machine's curl is older than 8.0.
var oldCurl = sync.OnceValue(func() bool {
	out, err := exec.CommandContext(context.Background(), "curl", "--version").Output()
	var major int
	if _, scanned := fmt.Sscanf(string(out), "curl %d.", &major); err != nil || scanned != nil {
		return false // a test that needs it will say what is wrong
	}
	return major < 8
})

// lenient tells which cells are served with NoSessionReuseRequired: curl offers no session tickets up
// to TLS 1.2, only session IDs, which crypto/tls gives to nobody, so that its data connections have
// nothing to resume.
func (c secureCell) lenient() bool {
	return c.program == "curl" && c.front != plain && c.prot == "P" && c.version == peers.TLS12
}

func omitted(kind peers.Kind, c secureCell) string {
	for _, rule := range leftOut {
		if rule.holds(kind, c) {
			return rule.reason
		}
	}
	return ""
}

func (c secureCell) String() string {
	return fmt.Sprintf("%s_to_%s/PROT_%s/%s/%s/%s", c.front, c.back, c.prot, c.version, c.mode, c.program)
}

func secureCells() (all []secureCell) {
	for _, front := range legs {
		for _, back := range legs {
			for _, prot := range []string{"C", "P"} {
				for _, version := range versions {
					for _, mode := range secureModes {
						for _, program := range programNames {
							all = append(all, secureCell{front, back, prot, version, mode, program})
						}
					}
				}
			}
		}
	}
	return all
}

// TestSecureMatrix runs every cell with one gateway for each kind of server, one virtual server in it
// for each way in and out, and one backend for each way out.
func TestSecureMatrix(t *testing.T) {
	for _, kind := range peers.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			peers.RequireGateway(t)
			body := noise(150_000)
			given := files{name: "matrix", body: body, up: local(t, "up", body[:70_000])}
			tally := map[string]int{}
			var mu sync.Mutex
			var backends = map[way]*peers.Server{}
			fronts := startSecureMatrix(t, kind, backends)
			for _, server := range backends {
				target{server: server}.put(t, given.name, given.body)
			}
			t.Cleanup(func() { t.Logf("cells: %v", tally) })
			for i, c := range secureCells() {
				reason := omitted(kind, c)
				mu.Lock()
				tally[map[bool]string{true: "run", false: "left out: " + reason}[reason == ""]]++
				mu.Unlock()
				if reason != "" {
					continue
				}
				t.Run(c.String(), func(t *testing.T) {
					t.Parallel()
					w := c.way()
					tg := target{addr: fronts[w], server: backends[w.backend()]}
					f := given
					f.stored = fmt.Sprintf("up-%d", i)
					f.back = filepath.Join(t.TempDir(), "back")
					programs[c.program](t, tg, c, f)
					sameBytes(t, "RETR", read(t, f.back), f.body)
					sameBytes(t, "STOR", tg.onDisk(t, f.stored), read(t, f.up))
				})
			}
		})
	}
}

// files are what a cell moves: body lies on the server under name and goes to the local file back;
// the local file up goes to the server under stored.
type files struct {
	name, up, stored, back string
	body                   []byte
}

// way is a virtual server of the matrix, by what distinguishes its configuration.
type way struct {
	front, back leg
	version     peers.Versions // of the backend
	prot        string         // to the backend
	lenient     bool
}

func (c secureCell) way() way {
	w := way{front: c.front, back: c.back, lenient: c.lenient()}
	if c.back != plain {
		w.version, w.prot = c.version, c.prot
	}
	return w
}

// backend is the way as far as the server behind it is concerned.
func (w way) backend() way { return way{back: w.back, version: w.version} }

func startSecureMatrix(t *testing.T, kind peers.Kind, backends map[way]*peers.Server) map[way]string {
	t.Helper()
	g := peers.NewGateway(t)
	var config strings.Builder
	fronts := map[way]string{}
	var listeners []string
	for _, c := range secureCells() {
		w := c.way()
		if omitted(kind, c) != "" || fronts[w] != "" {
			continue
		}
		server, ok := backends[w.backend()]
		if !ok {
			server = startPeer(t, kind, w.back, peers.TLS{Versions: w.version})
			backends[w.backend()] = server
		}
		port := freePort(t)
		fronts[w] = loopback(port)
		listeners = append(listeners, fronts[w])
		policy := map[string]string{"": "required", "P": "required", "C": "clear"}[w.prot]
		var options []string
		if w.lenient {
			options = append(options, "NoSessionReuseRequired")
		}
		lines := append(frontLines(t, w.front, options...), backLines(t, w.back)...)
		lines = append(lines, "ProxyReverseServers "+server.URL(),
			"ProxyTLSTransferProtectionPolicy "+policy, "ProxyEngine on", "ProxyRole reverse", "ProxyLog DIR/proxy.log")
		fmt.Fprintf(&config, "<VirtualHost 127.0.0.1>\nPort %d\n%s\n</VirtualHost>\n", port, strings.Join(lines, "\n"))
	}
	main := freePort(t)
	first := listeners[0]
	g.Configure(configuration(g, main, []string{"ftp://" + first}) + strings.ReplaceAll(config.String(), "DIR/", g.Dir+"/"))
	g.Start(append(listeners, loopback(main))...)
	return fronts
}

// curlCell uploads, downloads and lists in one run of curl, over one control connection.
func curlCell(t testing.TB, tg target, c secureCell, f files) {
	t.Helper()
	common := curlArguments(t, tg, c)
	url := map[bool]string{true: "ftps://", false: "ftp://"}[c.front == implicit] + tg.addr + "/"
	list := f.back + ".list"
	args := slices.Concat(common, []string{"-T", f.up, url + f.stored, "--next"},
		common, []string{"-o", f.back, url + f.name, "--next"}, common, []string{"-o", list, url})
	client := peers.Curl(t, args...)
	client.OK()
	r := client.Wait()
	if listed := string(read(t, list)); !strings.Contains(listed, f.name) {
		t.Errorf("LIST shows %q", listed)
	}
	wants := []string{"> " + string(c.mode)}
	if c.front != plain {
		wants = append(wants, "SSL connection using "+string(c.version), "> PROT "+c.prot)
	}
	for _, want := range wants {
		if !strings.Contains(r.Stderr, want) {
			t.Errorf("curl did not do %q:\n%s", want, r.Stderr)
		}
	}
	if n := strings.Count(r.Stderr, "> USER"); n != 1 {
		t.Errorf("curl logged in %d times", n)
	}
}

func curlArguments(t testing.TB, tg target, c secureCell) []string {
	args := []string{"--user", tg.server.User + ":" + tg.server.Password}
	switch c.mode {
	case peers.PASV:
		args = append(args, "--disable-epsv")
	case peers.PORT:
		args = append(args, "--ftp-port", "127.0.0.1", "--disable-eprt")
	}
	if c.front == plain {
		return args
	}
	if c.prot == "C" { // --ssl-reqd would ask for P
		args = append(args, "--ftp-ssl-control", "--cacert", certificates(t).CA)
	} else {
		args = append(args, peers.TrustCurl(certificates(t).CA)...)
	}
	return append(args, map[peers.Versions][]string{
		peers.TLS12: {"--tlsv1.2", "--tls-max", "1.2"}, peers.TLS13: {"--tlsv1.3"}}[c.version]...)
}

// lftpCell does the same in one lftp session.
func lftpCell(t testing.TB, tg target, c secureCell, f files) {
	t.Helper()
	log := f.back + ".log"
	script := "debug -o " + log + " 9\n"
	url := "ftp://" + tg.addr
	if c.front != plain {
		script += peers.TrustLFTP(certificates(t).CA)
		protect := map[string]string{"C": "no", "P": "yes"}[c.prot]
		script += fmt.Sprintf("set ftp:ssl-protect-data %s\nset ftp:ssl-protect-list %[1]s\nset ssl:priority NORMAL:-VERS-ALL:+VERS-%s\n",
			protect, strings.Replace(string(c.version), "TLSv", "TLS", 1))
		if c.front == implicit {
			url = "ftps://" + tg.addr
		}
	}
	script += map[peers.Mode]string{peers.PASV: "set ftp:prefer-epsv no\n", peers.EPSV: "set ftp:prefer-epsv yes\n",
		peers.PORT: "set ftp:passive-mode no\n"}[c.mode]
	script += fmt.Sprintf("open -u %s,%s %s\nput %s -o %s\nget %s -o %s\nls\n", tg.server.User, tg.server.Password, url, f.up, f.stored, f.name, f.back)
	client := peers.LFTP(t, script)
	if listed := client.OK(); !strings.Contains(listed, f.name) {
		t.Errorf("LIST shows %q", listed)
	}
	said, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	wants := []string{"---> " + string(c.mode)}
	if c.front != plain {
		wants = append(wants, "---> PROT "+c.prot)
	}
	for _, want := range wants {
		if !strings.Contains(string(said), want) {
			t.Errorf("lftp did not do %q:\n%s", want, said)
		}
	}
	if n := strings.Count(string(said), "---> USER"); n != 1 {
		t.Errorf("lftp logged in %d times:\n%s", n, said)
	}
}
