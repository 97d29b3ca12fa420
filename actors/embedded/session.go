package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/sluice-gateway/sluice/protocols/ftp"
	"github.com/sluice-gateway/sluice/runtime/supervise"
)

const (
	writeTimeout = 10 * time.Second // for one reply
	maxWaiting   = 16               // commands that may wait behind a transfer
	maxFailures  = 3                // logins
)

// session is the actor of one client.
type session struct {
	// immutable
	cfg   *Config
	root  *os.Root
	conn  *net.TCPConn
	local netip.AddrPort
	peer  netip.AddrPort
	heard chan heard
	verbs map[string]verb

	// owned by Run
	kids     *supervise.Group
	idle     *time.Timer
	started  time.Time
	waiting  []heard // came while a transfer runs
	user     string
	loggedIn bool
	failures int
	cwd      string // absolute, clean
	ascii    bool   // TYPE A, the state after login (RFC 959 §5.1)
	restart  int64
	rename   string // RNFR was given, RNTO must follow
	facts    []string
	epsvAll  bool
	door     *door     // where the next data connection comes from; nil: not agreed
	running  *transfer // nil: none
	over     bool
}

// heard is one thing the reader tells: a command, a line that is none, or the
// end of the connection.
type heard struct {
	command ftp.Command
	bad     error
	lost    error
}

func newSession(cfg *Config, verbs map[string]verb, root *os.Root, conn *net.TCPConn) *session {
	return &session{
		cfg: cfg, verbs: verbs, root: root, conn: conn,
		local: addrPort(conn.LocalAddr()), peer: addrPort(conn.RemoteAddr()),
		heard: make(chan heard),
		cwd:   "/", ascii: true, facts: allFacts,
	}
}

func (s *session) String() string { return fmt.Sprintf("session of %s at %s", s.peer, s.cfg.Name) }

// Run serves the client until it quits, is lost, or ctx ends.
func (s *session) Run(ctx context.Context) error {
	s.kids = supervise.NewGroup(2)
	s.started = time.Now()
	s.idle = time.NewTimer(s.cfg.Login)
	ctx, stop := context.WithCancelCause(ctx)
	// Read from below: tell the children, wake the reader, wait, tidy up.
	defer s.abandon() // nobody writes to the upload any more
	defer s.kids.Wait()
	defer func() { _ = s.conn.Close() }()
	defer s.dropDoor()
	defer stop(nil)
	defer s.idle.Stop()

	r := &reader{conn: s.conn, tell: s.heard}
	s.kids.Go(ctx, r) // ends when conn closes
	s.reply(ftp.Banner(s.cfg.Name + " is ready"))
	for !s.over {
		select {
		case h := <-s.heard:
			s.hear(ctx, h)
		case <-s.opened():
			s.announce()
		case exit := <-s.kids.Exits():
			s.childEnded(ctx, exit)
		case <-s.idle.C:
			s.timeOut()
		case <-ctx.Done():
			s.goodbye(ftp.Closing("the server stops"))
		}
	}
	return nil
}

// reply is the only writer of the control connection.
func (s *session) reply(r ftp.Reply) {
	if err := s.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		s.over = true
		return
	}
	if _, err := s.conn.Write(r.Append(nil)); err != nil {
		s.over = true
	}
}

func (s *session) goodbye(r ftp.Reply) {
	s.reply(r)
	s.over = true
}

// hear takes what the reader said: at once, or later if a transfer must end
// first.
func (s *session) hear(ctx context.Context, h heard) {
	s.touch()
	switch {
	case h.lost != nil:
		s.over = true
	case s.running == nil || atOnce(h):
		s.serve(ctx, h)
	case len(s.waiting) >= maxWaiting:
		s.goodbye(ftp.Closing("too many commands during a transfer"))
	default:
		s.waiting = append(s.waiting, h)
	}
}

// atOnce are the commands that mean the running transfer (RFC 959 §4.1.3).
func atOnce(h heard) bool {
	return h.bad == nil && (h.command.Verb == ftp.ABOR || h.command.Verb == ftp.STAT)
}

// serve answers one line.
func (s *session) serve(ctx context.Context, h heard) {
	var line *ftp.LineError
	switch {
	case errors.As(h.bad, &line) && ftp.Foreign(line.Verb), ftp.Foreign(h.command.Verb):
		s.over = true
	case h.bad != nil:
		s.reply(ftp.InvalidCommand())
	default:
		s.obey(ctx, h.command)
	}
}

func (s *session) childEnded(ctx context.Context, exit supervise.Exit) {
	if s.running == nil || exit.Actor != supervise.Actor(s.running) {
		s.over = true // the reader, after a crash: without it there is no dialogue
		return
	}
	s.transferEnded(exit.Err)
	for s.running == nil && !s.over && len(s.waiting) > 0 {
		h := s.waiting[0]
		s.waiting = s.waiting[1:]
		s.serve(ctx, h)
	}
}

// touch starts the idle time anew. Until login the one period runs on.
func (s *session) touch() {
	if s.loggedIn {
		s.idle.Reset(s.cfg.Idle)
	}
}

func (s *session) timeOut() {
	switch {
	case s.running != nil:
		s.touch() // a transfer has its own deadlines
	case s.loggedIn:
		s.goodbye(ftp.IdleTimeout(int(s.cfg.Idle.Seconds())))
	default:
		s.goodbye(ftp.LoginTimeout(int(s.cfg.Login.Seconds())))
	}
}
