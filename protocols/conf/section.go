package conf

import (
	"fmt"
	"strings"
)

// Sections: how tags are read, how they nest, what happens when they do not.
// A closing tag that fits an outer section closes the inner ones too, each
// with a problem of its own at the place where it was opened.

// conditions are kept or skipped while parsing.
var conditions = map[string]bool{"ifmodule": true, "ifdefine": true, "ifversion": true}

// parents tells in which sections a section may stand; "" is the server config.
var parents = map[string][]string{
	"global":          {""},
	"virtualhost":     {""},
	"class":           {""},
	"anonymous":       {"", "global", "virtualhost"},
	"directory":       {"", "global", "virtualhost", "anonymous"},
	"limit":           {"", "global", "virtualhost", "anonymous", "directory"},
	"ifclass":         {"", "global", "virtualhost", "anonymous", "directory"},
	"ifuser":          {"", "global", "virtualhost", "anonymous", "directory"},
	"ifgroup":         {"", "global", "virtualhost", "anonymous", "directory"},
	"ifauthenticated": {"", "global", "virtualhost", "anonymous", "directory"},
}

// sessionSections depend on who the client is; sections may stand in them
// where they may stand in the surrounding one.
var sessionSections = map[string]bool{
	"ifclass": true, "ifuser": true, "ifgroup": true, "ifauthenticated": true,
}

// sessionForbidden describe servers and clients, which exist before sessions do.
var sessionForbidden = map[string]bool{"global": true, "virtualhost": true, "class": true}

// parseTag reads "<Name args>" or "</Name>"; start is the place of "<".
func (p *parser) parseTag(r *lines, l *line, start, depth int) {
	at := l.pos(p.file, start)
	args := p.words(l, start+1)
	args, ended := trimTagEnd(args)
	if len(args) == 0 {
		p.problem(at, "an empty section tag: write <Name …> or </Name>")
		return
	}
	tag := args[0].Text
	if name, closing := strings.CutPrefix(tag, "/"); closing {
		if !ended {
			p.problem(at, fmt.Sprintf("</%s has no closing >", name))
		}
		p.closeTag(at, name, depth)
		return
	}
	if !ended {
		p.problem(at, fmt.Sprintf("<%s has no closing >: end the line with it", tag))
	}
	p.openTag(r, &frame{name: strings.ToLower(tag), tag: tag, pos: at, args: args[1:]})
}

// trimTagEnd takes the ">" off the last word.
func trimTagEnd(args []Arg) ([]Arg, bool) {
	if len(args) == 0 {
		return args, false
	}
	last := &args[len(args)-1]
	if last.Quoted || !strings.HasSuffix(last.Text, ">") {
		return args, false
	}
	last.Text = strings.TrimSuffix(last.Text, ">")
	if last.Text == "" {
		args = args[:len(args)-1]
	}
	return args, true
}

func (p *parser) openTag(r *lines, f *frame) {
	if conditions[f.name] {
		if !p.holds(f) {
			p.skip(r, f)
			return
		}
		f.condition = true
	} else if _, known := parents[f.name]; !known {
		p.problem(f.pos, fmt.Sprintf("<%s> is not a section: expected one of Global, VirtualHost, Class, Limit, "+
			"IfClass, IfUser, IfGroup, IfAuthenticated, IfModule, IfDefine, IfVersion, Anonymous, Directory", f.tag))
		f.drop = true
	} else if outer := p.misplaced(f.name); outer != "" {
		p.problem(f.pos, fmt.Sprintf("<%s> may not stand inside <%s>: close that section first", f.tag, outer))
		f.drop = true
	}
	if len(p.frames) > maxSections {
		p.problem(f.pos, fmt.Sprintf("sections are nested more than %d deep", maxSections))
		f.drop = true
		if len(p.frames) > 2*maxSections {
			return
		}
	}
	p.frames = append(p.frames, f)
}

// misplaced names the surrounding section that does not allow a section.
func (p *parser) misplaced(name string) string {
	for i := len(p.frames) - 1; i >= 0; i-- {
		outer := p.frames[i]
		if outer.drop {
			return ""
		}
		if outer.condition {
			continue
		}
		if sessionSections[outer.name] {
			if sessionForbidden[name] {
				return outer.tag
			}
			continue
		}
		for _, allowed := range parents[name] {
			if allowed == outer.name {
				return ""
			}
		}
		return outer.tag
	}
	return ""
}

// closeTag closes the innermost section of that name that this file opened.
func (p *parser) closeTag(at Pos, tag string, depth int) {
	name := strings.ToLower(tag)
	i := len(p.frames) - 1
	for i >= depth && p.frames[i].name != name {
		i--
	}
	if i < depth {
		p.problem(at, fmt.Sprintf("</%s> closes nothing: no <%s> is open here", tag, tag))
		return
	}
	for len(p.frames)-1 > i {
		p.neverClosed()
	}
	p.finish()
}

// neverClosed reports the innermost section and closes it.
func (p *parser) neverClosed() {
	f := p.frames[len(p.frames)-1]
	p.problem(f.pos, fmt.Sprintf("<%s> is never closed: write </%s> after its last line", f.tag, f.tag))
	p.finish()
}

// finish takes the innermost section off and hands it to the surrounding one.
func (p *parser) finish() {
	f := p.frames[len(p.frames)-1]
	p.frames = p.frames[:len(p.frames)-1]
	if f.condition || f.drop {
		return
	}
	p.add(Node{Name: f.tag, Pos: f.pos, Args: f.args, Section: true, Children: f.children})
}

// skip passes over the body of a condition that does not hold. Like the peer
// it looks at nothing there but tags of the same kind.
func (p *parser) skip(r *lines, f *frame) {
	for open := 1; ; {
		l, ok := r.read()
		if !ok {
			p.problem(f.pos, fmt.Sprintf("<%s> is never closed: write </%s> after its last line", f.tag, f.tag))
			return
		}
		switch name, closing := tagName(l.text); {
		case name != f.name:
		case closing:
			open--
		default:
			open++
		}
		if open == 0 {
			return
		}
	}
}

// tagName gives the lower-case name of a section tag, or "".
func tagName(text []byte) (name string, closing bool) {
	s := strings.TrimLeft(string(text), blanks)
	s, ok := strings.CutPrefix(s, "<")
	if !ok {
		return "", false
	}
	s, closing = strings.CutPrefix(s, "/")
	if i := strings.IndexAny(s, blanks+">"); i >= 0 {
		s = s[:i]
	}
	return strings.ToLower(s), closing
}
