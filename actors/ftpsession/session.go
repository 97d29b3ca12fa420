package ftpsession

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/actors/data"
	"github.com/sluice-gateway/sluice/actors/frontend"
	"github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/ftp"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
	"github.com/sluice-gateway/sluice/runtime/supervise"
)

// Session is the actor. One goroutine runs it; DrainRequested and the like
// reach it through its mailbox.
type Session struct {
	// immutable
	id     messages.SessionID
	setup  *Setup
	conn   *net.TCPConn
	client netip.AddrPort
	name   string // of the client in DNS; empty: it has none, or nobody looked
	local  netip.AddrPort
	by     Introduction
	inbox  mailbox.Mailbox[messages.ToSession]
	opened time.Time

	// read by others
	loggedIn atomic.Bool

	// owned by Run
	mind   *dialogue.Machine
	kids   *supervise.Group
	front  *frontend.Reader
	queue  []messages.ToSession // what actions led to at once
	writer lineWriter           // towards the client
	back   link
	picks  chan messages.BackendPicked
	logins chan messages.LoginAnswered
	search *search // what is asked about the client that logs in; nil: nothing
	// answerBy is when the pick, or what search asks for, is given up; zero: none is due.
	answerBy time.Time
	offers   [2]*net.TCPListener // by messages.Side
	channel  *data.Channel       // of the transfer under way
	running  *data.Channel       // … or of the one before, which sees its client off
	abort    context.CancelFunc  // of running
	listing  *interpreter        // of a list under way; nil: it is not translated
	secrecy  secrecy
	books    *books // nil: there is no ExtendedLog
	named    string // what the client calls this server (HOST); empty: nothing
	timer    *time.Timer
	armed    time.Time // when the timer fires; zero: it does not
	reason   string    // why the session ends
}

// New returns the session of an accepted client.
func New(id messages.SessionID, conn *net.TCPConn, client, local netip.AddrPort, setup *Setup) *Session {
	return &Session{
		id: id, setup: setup, conn: conn, client: client, local: local,
		inbox: mailbox.New[messages.ToSession](inboxSize),
	}
}

func (s *Session) String() string { return fmt.Sprintf("session %d (%s)", s.id, s.client) }

// ID is the session's number.
func (s *Session) ID() messages.SessionID { return s.id }

// Mailbox is where the session is told things.
func (s *Session) Mailbox() mailbox.Mailbox[messages.ToSession] { return s.inbox }

// LoggedIn reports whether the client is logged in.
func (s *Session) LoggedIn() bool { return s.loggedIn.Load() }

// errShutDown is what a session tells its log when the process ends under it.
var errShutDown = errors.New("the gateway is shutting down")

// Run serves the client until either side ends, a limit is reached or ctx is
// cancelled, and leaves nothing behind: no child, no socket, no lease.
func (s *Session) Run(ctx context.Context) error {
	s.opened = time.Now()
	ctx, stop := context.WithCancelCause(ctx)
	s.kids = supervise.NewGroup(2)
	s.writer = newLineWriter(s.conn, s.setup.Services)
	crashed := true
	defer s.leave()        // last: lease and listeners go back
	defer s.kids.Wait()    // fifth: no child outlives us
	defer s.inbox.Retire() // fourth: a child's last word is not waited for
	defer s.closeClient()  // third: wakes the reader out of its wait
	defer stop(nil)        // second: tells every child
	defer func() {         // first, with the panic still under way: a client hears of it, too
		if crashed {
			s.apologise("session crashed")
		}
	}()

	err := s.open(ctx)
	for err == nil && !s.mind.Ended() {
		var ev messages.ToSession
		if ev, err = s.wait(ctx); ev == nil {
			break
		}
		s.handle(ctx, ev)
	}
	s.back.part()
	crashed = false
	return err
}

