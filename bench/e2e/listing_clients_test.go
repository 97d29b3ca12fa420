package e2e

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// TestListingClients has clients mirror, list and parse what the gateway makes of the
// lists of real servers.
func TestListingClients(t *testing.T) {
	t.Parallel()
	everyGateway(t, func(t *testing.T, tg target) {
		furnish(t, tg.server.Home)
		t.Run("lftp_mirrors_a_tree", func(t *testing.T) { lftpMirrors(t, tg) })
		t.Run("curl_asks_for_MLSD", func(t *testing.T) {
			for _, dir := range []string{"", "sub dir", "-R", " blank dir"} {
				at := "ftp://" + tg.addr + "/" + url.PathEscape(dir) + "/"
				got := peers.Curl(t, "--user", tg.server.User+":"+tg.server.Password, "--request", "MLSD", strings.TrimSuffix(at, "//")+"/").OK()
				crlf := strings.ReplaceAll(got, "\n", "\r\n") // curl has taken the lists of TYPE A for text
				sameFacts(t, mlsdFacts(t, []byte(crlf)), factsOnDisk(t, tg.home(dir)))
			}
		})
		t.Run("ftplib_reads_facts", func(t *testing.T) {
			host, port := "127.0.0.1", tg.addr[strings.LastIndexByte(tg.addr, ':')+1:]
			out := peers.Python(t, mlsdScript, host, port, tg.server.User, tg.server.Password).OK()
			got := map[string]shownFacts{}
			if err := json.Unmarshal([]byte(out), &got); err != nil {
				t.Fatalf("%v of %q", err, out)
			}
			sameFacts(t, bytewiseNames(got), factsOnDisk(t, tg.server.Home))
		})
	}, byLIST)
}

// lftpMirrors gets the whole tree, by MLSD.
func lftpMirrors(t *testing.T, tg target) {
	back := filepath.Join(t.TempDir(), "back")
	peers.LFTP(t, fmt.Sprintf("set ftp:use-mlsd yes\nset ftp:use-utf8 no\nset ftp:charset ISO-8859-1\nset file:charset ISO-8859-1\n"+
		"open -u %s,%s ftp://%s\nmirror --no-perms --no-umask -x ^back . %q\n", tg.server.User, tg.server.Password, tg.addr, back)).OK()
	for _, name := range oddNames {
		if strings.HasPrefix(name, "back") {
			continue // Pure-FTPd gives nobody a name with a backslash
		}
		got, err := os.ReadFile(filepath.Join(back, name))
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		sameBytes(t, name, got, tg.onDisk(t, name))
		there, here := modified(t, tg.home(name)), modified(t, filepath.Join(back, name))
		if old := time.Since(there) > 185*24*time.Hour; here.Sub(there).Abs() > time.Minute && !(old && here.Equal(there.UTC().Truncate(24*time.Hour))) {
			t.Errorf("%q is of %v, mirrored as of %v", name, there, here)
		}
	}
	for _, name := range []string{"sub dir/inside sub dir", "sub dir/deeper/inside deeper", "-R/inside -R", " blank dir/inside  blank dir"} {
		sameBytes(t, name, read(t, filepath.Join(back, name)), tg.onDisk(t, name))
	}
	if target, err := os.Readlink(filepath.Join(back, "link")); err != nil || target != "plain" {
		t.Errorf("the link leads to %q, %v", target, err)
	}
	if tg.server.Kind == peers.VSFTPD { // so that all this is the gateway's doing
		peers.Dial(t, tg.server.Addr()).Login(tg.server.User, tg.server.Password).Must(500, "MLSD")
	}
}

func modified(t testing.TB, path string) time.Time {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.ModTime()
}

