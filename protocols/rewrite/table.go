package rewrite

import (
	"fmt"
	"io/fs"
	"strings"
)

// Bounds of the file of a RewriteMap txt:.
const (
	MaxTableBytes = 16 << 20
	maxSkipped    = 20 // lines named, not lines passed over
)

// Table is the content of a RewriteMap txt:. It does not change.
type Table struct {
	values map[string]string
	// Skipped are the numbers of the first lines that hold no pair.
	Skipped []int
}

// Lookup finds the value of a key. Case matters.
func (t *Table) Lookup(key string) (string, bool) {
	v, ok := t.values[key]
	return v, ok
}

// Len is the number of keys.
func (t *Table) Len() int { return len(t.values) }

// ParseTable reads a file of pairs: a key and a value in each line, divided by
// blanks. What follows them does not matter; lines that are empty or begin with
// "#" are passed over, a backslash at the end takes the next line in. Of equal
// keys the last counts.
func ParseTable(text []byte) (*Table, error) {
	if len(text) > MaxTableBytes {
		return nil, fmt.Errorf("it is larger than %d bytes", MaxTableBytes)
	}
	t := &Table{values: map[string]string{}}
	rest, number := string(text), 0
	for rest != "" {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		number++
		first := number
		comment := strings.HasPrefix(strings.TrimLeft(line, blanks), "#") // does not go on
		for !comment && strings.HasSuffix(line, "\\") && rest != "" && len(line) <= MaxResult {
			var more string
			more, rest, _ = strings.Cut(rest, "\n")
			line = line[:len(line)-1] + more
			number++
		}
		t.add(line, first)
	}
	return t, nil
}

const blanks = " \t\v\f\r"

func isBlank(r rune) bool { return strings.ContainsRune(blanks, r) }

func (t *Table) add(line string, number int) {
	line = strings.TrimLeft(line, blanks)
	if line == "" || line[0] == '#' {
		return
	}
	key, value, _ := cutBlanks(line)
	value, _, _ = cutBlanks(value)
	if value != "" {
		t.values[key] = value
		return
	}
	if len(t.Skipped) < maxSkipped {
		t.Skipped = append(t.Skipped, number)
	}
}

// cutBlanks cuts the first word off.
func cutBlanks(s string) (word, rest string, found bool) {
	i := strings.IndexFunc(s, isBlank)
	if i < 0 {
		return s, "", false
	}
	return s[:i], strings.TrimLeft(s[i:], blanks), true
}

const worldWrite fs.FileMode = 0o002

// CheckTableRights refuses a file that anybody may write, or replace because
// anybody may write its directory: it decides who logs in as whom. name is the
// file as it was configured.
func CheckTableRights(name string, file fs.FileMode, dir string, dirMode fs.FileMode) error {
	if !file.IsRegular() {
		return fmt.Errorf("unable to use RewriteMap '%s': it is not a regular file", name)
	}
	if perm := file.Perm(); perm&worldWrite != 0 {
		return fmt.Errorf("unable to use world-writable RewriteMap '%s' (perms %04o): run chmod o-w on it", name, perm)
	}
	if perm := dirMode.Perm(); perm&worldWrite != 0 {
		return fmt.Errorf("unable to use RewriteMap '%s' from world-writable directory '%s' (perms %04o): "+
			"run chmod o-w on the directory", name, dir, perm)
	}
	return nil
}