// wait returns the next event; none means that the session is over. It stands
// apart from Run because this is where sessions spend their lives: what an idle
// one keeps on its stack decides how small that stack can be.
//
//go:noinline
func (s *Session) wait(ctx context.Context) (messages.ToSession, error) {
	for {
		var exit supervise.Exit
		if s.picks == nil && s.logins == nil && s.search == nil { // as nearly always
			select {
			case ev := <-s.inbox.C():
				return ev, nil
			case <-s.timer.C:
				return s.timeReached(), nil
			case exit = <-s.kids.Exits():
			case <-ctx.Done():
				return nil, s.shutDown()
			}
		} else {
			var ev messages.ToSession
			if ev, exit = s.waitForAnswers(ctx); ev != nil {
				return ev, nil
			}
			if exit.Actor == nil {
				return nil, s.shutDown()
			}
		}
		if exit.Err != nil {
			return nil, s.childCrashed(exit)
		}
		if exit.Actor == supervise.Actor(s.running) {
			s.forgetData()
		}
	}
}

// waitForAnswers is the wait of a session that has asked somebody something. It
// returns an event, or a child's end, or neither when ctx has ended.
//
//go:noinline
func (s *Session) waitForAnswers(ctx context.Context) (messages.ToSession, supervise.Exit) {
	founds, checks, places := s.search.channels()
	select {
	case ev := <-s.inbox.C():
		return ev, supervise.Exit{}
	case p := <-s.picks:
		return s.picked(p), supervise.Exit{}
	case l := <-s.logins:
		s.logins = nil
		return l, supervise.Exit{}
	case f := <-founds:
		return f, supervise.Exit{}
	case c := <-checks:
		return s.checked(c), supervise.Exit{}
	case d := <-places:
		return s.placeFound(d), supervise.Exit{}
	case <-s.timer.C:
		return s.timeReached(), supervise.Exit{}
	case exit := <-s.kids.Exits():
		return nil, exit
	case <-ctx.Done():
		return nil, supervise.Exit{}
	}
}

//go:noinline
func (s *Session) childCrashed(exit supervise.Exit) error {
	s.apologise(exit.Err.Error())
	return exit.Err
}

func (s *Session) apologise(reason string) {
	s.reason = reason
	s.goodbye("Internal error, closing control connection")
}

//go:noinline
func (s *Session) shutDown() error {
	s.reason = errShutDown.Error()
	s.goodbye("Service is shutting down, closing control connection")
	return nil
}

// open starts the reader and the dialogue.
//
//go:noinline
func (s *Session) open(ctx context.Context) error {
	front, err := frontend.New(s.conn, s.setup.Services.Buffers, s.inbox)
	if err != nil {
		return err
	}
	s.front = front
	s.kids.Go(ctx, front) // ends when the connection is closed
	cfg := s.template()
	cfg.Client, cfg.ClientName, cfg.Local = s.client, s.name, s.local
	now := time.Now()
	s.mind = dialogue.New(cfg, now)
	s.timer = time.NewTimer(time.Hour)
	s.timer.Stop()
	opened := s.systemLog(zerolog.InfoLevel)
	if s.by.Balancer.IsValid() {
		opened = opened.Stringer("balancer", s.by.Balancer)
	}
	opened.Msg("FTP session opened.")
	s.openBooks()
	s.execute(ctx, s.mind.Begin(now))
	s.follow(ctx)
	return nil
}

// handle feeds one event to the dialogue, and what comes of it at once.
//
//go:noinline
func (s *Session) handle(ctx context.Context, ev messages.ToSession) {
	switch ev.(type) {
	case messages.CommandReceived:
		if s.setup.Rewrite != nil {
			ev = s.rewritten(ev)
		}
	case messages.BackendsFound:
		s.found(ctx, ev)
		s.follow(ctx)
		return
	case messages.BackendUnreachable:
		ev = explained(ev)
	}
	s.hear(ev)
	s.adopt(ev)
	s.listed(ctx, ev)
	s.step(ctx, ev)
	if _, ok := ev.(messages.TransferFinished); ok {
		s.channel = nil
	}
	s.follow(ctx)
}

