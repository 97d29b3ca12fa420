package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sluice-gateway/sluice/protocols/conf"
)

// scope is a place that collects directives: the main server, <Global>, a
// <VirtualHost>, or one section within them that depends on the client.
type scope struct {
	place    Context
	pos      conf.Pos
	items    []item
	overlays []*clientScope
	server   *Server // main server and virtual hosts
	client   bool    // a section that depends on the client
	first    map[*Directive]conf.Pos

	insecureAuthPerms bool // AuthFileOptions InsecurePerms was seen
}

// clientScope is an <IfClass>, <IfUser>, <IfGroup> or <IfAuthenticated>.
type clientScope struct {
	scope
	section string // lower case
	match   NameExpr
}

// Bounds of what one configuration may define: settings are computed for
// every server and class.
const (
	maxServers = 4096
	maxClasses = 256
)

// item is one directive, understood.
type item struct {
	row    *Directive
	pos    conf.Pos
	effect effect
}

// has reports whether a directive is among the items.
func has(items []item, name string) (item, bool) {
	i := slices.IndexFunc(items, func(it item) bool { return it.row.Name == name })
	if i < 0 {
		return item{}, false
	}
	return items[i], true
}

func (l *loader) walk(nodes []conf.Node, sc *scope) {
	for _, n := range nodes {
		if n.Section {
			l.section(n, sc)
			continue
		}
		if it, ok := l.directive(n, sc, sc.place); ok {
			l.warnRepeated(sc, it)
			sc.items = append(sc.items, it)
		}
	}
}

// warnRepeated tells that only the first of equal directives counts.
func (l *loader) warnRepeated(sc *scope, it item) {
	if it.row.many || it.row.Effect == EffectIgnored {
		return
	}
	if first, again := sc.first[it.row]; again {
		l.report(Warning, it.pos, it.row.Name,
			fmt.Sprintf("is given again and has no effect: the first one, in line %d, counts", first.Line))
		return
	}
	if sc.first == nil {
		sc.first = map[*Directive]conf.Pos{}
	}
	sc.first[it.row] = it.pos
}

// directive understands one directive; false if nothing is to be collected.
func (l *loader) directive(n conf.Node, sc *scope, place Context) (item, bool) {
	row, known := table[strings.ToLower(n.Name)]
	if !known {
		l.report(Error, n.Pos, "", fmt.Sprintf("unknown directive '%s': %s", n.Name, l.suggestion(n.Name)))
		return item{}, false
	}
	if row.Contexts&place == 0 {
		l.report(Error, n.Pos, row.Name, fmt.Sprintf("directive not allowed in %s context: it may stand in %s",
			place, row.Contexts))
		return item{}, false
	}
	l.note(row, n.Pos)
	if row.Effect == EffectRefused {
		l.report(Error, n.Pos, row.Name, row.Reason)
		return item{}, false
	}
	if row.parse == nil {
		return item{}, false
	}
	c := &call{load: l, row: row, pos: n.Pos, args: n.Args, scope: sc}
	e := row.parse(c)
	if c.bad {
		e = effect{}
	}
	return item{row: row, pos: n.Pos, effect: e}, true
}

// suggestion tells what an unknown name may have been meant to be.
func (l *loader) suggestion(name string) string {
	if l.suggested++; l.suggested <= maxSuggestions {
		if near := Nearest(name); near != "" {
			return "did you mean " + near + "?"
		}
	}
	return "sluice directives lists what is known"
}

func (l *loader) note(row *Directive, at conf.Pos) {
	switch row.Effect {
	case EffectIgnored:
		l.out.Ignored = append(l.out.Ignored, Note{Pos: at, Directive: row.Name, Reason: row.Reason})
	case EffectNotYet:
		l.out.NoEffectYet = append(l.out.NoEffectYet, Note{Pos: at, Directive: row.Name, Reason: row.Effect.String()})
	}
}

func (l *loader) section(n conf.Node, sc *scope) {
	switch name := strings.ToLower(n.Name); name {
	case "global":
		l.walk(n.Children, l.global)
	case "virtualhost":
		l.virtualHost(n)
	case "class":
		l.class(n)
	case "limit":
		l.limit(n, sc)
	case "ifclass", "ifuser", "ifgroup", "ifauthenticated":
		l.clientSection(n, sc, name)
	default:
		l.inapplicable(n, name)
	}
}

