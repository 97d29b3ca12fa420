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
		m.abortTransfer(c)
	case ftp.STAT, ftp.NOOP:
		if t.abort.on || t.goodbye != "" || len(m.held) > 0 {
			return false
		}
		t.asides++
		m.do(SendBackend{c})
	default:
		return false
	}
	return true
}

// asideReply passes on the answer to STAT or NOOP in mid transfer.
func (m *Machine) asideReply(r ftp.Reply) {
	t := m.xfer
	if t.asides == 0 {
		m.do(Note{Level: Warn, Text: "backend sent a reply that nobody asked for, dropped", Reply: r})
		return
	}
	t.asides--
	m.do(SendClient{r})
}

// asidesLeft waits for answers that a backend gives only after its transfer.
func (m *Machine) asidesLeft(n int) {
	m.await = func(m *Machine, r ftp.Reply) {
		m.do(SendClient{r})
		if n > 1 {
			m.asidesLeft(n - 1)
			return
		}
		m.next()
	}
}

// abort is the state of an ABOR in mid transfer. The client gets two replies,
// for the transfer and for ABOR (RFC 959 §5.4), whatever the backend makes of
// it: the first is never 2xx, as the data was cut off.
type abort struct {
	on      bool
	replies int // given to the client
}

func (m *Machine) abortTransfer(ftp.Command) {
	t := m.xfer
	if t.abort.on || t.goodbye != "" {
		return // once is enough
	}
	t.abort.on = true
	m.note(Info, "client aborts "+t.cmd.Verb, nil)
	if !m.back.lost {
		m.do(SendAbort{})
	}
	m.breakOff()
	if t.hasFinal { // its last word came already: the next one answers ABOR
		r := t.final
		t.hasFinal = false
		m.abortReply(r)
	}
	m.linger()
}

// abortReply takes the backend's replies after ABOR.
func (m *Machine) abortReply(r ftp.Reply) {
	t := m.xfer
	if r.Preliminary() {
		m.do(SendClient{r})
		return
	}
	if t.asides > 0 && !endsTransfer(r) {
		m.asideReply(r)
		return
	}
	t.abort.replies++
	if t.abort.replies == 1 && !r.Negative() {
		r = ftp.TransferAborted()
	}
	m.do(SendClient{r})
	m.abortDone()
}

// abortDone concludes when both replies are given and the data is closed.
func (m *Machine) abortDone() {
	t := m.xfer
	if t.abort.replies < 2 || !t.finished {
		return
	}
	if t.proceeding {
		m.record(t, false)
	}
	asides := t.asides
	m.xfer = nil
	m.clock.transferred(m.now)
	if asides > 0 {
		m.asidesLeft(asides)
		return
	}
	m.next()
}

// abortTimedOut fills in what the backend does not say.
func (m *Machine) abortTimedOut() {
	t := m.xfer
	for ; t.abort.replies < 2; t.abort.replies++ {
		m.stale++
		if t.abort.replies == 0 {
			m.do(SendClient{ftp.TransferAborted()})
		} else {
			m.do(SendClient{ftp.NewReply(226, "Abort successful")})
		}
	}
	m.abortDone()
}
