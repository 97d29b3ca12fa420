package dialogue

import (
	"net/netip"
	"time"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// phase is how far the session has come.
type phase uint8

const (
	connecting phase = iota // a backend is on its way, and the client waits for it
	alone                   // none is wanted yet: the gateway speaks for itself
	connected               // it will do for this client, who is not logged in
	loggedIn
	ended
)

// Machine is one session's dialogue. It is not safe for concurrent use.
type Machine struct {
	cfg   Config
	out   []Action
	now   time.Time
	phase phase

	front   front
	greeted bool   // the client has heard a banner
	moving  moving // SwitchServer is not answered yet

	back backend
	// await takes the backend's final reply to what was asked; nil: none is due.
	await func(*Machine, ftp.Reply)
	shown bool        // the client sees the preliminary replies before it
	asked ftp.Command // the client's command that await belongs to
	since time.Time   // when it began
	again bool        // it comes after a password that was refused
	feint ftp.Reply   // what it will be answered in a backend's place (feign)
	late  late        // replies that we stopped waiting for

	reading bool          // the frontend reader was told to go on
	gone    bool          // the client is: it hears nothing more
	held    []ftp.Command // commands that wait for their turn

	login   login
	journey journey
	refused int    // logins, in all of the session
	early   string // the argument of a TYPE that came before the backend

	offer offer
	modeZ modeZ
	xfer  *transfer
	xfers uint32 // transfers started
	type_ byte   // 'A' or 'I', for logs
	lists lists
	home  string // where to go back to from a visit; empty: nowhere

	clock    clock
	draining bool
}

// heldLimit bounds how many commands may wait behind a transfer. The reader
// stands still beyond it, so that the bound is felt by the client alone.
const heldLimit = 16

// New returns the dialogue of a session accepted at the given time. The first
// event is Begin.
func New(cfg Config, now time.Time) *Machine {
	cfg.Client, cfg.Local = unmapped(cfg.Client), unmapped(cfg.Local)
	m := &Machine{cfg: cfg, now: now, type_: cfg.firstType()}
	m.clock.open(now)
	return m
}

// unmapped shows an IPv4 client of a dual-stack listener as what it is.
func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// Begin starts the dialogue: a backend is wanted, or, with implicit TLS, a
// handshake first.
func (m *Machine) Begin(now time.Time) []Action {
	m.start(now)
	if m.cfg.TLS.Enabled && m.cfg.TLS.Implicit {
		m.secureClient()
		return m.out
	}
	m.receive()
	return m.out
}

// Step tells the machine what happened and returns what is to be done. The
// slice is valid until the next call.
func (m *Machine) Step(ev messages.ToSession, now time.Time) []Action {
	m.start(now)
	if m.phase != ended {
		m.handle(ev)
	}
	if m.moving == staying {
		m.checkTime()
	}
	return m.out
}

// Ended reports whether the dialogue is over: End was among the actions.
func (m *Machine) Ended() bool { return m.phase == ended }

// User is the name the client logs in with, for logs.
func (m *Machine) User() string { return m.login.user }

func (m *Machine) start(now time.Time) {
	clear(m.out)
	m.out = m.out[:0]
	m.now = now
}

func (m *Machine) handle(ev messages.ToSession) {
	switch ev := ev.(type) {
	case messages.CommandReceived:
		m.commandReceived(ev)
	case messages.ReplyReceived:
		if m.back.is(ev.Attempt) {
			m.replyReceived(ev.Reply)
		}
	case messages.FrontendLost:
		m.frontendLost(ev)
	case messages.FrontendSecured:
		m.frontendSecured(ev)
	case messages.FrontendInsecure:
		m.frontendInsecure(ev)
	case messages.FrontendCleared:
		m.frontendCleared()
	case messages.Listening:
		m.listening(ev)
	case messages.DataEnded:
		m.dataEnded(ev)
	case messages.TransferFinished:
		m.transferFinished(ev)
	case messages.ListingRead:
		m.listingRead(ev)
	case messages.LoginAnswered:
		m.loginAnswered(ev)
	case messages.LoginChecked:
		m.loginChecked(ev)
	case messages.DrainRequested:
		m.draining = true
		m.settleDown()
	case messages.TimeReached:
		// checkTime does the work
	default:
		m.handleBackend(ev)
	}
}

// handleBackend takes the news of attempts; only those of the present one count.
func (m *Machine) handleBackend(ev messages.ToSession) {
	switch ev := ev.(type) {
	case messages.BackendPicked:
		m.picked(ev)
	case messages.DestinationResolved:
		m.destinationResolved(ev)
	case messages.BackendConnected:
		if m.back.is(ev.Attempt) {
			m.backendConnected(ev)
		}
	case messages.BackendUnreachable:
		if m.back.is(ev.Attempt) {
			m.back.reason = ev.Reason
			m.attemptFailed(ev.Err)
		}
	case messages.BackendSecured:
		if m.back.is(ev.Attempt) {
			m.backendSecured()
		}
	case messages.BackendLost:
		if m.back.is(ev.Attempt) {
			m.backendLost(ev.Err)
		}
	}
}

func (m *Machine) do(a Action) { m.out = append(m.out, a) }

func (m *Machine) note(level Level, text string, err error) {
	m.do(Note{Level: level, Text: text, Err: err})
}

// tell writes to the client, if there still is one that can hear: in the midst
// of a TLS handshake a reply in clear would be taken for part of it.
func (m *Machine) tell(r ftp.Reply) {
	m.observe(r)
	if !m.gone && !m.front.securing {
		m.do(SendClient{r})
	}
}

// answer gives the client its final reply and turns to the next command.
func (m *Machine) answer(r ftp.Reply) {
	m.tell(r)
	m.next()
}

// ask sends the backend a command of ours; then takes its final reply.
func (m *Machine) ask(c ftp.Command, then func(*Machine, ftp.Reply)) {
	m.await, m.shown, m.late.behind = then, false, false
	m.do(SendBackend{c})
}

// forward sends the backend a client's command; the client sees preliminary
// replies, then takes the final one.
func (m *Machine) forward(c ftp.Command, then func(*Machine, ftp.Reply)) {
	m.ask(c, then)
	m.shown = true
}

// end closes the session. A transfer that still runs is a broken one.
func (m *Machine) end(reason string) {
	if m.phase == ended {
		return
	}
	if t := m.xfer; t != nil {
		m.breakOff()
		m.record(t)
		m.xfer = nil
	}
	m.phase, m.asked = ended, ftp.Command{}
	m.do(End{reason})
}

// farewell tells the client why and ends the session.
func (m *Machine) farewell(r ftp.Reply, reason string) {
	m.tell(r)
	m.end(reason)
}

// commandReceived takes one line from the frontend reader, which now stands
// still until Resume.
func (m *Machine) commandReceived(ev messages.CommandReceived) {
	m.reading = false
	m.clock.active(m.now)
	if m.foreign(ev) {
		return
	}
	if ev.Err != nil {
		m.suspect(ev.Err)
		ev.Command = badLine(ev.Err)
	}
	if m.xfer != nil && m.aside(ev.Command) {
		m.resume()
		return
	}
	if m.busy() || len(m.held) > 0 {
		m.held = append(m.held, ev.Command)
		// Only behind a transfer is it worth reading on: there ABOR counts.
		if m.xfer != nil && len(m.held) < heldLimit {
			m.resume()
		}
		return
	}
	m.dispatch(ev.Command)
}

// foreign ends the session of a peer that speaks another protocol, such as a
// browser lured into talking to us (the ALPACA attack).
func (m *Machine) foreign(ev messages.CommandReceived) bool {
	verb := ev.Command.Verb
	if line, ok := lineError(ev.Err); ok {
		verb = line.Verb
	}
	if m.phase == loggedIn || !ftp.Foreign(verb) {
		return false
	}
	m.misdeed(messages.BadProtocol)
	m.note(Warn, "client does not speak FTP, closing", nil)
	m.end("client sent " + verb)
	return true
}

// busy reports whether the command before is not answered yet.
func (m *Machine) busy() bool {
	return m.phase == connecting || m.await != nil || m.xfer != nil || m.offer.pending() || m.login.asking || m.login.checking ||
		m.front.securing || m.front.clearing || m.moving != staying || !m.clock.feintEnds.IsZero()
}

// next turns to the next command: one that waits, or one still to be read.
func (m *Machine) next() {
	m.asked = ftp.Command{} // it may hold a password
	if m.returns() {
		return
	}
	for m.phase != ended && !m.busy() && len(m.held) > 0 {
		c := m.held[0]
		m.held = append(m.held[:0], m.held[1:]...)
		m.dispatch(c)
	}
	if len(m.held) == 0 {
		m.held = nil // an idle session keeps no queue
	}
	if m.busy() || m.phase == ended {
		return
	}
	m.resume()
	m.settleDown()
}

func (m *Machine) resume() {
	if !m.reading && m.phase != ended {
		m.reading = true
		m.do(Resume{})
	}
}

// settleDown ends a session that is to be drained, once it is idle.
func (m *Machine) settleDown() {
	if m.draining && m.phase != ended && (m.phase == connecting || !m.busy() && len(m.held) == 0) {
		m.farewell(ftp.NewReply(421, "Service is being restarted, please connect again"), "drained")
	}
}

// frontendLost ends the session of a client that is gone. A running transfer
// is broken off first, so that no backend takes half a file for a whole one.
func (m *Machine) frontendLost(ev messages.FrontendLost) {
	m.gone = true
	t := m.xfer
	switch {
	case t == nil || t.finished && !t.direct:
		m.end("client closed the connection")
	case t.upload && t.clean && !t.direct && t.goodbye == "":
		// The whole file was passed on: its end stays an end.
		m.note(Info, "client lost after its upload", ev.Err)
		t.goodbye = "client lost after its upload"
	default:
		m.note(Info, "client lost in mid transfer, breaking it off", ev.Err)
		m.leave("client lost in mid transfer", ftp.Reply{})
	}
}
