package peers

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
)

// Script says how a scripted backend behaves. The zero value is a well-behaved server that
// lets everybody in; each field spoils one thing.
type Script struct {
	// Address to listen on: 127.0.0.1 (default) or ::1.
	Address string
	// Banner is sent as it is; "220 scripted\r\n" when empty.
	Banner string
	// BannerDelay waits before the banner. With NoBanner nothing is ever sent.
	BannerDelay time.Duration
	NoBanner    bool
	// Features are the lines of its FEAT answer; nil stands for EPSV, EPRT, SIZE and REST STREAM,
	// an empty list for a server that does not know FEAT.
	Features []string
	// Files are what RETR serves.
	Files map[string][]byte
	// On replaces the behaviour of single verbs (upper case).
	On map[string]func(*Visit)
}

// Event is one thing a scripted backend saw or did, in the order it happened.
type Event struct {
	// Visit numbers the control connection, from 1.
	Visit int
	// What is "open", "line", "eof" or "reset" (of the control connection), "data-eof" or
	// "data-reset" (how an upload's data ended), "data-write-error" (a download broke).
	What string
	// Text is the line as it came, Telnet bytes included; for data events the file name.
	Text string
	// Bytes is the data moved.
	Bytes int64
}

// Scripted is a small FTP server in this process that does what real ones cannot be made to do.
type Scripted struct {
	script Script
	listen *net.TCPListener
	work   conc.WaitGroup

	mu     sync.Mutex
	cond   *sync.Cond
	events []Event
	conns  map[net.Conn]bool
	visits int
	files  map[string][]byte
	closed bool
}

// StartScripted runs a scripted backend for the length of a test.
func StartScripted(t testing.TB, script Script) *Scripted {
	t.Helper()
	if script.Address == "" {
		script.Address = "127.0.0.1"
	}
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.ParseIP(script.Address)})
	if err != nil {
		t.Fatalf("start a scripted backend: %v", err)
	}
	s := &Scripted{script: script, listen: l, conns: map[net.Conn]bool{}, files: map[string][]byte{}}
	for name, body := range script.Files {
		s.files[name] = body
	}
	s.cond = sync.NewCond(&s.mu)
	s.work.Go(s.accept)
	t.Cleanup(func() {
		s.Close()
		if t.Failed() {
			t.Logf("the scripted backend on %s saw:\n%s", s.Addr(), s.History())
		}
	})
	return s
}

// Addr is host:port of its control listener.
func (s *Scripted) Addr() string { return s.listen.Addr().String() }

// URL is the backend as ProxyReverseServers wants it.
func (s *Scripted) URL() string { return "ftp://" + s.Addr() }

// Close ends the listener and every connection, and waits for what served them.
func (s *Scripted) Close() {
	s.mu.Lock()
	s.closed = true
	_ = s.listen.Close()
	for conn := range s.conns {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.cond.Broadcast()
	s.work.Wait()
}

// DropAll closes every open connection, control and data, and goes on listening.
func (s *Scripted) DropAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		_ = conn.Close()
	}
}

// Events is a copy of what happened so far.
func (s *Scripted) Events() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Event(nil), s.events...)
}

// History writes the events down for a failure.
func (s *Scripted) History() string {
	var b strings.Builder
	for _, e := range s.Events() {
		text := e.Text
		if strings.HasPrefix(strings.ToUpper(text), "PASS ") {
			text = "PASS (hidden)"
		}
		fmt.Fprintf(&b, "#%d %s %q %d\n", e.Visit, e.What, text, e.Bytes)
	}
	return b.String()
}

// Await blocks until an event matches and returns it; it fails the test after limit.
func (s *Scripted) Await(t testing.TB, limit time.Duration, what string, match func(Event) bool) Event {
	t.Helper()
	timer := time.AfterFunc(limit, s.cond.Broadcast)
	defer timer.Stop()
	deadline := time.Now().Add(limit)
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		for _, e := range s.events {
			if match(e) {
				return e
			}
		}
		if !time.Now().Before(deadline) || s.closed {
			t.Fatalf("the backend did not see %s within %v", what, limit)
		}
		s.cond.Wait()
	}
}

// File is an uploaded or given file.
func (s *Scripted) File(name string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, ok := s.files[name]
	return body, ok
}

func (s *Scripted) record(e Event) {
	s.mu.Lock()
	s.events = append(s.events, e)
	s.mu.Unlock()
	s.cond.Broadcast()
}

// hold remembers a connection for Close; false when it is too late.
func (s *Scripted) hold(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = conn.Close()
		return false
	}
	s.conns[conn] = true
	return true
}

func (s *Scripted) release(conn net.Conn) {
	_ = conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
}

func (s *Scripted) accept() {
	for {
		conn, err := s.listen.AcceptTCP()
		if err != nil {
			return // the listener was closed
		}
		if !s.hold(conn) {
			return
		}
		s.mu.Lock()
		s.visits++
		v := &Visit{Number: s.visits, s: s, conn: conn, in: bufio.NewReader(conn), lines: make(chan string, 256), gone: make(chan struct{})}
		s.mu.Unlock()
		s.record(Event{Visit: v.Number, What: "open"})
		s.work.Go(v.serve)
	}
}
