package gateway

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"weak"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/actors/ftpsession"
	"github.com/sluice-gateway/sluice/protocols/ftp"
	"github.com/sluice-gateway/sluice/protocols/rewrite"
	"github.com/sluice-gateway/sluice/runtime/config"
)

// Rules of rewriting at work (RewriteEngine, RewriteRule, RewriteMap).
//
// A txt: map that changes on disk takes effect without a reload, as it does in
// the peer, where administrators move users by editing it. Each file is looked
// at no more than once a second, by the session whose command comes first after
// that; the others go on with the table at hand, so that a slow disk delays one
// session and not all. A change that cannot be used (rights, size, a file that is
// gone) is logged once, and the table stays as it was: nobody is moved by a
// mistake.

// unfit is what no session passes on: it answers 500.
const unfit = "\x00"

// glance is how long a map is not looked at again, and also how young a file may
// be for another change to show the same time.
const glance = time.Second

// settle is how long a file has to be left alone before it is read again: it may
// still be being written.
const settle = 200 * time.Millisecond

// rewriting makes the hooks of sessions. Servers that name the same file share
// its table, as long as one of them is in use.
type rewriting struct {
	getenv func(name string) (string, bool)
	now    func() time.Time
	log    zerolog.Logger // of the gateway: what is wrong with maps

	mu    sync.Mutex
	files map[string]weak.Pointer[mapFile] // by path
}

func newRewriting(getenv func(name string) (string, bool), log zerolog.Logger) *rewriting {
	return &rewriting{getenv: getenv, now: time.Now, log: log, files: map[string]weak.Pointer[mapFile]{}}
}

// hook is the Rewrite of a ftpsession.Setup; nil where there is nothing to do.
// system hears of commands that are refused, own (RewriteLog) of all changes;
// neither sees a password.
func (r *rewriting) hook(set config.Rewrite, system, own zerolog.Logger) (func(verb, arg string, about ftpsession.Rewriting) string, error) {
	if !set.Engine || len(set.Rules) == 0 {
		return nil, nil
	}
	var files []*mapFile
	var errs []error
	rules := set.Compiled(func(m config.RewriteMap) func(string) (string, bool) {
		f, err := r.file(m.Source)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", m.Pos, err))
			return func(string) (string, bool) { return "", false }
		}
		files = append(files, f)
		return f.lookup
	})
	rules.PID, rules.Getenv, rules.Clock = os.Getpid(), r.getenv, r.clock
	compiled, err := rewrite.Compile(rules)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	return func(verb, arg string, about ftpsession.Rewriting) string {
		for _, f := range files {
			f.refresh()
		}
		text, changed, err := compiled.Apply(rewrite.Info{
			Verb: verb, Arg: arg, User: about.User, Class: about.Class, Server: about.Server,
			Client: about.Client, Local: about.Local, Vars: about.Vars,
		})
		switch {
		case err != nil:
			system.Warn().Err(err).Str("verb", verb).Stringer("client", about.Client).Msg("refusing a command that rules made unfit")
			return unfit
		case changed:
			own.Info().Stringer("client", about.Client).Stringer("command", ftp.Command{Verb: verb, Arg: arg, HasArg: true}).
				Stringer("becomes", ftp.Command{Verb: verb, Arg: text, HasArg: true}).Msg("rewritten")
		}
		return text
	}, nil
}

func (r *rewriting) clock() rewrite.Clock {
	t := r.now().Local()
	return rewrite.Clock{
		Year: t.Year(), Month: int(t.Month()), Day: t.Day(), Weekday: int(t.Weekday()),
		Hour: t.Hour(), Minute: t.Minute(), Second: t.Second(), Unix: t.Unix(),
	}
}

