package sqlsource

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
)

// Bounds of an answer.
const (
	maxRows    = 1000
	maxColumns = 64
	maxAnswer  = 4 << 20 // bytes
)

// pool is a database and the connections to it.
type pool struct {
	connection Connection
	dialect    Dialect
	db         *sql.DB
	idle       int           // most connections that wait for work
	timeout    time.Duration // of one question
}

// row is one row of an answer; NULL is not Valid.
type row []sql.NullString

// errUnfit says that a value cannot be in the database, because its text
// cannot hold it: nothing equals it.
var errUnfit = errors.New("the database's text cannot hold what the client sent")

// ask puts a question and reads the rows, at most maxRows; more tells that
// there were others. A connection that broke while nobody looked is replaced
// and the question put again, if it only reads.
func (q question) ask(ctx context.Context, v Values) (rows []row, more bool, err error) {
	p := q.pool
	ctx, cancel := context.WithTimeoutCause(ctx, p.timeout, fmt.Errorf("no answer within %v: %w", p.timeout, context.DeadlineExceeded))
	defer cancel()
	args := q.statement.bind(v)
	if err := p.fits(args); err != nil {
		return nil, false, fmt.Errorf("ask %s by %s: %w", p.connection, q.name, err)
	}
	for attempt := 0; ; attempt++ {
		rows, more, err = p.once(ctx, q.statement.text, args)
		if err == nil {
			return rows, more, nil
		}
		if expired(ctx, err) {
			err = context.Cause(ctx) // drivers have their own words for it
		}
		if attempt >= p.idle || !q.statement.reads || ctx.Err() != nil || !lost(err) {
			return nil, false, fmt.Errorf("ask %s by %s: %w", p.connection, q.name, err)
		}
	}
}

// expired tells whether a question failed because its time was up. A socket's
// own deadline, which drivers take from ctx, may fire a moment before ctx ends.
func expired(ctx context.Context, err error) bool {
	var slow net.Error
	if errors.As(err, &slow) && slow.Timeout() {
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < 50*time.Millisecond {
			<-ctx.Done()
		}
	}
	return ctx.Err() != nil
}

// fits refuses values that PostgreSQL would answer with an error: its text
// holds neither NUL nor what is not UTF-8. MySQL's has no place for the latter.
func (p *pool) fits(args []any) error {
	for _, a := range args {
		s, ok := a.(string)
		if !ok {
			continue
		}
		if p.dialect != SQLite && !utf8.ValidString(s) || p.dialect == Postgres && strings.ContainsRune(s, 0) {
			return errUnfit
		}
	}
	return nil
}

func (p *pool) once(ctx context.Context, text string, args []any) (answer []row, more bool, err error) {
	rows, err := p.db.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, false, err
	}
	defer func() {
		if closing := rows.Close(); err == nil {
			err = closing
		}
	}()
	columns, err := rows.Columns()
	if err != nil {
		return nil, false, err
	}
	if len(columns) == 0 || len(columns) > maxColumns {
		return nil, false, fmt.Errorf("the answer has %d columns: from 1 to %d are read", len(columns), maxColumns)
	}
	size := 0
	for rows.Next() {
		if len(answer) == maxRows {
			return answer, true, nil
		}
		r, n, err := scan(rows, len(columns))
		if err != nil {
			return nil, false, err
		}
		if size += n; size > maxAnswer {
			return nil, false, fmt.Errorf("the answer is larger than %d bytes", maxAnswer)
		}
		answer = append(answer, r)
	}
	return answer, false, rows.Err()
}

// scan reads a row and tells its size in bytes.
func scan(rows *sql.Rows, columns int) (r row, size int, err error) {
	r = make(row, columns)
	places := make([]any, columns)
	for i := range r {
		places[i] = &r[i]
	}
	if err := rows.Scan(places...); err != nil {
		return nil, 0, err
	}
	for _, value := range r {
		size += len(value.String)
	}
	return r, size, nil
}

// lost tells whether an error means that a connection was used that the
// server had given up, after a restart for instance.
func lost(err error) bool {
	var connecting *pgconn.ConnectError
	if errors.As(err, &connecting) {
		return false
	}
	var ofPostgres *pgconn.PgError
	if errors.As(err, &ofPostgres) {
		// Class 08 is about connections; 57P01 to 57P05 end them.
		return strings.HasPrefix(ofPostgres.Code, "08") || strings.HasPrefix(ofPostgres.Code, "57P0")
	}
	var ofMySQL *mysql.MySQLError
	if errors.As(err, &ofMySQL) {
		switch ofMySQL.Number {
		case 1053, 1927, 4031: // shutdown in progress, connection killed, disconnected for being idle
			return true
		}
		return false
	}
	for _, sign := range []error{driver.ErrBadConn, mysql.ErrInvalidConn, pgconn.ErrConnClosed, io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, sign) {
			return true
		}
	}
	return false
}
