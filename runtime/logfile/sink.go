package logfile

import (
	"io"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// Sink is one destination of log events in one format. It is a zerolog.LevelWriter: make a logger with
// zerolog.New(sink). Loggers need no Timestamp; lines are dated when they arrive.
type Sink struct {
	// immutable
	queue  *Queue
	to     io.Writer
	format Format

	// guarded by the queue's writing
	pending []byte
	failing bool
}

// Sink makes a destination. The writer is a *File, or standard error for the console; several sinks may
// share one.
func (q *Queue) Sink(to io.Writer, format Format) *Sink {
	return &Sink{queue: q, to: to, format: format}
}

// pooled keeps the copies of lines; zerolog takes its own buffer back as soon as Write returns.
var pooled = sync.Pool{New: func() any { b := make([]byte, 0, 512); return &b }}

func recycle(line *[]byte) {
	if cap(*line) <= maxPooledLine {
		pooled.Put(line)
	}
}

// Write takes an event without a level for one of level info.
func (s *Sink) Write(p []byte) (int, error) { return s.WriteLevel(zerolog.InfoLevel, p) }

// WriteLevel takes one event. It returns at once while there is room. When there is none, an event below
// info is dropped and counted; one of level info is too, but only after the queue's patience; a warning
// or error goes to the fallback after it. An error is never returned: the logger could not do anything
// about it.
func (s *Sink) WriteLevel(level zerolog.Level, p []byte) (int, error) {
	line := pooled.Get().(*[]byte)
	*line = append((*line)[:0], p...)
	q := s.queue
	e := entry{sink: s, level: level, at: q.now(), line: line}
	if !q.running.Load() {
		q.writeWith(e)
		return len(p), nil
	}
	if !q.offer(e) {
		q.giveUp(e)
	} else if !q.running.Load() {
		q.drain() // the writer ended in between and may not have seen this line
	}
	return len(p), nil
}

// offer puts a line into the queue, waiting as long as its level is worth.
func (q *Queue) offer(e entry) bool {
	select {
	case q.lines <- e:
		return true
	default:
	}
	if matters := e.level >= zerolog.InfoLevel; !matters {
		return false
	}
	timer := time.NewTimer(q.patience)
	defer timer.Stop()
	select {
	case q.lines <- e:
		return true
	case <-timer.C:
		return false
	}
}

// giveUp deals with a line that found no room. NoLevel events are the caller's own choice of "always".
func (q *Queue) giveUp(e entry) {
	if e.level < zerolog.WarnLevel {
		q.lost.Add(1)
	} else {
		q.toFallback(e.sink.format.Append(nil, *e.line, e.at))
	}
	recycle(e.line)
}
