package rewrite

import "strings"

// Test is what a condition asks of its subject.
type Test uint8

// The tests.
const (
	Matches Test = iota // a regular expression
	Below               // "<text": the subject comes before it, byte by byte
	Above               // ">text": it comes after it
	Equals              // "=text": it is the same; =`""` is the empty text
	IsFile              // -d, -f, -l, -s: never true, a gateway has no files
)

// ReadTest takes the pattern of a condition apart. What follows the sign is
// returned in rest; for Matches, that is the expression with its "!".
func ReadTest(pattern string) (test Test, negate bool, rest string) {
	text, negate := strings.CutPrefix(pattern, "!")
	switch {
	case text == "-d", text == "-f", text == "-l", text == "-s":
		return IsFile, negate, ""
	case strings.HasPrefix(text, "<"):
		return Below, negate, text[1:]
	case strings.HasPrefix(text, ">"):
		return Above, negate, text[1:]
	case text == `=""`:
		return Equals, negate, ""
	case strings.HasPrefix(text, "="):
		return Equals, negate, text[1:]
	}
	return Matches, negate, pattern
}

// holds judges one condition. Those that match leave their groups for %N.
func (st *state) holds(c *condition, keep bool) (bool, error) {
	subject, err := st.text(c.subject)
	if err != nil {
		return false, err
	}
	held := false
	switch c.test {
	case Matches:
		held = c.pattern.Match(subject)
		if held && keep {
			if groups := c.pattern.Submatches(subject); groups != nil {
				st.cond = groups
			}
		}
		return held, nil
	case Below:
		held = subject < c.text
	case Above:
		held = subject > c.text
	case Equals:
		held = subject == c.text
	case IsFile:
	}
	return held != c.negate, nil
}
