package logfile

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// SyslogPrefix begins the name of a log that is a level of the system's own log: "syslog:info".
const SyslogPrefix = "syslog:"

// syslogLevels by the names that directives use, RFC 5424 section 6.2.1.
var syslogLevels = map[string]int{
	"emerg": 0, "alert": 1, "crit": 2, "error": 3, "warn": 4, "notice": 5, "info": 6, "debug": 7,
}

const (
	daemonFacility = 3 << 3
	maxSyslogLine  = 8 << 10 // longer ones are cut: a datagram has a limit that is not ours
)

// syslogSockets are where the daemon of this machine listens, by system.
var syslogSockets = []string{"/dev/log", "/var/run/syslog", "/var/run/log"}

// Syslog sends lines to the log daemon of this machine, RFC 3164. It is for one goroutine.
type Syslog struct {
	name    string
	level   int
	tag     string
	sockets []string
	now     func() time.Time
	conn    net.Conn // nil: none yet, or the last one broke
}

// OpenSyslog names a log by its level: "syslog:info". The daemon is looked for when there is something to
// write.
func OpenSyslog(name string) (*Syslog, error) {
	level, known := syslogLevels[strings.ToLower(strings.TrimPrefix(name, SyslogPrefix))]
	if !known || !strings.HasPrefix(name, SyslogPrefix) {
		return nil, fmt.Errorf("opening log %s: no level of syslog; write for example syslog:info", name)
	}
	return &Syslog{name: name, level: level, tag: "sluice[" + strconv.Itoa(os.Getpid()) + "]: ", sockets: syslogSockets, now: time.Now}, nil
}

// Write sends whole lines, each as a message of its own. On an error n says how much of p was sent, always
// whole lines. A daemon that takes nothing is waited for as briefly as a pipe.
func (s *Syslog) Write(p []byte) (n int, err error) {
	for line := range bytes.Lines(p) {
		if err := s.send(bytes.TrimSuffix(line, []byte("\n"))); err != nil {
			return n, fmt.Errorf("writing %s: %w", s.name, err)
		}
		n += len(line)
	}
	return n, nil
}

// send tries a second time where the daemon was restarted since the last message.
func (s *Syslog) send(line []byte) error {
	if len(line) == 0 {
		return nil
	}
	if s.conn != nil && s.sendOn(line) == nil {
		return nil
	}
	if err := s.dial(); err != nil {
		return err
	}
	return s.sendOn(line)
}

func (s *Syslog) sendOn(line []byte) error {
	now := s.now()
	b := make([]byte, 0, len(line)+len(s.tag)+24)
	b = strconv.AppendInt(append(b, '<'), int64(daemonFacility|s.level), 10)
	b = now.AppendFormat(append(b, '>'), time.Stamp+" ")
	b = append(append(b, s.tag...), line[:min(len(line), maxSyslogLine)]...)
	if s.conn.LocalAddr().Network() == "unix" {
		b = append(b, '\n') // a stream has no other ends of messages
	}
	err := s.conn.SetWriteDeadline(now.Add(writeTimeout))
	if err == nil {
		_, err = s.conn.Write(b)
	}
	if err != nil {
		err = errors.Join(err, s.Close())
	}
	return err
}

func (s *Syslog) dial() error {
	var problems []error
	dialer := net.Dialer{Timeout: writeTimeout}
	for _, path := range s.sockets {
		for _, network := range []string{"unixgram", "unix"} {
			conn, err := dialer.Dial(network, path) //nolint:noctx // it has a limit of its own
			if err == nil {
				s.conn = conn
				return nil
			}
			problems = append(problems, err)
		}
	}
	return fmt.Errorf("no log daemon answers: %w", errors.Join(problems...))
}

// Reopen makes the next message look for the daemon anew.
func (s *Syslog) Reopen() error { return s.Close() }

// Close ends the connection to the daemon.
func (s *Syslog) Close() error {
	if s.conn == nil {
		return nil
	}
	err := s.conn.Close()
	s.conn = nil
	return err
}
