package accounts

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Lines of passwd(5), shadow(5) and group(5).

// user is one line of passwd(5).
type user struct {
	name, hash  string
	uid, gid    int64
	home, shell string
}

// group is one line of group(5).
type group struct {
	name    string
	gid     int64
	members []string
}

var (
	errFields = errors.New("wrong number of fields")
	errName   = errors.New("the name is empty or holds characters that no name has")
	errID     = errors.New("an id is no number from 0 to 4294967295")
)

// parseUser reads name:hash:uid:gid:gecos:home:shell.
func parseUser(line string) (u user, err error) {
	f := strings.Split(line, ":")
	if len(f) != 7 {
		return u, fmt.Errorf("%w: %d instead of 7", errFields, len(f))
	}
	u = user{name: f[0], hash: f[1], home: f[5], shell: f[6]}
	if !validName(u.name) {
		return u, errName
	}
	var ok1, ok2 bool
	u.uid, ok1 = parseID(f[2])
	u.gid, ok2 = parseID(f[3])
	if !ok1 || !ok2 {
		return u, errID
	}
	return u, nil
}

// parseGroup reads name:password:gid:member,member.
func parseGroup(line string) (g group, err error) {
	f := strings.Split(line, ":")
	if len(f) != 4 {
		return g, fmt.Errorf("%w: %d instead of 4", errFields, len(f))
	}
	g.name = f[0]
	if !validName(g.name) {
		return g, errName
	}
	var ok bool
	if g.gid, ok = parseID(f[2]); !ok {
		return g, errID
	}
	for m := range strings.SplitSeq(f[3], ",") {
		if m = strings.TrimSpace(m); m != "" {
			g.members = append(g.members, m)
		}
	}
	return g, nil
}

// shadow is one line of shadow(5); days are counted from 1970, -1 is unset.
type shadow struct {
	name, hash                  string
	changed, most, grace, until int64
}

// parseShadow reads name:hash:changed:least:most:warn:grace:until:reserved.
func parseShadow(line string) (s shadow, err error) {
	f := strings.Split(line, ":")
	if len(f) != 9 {
		return s, fmt.Errorf("%w: %d instead of 9", errFields, len(f))
	}
	s = shadow{name: f[0], hash: f[1]}
	if !validName(s.name) {
		return s, errName
	}
	for i, day := range []*int64{&s.changed, nil, &s.most, nil, &s.grace, &s.until} {
		if day == nil {
			continue
		}
		if *day = -1; f[2+i] != "" {
			n, err := strconv.ParseInt(f[2+i], 10, 32)
			if err != nil {
				return s, fmt.Errorf("%w (field %d)", errID, 3+i)
			}
			*day = n
		}
	}
	return s, nil
}

// validName refuses what would be something else for other readers of the
// file, such as "+" of NIS.
func validName(name string) bool {
	return name != "" && name[0] != '+' && name[0] != '-' &&
		!strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f })
}

func parseID(s string) (int64, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return int64(n), err == nil && s[0] != '+'
}

// eachLine gives the lines that say something: no comments, no empty ones. The
// number counts from 1.
func eachLine(content string, visit func(number int, line string)) {
	number := 0
	for line := range strings.Lines(content) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if line != "" && line[0] != '#' {
			visit(number, line)
		}
	}
}
