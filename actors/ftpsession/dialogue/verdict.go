package dialogue

import (
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// conclude gives the client its final reply and closes the books.
func (m *Machine) conclude() {
	t := m.xfer
	m.closeBooks()
	if t.goodbye != "" {
		if t.last.Code != 0 {
			m.tell(t.last)
		}
		m.end(t.goodbye)
		return
	}
	if !t.hasFinal {
		m.late.missing++
		m.late.refusal = m.late.refusal || !t.proceeding
	}
	m.believe(t, t.verdict())
}

// lastReply gives the client the last word on a transfer.
func (m *Machine) lastReply(t *transfer, reply ftp.Reply) {
	m.tell(reply)
	if reply.Code == 421 {
		m.end("backend closed the session")
		return
	}
	m.afterTransfer(t)
}

func (m *Machine) closeBooks() {
	m.record(m.xfer)
	m.xfer = nil
	m.settleDoubt()
	m.clock.transferred(m.now)
}

// afterTransfer turns to what comes next, if the backend is still there.
func (m *Machine) afterTransfer(t *transfer) {
	switch b := &m.back; {
	case b.parting.Code != 0:
		m.farewell(b.parting, "backend closed the session")
	case b.lost:
		m.farewell(lostReply(), "backend lost")
	case t.asides > 0:
		m.asidesLeft(t.asides)
	default:
		m.next()
	}
}

// verdict is what the client hears: the backend's word, unless it claims a
// success that we know better.
func (t *transfer) verdict() ftp.Reply {
	open := t.err != nil && t.errStage == messages.StageOpen
	secure := t.err != nil && t.errStage == messages.StageSecure
	unexplained := t.errSide == messages.FrontSide || !t.hasFinal || t.final.Positive()
	switch {
	case t.tooLarge():
		return ftp.TransferTooLarge(t.upload)
	case open && unexplained:
		return ftp.DataFailed(t.cmd.Verb, t.reason)
	case secure && unexplained:
		return ftp.DataInsecure()
	case t.hasFinal && t.final.Negative(), t.whole():
		return t.final
	case t.silent && (t.err == nil || t.errStage == messages.StageAbort):
		return ftp.Failed(500, t.cmd.Verb, "Connection timed out")
	}
	return ftp.TransferAborted()
}

// tooLarge reports whether more came than may.
func (t *transfer) tooLarge() bool { return t.err != nil && t.errStage == messages.StageLimit }

// whole reports whether everything arrived: the backend says so, the data ended
// properly, and the end was passed on without an error.
func (t *transfer) whole() bool {
	return t.hasFinal && t.final.Positive() && t.clean && t.finished && t.err == nil && !t.abort.on
}

// record writes the transfer log for what a client calls a transfer of a file.
func (m *Machine) record(t *transfer) {
	if !t.proceeding {
		return
	}
	switch t.cmd.Verb {
	case ftp.RETR, ftp.STOR, ftp.APPE, ftp.STOU:
		m.do(RecordTransfer{Verb: t.cmd.Verb, Path: t.cmd.Arg, User: m.login.user, Type: m.type_,
			Bytes: t.bytes, Began: t.began, Took: m.now.Sub(t.began), Complete: t.whole(), TLS: m.front.ftps()})
	}
}
