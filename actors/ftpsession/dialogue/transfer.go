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
	began  time.Time

	proceeding bool      // the backend said 1xx
	final      ftp.Reply // its last word, held until the data is settled
	hasFinal   bool
	ended      bool // the source ended properly
	settled    bool // the data channel was told how to close
	finished   bool // the data channel is closed
	silent     bool // the backend's last word did not come in time
	err        error
	reason     string // of err, for the client
	errSide    messages.Side
	errStage   messages.Stage
	bytes      int64

	asides  int       // STAT and NOOP that await their answer
	abort   abort     // ABOR by the client
	goodbye string    // why the session ends with this transfer
	last    ftp.Reply // what the client hears before that, if anything
}

func (m *Machine) download(c ftp.Command) { m.transfer(c, false) }
func (m *Machine) upload(c ftp.Command)   { m.transfer(c, true) }

// transfer starts a transfer. Without a data connection agreed on, the backend
// may say so itself.
func (m *Machine) transfer(c ftp.Command, upload bool) {
	o := m.offer
	m.offer = offer{}
	if !o.complete() {
		m.do(DropOffers{})
		m.relay(c)
		return
	}
	m.xfers++
	m.xfer = &transfer{id: m.xfers, cmd: c, upload: upload, began: m.now}
	m.do(SendBackend{c})
	m.do(StartData{Transfer: m.xfers, Verb: c.Verb, Upload: upload, Front: o.front.plan(), Back: o.back.plan()})
	m.resume() // ABOR must be heard
}

// transferReply sorts a reply of the backend into the transfer's books.
func (m *Machine) transferReply(r ftp.Reply) {
	t := m.xfer
	if !t.proceeding && m.dropStale(r) {
		return
	}
	switch {
	case t.abort.on:
		m.abortReply(r)
	case r.Preliminary():
		m.do(SendClient{r})
		m.proceed()
	case t.hasFinal || t.asides > 0 && !endsTransfer(r):
		m.asideReply(r)
	default:
		m.finalReply(r)
	}
}

func (m *Machine) proceed() {
	if t := m.xfer; !t.proceeding {
		t.proceeding = true
		m.stale = 0 // replies come in order: what is missing will not come
		m.do(ProceedData{})
	}
}

// finalReply notes the backend's last word. It is not believed before the data
// has ended: some servers say 226 as soon as they handed the rest of a file to
// their kernel.
func (m *Machine) finalReply(r ftp.Reply) {
	t := m.xfer
	t.final, t.hasFinal = r, true
	switch {
	case !t.proceeding && r.Negative():
		// Refused before it began: there is nothing to settle.
		m.do(AbortData{})
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
	if t == nil || ev.Transfer != t.id || t.finished || t.settled {
		return
	}
	t.ended, t.bytes = true, ev.Bytes
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
func (m *Machine) believeEnd() {
	m.clock.settleAt = time.Time{}
	if t := m.xfer; t != nil && t.ended && !t.settled {
		m.settleData(true)
	}
}

func (m *Machine) settleData(clean bool) {
	m.xfer.settled = true
	m.do(SettleData{clean})
}

// settle does what has become possible: close the client's data connection,
// then conclude.
func (m *Machine) settle() {
	t := m.xfer
	if t.ended && !t.upload && t.hasFinal && !t.settled {
		m.clock.lingerEnds = time.Time{}
		m.settleData(t.final.Positive())
	}
	if t.finished && t.hasFinal && !t.abort.on {
		m.conclude()
	}
	if t.upload && t.settled && t.hasFinal && !t.finished {
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
	switch {
	case t.goodbye != "":
		m.conclude()
	case t.abort.on:
		m.abortDone()
	case m.back.lost:
		m.transferLostBackend()
	case ev.Err != nil && ev.Stage == messages.StageStall:
		m.note(Warn, "stalled timeout reached on "+ev.Side.String()+" data connection", ev.Err)
		t.goodbye = "data transfer stalled"
		m.conclude()
	case t.hasFinal:
		m.settle()
	case t.silent:
		m.conclude()
	default:
		if ev.Err != nil {
			m.note(Warn, ev.Side.String()+" data connection failed ("+ev.Stage.String()+")", ev.Err)
		}
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
	m.do(AbortData{})
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
	t.goodbye = "backend lost in mid transfer"
	t.last = lostReply()
	if t.finished {
		m.conclude()
		return
	}
	m.breakOff()
}

// conclude gives the client its final reply and closes the books.
func (m *Machine) conclude() {
	t := m.xfer
	reply := t.verdict()
	if t.proceeding {
		m.record(t, reply.Positive() && t.goodbye == "")
	}
	m.xfer = nil
	m.clock.transferred(m.now)
	if t.goodbye != "" {
		if t.last.Code != 0 {
			m.do(SendClient{t.last})
		}
		m.end(t.goodbye)
		return
	}
	if !t.hasFinal {
		m.stale++
	}
	m.do(SendClient{reply})
	if m.back.lost {
		m.farewell(lostReply(), "backend lost")
		return
	}
	if t.asides > 0 {
		m.asidesLeft(t.asides)
		return
	}
	m.next()
}

// verdict is what the client hears: the backend's word, unless it claims a
// success that we know better.
func (t *transfer) verdict() ftp.Reply {
	open := t.err != nil && t.errStage == messages.StageOpen
	switch {
	case open && (t.errSide == messages.FrontSide || !t.hasFinal || t.final.Positive()):
		return ftp.DataFailed(t.cmd.Verb, t.reason)
	case t.hasFinal && (t.err == nil || t.final.Negative()):
		return t.final
	case t.silent && (t.err == nil || t.errStage == messages.StageAbort):
		return ftp.Failed(500, t.cmd.Verb, "Connection timed out")
	}
	return ftp.TransferAborted()
}

// record writes the transfer log for what a client calls a transfer of a file.
func (m *Machine) record(t *transfer, complete bool) {
	switch t.cmd.Verb {
	case ftp.RETR, ftp.STOR, ftp.APPE, ftp.STOU:
		m.do(RecordTransfer{Verb: t.cmd.Verb, Path: t.cmd.Arg, User: m.login.user, Type: m.type_,
			Bytes: t.bytes, Began: t.began, Took: m.now.Sub(t.began), Complete: complete && t.err == nil})
	}
}

// endsTransfer reports whether a code can be a transfer's last word while
// answers to STAT or NOOP are due as well (RFC 959 §5.4).
func endsTransfer(r ftp.Reply) bool {
	switch r.Code {
	case 225, 226, 250, 425, 426, 450, 451, 452, 550, 551, 552, 553:
		return true
	}
	return false
}

// endsTransferLate is stricter: these codes answer no other command.
func endsTransferLate(r ftp.Reply) bool {
	switch r.Code {
	case 225, 226, 425, 426, 451:
		return true
	}
	return false
}

// dropStale swallows the last word of a transfer that was given up on.
func (m *Machine) dropStale(r ftp.Reply) bool {
	if m.stale == 0 || !endsTransferLate(r) {
		return false
	}
	m.stale--
	m.do(Note{Level: Info, Text: "final reply of an earlier transfer came late, dropped", Reply: r})
	return true
}
