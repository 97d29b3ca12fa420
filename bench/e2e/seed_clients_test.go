package e2e

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// everyClient has curl, lftp and Python's ftplib log in to the gateway, each put a file, list it and get it
// back in one session, and tells how many of them each server had.
func (s *scene) everyClient(user, password string, servers ...*peers.Server) []int {
	s.Helper()
	body := noise(200_000)
	counts := make([]int, len(servers))
	for name, run := range map[string]func(user, password, name, up string) (back string){
		"curl": s.curl, "lftp": s.lftp, "ftplib": s.ftplib,
	} {
		name += "-was-here"
		if back := run(user, password, name, local(s, "up", body)); back != "" {
			sameBytes(s, name+" got back", read(s, back), body)
		}
		at := slices.IndexFunc(servers, func(server *peers.Server) bool {
			_, err := os.Stat(filepath.Join(server.Home, name))
			return err == nil
		})
		if at < 0 {
			s.Fatalf("no server has the file %s", name)
		}
		sameBytes(s, name, uploaded(s, servers[at], name), body)
		counts[at]++
	}
	return counts
}

func (s *scene) curl(user, password, name, up string) string {
	s.Helper()
	back, list := filepath.Join(s.TempDir(), "back"), filepath.Join(s.TempDir(), "list")
	at := fmt.Sprintf("ftp://%s@%s/", url.UserPassword(user, password), s.addr)
	peers.Curl(s, "-T", up, at+name, "--next", "-sS", "-o", back, at+name, "--next", "-sS", "-o", list, at).OK()
	if !strings.Contains(string(read(s, list)), name) {
		s.Errorf("curl's list lacks %s: %q", name, read(s, list))
	}
	return back
}

func (s *scene) lftp(user, password, name, up string) string {
	s.Helper()
	back := filepath.Join(s.TempDir(), "back")
	out := peers.LFTP(s, fmt.Sprintf("open -u %s,%s ftp://%s\nput %q -o %s\nget %s -o %q\nls\nbye\n", user, password, s.addr, up, name, name, back)).OK()
	if !strings.Contains(out, name) {
		s.Errorf("lftp's list lacks %s: %q", name, out)
	}
	return back
}

// ftplib compares and lists by itself.
func (s *scene) ftplib(user, password, name, up string) string {
	s.Helper()
	host, port, _ := strings.Cut(s.addr, ":")
	args := []string{host, port, up, name, user + "\t" + password}
	if out := peers.Python(s, ftplibForward, args...).OK(); !strings.HasSuffix(out, "done\n") {
		s.Fatalf("the script said %q", out)
	}
	return ""
}

// visit logs in by hand and says by its words to PASS which server it was.
func (s *scene) visit(user, password string) string {
	s.Helper()
	c := peers.Dial(s, s.addr).Greeting()
	c.Must(331, "USER %s", user)
	where := c.Must(230, "PASS %s", password).String()
	c.Must(221, "QUIT")
	return where
}

// lands tells the number of the server where a login arrives; each must be of another kind.
func (s *scene) lands(user, password string, servers ...*peers.Server) int {
	s.Helper()
	where := s.visit(user, password)
	return slices.IndexFunc(servers, func(server *peers.Server) bool { return strings.Contains(where, marks[server.Kind]) })
}

// refused fails unless a login is turned away with the usual words, and tells after which command.
func (s *scene) refused(user, password string) {
	s.Helper()
	c := peers.Dial(s, s.addr).Greeting()
	r := c.Cmd("USER %s", user)
	if r.Code == 331 {
		r = c.Cmd("PASS %s", password)
	}
	if r.Code != 530 {
		s.Errorf("USER %s: got %q, want a refusal", user, r)
	}
	c.Close()
}
