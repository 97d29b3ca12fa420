package gateway

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"
	"github.com/sluice-gateway/sluice/runtime/config"
)

// Files that clients are shown (DisplayConnect, DisplayLogin, DisplayQuit). They
// are read with the configuration. One that cannot be read keeps nobody out: it is
// not shown, and the log says so.

// displays are the lines of files, by path.
type displays map[string][]string

// displays reads all files that a server may show after the greeting.
func (g *Gateway) displays(cfg *config.Config, server *config.Server) displays {
	read := displays{}
	for _, set := range everySettings(cfg, server) {
		for _, path := range []string{set.Banner.DisplayLogin, set.Banner.DisplayQuit} {
			if _, known := read[path]; !known {
				read[path] = g.display(path)
			}
		}
	}
	return read
}

// greeting is what the gateway says where no backend speaks first.
func (g *Gateway) greeting(server *config.Server, set *config.Settings) []string {
	b := set.Banner
	shown := g.filled(g.display(b.DisplayConnect), server, set)
	return dialogue.Greeting(shown, b.ServerIdent, b.DeferWelcome, b.IdentText, server.Name, g.logs.host, g.opts.Version)
}

// display reads one file; none without a path.
func (g *Gateway) display(path string) []string {
	lines, err := displayed(path)
	if err != nil {
		g.log.Warn().Err(err).Msg("a file that clients are to be shown cannot be read, it is left out")
		return nil
	}
	return lines
}

// filled puts in what holds for all clients of a server.
func (g *Gateway) filled(lines []string, server *config.Server, set *config.Settings) []string {
	most := "unlimited"
	if n := set.Limits.MaxClients.Max; n > 0 {
		most = strconv.Itoa(n)
	}
	admin := set.Banner.ServerAdmin
	if admin == "" {
		admin = "root@" + g.logs.host
	}
	return replaced(lines, "%E", admin, "%M", most, "%V", server.Name, "%{version}", g.opts.Version)
}

func replaced(lines []string, pairs ...string) []string {
	put := strings.NewReplacer(pairs...)
	all := make([]string, len(lines))
	for i, line := range lines {
		all[i] = put.Replace(line)
	}
	return all
}

// displayLimit bounds a file that clients are shown; what is beyond it is left out.
const displayLimit = 64 << 10

// displayed reads the lines of a file, without what could break a reply.
func displayed(path string) ([]string, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe is not waited for
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	var lines []string
	in := bufio.NewScanner(io.LimitReader(f, displayLimit))
	in.Buffer(nil, displayLimit+1)
	for in.Scan() {
		lines = append(lines, strings.Map(printing, in.Text()))
	}
	return lines, in.Err()
}

// printing drops control characters, but for the tabulator.
func printing(r rune) rune {
	if r < ' ' && r != '\t' || r == 0x7f {
		return -1
	}
	return r
}