// adopt takes over the connections that come with events.
func (s *Session) adopt(ev messages.ToSession) {
	switch ev := ev.(type) {
	case messages.BackendConnected:
		s.back.take(ev, s.setup.Services)
	case messages.BackendSecured:
		s.back.secured(ev, s.setup.Services)
	case messages.FrontendSecured:
		s.secrecy.handshake, s.secrecy.info, s.secrecy.vars = false, ev.TLS, ev.TLS.Vars
		s.writer = newLineWriter(ev.Conn, s.setup.Services)
	case messages.FrontendInsecure:
		s.secrecy.handshake = false
		s.writer = newLineWriter(s.conn, s.setup.Services) // whose deadlines may have passed
	}
}

// step looks at the clock once for all that one event leads to.
func (s *Session) step(ctx context.Context, ev messages.ToSession) {
	now := time.Now()
	s.writer.now, s.back.writer.now = now, now
	s.execute(ctx, s.mind.Step(ev, now))
}

func (s *Session) follow(ctx context.Context) {
	for len(s.queue) > 0 {
		ev := s.queue[0]
		s.queue = append(s.queue[:0], s.queue[1:]...)
		s.step(ctx, ev)
	}
	s.queue = nil
	s.arm()
}

// arm makes the one timer fire no later than the dialogue's next deadline. A
// timer that fires early is cheaper than one that is reset for every command.
func (s *Session) arm() {
	at := s.mind.Deadline()
	if !s.answerBy.IsZero() && (at.IsZero() || s.answerBy.Before(at)) {
		at = s.answerBy
	}
	if at.IsZero() || !s.armed.IsZero() && !at.Before(s.armed) {
		return
	}
	s.armed = at
	s.timer.Reset(time.Until(at))
}

//go:noinline
func (s *Session) timeReached() messages.ToSession {
	s.armed = time.Time{}
	if !s.answerBy.IsZero() && !time.Now().Before(s.answerBy) {
		return s.unanswered()
	}
	return messages.TimeReached{}
}

// goodbye tells the client 421 outside of the dialogue. Nobody has time left
// to wait for a client that does not listen, and none can hear in the midst of a
// handshake.
func (s *Session) goodbye(text string) {
	if s.secrecy.handshake {
		return
	}
	_ = s.conn.SetWriteDeadline(time.Now().Add(farewellTime))
	_, err := s.writer.conn.Write(ftp.Closing(text).Append(nil)) // a client that is gone need not know
	s.writer.failed = err != nil
}

// HangUp makes a write to the client that is under way fail soon. It is for the
// one who has ended the session's context: only waiting heeds that, and a client
// that takes no bytes could hold a write for longer than anybody wants to wait.
func (s *Session) HangUp() { _ = s.conn.SetWriteDeadline(time.Now().Add(farewellTime)) }

// leave gives back what the session held.
func (s *Session) leave() {
	s.timerStop()
	s.closeBooks()
	s.dropOffers()
	s.withdrawPick()
	s.releaseLease()
	s.systemLog(zerolog.InfoLevel).Stringer("took", time.Since(s.opened).Round(time.Millisecond)).Str("reason", s.reason).Msg("FTP session closed.")
}

func (s *Session) timerStop() {
	if s.timer != nil {
		s.timer.Stop()
	}
}

func (s *Session) systemLog(level zerolog.Level) *zerolog.Event {
	return s.tag(s.setup.Log.WithLevel(level))
}

func (s *Session) proxyLog(level zerolog.Level) *zerolog.Event {
	return s.tag(s.setup.ProxyLog.WithLevel(level))
}

// tag says whose line it is.
func (s *Session) tag(e *zerolog.Event) *zerolog.Event {
	if e == nil {
		return nil
	}
	return e.EmbedObject(s)
}

// MarshalZerologObject gives what every line of the session carries.
func (s *Session) MarshalZerologObject(e *zerolog.Event) {
	e.Uint64("session", uint64(s.id)).Str("server", s.setup.Server).Str("client", s.client.Addr().String())
	if s.name != "" {
		e.Str("client_name", s.name)
	}
}
