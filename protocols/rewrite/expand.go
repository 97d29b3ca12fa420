package rewrite

import (
	"errors"
	"fmt"
	"strconv"
)

// text fills a template in.
func (st *state) text(parts []part) (string, error) {
	if len(parts) == 1 && parts[0].kind != mapped {
		text := st.value(&parts[0])
		if len(text) > MaxResult {
			return "", ErrTooLong
		}
		return text, nil
	}
	var b []byte
	for i := range parts {
		text, err := st.value(&parts[i]), error(nil)
		if parts[i].kind == mapped {
			if text, err = st.ask(parts[i].call); err != nil {
				return "", err
			}
		}
		if len(b)+len(text) > MaxResult {
			return "", ErrTooLong
		}
		b = append(b, text...)
	}
	return string(b), nil
}

// ask looks a key up. What is not found is the default; without one it is
// empty, but a text in which nothing was to be replaced stays.
func (st *state) ask(c *call) (string, error) {
	if c.lookup.replaceall {
		return st.askReplaceAll(c)
	}
	key, err := st.text(c.key)
	if err != nil {
		return "", err
	}
	if value, found := c.lookup.get(key); found {
		return value, nil
	}
	return st.text(c.otherwise)
}

func (st *state) askReplaceAll(c *call) (string, error) {
	var fields [3]string
	if c.split == nil {
		key, err := st.text(c.key)
		if err != nil {
			return "", err
		}
		var ok bool
		if fields, ok = cutKey(key); !ok {
			return st.text(c.otherwise)
		}
	}
	for i, parts := range c.split {
		var err error
		if fields[i], err = st.text(parts); err != nil {
			return "", err
		}
	}
	value, err := replaceAll(fields[0], fields[1], fields[2], c.lookup.limit)
	switch {
	case err == nil:
		return value, nil
	case errors.Is(err, errNothing) && c.hasDefault:
		return st.text(c.otherwise)
	case errors.Is(err, errNothing):
		return fields[0], nil
	}
	return "", err
}

// value is what a part other than a map stands for.
func (st *state) value(p *part) string {
	switch p.kind {
	case literal:
		return p.text
	case ruleRef:
		return st.ruleGroup(p.n)
	case condRef:
		if p.n < len(st.cond) {
			return st.cond[p.n]
		}
	case environ:
		if v, ok := st.info.Vars[p.text]; ok {
			return v
		}
		if st.set.getenv != nil {
			v, _ := st.set.getenv(p.text)
			return v
		}
	case variable:
		return st.letter(byte(p.n))
	case timeOf:
		return st.time(p.n)
	case mapped: // see ask
	}
	return ""
}

// ruleGroup is $N. Where the rule applies because its expression does not match,
// $0 is the whole argument.
func (st *state) ruleGroup(n int) string {
	if st.groups == nil {
		if st.groups = st.pattern.Submatches(st.arg); st.groups == nil {
			st.groups = []string{st.arg}
		}
	}
	if n < len(st.groups) {
		return st.groups[n]
	}
	return ""
}

// letter is %a and its like.
func (st *state) letter(c byte) string {
	in := &st.info
	switch c {
	case 'a':
		return in.Client.Addr().Unmap().String()
	case 'c':
		return in.Class
	case 'f':
		return st.arg
	case 'F':
		if pathVerbs[st.verb] {
			return st.arg
		}
	case 'g':
		return in.Group
	case 'h':
		if in.Host != "" {
			return in.Host
		}
		return in.Client.Addr().Unmap().String()
	case 'm':
		return st.verb
	case 'p':
		return strconv.Itoa(int(in.Local.Port()))
	case 'P':
		return strconv.Itoa(st.set.pid)
	case 't':
		return strconv.FormatInt(st.now().Unix, 10)
	case 'u', 'U':
		return in.User
	case 'v':
		return in.Server
	}
	return ""
}

// pathVerbs are the commands whose argument %F is. Where the client is, only
// the backend knows, so that the path is as the client wrote it.
var pathVerbs = map[string]bool{
	"APPE": true, "RETR": true, "STOR": true, "STOU": true, "DELE": true, "MKD": true, "XMKD": true, "RMD": true,
	"XRMD": true, "MDTM": true, "SIZE": true,
}

func (st *state) now() Clock {
	if !st.hasClock && st.set.clock != nil {
		st.clock, st.hasClock = st.set.clock(), true
	}
	return st.clock
}

// time is %{TIME…}, by its index in times. All have leading zeros, the day of
// the week, too.
func (st *state) time(i int) string {
	c := st.now()
	if i == 0 {
		return fmt.Sprintf("%04d%02d%02d%02d%02d%02d", c.Year, c.Month, c.Day, c.Hour, c.Minute, c.Second)
	}
	if i == 1 {
		return fmt.Sprintf("%04d", c.Year)
	}
	return fmt.Sprintf("%02d", [...]int{c.Month, c.Day, c.Weekday, c.Hour, c.Minute, c.Second}[i-2])
}