// file gives the table of a path, read by now.
func (r *rewriting) file(path string) (*mapFile, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f := r.files[path].Value(); f != nil {
		return f, nil
	}
	for p, f := range r.files {
		if f.Value() == nil {
			delete(r.files, p)
		}
	}
	f := &mapFile{path: path, now: r.now, start: r.now(), log: r.log}
	if err := f.read(); err != nil {
		return nil, err
	}
	f.due.Store(int64(glance))
	r.files[path] = weak.Make(f)
	return f, nil
}

// mapFile is the file of a RewriteMap txt:.
type mapFile struct {
	// immutable
	path  string
	now   func() time.Time
	start time.Time
	log   zerolog.Logger

	table atomic.Pointer[rewrite.Table]
	due   atomic.Int64 // when to look again, in nanoseconds after start

	// owned by whoever holds looking
	looking sync.Mutex
	seen    fs.FileInfo // of what the table was read from
	young   bool        // another change of the same second would not show
	said    string      // what is wrong and was logged
}

func (f *mapFile) lookup(key string) (string, bool) { return f.table.Load().Lookup(key) }

// refresh reads the file again if it changed.
func (f *mapFile) refresh() {
	now := int64(f.now().Sub(f.start))
	if now < f.due.Load() || !f.looking.TryLock() {
		return
	}
	defer f.looking.Unlock()
	if now < f.due.Load() {
		return
	}
	f.due.Store(now + int64(glance))
	problem := ""
	if err := f.read(); err != nil {
		problem = err.Error()
	}
	switch {
	case problem != "" && problem != f.said:
		f.log.Error().Str("reason", problem).Int("keys", f.table.Load().Len()).Msg("a RewriteMap cannot be read again, what was read before counts")
	case problem == "" && f.said != "":
		f.log.Info().Str("file", f.path).Msg("a RewriteMap can be read again")
	}
	f.said = problem
}

// read takes up the content, unless it is known.
func (f *mapFile) read() error {
	info, err := os.Stat(f.path)
	if err != nil {
		return fmt.Errorf("reading RewriteMap '%s': %w", f.path, err)
	}
	if f.seen != nil && !f.young && sameFile(f.seen, info) {
		return nil
	}
	if age := f.now().Sub(info.ModTime()); f.seen != nil && 0 <= age && age < settle {
		f.due.Store(int64(f.now().Sub(f.start) + settle))
		return nil
	}
	text, info, err := readMap(f.path)
	if err != nil {
		return err
	}
	table, err := rewrite.ParseTable(text)
	if err != nil {
		return fmt.Errorf("reading RewriteMap '%s': %w", f.path, err)
	}
	if f.seen != nil && !sameFile(f.seen, info) {
		f.log.Info().Str("file", f.path).Int("keys", table.Len()).Ints("skipped", table.Skipped).Msg("a RewriteMap has changed")
	}
	f.table.Store(table)
	f.seen, f.young = info, f.now().Sub(info.ModTime()) < 2*glance
	return nil
}

func sameFile(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// readMap reads a file that nobody else may write, nor what its symbolic link
// leads to. What is no file is not waited for.
func readMap(path string) ([]byte, fs.FileInfo, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, nil, fmt.Errorf("reading RewriteMap '%s': %w", path, err)
	}
	file, err := os.OpenFile(real, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("reading RewriteMap '%s': %w", path, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("reading RewriteMap '%s': %w", path, err)
	}
	for _, p := range []string{path, real} {
		dir := filepath.Dir(p)
		of, err := os.Stat(dir)
		if err != nil {
			return nil, nil, fmt.Errorf("reading RewriteMap '%s': %w", path, err)
		}
		if err := rewrite.CheckTableRights(path, info.Mode(), dir, of.Mode()); err != nil {
			return nil, nil, err
		}
	}
	text, err := io.ReadAll(io.LimitReader(file, rewrite.MaxTableBytes+1))
	if err != nil {
		return nil, nil, fmt.Errorf("reading RewriteMap '%s': %w", path, err)
	}
	return text, info, nil
}
