package dialogue

import (
	"strings"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// Direct transfers: the data goes between client and backend, and only the talk
// about it passes here (ProxyOptions UseDirectDataTransfers). Its rules:
//
//   - PASV, EPSV, PORT and EPRT are relayed as they are, and so are the replies.
//   - A transfer has no data channel. It counts as settled and finished from its
//     beginning, so that what is left of it is the backend's last word, however
//     long that takes and whatever it says.
//   - An ABOR is answered by the backend, twice or once; we only say for it what
//     is missing then. Before its first word there is no telling what it owes.
//   - What protects the data is between the two others: their PROT is the same,
//     or there is no transfer.

// Direct is how much of it there is.
type Direct struct {
	On bool
	// Check has PORT and EPRT judged as without it, where AllowForeignAddress
	// says by what rule. A backend cannot: its peer is the gateway, so to it
	// every client is a third host.
	Check bool
}

// arranges reports whether client and backend see to their data connection by
// themselves.
func (m *Machine) arranges(c ftp.Command) bool {
	if m.cfg.Direct.On {
		m.relay(c)
	}
	return m.cfg.Direct.On
}

// directTransfer relays a transfer command and waits for its end.
func (m *Machine) directTransfer(c ftp.Command, upload bool) {
	switch {
	case m.back.link.exposed(m.cfg.Protection):
		m.answer(ftp.DataNeedsTLS())
		return
	case m.front.private != m.back.link.private:
		m.note(Warn, "no direct transfer: PROT differs between client and backend", nil)
		m.answer(ftp.ProtectionDiffers())
		return
	}
	m.late.behind = false
	m.xfers++
	m.xfer = &transfer{id: m.xfers, cmd: c, upload: upload, began: m.now, direct: true, finished: true, settled: true, clean: true}
	m.do(SendBackend{c})
	m.resume() // ABOR must be heard
}

// directReply tells the first reply to a transfer from those that an earlier one
// still has coming. Other transfers begin with an offer, which sees to that.
func (m *Machine) directReply(r ftp.Reply) {
	switch l := &m.late; {
	case m.xfer.proceeding || l.missing == 0 || r.Code == 421:
	case r.Preliminary():
		m.settleDoubt()
		l.missing = 0 // replies come in order
	default:
		m.sortOut(r)
		return
	}
	m.transferReply(r)
}

// timed reports a 150 that tells how long a transfer took, so it is over: all that
// Pure-FTPd says of a download that its client broke off.
func timed(r ftp.Reply) bool { return strings.Contains(r.Text, "seconds (measured here)") }

// directProt gives the backend the client's PROT, as far as
// ProxyTLSTransferProtectionPolicy lets it have its way.
func (m *Machine) directProt(private bool, c ftp.Command) {
	l, policy := &m.back.link, m.cfg.Protection
	switch {
	case private == l.private:
		m.front.private = private
		m.answer(ftp.ProtectionSet(private))
	case !l.secure:
		m.answer(ftp.ProtectionUnsupported(c.Arg))
	case policy == ProtectRequired && !private, policy == ProtectClear && private:
		m.answer(ftp.UnwillingToProtect())
	default:
		m.protBoth(private, c)
	}
}
