package dialogue

import (
	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// aside handles what a client may say while its transfer runs (RFC 959 §4.1.3:
// STAT, ABOR; NOOP keeps firewalls awake). It reports false for commands that
// have to wait.
func (m *Machine) aside(c ftp.Command) bool {
	t := m.xfer
	switch c.Verb {
	case ftp.ABOR:
		if t.abort.on || t.goodbye != "" {
			return false // a second one is answered after the first
		}
		m.abortTransfer()
	case ftp.STAT, ftp.NOOP:
		if t.abort.on || t.goodbye != "" || len(m.held) > 0 || t.asides == asideLimit || m.back.leaving() {
			return false
		}
		if _, why := m.forbidden(c); why != "" {
			return false // it is refused when its turn comes
		}
		t.asides, t.talked = t.asides+1, true
		m.do(SendBackend{c})
	default:
		return false
	}
	return true
}

// asideLimit bounds how many answers a backend may owe besides its transfer's.
const asideLimit = 16

// asideReply passes on the answer to STAT or NOOP in mid transfer.
func (m *Machine) asideReply(r ftp.Reply) {
	t := m.xfer
	if t.asides == 0 {
		m.late.came(r)
		m.do(Note{Level: Warn, Text: "backend sent a reply that nobody asked for, dropped", Reply: r})
		return
	}
	t.asides--
	m.tell(r)
}

// asidesLeft waits for answers that a backend gives only after its transfer.
func (m *Machine) asidesLeft(n int) {
	m.shown, m.late.behind = true, true
	m.await = func(m *Machine, r ftp.Reply) {
		if n > 1 {
			m.tell(r)
			m.asidesLeft(n - 1)
			return
		}
		m.answer(r)
	}
}

// abort is the state of an ABOR in mid transfer. The client gets two replies,
// for the transfer and for ABOR (RFC 959 §5.4), whatever the backend makes of
// it: the first is never 2xx, as the data was cut off.
type abort struct {
	on      bool
	replies int       // given to the client
	spare   ftp.Reply // the backend's first one, where the client got 426 in its place
}

func (m *Machine) abortTransfer() {
	t := m.xfer
	t.abort.on = true
	m.note(Info, "client aborts "+t.cmd.Verb, nil)
	switch b := &m.back; {
	case b.parting.Code != 0:
		m.leave("backend closed the session", b.parting)
		return
	case b.lost:
		m.leave("backend lost in mid transfer", lostReply())
		return
	}
	m.do(SendAbort{})
	m.breakOff()
	if !t.direct {
		m.linger()
	}
	if t.hasFinal { // its last word came already: the next one answers ABOR
		t.hasFinal = false
		m.abortAnswer(t.final)
	}
}

// abortReply takes the backend's replies after ABOR.
func (m *Machine) abortReply(r ftp.Reply) {
	t := m.xfer
	if t.asides > 0 && !endsTransfer(r) || t.abort.replies >= 2 {
		m.asideReply(r)
		return
	}
	m.abortAnswer(r)
}

// abortAnswer gives the client the next of its two replies.
func (m *Machine) abortAnswer(r ftp.Reply) {
	t := m.xfer
	t.abort.replies++
	switch {
	case t.direct: // whether it was cut off, the backend knows
		m.linger()
	case t.abort.replies == 1 && !r.Negative():
		t.abort.spare, r = r, ftp.TransferAborted()
	case t.abort.replies == 2 && r.Code == 426 && t.abort.spare.Code == 226:
		r = t.abort.spare // the backend said the two the other way round, as ProFTPD does in TLS
	}
	m.tell(r)
	m.abortDone()
}

// abortDone concludes when both replies are given and the data is closed.
func (m *Machine) abortDone() {
	t := m.xfer
	if t.abort.replies < 2 || !t.finished {
		return
	}
	m.closeBooks()
	m.afterTransfer(t)
}

// abortTimedOut fills in what the backend does not say.
func (m *Machine) abortTimedOut() {
	t := m.xfer
	for ; t.abort.replies < 2; t.abort.replies++ {
		m.late.missing++
		m.late.abort = true
		m.late.refusal = m.late.refusal || !t.proceeding
		if t.abort.replies == 0 {
			m.tell(ftp.TransferAborted())
		} else {
			m.tell(ftp.NewReply(226, "Abort successful"))
		}
	}
	m.abortDone()
}
