package accounts

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// newborn is how young a file may be and still change without its date doing
// so: such a file is read again.
const newborn = 2 * time.Second

// watch says how a file is looked at.
type watch struct {
	path    string
	private bool          // nobody else may read it or write to it
	guarded bool          // nobody else may write to it
	most    int64         // bytes
	missing bool          // it need not be there: then it says nothing
	every   time.Duration // between two looks
	now     func() time.Time
	log     zerolog.Logger
}

// watched is what a file says. Whoever asks when a look is due looks, while
// others go on with what is known.
type watched[T any] struct {
	watch
	parse func(content string) (T, error)

	content atomic.Pointer[T]
	due     atomic.Int64 // when the next look is, in nanoseconds since 1970

	looking sync.Mutex // held by the one who looks
	seen    fs.FileInfo
	read    time.Time // when seen was read
	text    string    // what seen holds
	fault   error     // what is wrong with that
	said    string    // the complaint that was logged last
}

// open reads a file for the first time; what is wrong then is an error. A file
// without a line of sense is one without accounts, then.
func open[T any](w watch, parse func(string) (T, error)) (*watched[T], error) {
	f := &watched[T]{watch: w, parse: parse}
	f.looking.Lock()
	defer f.looking.Unlock()
	err := f.look()
	if errors.Is(err, errNonsense) {
		f.complain(err)
		f.content.Store(new(T))
		return f, nil
	}
	return f, err
}

// get returns what the file said when it was last in order. nil: never yet.
func (w *watched[T]) get() *T {
	if w.now().UnixNano() >= w.due.Load() && w.looking.TryLock() {
		defer w.looking.Unlock()
		w.complain(w.look())
	}
	return w.content.Load()
}

// look reads the file if it is another one than before.
func (w *watched[T]) look() error {
	now := w.now()
	w.due.Store(now.Add(w.every).UnixNano())
	f, err := os.OpenFile(w.path, os.O_RDONLY|nonblock, 0)
	if w.missing && errors.Is(err, fs.ErrNotExist) {
		w.seen = nil
		w.content.Store(nil)
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", w.path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("read %s: %w", w.path, err)
	}
	if err := w.permitted(info); err != nil {
		return err
	}
	if w.seen != nil && same(w.seen, info) && w.read.Sub(info.ModTime()).Abs() > newborn {
		return w.fault
	}
	content, err := io.ReadAll(io.LimitReader(f, w.most+1))
	if err != nil {
		return fmt.Errorf("read %s: %w", w.path, err)
	}
	first := w.seen == nil
	w.seen, w.read = info, now
	if first || w.text != string(content) {
		w.text = string(content)
		w.fault = w.take()
	}
	return w.fault
}

// take lets what the file holds count, if it is in order.
func (w *watched[T]) take() error {
	if int64(len(w.text)) > w.most {
		w.text = ""
		return fmt.Errorf("read %s: it is larger than %d bytes, the most that is read", w.path, w.most)
	}
	parsed, err := w.parse(w.text)
	if err != nil {
		return fmt.Errorf("read %s: %w", w.path, err)
	}
	w.content.Store(&parsed)
	return nil
}

func same(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// permitted refuses a file that others may read or write, as far as that
// matters for it, and one that others may replace.
func (w *watched[T]) permitted(info fs.FileInfo) error {
	const worldRead, worldWrite = 0o004, 0o002
	if !info.Mode().IsRegular() {
		return fmt.Errorf("unable to use '%s': it is not a regular file", w.path)
	}
	perm := info.Mode().Perm()
	switch {
	case w.private && perm&worldRead != 0:
		return fmt.Errorf("unable to use world-readable '%s' (perms %04o): run chmod o-rw on it", w.path, perm)
	case (w.private || w.guarded) && perm&worldWrite != 0:
		return fmt.Errorf("unable to use world-writable '%s' (perms %04o): run chmod o-w on it", w.path, perm)
	case w.private || w.guarded:
		dir := filepath.Dir(w.path)
		d, err := os.Stat(dir)
		if err != nil {
			return fmt.Errorf("look at the directory of %s: %w", w.path, err)
		}
		if perm := d.Mode().Perm(); perm&worldWrite != 0 {
			return fmt.Errorf("unable to use '%s' from world-writable directory '%s' (perms %04o): run chmod o-w on the directory",
				w.path, dir, perm)
		}
	}
	return nil
}

// complain logs what is wrong with a file, once, and once that it is in order
// again.
func (w *watched[T]) complain(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	switch {
	case text == w.said:
	case err != nil && w.content.Load() == nil:
		w.log.Warn().Err(err).Msg("a file of accounts cannot be used")
	case err != nil:
		w.log.Warn().Err(err).Msg("a file of accounts changed for the worse; what it said before still counts")
	default:
		w.log.Info().Str("file", w.path).Msg("the file of accounts is in order again")
	}
	w.said = text
}
