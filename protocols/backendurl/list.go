package backendurl

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// Bounds of a JSON list of backends, as the peer has them.
const (
	MaxListBytes = 5 << 20
	MaxListItems = 1000
)

// ErrNoURLs is wrapped by the error for a list that is well formed and has
// nothing in it that could be used.
var ErrNoURLs = errors.New("no usable URLs")

// List is what a JSON list of backends holds.
type List struct {
	URLs []URL
	// Skipped says of each entry that is left out which one it is and why, free
	// of secrets.
	Skipped []string
}

// ParseList reads the text of the file with that name: a JSON array of URLs.
// Entries that are no URLs are left out. An empty text is an empty list, but
// an array in which nothing is usable is an error that wraps ErrNoURLs.
func ParseList(name string, text []byte) (List, error) {
	var list List
	if len(text) > MaxListBytes {
		return list, fmt.Errorf("error reading ProxyReverseServers file '%s': it is larger than %d bytes", name, MaxListBytes)
	}
	if len(strings.TrimSpace(string(text))) == 0 {
		return list, nil
	}
	var items []json.RawMessage
	if err := json.Unmarshal(text, &items); err != nil {
		return list, fmt.Errorf("error reading ProxyReverseServers file '%s': "+
			"expected a JSON array of strings: %w", name, err)
	}
	if len(items) > MaxListItems {
		list.skip("'%s' has %d entries; only the first %d are used", name, len(items), MaxListItems)
		items = items[:MaxListItems]
	}
	for i, item := range items {
		u, err := parseItem(item)
		if err != nil {
			list.skip("entry %d of '%s' is skipped: %v", i+1, name, err)
			continue
		}
		list.URLs = append(list.URLs, u)
	}
	if len(list.URLs) == 0 {
		return list, fmt.Errorf("%w found in file '%s': expected an array such as [\"ftp://ftp1.example.com\"]", ErrNoURLs, name)
	}
	return list, nil
}

func (l *List) skip(format string, args ...any) {
	l.Skipped = append(l.Skipped, fmt.Sprintf(format, args...))
}

func parseItem(item json.RawMessage) (URL, error) {
	var text string
	if err := json.Unmarshal(item, &text); err != nil {
		return URL{}, errors.New("it is not a string")
	}
	return Parse(text)
}

// worldWrite is the right of anybody to write.
const worldWrite fs.FileMode = 0o002

// CheckListRights refuses a list that anybody may write, or replace because
// anybody may write its directory. name is the file as it was configured.
func CheckListRights(name string, file fs.FileMode, dir string, dirMode fs.FileMode) error {
	if perm := file.Perm(); perm&worldWrite != 0 {
		return fmt.Errorf("unable to use world-writable ProxyReverseServers '%s' (perms %04o): "+
			"Operation not permitted; run chmod o-w on it", name, perm)
	}
	if perm := dirMode.Perm(); perm&worldWrite != 0 {
		return fmt.Errorf("unable to use ProxyReverseServers '%s' from world-writable directory '%s' (perms %04o): "+
			"Operation not permitted; run chmod o-w on the directory", name, dir, perm)
	}
	return nil
}
