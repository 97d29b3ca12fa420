package dialogue

import (
	"time"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// transfer is a running RETR, STOR, LIST …: one data connection pair, and what
// the two control connections have said about it so far. It is over when the
// data channel has finished and the client has its final reply.
//
// Order of events, with the promise at stake in brackets:
//
//	download: source ends → backend's final reply → client's data connection is
//	          closed, properly only after 2xx → reply to the client
//	          [a backend that dies after half a file is not taken for its end]
//	upload:   source ends → the client is seen to live → backend's data
//	          connection is closed → final reply → reply to the client
//	          [a client that is killed is not taken for the end of its file]
type transfer struct {
	id     uint32
	cmd    ftp.Command
	upload bool
	second second
	began  time.Time
	direct bool // its data goes past us (direct.go)

	proceeding bool      // the backend said 1xx
	final      ftp.Reply // its last word, held until the data is settled
	hasFinal   bool
	ended      bool // the source ended properly
	settled    bool // the data channel was told how to close
	clean      bool // … as a proper end
	broken     bool // the data channel was told to break off
	finished   bool // the data channel is closed
	silent     bool // the backend's last word did not come in time
	err        error
	reason     string // of err, for the client
	errSide    messages.Side
	errStage   messages.Stage
	bytes      int64

	asides  int       // STAT and NOOP that await their answer
	talked  bool      // there was one
	abort   abort     // ABOR by the client
	goodbye string    // why the session ends with this transfer
	last    ftp.Reply // what the client hears before that, if anything
}

func (m *Machine) download(c ftp.Command) { m.transfer(c, false) }
func (m *Machine) upload(c ftp.Command)   { m.transfer(c, true) }

// transfer starts a transfer. Without a data connection agreed on, the backend
// may say so itself.
func (m *Machine) transfer(c ftp.Command, upload bool) {
	if m.cfg.Direct.On {
		m.directTransfer(c, upload)
		return
	}
	o := m.offer
	m.offer = offer{}
	if m.back.link.exposed(m.cfg.Protection) {
		m.do(DropOffers{})
		m.answer(ftp.DataNeedsTLS())
		return
	}
	wire, shape, second := m.wireCommand(c)
	if !o.complete() {
		m.do(DropOffers{})
		m.back.forgetRestart()
		m.forward(wire, (*Machine).noDataReply)
		return
	}
	m.lookAt(&preparation{cmd: c, wire: wire, second: second, upload: upload, offer: o, shape: shape})
}

// launch begins a transfer that is prepared.
func (m *Machine) launch(p *preparation) {
	c, o := p.cmd, &p.offer
	m.xfers++
	m.xfer = &transfer{id: m.xfers, cmd: c, upload: p.upload, second: p.second, began: m.now}
	m.back.forgetRestart()
	p.shape.FrontLevel, p.shape.BackLevel = m.levels()
	m.do(SendBackend{p.wire})
	m.do(StartData{Transfer: m.xfers, Verb: c.Verb, Upload: p.upload,
		Front: o.front.plan(m.front.private), Back: o.back.plan(m.back.link.private), Shape: p.shape})
	m.resume() // ABOR must be heard
}

// noDataReply answers a transfer that nothing can have passed in: whatever the
// backend thinks, it was no success.
func (m *Machine) noDataReply(r ftp.Reply) {
	if r.Positive() {
		r = ftp.NoDataConnection()
	}
	m.answer(r)
}

// moving reports whether bytes may be under way, which the data channel
// watches over (TimeoutStalled), or nobody can.
func (t *transfer) moving() bool {
	return t != nil && t.proceeding && (t.direct && !t.abort.on || !t.ended && !t.finished)
}

// transferReply sorts a reply of the backend into the transfer's books. A
// refusal before 1xx is the transfer's own, as it was asked first; answers to
// STAT and NOOP come between 1xx and the last word, or after it.
func (m *Machine) transferReply(r ftp.Reply) {
	t := m.xfer
	if r.Code == 150 && t.proceeding && (t.broken || t.err != nil || t.direct && (t.abort.on || timed(r))) {
		// Pure-FTPd's last word on a transfer that was broken off is a second
		// 150, with the time it took.
		r = ftp.TransferAborted()
	}
	switch {
	case r.Preliminary():
		m.tell(r)
		m.proceed()
	case r.Code == 421:
		m.partingReply(r)
	case t.abort.on:
		m.abortReply(r)
	case t.hasFinal || t.talked && !endsTransfer(r) && (t.proceeding || !r.Negative()):
		m.asideReply(r)
	case m.askElse(r):
	default:
		m.finalReply(r)
	}
}

func (m *Machine) proceed() {
	t := m.xfer
	if t.proceeding {
		return
	}
	t.proceeding = true
	if !t.broken && !t.finished {
		m.do(ProceedData{})
	}
}

// partingReply takes the 421 of a backend that closes the session, which the
// client's has to end with then.
func (m *Machine) partingReply(r ftp.Reply) {
	t := m.xfer
	m.do(Note{Level: Warn, Text: "backend closes the session in mid transfer", Reply: r})
	switch {
	case t.abort.on:
		m.leave("backend closed the session", r)
	case t.hasFinal:
		m.back.parting = r
	default:
		m.back.parting = r
		m.finalReply(r)
	}
}

// finalReply notes the backend's last word. It is not believed before the data
// has ended: some servers say 226 as soon as they handed the rest of a file to
// their kernel.
func (m *Machine) finalReply(r ftp.Reply) {
	t := m.xfer
	r = m.lastWord(r)
	t.final, t.hasFinal = r, true
	switch {
	case !t.proceeding && r.Negative():
		m.breakOff() // refused before it began: there is nothing to settle
	case !t.proceeding:
		m.proceed() // 2xx without 1xx: the data follows or is empty
	}
	if r.Negative() && !t.finished && !t.ended {
		// What is still under way may be half a file; it gets a moment to end.
		m.linger()
	}
	m.settle()
}

func (m *Machine) linger() {
	m.clock.lingerEnds = after(m.now, m.cfg.TimeoutLinger)
}

// dataEnded hears that the source ended properly.
func (m *Machine) dataEnded(ev messages.DataEnded) {
	t := m.xfer
	if t == nil || ev.Transfer != t.id || t.finished || t.settled || t.broken {
		return
	}
	t.ended, t.bytes = true, ev.Bytes
	m.clock.active(m.now)
	if t.upload {
		// The end of a killed client's file looks like any other end, and may
		// overtake the end of its control connection by an instant.
		m.clock.settleAt = after(m.now, max(ev.Settle, time.Microsecond))
		return
	}
	if !t.hasFinal {
		m.linger()
	}
	m.settle()
}

// believeEnd closes the backend's side of an upload: the client still lives.
// That is not known of one who asked for so much that we stopped reading.
func (m *Machine) believeEnd() {
	m.clock.settleAt = time.Time{}
	t := m.xfer
	if !m.reading {
		m.note(Warn, "too many commands in mid transfer, breaking it off", nil)
		m.breakOff()
		return
	}
	m.settleData(true)
	if t.hasFinal { // nothing more will be heard but the close
		m.linger()
	}
}

func (m *Machine) settleData(clean bool) {
	m.xfer.settled, m.xfer.clean = true, clean
	m.do(SettleData{clean})
}

// settle does what has become possible: close the client's data connection,
// then conclude.
func (m *Machine) settle() {
	t := m.xfer
	if t.ended && !t.upload && t.hasFinal && !t.settled && !t.broken && !t.finished {
		m.clock.lingerEnds = time.Time{}
		m.settleData(t.final.Positive())
	}
	switch {
	case t.finished && t.hasFinal:
		m.conclude()
	case t.upload && t.settled && t.hasFinal:
		m.do(AbortData{}) // the backend has all: no need to see it close
	}
}

// transferFinished hears the data channel's last word.
func (m *Machine) transferFinished(ev messages.TransferFinished) {
	t := m.xfer
	if t == nil || ev.Transfer != t.id {
		return
	}
	t.finished, t.bytes = true, ev.Bytes
	t.err, t.reason, t.errSide, t.errStage = ev.Err, ev.Reason, ev.Side, ev.Stage
	m.clock.settleAt = time.Time{}
	m.clock.active(m.now)
	if ev.Err != nil && ev.Stage < messages.StageStall {
		m.note(Warn, ev.Side.String()+" data connection failed ("+ev.Stage.String()+")", ev.Err)
	}
	if t.tooLarge() {
		limit, directive := m.cfg.Bounds.size(t.cmd.Verb)
		m.noteLimit(directive, limit, t.cmd.Arg)
	}
	switch {
	case t.goodbye != "":
		m.conclude()
	case t.abort.on:
		m.abortDone()
	case m.back.lost:
		m.transferLostBackend()
	case ev.Err != nil && ev.Stage == messages.StageStall:
		m.note(Warn, "stalled timeout reached on "+ev.Side.String()+" data connection", ev.Err)
		m.leave("data transfer stalled", ftp.Reply{})
	case t.hasFinal:
		m.settle()
	case t.silent:
		m.conclude()
	default:
		m.linger()
	}
}

// lingerTimedOut stops waiting for a backend that says nothing more.
func (m *Machine) lingerTimedOut() {
	m.clock.lingerEnds = time.Time{}
	t := m.xfer
	switch {
	case t == nil:
	case t.abort.on:
		m.abortTimedOut()
	case t.hasFinal: // the data does not end although the backend is done
		m.breakOff()
	case t.ended && !t.upload && !t.settled:
		m.backendSilent()
		m.settleData(false)
	case t.finished:
		m.backendSilent()
		m.conclude()
	}
}

// backendSilent gives up on the backend's last word. Should it still come, it
// is nobody's answer any more.
func (m *Machine) backendSilent() {
	m.note(Warn, "no final reply of the backend in time (ProxyTimeoutLinger)", nil)
	m.xfer.silent = true
}

// breakOff ends the data of a transfer as a break on both sides.
func (m *Machine) breakOff() {
	m.clock.settleAt, m.clock.lingerEnds = time.Time{}, time.Time{}
	if t := m.xfer; !t.broken && !t.finished {
		t.broken = true
		m.do(AbortData{})
	}
}

// leave ends the session with the transfer that runs, once its data is closed.
func (m *Machine) leave(reason string, last ftp.Reply) {
	t := m.xfer
	if t.goodbye == "" {
		t.goodbye, t.last = reason, last
	}
	if t.finished {
		m.conclude()
		return
	}
	m.breakOff()
}

// transferLostBackend ends a transfer whose backend is gone, unless its final
// reply came before.
func (m *Machine) transferLostBackend() {
	t := m.xfer
	if t.hasFinal && !t.abort.on && t.goodbye == "" {
		if t.finished {
			m.settle()
		}
		return // what remains is to pass on what the kernel still holds
	}
	m.leave("backend lost in mid transfer", lostReply())
}