// inapplicable passes over <Anonymous> and <Directory>: a gateway has no
// files, but their names are checked all the same.
func (l *loader) inapplicable(n conf.Node, name string) {
	l.out.Ignored = append(l.out.Ignored, Note{Pos: n.Pos, Directive: "<" + n.Name + ">", Reason: reasonBackend})
	for _, child := range n.Children {
		key := strings.ToLower(child.Name)
		if _, known := table[key]; !child.Section && !known {
			l.directive(child, &scope{}, InDirectory)
		}
	}
}

func (l *loader) virtualHost(n conf.Node) {
	if len(l.vhosts) == maxServers {
		l.report(Error, n.Pos, "<VirtualHost>", fmt.Sprintf("more than %d servers; split the configuration", maxServers))
		return
	}
	sc := &scope{place: InVirtualHost, pos: n.Pos, server: newServer()}
	if len(n.Args) == 0 {
		l.report(Error, n.Pos, "<VirtualHost>", "missing parameters: expected the address or name to listen on, such as <VirtualHost 192.0.2.1>")
	}
	for _, a := range n.Args {
		l.addAddress(sc.server, a, "<VirtualHost>")
	}
	sc.server.Pos = n.Pos
	l.vhosts = append(l.vhosts, sc)
	l.walk(n.Children, sc)
}

// addAddress takes an address or a name to listen on.
func (l *loader) addAddress(s *Server, a conf.Arg, directive string) {
	text := strings.TrimSuffix(strings.TrimPrefix(a.Text, "["), "]")
	if addr, err := netip.ParseAddr(text); err == nil {
		s.Addresses = append(s.Addresses, addr.Unmap())
		return
	}
	if !hostName(text) {
		l.report(Error, a.Pos, directive, fmt.Sprintf(
			"'%s' is neither an address nor a host name; the port stands in a Port directive of its own", a.Text))
		return
	}
	s.HostNames = append(s.HostNames, text)
}

// hostName accepts what may be the name of a host or network device.
func hostName(s string) bool {
	return s != "" && len(s) <= 253 && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || strings.ContainsRune(`:/\"'<>@,;!*?[]()`, r)
	})
}

func (l *loader) class(n conf.Node) {
	if len(n.Args) == 0 {
		l.report(Error, n.Pos, "<Class>", "missing parameters: expected a name, such as <Class internal>")
		return
	}
	if len(l.classes) == maxClasses {
		l.report(Error, n.Pos, "<Class>", fmt.Sprintf("more than %d classes; a client is looked for in each of them", maxClasses))
		return
	}
	c := &Class{Name: n.Args[0].Text, Pos: n.Pos}
	for _, other := range l.classes {
		if other.Name == c.Name {
			l.report(Error, n.Pos, "<Class>", fmt.Sprintf("class '%s' is defined already in line %d", c.Name, other.Pos.Line))
		}
	}
	sc := &scope{place: InClass, pos: n.Pos}
	l.walk(n.Children, sc)
	for _, it := range sc.items {
		if it.effect.class != nil {
			it.effect.class(c)
		}
	}
	if _, written := has(sc.items, "From"); !written {
		l.report(Warning, n.Pos, "<Class>", fmt.Sprintf("class '%s' has no From rule and therefore no members", c.Name))
	}
	l.classes = append(l.classes, c)
}

// clientSection collects a section that depends on who the client is.
func (l *loader) clientSection(n conf.Node, sc *scope, name string) {
	if sc.client {
		l.report(Error, n.Pos, "<"+n.Name+">", "may not stand inside another section of its kind")
		return
	}
	cs := &clientScope{section: name}
	cs.place, cs.pos, cs.client = sc.place, n.Pos, true
	mode := ExprOr
	if name == "ifgroup" {
		mode = ExprAnd
	}
	if name != "ifauthenticated" {
		expr, problem := nameExpr(n.Args, mode)
		if problem != "" {
			l.report(Error, n.Pos, "<"+n.Name+">", problem)
		}
		cs.match = expr
	}
	l.walkClientSection(n.Children, cs)
	sc.overlays = append(sc.overlays, cs)
}

// walkClientSection allows what the surrounding place allows, except what
// describes a server or the process.
func (l *loader) walkClientSection(nodes []conf.Node, cs *clientScope) {
	l.walk(nodes, &cs.scope)
	for _, it := range cs.items {
		if it.effect.server != nil || it.effect.process != nil {
			l.report(Error, it.pos, it.row.Name, "directive not allowed in a section that depends on the client: "+
				"it describes the server itself")
		}
	}
}
