package config

import (
	"fmt"
	"path"
	"strings"

	"github.com/sluice-gateway/sluice/protocols/backendurl"
)

// ProxyReverseServers: URLs on the line, JSON files of URLs, SQL queries.

func parseReverseServers(c *call) effect {
	if !c.need(1) {
		return effect{}
	}
	source := ServerSource{Pos: c.pos}
	first := c.arg(0)
	switch {
	case len(c.args) == 1 && strings.HasPrefix(first, "file:"):
		c.fileSource(&source, strings.TrimPrefix(first, "file:"))
	case len(c.args) == 1 && strings.HasPrefix(first, "sql:"):
		c.sqlSource(&source, strings.TrimPrefix(first, "sql:"))
	default:
		c.urlSource(&source)
	}
	return set(func(s *Settings) { s.Proxy.Servers = joined(s.Proxy.Servers, source) })
}

func (c *call) urlSource(source *ServerSource) {
	source.Kind = SourceURLs
	for _, a := range c.args {
		u, err := backendurl.Parse(a.Text)
		if err != nil {
			c.errorf(a.Pos, "error parsing '%s': %v", redacted(a.Text), err)
			continue
		}
		if u.PortIgnored() {
			c.warnf(a.Pos, "the port of '%s' is ignored: ports come from DNS", u)
		}
		source.URLs = append(source.URLs, u)
	}
}

// redacted hides what may be credentials in text that is not a valid URL.
func redacted(s string) string {
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return s
	}
	scheme, _, found := strings.Cut(s[:at], "://")
	if !found {
		return "***" + s[at:]
	}
	return scheme + "://***" + s[at:]
}

func (c *call) sqlSource(source *ServerSource, name string) {
	source.Kind, source.Query = SourceSQL, strings.TrimPrefix(name, "/")
	if !strings.HasPrefix(name, "/") || source.Query == "" {
		c.errorf(c.at(0), "expected sql:/QueryName, the name of a SQLNamedQuery")
	}
}

func (c *call) fileSource(source *ServerSource, name string) {
	name = strings.TrimPrefix(name, "//")
	source.Path = name
	if !strings.HasPrefix(name, "/") {
		c.errorf(c.at(0), "the path of '%s' must be a full path, such as file:/etc/sluice/backends.json", c.arg(0))
		return
	}
	if strings.Contains(name, "%U") || strings.Contains(name, "%g") {
		source.Kind = SourceFileTemplate
		return
	}
	source.Kind = SourceFile
	if err := checkBackendFile(c.load.files, name); err != nil {
		c.errorf(c.at(0), "%v", err)
		return
	}
	urls, skipped, err := readBackendFile(c.load.files, name)
	for _, s := range skipped {
		c.warnf(c.at(0), "%s", s)
	}
	if err != nil {
		c.errorf(c.at(0), "%v", err)
	}
	source.URLs = urls
}

// checkBackendFile refuses lists that anybody may write or replace. A
// symbolic link is followed, and both its own directory and its target are
// checked.
func checkBackendFile(files Files, name string) error {
	real, err := files.EvalSymlinks(name)
	if err != nil {
		return fmt.Errorf("error reading ProxyReverseServers file '%s': %w", name, err)
	}
	for _, p := range []string{name, real} {
		info, err := files.Stat(p)
		if err != nil {
			return fmt.Errorf("error reading ProxyReverseServers file '%s': %w", name, err)
		}
		dir, perm, _ := worldWritableDir(files, p)
		if err := backendurl.CheckListRights(name, info.Mode(), dir, perm); err != nil {
			return err
		}
	}
	return nil
}

// readBackendFile reads a JSON array of URLs. Entries that are no URLs are
// left out and described in skipped. An empty file is an empty list.
func readBackendFile(files Files, name string) (urls []backendurl.URL, skipped []string, err error) {
	raw, err := files.ReadFile(path.Clean(name), backendurl.MaxListBytes)
	if err != nil {
		return nil, nil, fmt.Errorf("error reading ProxyReverseServers file '%s': %w", name, err)
	}
	list, err := backendurl.ParseList(name, raw)
	return list.URLs, list.Skipped, err
}
