package config

import (
	"maps"
	"slices"

	"github.com/sluice-gateway/sluice/protocols/conf"
)

// Resolving: which of the directives collected apply to a server. The order
// of preference is: sections of the client's class, the server's own
// directives, <Global>; among equals the first wins, except for directives
// that accumulate.

func newServer() *Server {
	return &Server{Name: "ProFTPD", Port: 21, byClass: map[string]*Settings{}}
}

// resolved is one set of settings with the place each directive came from.
type resolved struct {
	*Settings
	scope  *scope
	origin map[string]conf.Pos
}

// at is the place of a directive, or of the server if it was not written.
func (r resolved) at(name string) conf.Pos {
	if p, ok := r.origin[name]; ok {
		return p
	}
	return r.scope.pos
}

// written reports whether one of some directives applies, even if it is in
// error: then nobody needs to be told that it is missing.
func (r resolved) written(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		_, ok := r.origin[name]
		return ok
	})
}

func (l *loader) resolve() *Config {
	c := &Config{Process: defaultProcess()}
	l.resolveProcess(&c.Process)
	for _, sc := range append([]*scope{l.main}, l.vhosts...) {
		l.resolveServer(sc)
		c.Servers = append(c.Servers, sc.server)
	}
	l.checkServers(c)
	return c
}

func (l *loader) resolveProcess(p *Process) {
	items := slices.Concat(l.main.items, l.global.items)
	for _, it := range firstOnly(items) {
		if it.effect.process != nil {
			it.effect.process(p)
		}
	}
	for _, sc := range l.vhosts {
		for _, it := range sc.items {
			if it.effect.process != nil {
				l.report(Warning, it.pos, it.row.Name,
					"has no effect in a <VirtualHost>, as the process has only one: move it out of the section")
			}
		}
	}
	p.Classes = l.classes
	p.LogFormats = maps.Clone(l.formats)
}

func (l *loader) resolveServer(sc *scope) {
	s := sc.server
	if s.IsMain {
		s.Pos = sc.pos
	}
	for _, it := range firstOnly(slices.Concat(sc.items, l.global.items)) {
		if it.effect.server != nil {
			it.effect.server(s)
		}
	}
	s.parts = parts{own: sc.items, global: l.global.items, classes: slices.Concat(sc.overlays, l.global.overlays)}
	s.Overlays = overlaysOf(s.parts.classes)
	base := l.settingsFor(sc, nil)
	s.base = base.Settings
	l.checkSettings(s, base)
	for _, class := range l.classes {
		if l.classMatters(sc, class.Name) {
			r := l.settingsFor(sc, &class.Name)
			s.byClass[class.Name] = r.Settings
			l.checkSettings(s, r)
		}
	}
	l.checkOverlays(s)
}

// classMatters reports whether settings for a class may differ from those
// for clients of none.
func (l *loader) classMatters(sc *scope, class string) bool {
	for _, o := range sc.server.parts.classes {
		if o.section == "ifclass" && o.match.Match(class) != o.match.Match() {
			return true
		}
	}
	return false
}

// settingsFor computes the settings for clients of a class (nil = of none).
func (l *loader) settingsFor(sc *scope, class *string) resolved {
	var names []string
	if class != nil {
		names = []string{*class}
	}
	parts := &sc.server.parts
	r := resolved{Settings: defaultSettings(), scope: sc, origin: map[string]conf.Pos{}}
	for _, it := range parts.chosen(parts.ofClass(names...)) {
		if _, known := r.origin[it.row.Name]; !known {
			r.origin[it.row.Name] = it.pos
		}
		if it.effect.settings != nil {
			it.effect.settings(r.Settings)
		}
	}
	return r
}

// leastFirst picks the directives of which the last line counts, in the
// order that lets a server's own lines override those of <Global>.
func leastFirst(groups ...[]item) []item {
	var picked []item
	for _, items := range groups {
		for _, it := range items {
			if it.row.last {
				picked = append(picked, it)
			}
		}
	}
	return picked
}

// unshadowed joins the directives of several places, the innermost first. Of those
// that add up within one place only, it leaves out what an inner place says as well.
func unshadowed(places ...[]item) []item {
	said := map[*Directive]bool{}
	var kept []item
	for _, items := range places {
		var here []*Directive
		for _, it := range items {
			if said[it.row] {
				continue
			}
			kept = append(kept, it)
			if it.row.inner {
				here = append(here, it.row)
			}
		}
		for _, row := range here {
			said[row] = true
		}
	}
	return kept
}

// firstOnly drops repetitions of directives of which only the first counts.
func firstOnly(items []item) []item {
	seen := map[*Directive]bool{}
	var kept []item
	for _, it := range items {
		if seen[it.row] && !it.row.many || it.row.last {
			continue
		}
		seen[it.row] = true
		kept = append(kept, it)
	}
	return kept
}
