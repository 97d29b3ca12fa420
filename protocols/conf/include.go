package conf

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// include reads the files that an Include names, in alphabetical order. A
// pattern that fits nothing is no mistake; a plain name that does not exist
// is. A relative name belongs to the directory of the file that names it.
func (p *parser) include(n Node) {
	if len(n.Args) == 0 {
		p.problem(n.Pos, "Include: missing parameters: expected the path of a file, or a pattern such as /etc/sluice/conf.d/*.conf")
		return
	}
	if p.opts.Files == nil {
		p.problem(n.Pos, "Include: no files can be included here")
		return
	}
	arg := n.Args[0]
	name := arg.Text
	if !path.IsAbs(name) {
		name = path.Join(path.Dir(p.file), name)
	}
	for _, file := range p.includeNames(name, arg.Pos) {
		p.includeFile(file, arg.Pos)
	}
}

func (p *parser) includeNames(name string, at Pos) []string {
	name = path.Clean(name)
	if strings.ContainsAny(name, "*?[") {
		if _, err := path.Match(name, ""); err != nil {
			p.problem(at, fmt.Sprintf("Include: %q is not a valid pattern", name))
			return nil
		}
		return p.glob(name)
	}
	entries, err := p.opts.Files.List(name)
	if err != nil {
		return []string{name} // a plain file, or missing: reading it will tell
	}
	return p.visible(name, "*", entries)
}

// glob expands a pattern component by component.
func (p *parser) glob(pattern string) []string {
	dirs := []string{"."}
	if path.IsAbs(pattern) {
		dirs = []string{"/"}
	}
	for _, component := range strings.Split(strings.Trim(pattern, "/"), "/") {
		var next []string
		for _, dir := range dirs {
			if !strings.ContainsAny(component, "*?[") {
				next = append(next, path.Join(dir, component))
				continue
			}
			entries, err := p.opts.Files.List(dir)
			if err != nil {
				continue // not a directory: nothing fits
			}
			next = append(next, p.visible(dir, component, entries)...)
		}
		dirs = next[:min(len(next), maxIncludes+1)]
	}
	return dirs
}

// visible picks the entries that fit, sorted, without hidden files.
func (p *parser) visible(dir, pattern string, entries []string) []string {
	entries = slices.Sorted(slices.Values(entries))
	var names []string
	for _, e := range entries {
		hidden := strings.HasPrefix(e, ".") && !strings.HasPrefix(pattern, ".")
		if hidden || p.ignoreTemps && strings.HasSuffix(e, "~") {
			continue
		}
		if ok, err := path.Match(pattern, e); ok && err == nil {
			names = append(names, path.Join(dir, e))
		}
	}
	return names
}

func (p *parser) includeFile(name string, at Pos) {
	switch {
	case slices.Contains(p.including, name):
		p.problem(at, fmt.Sprintf("Include: %s includes itself, by way of %s", name, strings.Join(p.including, ", ")))
		return
	case len(p.including) > maxIncludeDepth:
		p.problem(at, fmt.Sprintf("Include: files are nested more than %d deep", maxIncludeDepth))
		return
	case p.included == maxIncludes:
		p.problem(at, fmt.Sprintf("Include: more than %d files are included", maxIncludes))
		p.included++
		return
	case p.included > maxIncludes:
		return
	}
	p.included++
	src, err := p.opts.Files.ReadFile(name)
	if err != nil {
		p.problem(at, fmt.Sprintf("Include: unable to read %s: %v", name, err))
		return
	}
	p.parseFile(name, src)
}
