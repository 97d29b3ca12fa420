package accounts

import (
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/stores"
)

// maxNames bounds a list of names, in bytes.
const maxNames = 1 << 20

// List is a file with one name in a line, such as /etc/shells and
// /etc/ftpusers. It is read again when it changed.
type List struct {
	file *watched[map[string]bool]
}

var _ stores.Names = (*List)(nil)

// NewList watches the list in a file, which need not be there: then there is no
// list.
func NewList(path string, log zerolog.Logger) *List {
	w := watch{path: path, most: maxNames, missing: true, every: time.Second, now: time.Now, log: log}
	return &List{file: &watched[map[string]bool]{watch: w, parse: parseNames}}
}

// Has reports whether a name stands in the list; known is false if there is no
// list.
func (l *List) Has(name string) (listed, known bool) {
	names := l.file.get()
	if names == nil {
		return false, false
	}
	return (*names)[name], true
}

func parseNames(content string) (map[string]bool, error) {
	names := map[string]bool{}
	eachLine(content, func(_ int, line string) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			names[line] = true
		}
	})
	return names, nil
}
