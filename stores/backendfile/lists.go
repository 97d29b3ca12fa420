// Package backendfile reads lists of backends out of JSON files: the lists of
// ProxyReverseServers file:/…, and those by user or group that are looked for
// at each login.
//
// Its rules:
//   - A list that anybody may write, or whose directory anybody may write, is
//     refused; so is what its symbolic link leads to. That is looked at each
//     time, also when the content is known already.
//   - A name from a client becomes one component of a path, or part of one,
//     and never more.
//   - What was read is kept while the file is the same; the memory for it is
//     bounded. Entries that are no URLs are left out, which the log hears of
//     once for each change of the file.
package backendfile

import (
	"container/list"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/protocols/backendurl"
)

// Config tunes Lists. Zero values mean the defaults.
type Config struct {
	Log      zerolog.Logger
	MaxFiles int           // lists kept in memory; 0 means 4096
	MaxBytes int           // of them all, about; 0 means 32 MiB
	Settle   time.Duration // a watched file is read when its directory was quiet for so long; 0 means 200 ms
	Poll     time.Duration // between two looks where nobody tells of changes (NFS); 0 means 30 s
}

// Lists reads, remembers and watches files. Its methods may be called from
// several goroutines.
type Lists struct {
	cfg Config
	log zerolog.Logger

	mu    sync.Mutex
	known map[string]*list.Element // of *entry, by path
	ages  *list.List               // the one not used for longest in front
	bytes int
}

// urlCost is about what a URL takes besides of its text.
const urlCost = 160

// entry is one file as it was read.
type entry struct {
	path  string
	state identity
	young bool // read so soon after a change that another one might not show
	list  backendurl.List
	err   error
	cost  int
}

// New returns lists that know nothing yet.
func New(cfg Config) *Lists {
	if cfg.MaxFiles <= 0 {
		cfg.MaxFiles = 4096
	}
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = 32 << 20
	}
	if cfg.Settle <= 0 {
		cfg.Settle = 200 * time.Millisecond
	}
	if cfg.Poll <= 0 {
		cfg.Poll = 30 * time.Second
	}
	return &Lists{cfg: cfg, log: cfg.Log, known: map[string]*list.Element{}, ages: list.New()}
}

// Read gives the URLs in a file, which the caller must not change. An empty
// file is an empty list; a file without anything usable is an error that wraps
// backendurl.ErrNoURLs, one that is not there fs.ErrNotExist.
func (l *Lists) Read(path string) ([]backendurl.URL, error) {
	list, err := l.read(path)
	return list.URLs, err
}

func (l *Lists) read(path string) (backendurl.List, error) {
	f, err := open(path)
	if err != nil {
		return backendurl.List{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return backendurl.List{}, reading(path, err)
	}
	state := identify(info)
	before := l.look(path)
	if before != nil && before.state == state && !before.young {
		return before.list, before.err
	}
	text, err := io.ReadAll(io.LimitReader(f, backendurl.MaxListBytes+1))
	if err != nil {
		return backendurl.List{}, reading(path, err)
	}
	now := &entry{path: path, state: state, young: time.Since(info.ModTime()) < time.Second}
	now.list, now.err = backendurl.ParseList(path, text)
	now.cost = len(path) + len(text) + len(now.list.URLs)*urlCost
	l.keep(now)
	if before == nil || !slices.Equal(before.list.Skipped, now.list.Skipped) {
		l.tell(now)
	}
	return now.list, now.err
}

// open opens a list that nobody else may write.
func open(path string) (*os.File, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		if _, there := os.Lstat(path); there == nil { // a link that leads nowhere is there, and broken
			return nil, reading(path, errors.New(err.Error())) // it must not look like a missing file
		}
		return nil, reading(path, err)
	}
	for _, p := range []string{path, real} {
		if err := check(path, p); err != nil {
			return nil, err
		}
	}
	// A pipe would keep an open waiting for its other end.
	f, err := os.OpenFile(real, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, reading(path, err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		err = reading(path, err)
	case !info.Mode().IsRegular():
		err = reading(path, errors.New("it is not a regular file"))
	default:
		err = backendurl.CheckListRights(path, info.Mode(), "", 0) // the file that is read, whatever was put in its place meanwhile
	}
	if err != nil {
		_ = f.Close() // was only opened
		return nil, err
	}
	return f, nil
}

// check looks at the rights of one place of a list that is configured as path.
func check(path, place string) error {
	file, err := os.Stat(place)
	if err != nil {
		return reading(path, err)
	}
	dir, err := os.Stat(filepath.Dir(place))
	if err != nil {
		return reading(path, err)
	}
	return backendurl.CheckListRights(path, file.Mode(), filepath.Dir(place), dir.Mode())
}

func reading(path string, err error) error {
	return fmt.Errorf("error reading ProxyReverseServers file '%s': %w", path, err)
}

// shown is how many of the left out entries a log line quotes.
const shown = 5

func (l *Lists) tell(e *entry) {
	if n := len(e.list.Skipped); n > 0 {
		l.log.Warn().Str("file", e.path).Int("skipped", n).Int("used", len(e.list.URLs)).
			Strs("why", e.list.Skipped[:min(n, shown)]).
			Msg("entries of a list of backends are skipped; put URLs such as ftp://ftp1.example.com:2121 there")
	}
}

// look finds what was read of a file; nil: nothing is known.
func (l *Lists) look(path string) *entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, ok := l.known[path]
	if !ok {
		return nil
	}
	l.ages.MoveToBack(at)
	return entryAt(at)
}

// keep remembers what was read, and forgets what nobody asked for longest.
func (l *Lists) keep(e *entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at, ok := l.known[e.path]; ok {
		l.drop(at)
	}
	l.known[e.path] = l.ages.PushBack(e)
	l.bytes += e.cost
	for len(l.known) > l.cfg.MaxFiles || l.bytes > l.cfg.MaxBytes {
		l.drop(l.ages.Front())
	}
}

func (l *Lists) drop(at *list.Element) {
	e := entryAt(at)
	l.ages.Remove(at)
	delete(l.known, e.path)
	l.bytes -= e.cost
}

func entryAt(at *list.Element) *entry {
	e, ok := at.Value.(*entry)
	if !ok {
		panic("backendfile: something else than an entry among the entries")
	}
	return e
}

// identity tells one state of a file's content and rights from another.
type identity struct {
	inode   uint64
	changed int64 // when anything about it changed; 0 where the system does not say
	size    int64
	written time.Time
	mode    fs.FileMode
}

func identify(info fs.FileInfo) identity {
	id := identity{size: info.Size(), written: info.ModTime(), mode: info.Mode()}
	id.inode, id.changed = numbers(info)
	return id
}
