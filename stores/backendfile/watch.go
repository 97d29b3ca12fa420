package backendfile

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// patience is how many times Settle a directory may go on changing until its
// files are looked at all the same.
const patience = 10

// Watch calls changed for each of the files once, and again whenever it may
// have another content or other rights, until ctx ends. It watches the
// directories, so that files which are replaced, and links which are led
// elsewhere, are noticed; and it looks by itself now and then, for file systems
// where nobody tells.
func (l *Lists) Watch(ctx context.Context, paths []string, changed func(path string)) error {
	look := lookout{paths: paths, seen: map[string]view{}, changed: changed}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		l.log.Warn().Err(err).Stringer("poll", l.cfg.Poll).
			Msg("lists of backends cannot be watched; they are looked at now and then (is fs.inotify.max_user_instances too small?)")
		w = &fsnotify.Watcher{} // its channels are nil: nothing ever comes
	} else {
		defer func() { _ = w.Close() }() // what it held is gone either way
		look.watcher = w
	}
	look.round()
	poll := time.NewTicker(l.cfg.Poll)
	defer poll.Stop()
	settle := time.NewTimer(l.cfg.Settle)
	defer settle.Stop()
	var since time.Time // of the first event that was not looked at; zero: none
	for {
		select {
		case <-ctx.Done():
			return nil
		case _, ok := <-w.Events:
			if !ok {
				return errors.New("watching lists of backends ended by itself")
			}
			if since.IsZero() {
				since = time.Now()
			}
			settle.Reset(min(l.cfg.Settle, max(time.Until(since.Add(patience*l.cfg.Settle)), 0)))
		case err := <-w.Errors: // events were lost: there were some
			l.log.Debug().Err(err).Msg("changes of watched files may have been missed; all of them are looked at")
			settle.Reset(l.cfg.Settle)
		case <-settle.C:
			since = time.Time{}
			look.round()
		case <-poll.C:
			look.round()
		}
	}
}

// lookout compares files with how they looked before.
type lookout struct {
	paths   []string
	seen    map[string]view
	changed func(path string)
	watcher *fsnotify.Watcher // nil: there is none
}

// view is all that a list's use depends on.
type view struct {
	file      identity
	real      string
	dir, home fs.FileMode // of the link's directory, and of the file's own
	trouble   string
}

func viewOf(path string) view {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return view{trouble: err.Error()}
	}
	v := view{real: real}
	info, err := os.Stat(real)
	if err != nil {
		return view{trouble: err.Error()}
	}
	v.file = identify(info)
	if info, err = os.Stat(filepath.Dir(path)); err == nil {
		v.dir = info.Mode()
	}
	if info, err = os.Stat(filepath.Dir(real)); err == nil {
		v.home = info.Mode()
	}
	return v
}

// round looks at everything. It aims the watcher first: what changes between
// the two is seen by the next round.
func (o *lookout) round() {
	o.aim()
	for _, path := range o.paths {
		now := viewOf(path)
		if before, ok := o.seen[path]; ok && before == now {
			continue
		}
		o.seen[path] = now
		o.changed(path)
	}
}

// aim watches the directories that matter now, and no others. One that cannot
// be watched is polled.
func (o *lookout) aim() {
	if o.watcher == nil {
		return
	}
	var dirs []string
	for _, path := range o.paths {
		dirs = append(dirs, filepath.Dir(path))
		if real, err := filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(real))
		}
	}
	watched := o.watcher.WatchList()
	for _, dir := range watched {
		if !slices.Contains(dirs, dir) {
			_ = o.watcher.Remove(dir) // gone already
		}
	}
	for _, dir := range dirs {
		if !slices.Contains(watched, dir) {
			_ = o.watcher.Add(dir) // not there, or no room: polled
			watched = append(watched, dir)
		}
	}
}
