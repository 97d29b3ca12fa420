package sqlsource

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Values are what the variables of a statement stand for in one look-up.
type Values struct {
	Args   []string // %{0}, %{1} …
	User   string   // %u and %U
	Group  string   // %g; absent if empty
	Client netip.Addr
	Vars   map[string]string // %{env:NAME}
}

// piece is a part of a parameter's value: a text or a variable.
type piece struct {
	of   variable
	text string // the text itself, or the NAME of %{env:NAME}
	arg  int    // N of %{N}
}

type variable uint8

const (
	ofText variable = iota
	ofArg
	ofEnv
	ofUser
	ofGroup
	ofClient
)

// maxArgs bounds N of %{N}; the most that a question here gives is one.
const maxArgs = 10

// in gives a piece its value; false if it has none in this look-up.
func (p piece) in(v Values) (string, bool) {
	switch p.of {
	case ofArg:
		if p.arg >= len(v.Args) {
			return "", false
		}
		return v.Args[p.arg], true
	case ofEnv:
		value, ok := v.Vars[p.text]
		return value, ok
	case ofUser:
		return v.User, true
	case ofGroup:
		return v.Group, v.Group != ""
	case ofClient:
		return v.Client.Unmap().String(), v.Client.IsValid()
	default:
		return p.text, true
	}
}

// letters are the variables of LogFormat that are known when a client logs
// in. Names of hosts are not looked up, so that %h is the address, too.
var letters = map[byte]variable{'u': ofUser, 'U': ofUser, 'g': ofGroup, 'a': ofClient, 'h': ofClient}

// parsePercent reads what a "%" begins: a variable, "%%", or just itself
// before anything that could not be a variable, as in LIKE 'a%'.
func parsePercent(s string) (p piece, length int, err error) {
	if len(s) < 2 {
		return piece{text: "%"}, 1, nil
	}
	c := s[1]
	of, known := letters[c]
	switch {
	case c == '%':
		return piece{text: "%"}, 2, nil
	case known:
		return piece{of: of}, 2, nil
	case c == '{':
		body, _, found := strings.Cut(s[2:], "}")
		if !found {
			return piece{}, 0, fmt.Errorf("%%{ has no closing }: expected %%{0} or %%{env:NAME}")
		}
		p, err := parseBraces(body)
		return p, len(body) + 3, err
	case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
		return piece{}, 0, fmt.Errorf("%%%c is not known when a client logs in: expected %%{0}, %%{env:NAME}, %%u, %%U, %%g, %%a or %%h; a percent sign is written %%%%", c)
	default:
		return piece{text: "%"}, 1, nil
	}
}

func parseBraces(body string) (piece, error) {
	if key, ok := strings.CutPrefix(body, "env:"); ok {
		if key == "" || strings.ContainsFunc(key, func(r rune) bool { return r >= 0x80 || !isWord(byte(r)) }) {
			return piece{}, fmt.Errorf("%%{env:%s} does not name a variable: expected letters, digits and _", clip(key))
		}
		return piece{of: ofEnv, text: key}, nil
	}
	n, err := strconv.ParseUint(body, 10, 8)
	if err != nil || n >= maxArgs || len(body) > 1 {
		return piece{}, fmt.Errorf("%%{%s} is not known when a client logs in: expected %%{0} or %%{env:NAME}", clip(body))
	}
	return piece{of: ofArg, arg: int(n)}, nil
}

// clip bounds what an error quotes.
func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}

// split cuts a text at its variables, with "%%" made one. Texts that follow
// each other are joined.
func split(s string) ([]piece, error) {
	var pieces []piece
	add := func(text string) {
		if n := len(pieces); n > 0 && pieces[n-1].of == ofText {
			pieces[n-1].text += text
		} else if text != "" {
			pieces = append(pieces, piece{text: text})
		}
	}
	for {
		before, _, found := strings.Cut(s, "%")
		add(before)
		if !found {
			return pieces, nil
		}
		s = s[len(before):]
		p, n, err := parsePercent(s)
		if err != nil {
			return nil, err
		}
		s = s[n:]
		if p.of == ofText {
			add(p.text)
		} else {
			pieces = append(pieces, p)
		}
	}
}

// still tells whether a text has no variables.
func still(pieces []piece) bool {
	for _, p := range pieces {
		if p.of != ofText {
			return false
		}
	}
	return true
}

// only is the text of pieces without variables.
func only(pieces []piece) string {
	if len(pieces) == 0 {
		return ""
	}
	return pieces[0].text
}
