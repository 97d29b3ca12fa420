package config

import (
	"slices"

	"github.com/sluice-gateway/sluice/protocols/conf"
)

// Overlay is a section that depends on who logged in.
type Overlay struct {
	Kind  OverlayKind
	Match NameExpr // empty for OverlayAuthenticated
	Pos   conf.Pos
	Names []string // the directives inside, as written in the table
	items []item
}

// OverlayKind names the condition of an Overlay.
type OverlayKind uint8

// The conditions known after login, the most particular first: of what several
// sections say, that of the first kind counts.
const (
	OverlayUser OverlayKind = iota
	OverlayGroup
	OverlayAuthenticated
)

var overlayKinds = map[string]OverlayKind{
	"ifuser": OverlayUser, "ifgroup": OverlayGroup, "ifauthenticated": OverlayAuthenticated,
}

// applies reports whether the section is for a client. Groups that are not known
// match nothing, not even a negation.
func (o *Overlay) applies(c Client) bool {
	switch o.Kind {
	case OverlayUser:
		return o.Match.Match(c.User)
	case OverlayGroup:
		return len(c.Groups) > 0 && o.Match.Match(c.Groups...)
	}
	return true
}

// Matching lists those of Overlays that apply to a client who has logged in, by
// their places.
func (s *Server) Matching(c Client) []int {
	var which []int
	for i := range s.Overlays {
		if s.Overlays[i].applies(c) {
			which = append(which, i)
		}
	}
	return which
}

// With returns the settings for clients of a class with some of Overlays merged
// in, as <IfClass> sections are: what a section says comes before what stands
// outside. It may be called by several goroutines.
func (s *Server) With(class string, overlays []int) *Settings {
	if len(overlays) == 0 {
		return s.Settings(class)
	}
	var ofClient []item
	for kind := OverlayUser; kind <= OverlayAuthenticated; kind++ {
		for _, i := range overlays {
			if s.Overlays[i].Kind == kind {
				ofClient = append(ofClient, s.Overlays[i].items...)
			}
		}
	}
	var names []string
	if class != "" {
		names = []string{class}
	}
	return s.parts.settings(slices.Concat(ofClient, s.parts.ofClass(names...)))
}

// parts are the directives that the settings of a server are made of.
type parts struct {
	own, global []item
	classes     []*clientScope // sections of the server, then those of <Global>
}

func (p *parts) ofClass(names ...string) []item {
	var items []item
	for _, o := range p.classes {
		if o.section == "ifclass" && o.match.Match(names...) {
			items = append(items, o.items...)
		}
	}
	return items
}

// chosen lists the directives that count, in the order in which they do.
func (p *parts) chosen(ofClient []item) []item {
	items := unshadowed(ofClient, p.own, p.global)
	return slices.Concat(leastFirst(p.global, p.own, ofClient), firstOnly(items))
}

func (p *parts) settings(ofClient []item) *Settings {
	s := defaultSettings()
	for _, it := range p.chosen(ofClient) {
		if it.effect.settings != nil {
			it.effect.settings(s)
		}
	}
	return s
}

func overlaysOf(scopes []*clientScope) []Overlay {
	var all []Overlay
	for _, cs := range scopes {
		kind, ok := overlayKinds[cs.section]
		if !ok {
			continue
		}
		o := Overlay{Kind: kind, Match: cs.match, Pos: cs.pos, items: cs.items}
		for _, it := range cs.items {
			if !slices.Contains(o.Names, it.row.Name) {
				o.Names = append(o.Names, it.row.Name)
			}
		}
		all = append(all, o)
	}
	return all
}
