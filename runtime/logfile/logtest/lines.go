// Package logtest keeps a log in memory, for tests that read what was said.
package logtest

import (
	"bytes"
	"strings"
	"sync"
)

// Lines is a log that many goroutines may write while others read it. The zero
// value is an empty one.
type Lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *Lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *Lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Having gives the lines so far that hold a text.
func (l *Lines) Having(text string) (lines []string) {
	for line := range strings.Lines(l.String()) {
		if strings.Contains(line, text) {
			lines = append(lines, line)
		}
	}
	return lines
}

// Count is how often a text stands in the log.
func (l *Lines) Count(text string) int { return strings.Count(l.String(), text) }
