package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/protocols/conf"
)

// parser turns the arguments of one directive into its effect. What is wrong
// it reports through the call; the effect then does not matter.
type parser func(c *call) effect

// call is one occurrence of a directive.
type call struct {
	load  *loader
	row   *Directive
	pos   conf.Pos
	args  []conf.Arg
	scope *scope
	bad   bool
}

// errorf reports what is wrong at a place.
func (c *call) errorf(at conf.Pos, format string, args ...any) {
	c.bad = true
	c.load.report(Error, at, c.row.Name, fmt.Sprintf(format, args...))
}

// warnf reports what is doubtful at a place.
func (c *call) warnf(at conf.Pos, format string, args ...any) {
	c.load.report(Warning, at, c.row.Name, fmt.Sprintf(format, args...))
}

// need reports fewer than n arguments.
func (c *call) need(n int) bool {
	if len(c.args) >= n {
		return true
	}
	c.errorf(c.pos, "missing parameters: expected %s %s", c.row.Name, c.row.Syntax)
	return false
}

// exactly reports any other number than n.
func (c *call) exactly(n int) bool {
	if !c.need(n) {
		return false
	}
	if len(c.args) > n {
		c.errorf(c.args[n].Pos, "wrong number of parameters: expected %s %s", c.row.Name, c.row.Syntax)
		return false
	}
	return true
}

// arg is the text of an argument, empty if it was not written.
func (c *call) arg(i int) string {
	if i < len(c.args) {
		return c.args[i].Text
	}
	return ""
}

// at is the place of an argument, or of the directive if it was not written.
func (c *call) at(i int) conf.Pos {
	if i < len(c.args) {
		return c.args[i].Pos
	}
	return c.pos
}

// rest joins the arguments from i on with blanks.
func (c *call) rest(i int) string {
	var words []string
	for ; i < len(c.args); i++ {
		words = append(words, c.args[i].Text)
	}
	return strings.Join(words, " ")
}

// texts are the arguments from i on.
func (c *call) texts(i int) []string {
	var words []string
	for ; i < len(c.args); i++ {
		words = append(words, c.args[i].Text)
	}
	return words
}

var booleans = keywords[bool]{
	{"on", true}, {"off", false}, {"yes", true}, {"no", false},
	{"true", true}, {"false", false}, {"1", true}, {"0", false},
}

func (c *call) boolean(i int) (value, ok bool) {
	value, ok = booleans.find(c.arg(i))
	if !ok {
		c.errorf(c.at(i), "expected Boolean parameter: on or off, not '%s'", c.arg(i))
	}
	return value, ok
}

func (c *call) integer(i, low, high int) (int, bool) {
	n, err := strconv.Atoi(c.arg(i))
	if err != nil || n < low || n > high {
		c.errorf(c.at(i), "expected a number from %d to %d, not '%s'", low, high, c.arg(i))
		return 0, false
	}
	return n, true
}

func (c *call) duration(i int) (time.Duration, bool) {
	d, ok := parseDuration(c.arg(i))
	if !ok {
		c.errorf(c.at(i), "error parsing timeout value '%s': expected seconds, or a form such as 30s, 5min, 2h or 01:30:00", c.arg(i))
	}
	return d, ok
}

// maxSeconds keeps sums of durations far from overflow: a hundred years.
const maxSeconds = 100 * 365 * 24 * 3600

var durationUnits = map[string]int64{
	"": 1, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "hr": 3600,
}

// parseDuration reads N, Ns, Nsec, Nm, Nmin, Nh, Nhr (any case) or hh:mm:ss.
func parseDuration(s string) (time.Duration, bool) {
	if strings.Contains(s, ":") {
		return parseClock(s)
	}
	digits := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	unit, known := durationUnits[strings.ToLower(s[len(digits):])]
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || !known || int64(n)*unit > maxSeconds {
		return 0, false
	}
	return time.Duration(int64(n)*unit) * time.Second, true
}

func parseClock(s string) (time.Duration, bool) {
	parts := strings.Split(s, ":")
	if len(parts) != 3 {
		return 0, false
	}
	total := int64(0)
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 20)
		if err != nil || len(p) < 1 || i > 0 && n > 59 {
			return 0, false
		}
		total = total*60 + int64(n)
	}
	return time.Duration(total) * time.Second, total <= maxSeconds
}

// absolute checks for a full path.
func (c *call) absolute(i int) (string, bool) {
	path := c.arg(i)
	if !strings.HasPrefix(path, "/") {
		c.errorf(c.at(i), "must be a full path, beginning with '/', not '%s'", path)
		return "", false
	}
	return path, true
}
