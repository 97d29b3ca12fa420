package backendfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/stores"
)

// Variable is what a policy puts into the path of a list.
type Variable string

// The variables of ProxyReverseServers file:/….
const (
	User  Variable = "%U" // PerUser
	Group Variable = "%g" // PerGroup
)

// Template gives the source of lists by name: path contains %U or %g. A
// template without the variable of the policy has no list for anybody, as the
// peer has it.
//
// Its Backends wraps fs.ErrNotExist besides of stores.ErrNoList where there is
// no file: a missing file ends the search among files.
func (l *Lists) Template(path string, by Variable) stores.Source {
	return &template{l, path, by}
}

type template struct {
	lists *Lists
	path  string
	by    Variable
}

func (t *template) String() string { return "file:" + t.path }

func (t *template) Backends(ctx context.Context, who stores.Asker) ([]backendurl.URL, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if !strings.Contains(t.path, string(t.by)) {
		return nil, stores.ErrNoList
	}
	path, err := expand(t.path, who)
	if err != nil {
		return nil, err
	}
	list, err := t.lists.read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: %w", stores.ErrNoList, err)
	case errors.Is(err, backendurl.ErrNoURLs) && len(list.Skipped) == 0: // []
		return nil, stores.ErrNoList
	case err != nil: // also a list of which nothing can be used: it was meant for this client
		return nil, err
	case len(list.URLs) == 0:
		return nil, stores.ErrNoList
	}
	return list.URLs, nil
}

// ErrName is wrapped by the refusal of a name that must not be in a path.
var ErrName = errors.New("this name cannot be part of the name of a file")

// expand puts names into a path, all at once: a name that looks like a
// variable is a name.
func expand(path string, who stores.Asker) (string, error) {
	for variable, name := range map[Variable]string{User: who.User, Group: who.Group} {
		if !strings.Contains(path, string(variable)) {
			continue
		}
		if err := checkName(name); err != nil {
			return "", fmt.Errorf("looking for '%s': %w: %w", path, ErrName, err)
		}
	}
	return strings.NewReplacer(string(User), who.User, string(Group), who.Group).Replace(path), nil
}

// maxName is the longest name of a file on any system we know.
const maxName = 255

// checkName refuses names that would lead to another file than the one meant
// for them. The error does not quote the name.
func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("it is empty")
	case len(name) > maxName:
		return fmt.Errorf("it is longer than %d bytes", maxName)
	case strings.Contains(name, "/"):
		return errors.New("it contains '/'")
	case strings.Contains(name, ".."):
		return errors.New("it contains '..'")
	case name[0] == '.':
		return errors.New("it begins with a dot")
	}
	for i := range len(name) {
		if name[i] < ' ' || name[i] == 0x7f {
			return errors.New("it contains a control character")
		}
	}
	return nil
}
