package discovery

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/runtime/supervise"
)

// watchAgain is the pause before files are watched again after that ended.
const watchAgain = 30 * time.Second

// files keeps the static lists of files up to date. It belongs to the loop.
type files struct {
	lists   Lists
	kids    *supervise.Group
	log     zerolog.Logger
	changed chan string

	paths    []string
	watching *watching // nil: nobody watches
	stop     context.CancelFunc
	again    time.Time // when to watch again; zero: need not be
	reads    map[string]*reading
}

func newFiles(lists Lists, kids *supervise.Group, log zerolog.Logger) *files {
	return &files{
		lists: lists, kids: kids, log: log, changed: make(chan string),
		stop: func() {}, reads: map[string]*reading{},
	}
}

// watch has the files of all pools watched, and read once: they may have
// changed since the configuration was read.
func (f *files) watch(ctx context.Context, pools map[messages.PoolID]*poolState) {
	if f.lists == nil {
		return
	}
	var paths []string
	for _, p := range pools {
		for _, s := range p.lists {
			if s.file != "" {
				paths = append(paths, s.file)
			}
		}
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	f.again = time.Time{}
	if f.watching != nil && slices.Equal(paths, f.paths) {
		for _, path := range paths {
			f.read(ctx, path)
		}
		return
	}
	f.stop()
	f.paths, f.watching, f.stop = paths, nil, func() {}
	if len(paths) == 0 {
		return
	}
	watchCtx, stop := context.WithCancel(ctx)
	f.stop = stop
	f.watching = &watching{lists: f.lists, paths: paths, changed: f.changed}
	f.kids.Go(watchCtx, f.watching) // ends with the plan
}

// unwatched books that a watch ended which nobody had told to.
func (f *files) unwatched(w *watching, err error, now time.Time) {
	if w != f.watching {
		return // another plan came
	}
	f.log.Warn().Err(err).Stringer("again", watchAgain).Msg("the files of static lists are not watched; that is tried again")
	f.stop()
	f.watching, f.again = nil, now.Add(watchAgain)
}

// resume watches again when it is time. It returns when that will be.
func (f *files) resume(ctx context.Context, now time.Time, pools map[messages.PoolID]*poolState) time.Time {
	if !f.again.IsZero() && !f.again.After(now) {
		f.watch(ctx, pools)
	}
	return f.again
}

// read has a file read, once more if that is being done just now.
func (f *files) read(ctx context.Context, path string) {
	if r, ok := f.reads[path]; ok {
		r.again = true
		return
	}
	r := &reading{path: path, lists: f.lists}
	f.reads[path] = r
	f.kids.Go(ctx, r)
}

// watching is the child that waits for changes.
type watching struct {
	lists   Lists
	paths   []string
	changed chan<- string
}

func (*watching) String() string { return "discovery's watch of files" }

func (w *watching) Run(ctx context.Context) error {
	err := w.lists.Watch(ctx, w.paths, func(path string) {
		select {
		case w.changed <- path:
		case <-ctx.Done():
		}
	})
	if err == nil && ctx.Err() == nil {
		err = errors.New("it ended by itself")
	}
	return err
}

// reading is the child that reads a file.
type reading struct {
	path  string
	lists Lists
	urls  []backendurl.URL // for the loop, at the end
	err   error

	again bool // the loop's: it changed meanwhile
}

func (r *reading) String() string { return "discovery's reading of '" + r.path + "'" }

func (r *reading) Run(context.Context) error {
	r.urls, r.err = r.lists.Read(r.path)
	return nil
}

// reread takes up what a file has now.
func (a *Actor) reread(ctx context.Context, r *reading, crash error) {
	delete(a.files.reads, r.path)
	if r.again {
		a.files.read(ctx, r.path)
		return
	}
	err := errors.Join(r.err, crash)
	for _, p := range a.pools {
		for _, s := range p.lists {
			if s.file == r.path {
				a.renew(p, s, r.urls, err)
			}
		}
	}
}

// renew puts new URLs into a list, or says why the old ones stay.
func (a *Actor) renew(p *poolState, s *static, urls []backendurl.URL, err error) {
	log := a.log.With().Str("file", s.file).Str("pool", string(p.plan.ID)).Logger()
	if err == nil && len(urls) == 0 && len(s.items) > 0 {
		// Editors empty a file before they fill it; and a pool without backends
		// is not what a slip should make.
		err = errors.New("it is empty")
	}
	if err != nil {
		if s.trouble != err.Error() {
			s.trouble = err.Error()
			log.Warn().Err(err).Int("backends", len(s.items)).Msg("a list of backends cannot be used as it is now; the one that was read before stays in use")
		}
		return
	}
	if s.trouble != "" {
		s.trouble = ""
		log.Info().Msg("a list of backends can be used again")
	}
	if slices.EqualFunc(s.items, urls, func(it *item, u backendurl.URL) bool { return it.url == u }) {
		return
	}
	log.Info().Int("before", len(s.items)).Int("now", len(urls)).Msg("a list of backends has changed")
	s.items = renewed(s.items, urls, a.cfg.Now())
	p.changed, a.unsorted = true, true
}

// renewed makes items of URLs. What is known of a name stays.
func renewed(old []*item, urls []backendurl.URL, now time.Time) []*item {
	known := map[backendurl.URL]*item{}
	for _, it := range old {
		known[it.url.Bare()] = it
	}
	items := make([]*item, len(urls))
	for i, u := range urls {
		items[i] = &item{url: u, due: now}
		if it := known[u.Bare()]; it != nil {
			*items[i] = *it
			items[i].url, items[i].asking = u, false
			if it.asking { // its child tells the old item
				items[i].due = now
			}
		}
	}
	return items
}
