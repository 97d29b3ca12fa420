package dialogue

import (
	"errors"
	"strings"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// tlsWatch knows what must never happen around handshakes and data protection,
// from what is said and done alone.
type tlsWatch struct {
	securing, clearing, over bool // the client's side; over: its reader has ended
	implied                  bool // the last AUTH implies PROT P
	frontPrivate             bool

	holding, held, linkSecuring bool // the backend's reader
	linkSecure                  bool
	protAsked                   string // PROT that the backend has not answered
	protClients                 bool   // … it is the client's
	backPrivate                 bool
}

func (t *tlsWatch) owed() bool { return t.securing || t.clearing || t.linkSecuring }

func (t *tlsWatch) happened(w *watch, ev messages.ToSession) error {
	switch ev := ev.(type) {
	case messages.FrontendSecured:
		if !t.securing {
			return errors.New("no handshake with the client is under way")
		}
		t.securing = false
		t.frontPrivate = (t.implied || w.cfg.TLS.Implicit) && !w.cfg.TLS.Required.NoData
	case messages.FrontendInsecure:
		if !t.securing {
			return errors.New("no handshake with the client is under way")
		}
		t.securing, t.over = false, true
	case messages.FrontendCleared:
		if !t.clearing {
			return errors.New("nobody asked for that")
		}
		t.clearing = false
	case messages.BackendConnected:
		t.linkSecure = ev.TLS.Version != ""
	case messages.BackendSecured:
		if !t.linkSecuring {
			return errors.New("no handshake with the backend is under way")
		}
		t.linkSecuring, t.linkSecure = false, true
	case messages.BackendLost:
		t.linkSecuring = false
	case messages.ReplyReceived:
		t.replied(ev.Reply)
	}
	return nil
}

func (t *tlsWatch) replied(r ftp.Reply) {
	if r.Preliminary() {
		return
	}
	t.held, t.holding = t.holding, false
	if t.protAsked == "" || endsTransfer(r) { // what a transfer still had to say
		return
	}
	if r.Positive() {
		t.backPrivate = t.protAsked == "P"
		if t.protClients {
			t.frontPrivate = t.backPrivate
		}
	}
	t.protAsked = ""
}

func (t *tlsWatch) done(w *watch, m *Machine, a Action) error {
	switch a := a.(type) {
	case SecureClient, ClearClient:
		if w.reading || t.securing || t.clearing || len(m.held) > 0 {
			return errors.New("the client's reader does not stand still")
		}
		_, t.securing = a.(SecureClient)
		t.clearing = !t.securing
	case Resume:
		if t.securing || t.clearing || t.over {
			return errors.New("the client's reader is not there to read")
		}
	case SendClient:
		return t.toClient(a.Reply)
	case SendBackend:
		return t.toBackend(m, a.Command)
	case SendAbort:
		return t.toBackend(m, ftp.Command{Verb: ftp.ABOR})
	case HoldBackend:
		t.holding = true
	case SecureBackend, FreeBackend:
		if !t.held {
			return errors.New("the backend's reader does not stand still")
		}
		t.held = false
		_, t.linkSecuring = a.(SecureBackend)
	case DropBackend:
		t.holding, t.held, t.linkSecuring, t.linkSecure, t.backPrivate, t.protAsked = false, false, false, false, false, ""
	case StartData:
		switch {
		case a.Front.TLS != t.frontPrivate || a.Back.TLS != t.backPrivate:
			return errors.New("not protected as PROT says")
		case t.linkSecure && !t.backPrivate && w.cfg.Protection == ProtectRequired:
			return errors.New("in clear although protection is required")
		case w.cfg.TLS.Enabled && w.cfg.TLS.Required.Data && !t.frontPrivate:
			return errors.New("in clear although TLSRequired asks for TLS")
		}
	}
	return nil
}

func (t *tlsWatch) toClient(r ftp.Reply) error {
	if t.securing {
		return errors.New("in the midst of a handshake")
	}
	switch {
	case r.Code == 234:
		t.implied = strings.Contains(r.Text, "SSL") || strings.Contains(r.Text, "TLS-P")
	case strings.HasPrefix(r.Text, "Protection set to"):
		t.frontPrivate = strings.HasSuffix(r.Text, "Private")
	}
	return nil
}

func (t *tlsWatch) toBackend(m *Machine, c ftp.Command) error {
	if t.held || t.linkSecuring {
		return errors.New("while the backend's reader holds still")
	}
	if c.Verb == ftp.PROT {
		t.protAsked, t.protClients = c.Arg, m.asked.Verb == ftp.PROT
	}
	return nil
}
