package dialogue

import (
	"time"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// late keeps the two sides in step after a transfer was given up on: the
// backend may still say its last word, in front of its answer to what was
// asked since. A code alone does not always tell the two apart (250 and 550
// answer CWD as well as STOR), but a backend that owes two replies will soon
// send the second. So a doubtful reply waits that long, then counts.
type late struct {
	missing int  // last words that we stopped waiting for
	abort   bool // the answer to an ABOR is among them
	refusal bool // one of them may be a refusal from before the transfer began
	behind  bool // they may come after the one that is awaited
	doubt   ftp.Reply
	doubts  bool // doubt is held back
}

// came notes a reply that arrived while nothing was asked.
func (l *late) came(r ftp.Reply) {
	if l.missing > 0 && l.mayBe(r) {
		l.missing--
	}
}

// mayBe reports whether a reply can be one of the missing.
func (l *late) mayBe(r ftp.Reply) bool {
	switch {
	case endsTransfer(r), l.refusal && r.Negative():
		return true
	case r.Code >= 500 && r.Code <= 503: // what is said to an ABOR that is not understood
		return l.abort
	}
	return false
}

// settleDoubt drops the reply in doubt: what came after it shows it as late.
func (m *Machine) settleDoubt() {
	l := &m.late
	if l.doubts {
		m.do(Note{Level: Info, Text: "final reply of an earlier transfer came late, dropped", Reply: l.doubt})
		l.missing--
	}
	l.doubt, l.doubts = ftp.Reply{}, false
	m.clock.doubtEnds = time.Time{}
}

// sortOut finds the reply to what was asked.
func (m *Machine) sortOut(r ftp.Reply) {
	m.settleDoubt()
	l := &m.late
	maybe := l.mayBe(r)
	if !maybe && !l.behind {
		l.missing = 0 // replies come in order: what is missing will not come
	}
	if l.missing == 0 {
		l.abort, l.refusal = false, false
	}
	if l.missing == 0 || !maybe {
		m.deliver(r)
		return
	}
	l.doubt, l.doubts = r, true
	m.clock.doubtEnds = after(m.now, m.cfg.TimeoutLinger)
}

// believeDoubt takes a reply that no second one followed for the answer.
func (m *Machine) believeDoubt() {
	r := m.late.doubt
	m.late.doubt, m.late.doubts = ftp.Reply{}, false
	m.clock.doubtEnds = time.Time{}
	m.deliver(r)
}

// endsTransfer reports whether a code can be a transfer's last word where
// answers to other commands are due as well (RFC 959 §5.4).
func endsTransfer(r ftp.Reply) bool {
	switch r.Code {
	case 225, 226, 250, 425, 426, 450, 451, 452, 550, 551, 552, 553:
		return true
	}
	return false
}
