package rewrite

import (
	"errors"
	"fmt"
	"strings"
)

// lookup is a map at work.
type lookup struct {
	get        func(key string) (string, bool)
	replaceall bool
	limit      int // replaceall: RewriteMaxReplace
}

func bindMaps(maps []Map, limit int) (map[string]lookup, error) {
	if limit <= 0 {
		limit = DefaultMaxReplace
	}
	bound := map[string]lookup{}
	var errs []error
	for _, m := range maps {
		if _, taken := bound[m.Name]; taken {
			continue
		}
		l := lookup{get: m.Lookup, replaceall: m.Function == replaceAllName, limit: limit}
		if m.Function != "" {
			l.get = functions[m.Function]
		}
		if l.get == nil && !l.replaceall {
			errs = append(errs, fmt.Errorf("RewriteMap %s: there is no function '%s'", m.Name, m.Function))
			continue
		}
		bound[m.Name] = l
	}
	return bound, errors.Join(errs...)
}

// binder ties the templates of one rule to the maps.
type binder struct {
	maps     map[string]lookup
	groups   int // of the conditions so far; -1: none of them matches anything
	usesCond bool
}

// Check reports maps that are not among those given, or are asked in a way that
// cannot be answered. The Template is of no use for anything else then.
func (t *Template) Check(maps []Map) error {
	bound, err := bindMaps(maps, 0)
	if err != nil {
		return err
	}
	b := binder{maps: bound, groups: -1}
	return b.bind(t.parts)
}

func (b *binder) template(text string) ([]part, error) {
	t, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("'%s': %w", text, err)
	}
	if err := b.bind(t.parts); err != nil {
		return nil, fmt.Errorf("'%s': %w", text, err)
	}
	return t.parts, nil
}

func (b *binder) bind(parts []part) error {
	for i := range parts {
		p := &parts[i]
		switch {
		case p.kind == condRef && p.isHex && p.n > b.groups:
			// No condition has such a group, so that "%20" is a blank in a URL.
			*p = part{kind: literal, text: "%" + string(rune('0'+p.n))}
		case p.kind == condRef:
			b.usesCond = true
		case p.kind == mapped:
			if err := b.bindCall(p.call); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *binder) bindCall(c *call) error {
	l, known := b.maps[c.name]
	if !known {
		return fmt.Errorf("there is no RewriteMap %s", c.name)
	}
	c.lookup = l
	if err := errors.Join(b.bind(c.key), b.bind(c.otherwise)); err != nil {
		return err
	}
	if !l.replaceall || len(c.key) == 0 || c.key[0].kind != literal {
		return nil
	}
	if c.split = splitKey(c.key); c.split == nil {
		return errors.New("replaceall: expected ${" + c.name + ":/text/old/new}, with any byte in place of '/'")
	}
	return nil
}

// splitKey cuts the key of a replaceall where its template has the delimiter,
// which is its first byte. What groups and variables stand for may then hold
// that byte, too.
func splitKey(key []part) [][]part {
	delimiter := key[0].text[:1]
	fields := make([][]part, 1, 3)
	for i, p := range key {
		text := p.text
		if i == 0 {
			text = text[1:]
		}
		for p.kind == literal && len(fields) < 3 {
			before, after, found := strings.Cut(text, delimiter)
			if !found {
				break
			}
			last := len(fields) - 1
			if before != "" {
				fields[last] = append(fields[last], part{kind: literal, text: before})
			}
			fields = append(fields, nil)
			text = after
		}
		if p.kind == literal && text == "" {
			continue
		}
		p.text = text
		fields[len(fields)-1] = append(fields[len(fields)-1], p)
	}
	if len(fields) < 3 {
		return nil
	}
	return fields
}
