package sqlsource

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"
)

// SQLite's database is a file. Its rules:
//
//   - It is never created, and opened for reading only where every query of
//     the connection reads.
//   - Who may write it may send logins anywhere: a file that everybody may
//     write, or replace, is refused, each time a connection is taken.
//   - An administrator may put a new file in the old one's place: connections
//     to the old one are closed before their next use.

// lockWait is how long a reader waits for a writer to let go of the file.
const lockWait = 2 * time.Second

func openSQLite(c Connection, reads bool) (driver.Connector, error) {
	query := url.Values{"mode": {"rw"}, "_busy_timeout": {fmt.Sprint(lockWait.Milliseconds())}}
	if reads {
		query.Set("mode", "ro")
		query.Set("_pragma", "query_only(1)")
	}
	name := "file:" + escapePath(c.Database) + "?" + query.Encode()
	inner, err := sqlite.NewConnector(name)
	if err != nil {
		return nil, err
	}
	return fileConnector{inner, c.Database}, nil
}

// escapePath writes a path as SQLite wants it in a URI.
func escapePath(path string) string { return (&url.URL{Path: path}).EscapedPath() }

// fileConnector opens the file after a look at who may write it.
type fileConnector struct {
	driver.Connector
	path string
}

// Connect opens a connection.
func (f fileConnector) Connect(ctx context.Context) (driver.Conn, error) {
	opened, err := lookAt(f.path)
	if err != nil {
		return nil, err
	}
	conn, err := f.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	inner, ok := conn.(sqliteConn)
	if !ok {
		_ = conn.Close() // it was never used
		return nil, errors.New("this SQLite driver cannot be asked under a deadline")
	}
	return &fileConn{inner, f.path, opened}, nil
}

// sqliteConn is what database/sql uses of the driver's connection.
type sqliteConn interface {
	driver.Conn
	driver.QueryerContext
	driver.ConnPrepareContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// fileConn is a connection that knows which file it was opened on.
type fileConn struct {
	sqliteConn
	path   string
	opened fs.FileInfo
}

// ResetSession is asked before the connection is used again. If it must not
// be, a new one is opened, and that says what is wrong.
func (c *fileConn) ResetSession(ctx context.Context) error {
	now, err := lookAt(c.path)
	if err != nil || !os.SameFile(now, c.opened) {
		return driver.ErrBadConn
	}
	return c.sqliteConn.ResetSession(ctx)
}

// ErrWritable is wrapped where everybody may write a database.
var ErrWritable = errors.New("operation not permitted")

const worldWrite = 0o002

// lookAt refuses a file that anybody may write or replace. A symbolic link is
// followed, and both its own directory and its target's are looked at.
func lookAt(path string) (fs.FileInfo, error) {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, fmt.Errorf("find the database: %w", err)
	}
	info, err := os.Stat(target)
	if err != nil {
		return nil, fmt.Errorf("find the database: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("find the database: %s is not a regular file", path)
	}
	if perm := info.Mode().Perm(); perm&worldWrite != 0 {
		return nil, fmt.Errorf("unable to use world-writable database '%s' (perms %04o): %w; run chmod o-w on it", path, perm, ErrWritable)
	}
	for _, file := range []string{path, target} {
		dir, err := os.Stat(filepath.Dir(file))
		if err != nil {
			return nil, fmt.Errorf("find the database: %w", err)
		}
		if perm := dir.Mode().Perm(); perm&worldWrite != 0 {
			return nil, fmt.Errorf("unable to use database '%s' from world-writable directory '%s' (perms %04o): %w; run chmod o-w on the directory", path, filepath.Dir(file), perm, ErrWritable)
		}
	}
	return info, nil
}