// mlsdScript prints what ftplib's mlsd makes of the root, in the fields of shownFacts.
const mlsdScript = `
import ftplib, json, sys
host, port, user, password = sys.argv[1:]
with ftplib.FTP(encoding='latin-1') as ftp:
    ftp.connect(host, int(port), timeout=20)
    ftp.login(user, password)
    names = set(name for name, _ in ftp.mlsd())
    found = {}
    for name, facts in ftp.mlsd(facts=['type', 'size', 'modify']):
        assert not any(key.startswith('unix') for key in facts), facts
        m = facts['modify']
        found[name] = {'Kind': facts['type'], 'Size': int(facts.get('size', 0)),
            'Modify': '%s-%s-%sT%s:%s:%sZ' % (m[0:4], m[4:6], m[6:8], m[8:10], m[10:12], m[12:14])}
    assert names == set(found), names ^ set(found)
    ftp.voidcmd('NOOP')
print(json.dumps(found))
`

// UnmarshalJSON reads what mlsdScript prints.
func (f *shownFacts) UnmarshalJSON(b []byte) error {
	var read struct {
		Kind   string
		Size   uint64
		Modify time.Time
	}
	if err := json.Unmarshal(b, &read); err != nil {
		return err
	}
	*f = shownFacts{kind: read.Kind, size: read.Size, modify: read.Modify}
	if kind, target, slink := strings.Cut(read.Kind, "slink:"); slink {
		f.kind, f.target = kind+"symlink", target
	}
	return nil
}

// bytewiseNames are the names that were read as Latin 1.
func bytewiseNames(got map[string]shownFacts) map[string]shownFacts {
	bytewise := map[string]shownFacts{}
	for name, f := range got {
		var raw []byte
		for _, r := range name {
			raw = append(raw, byte(r))
		}
		bytewise[string(raw)] = f
	}
	return bytewise
}

// TestListingByMLSD has old clients, that know LIST and NLST alone, served from the
// MLSD of servers; what MLSD cannot say passes as it is.
func TestListingByMLSD(t *testing.T) {
	t.Parallel()
	everyGateway(t, func(t *testing.T, tg target) {
		furnish(t, tg.server.Home)
		c := tg.login(t)
		defer c.Close()
		list := string(c.Fetch(peers.EPSV, "LIST -l"))
		names := strings.Split(strings.TrimSuffix(string(c.Fetch(peers.PASV, "NLST")), "\r\n"), "\r\n")
		for name, f := range factsOnDisk(t, tg.server.Home) {
			if f.kind != "OS.unix=symlink" && !slices.Contains(names, name) {
				t.Errorf("%q is missing of %q", name, names)
			}
			if f.kind == "file" && !strings.Contains(list, fmt.Sprintf(" %d %s ", f.size, f.modify.Format("Jan"))) {
				t.Errorf("%q is missing of\n%s", name, list)
			}
		}
		if tg.server.Kind != peers.VSFTPD && !strings.Contains(list, "ftp ") && strings.Contains(list, "total") {
			t.Errorf("the list is the server's own:\n%s", list)
		}
		inside := string(c.Fetch(peers.EPSV, "NLST sub dir"))
		if !strings.Contains(inside, "sub dir/inside sub dir\r\n") || !strings.Contains(inside, "sub dir/deeper\r\n") {
			t.Errorf("the names in a directory are no paths: %q", inside)
		}
		if body := string(c.Fetch(peers.EPSV, "LIST plain")); !strings.HasSuffix(strings.TrimSpace(body), " plain") {
			t.Errorf("a file is listed as %q", body)
		}
		if tg.server.Kind == peers.PureFTPd {
			// It knows no patterns in NLST.
		} else if body := string(c.Fetch(peers.EPSV, "NLST sem*")); body != "semi;colon; type=dir; x\r\n" {
			t.Errorf("a pattern is listed as %q", body)
		}
		if body := string(c.Fetch(peers.EPSV, "LIST -lR")); !strings.Contains(body, "inside deeper") {
			t.Errorf("-R lists %q", body)
		}
		open := fmt.Sprintf("set ftp:use-mlsd no\nopen -u %s,%s ftp://%s\n", tg.server.User, tg.server.Password, tg.addr)
		back := filepath.Join(t.TempDir(), "back")
		peers.LFTP(t, open+fmt.Sprintf("mirror --no-perms %q %q\n", "sub dir", back)).OK()
		sameTree(t, "mirrored by LIST", back, tg.home("sub dir"))
	}, "ProxyDirectoryListPolicy MLSD")
}
