package badger

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/dgraph-io/badger/v4"
)

// files is what lies in a database's directory, by sort, in order of number.
type files struct {
	tables, memtables, logs []numbered
}

type numbered struct {
	id   uint64
	path string
}

// survey sorts the directory. A numbered file whose name is no number would
// make Badger refuse the whole directory, so it is damage as well.
func survey(dir string) (files, error) {
	var fs files
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fs, fmt.Errorf("list the store's directory: %w", err)
	}
	for _, e := range entries {
		var list *[]numbered
		ext := filepath.Ext(e.Name())
		switch ext {
		case ".sst":
			list = &fs.tables
		case ".mem":
			list = &fs.memtables
		case ".vlog":
			list = &fs.logs
		default:
			continue
		}
		id, err := strconv.ParseUint(strings.TrimSuffix(e.Name(), ext), 10, 32)
		if err != nil || !e.Type().IsRegular() {
			return fs, damaged("%s is not a file of the store", e.Name())
		}
		*list = append(*list, numbered{id, filepath.Join(dir, e.Name())})
	}
	for _, list := range [][]numbered{fs.tables, fs.memtables, fs.logs} {
		slices.SortFunc(list, func(a, b numbered) int { return int(a.id) - int(b.id) })
	}
	return fs, nil
}

// check looks at every file before Badger does. It repairs what carries no
// records or is the torn end of a log, and reports all else as *Damage.
func (s *Store) check() error {
	all, err := survey(s.path())
	if err != nil {
		return err
	}
	listed, err := s.checkManifest(all)
	if err != nil {
		return err
	}
	present := map[uint64]bool{}
	for _, f := range all.tables {
		present[f.id] = true
		if !listed[f.id] {
			continue // left by an unfinished compaction; Badger removes it
		}
		if err := checkTable(f.path); err != nil {
			return err
		}
	}
	for id := range listed {
		if !present[id] {
			return damaged("table %06d.sst is missing", id)
		}
	}
	if err := s.checkLogs(all.memtables); err != nil {
		return err
	}
	for _, f := range all.logs {
		if err := s.checkValueLog(f.path); err != nil {
			return err
		}
	}
	if err := s.checkRegistry(); err != nil {
		return err
	}
	return s.checkDiscards()
}

// checkManifest returns the tables that the manifest lists. Badger would cut
// a torn manifest short and then delete the tables it no longer lists.
func (s *Store) checkManifest(all files) (map[uint64]bool, error) {
	f, err := os.Open(filepath.Join(s.path(), badger.ManifestFilename))
	if errors.Is(err, fs.ErrNotExist) {
		if len(all.tables)+len(all.memtables)+len(all.logs) > 0 {
			return nil, damaged("the manifest is missing")
		}
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the manifest: %w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	manifest, end, err := badger.ReplayManifestFile(f, 0, tuned(s.path(), s.log))
	if err != nil {
		return nil, damaged("manifest: %w", err)
	}
	if info, err := f.Stat(); err != nil {
		return nil, fmt.Errorf("size of the manifest: %w", err)
	} else if info.Size() != end {
		return nil, damaged("the manifest is torn after %d of %d bytes", end, info.Size())
	}
	listed := map[uint64]bool{}
	for id := range manifest.Tables {
		listed[id] = true
	}
	return listed, nil
}

// checkRegistry removes a damaged key registry: without encryption it holds
// no key, only 16 random bytes and a fixed text, and Badger writes a new one.
func (s *Store) checkRegistry() error {
	path := filepath.Join(s.path(), badger.KeyRegistryFileName)
	content, err := readSmall(path, 1<<10)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && len(content) == 28 && bytes.Equal(content[16:], []byte("Hello Badger")) {
		return nil
	}
	return s.discardFile(path, err)
}

// checkDiscards removes statistics about value logs that are more than the
// zeros which empty value logs deserve.
func (s *Store) checkDiscards() error {
	path := filepath.Join(s.path(), "DISCARD")
	content, err := readSmall(path, 16<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && len(content) >= 1<<20 && len(bytes.Trim(content, "\x00")) == 0 {
		return nil
	}
	return s.discardFile(path, err)
}

// checkValueLog removes a value log that has anything in it but its header:
// no value of ours is long enough to be kept there.
func (s *Store) checkValueLog(path string) error {
	content, err := readSmall(path, 16<<20)
	if err == nil && len(content) >= logHeader && be64(content) == 0 && len(bytes.TrimRight(content[logHeader:], "\x00")) == 0 {
		return nil
	}
	return s.discardFile(path, err)
}

// discardFile removes a file that holds no records.
func (s *Store) discardFile(path string, why error) error {
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove a damaged file without records: %w", err)
	}
	s.log.Warn().AnErr("reason", why).Str("file", path).Msg("removed a damaged file of the store that holds no records")
	return nil
}

func readSmall(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%d bytes where at most %d belong", info.Size(), limit)
	}
	return os.ReadFile(path)
}
