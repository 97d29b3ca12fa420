package dialogue

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/messages"
)

// watch follows a dialogue from outside and knows what must never happen in
// any of them.
type watch struct {
	cfg      Config
	ended    bool
	reading  bool // a nod is out
	clientOn bool
	linked   bool // there is a backend to write to
	picking  bool // PickBackend is out
	checking bool // CheckLogin is out
	leased   bool // an attempt is on: it fails once at most
	named    bool // … with what the client named (forward role)
	dialled  uint32
	tries    int // with the present server
	tls      tlsWatch
	late     lateWatch
	listens  [2]bool
	data     *channel
	idle     int // times the machine was woken in vain
}

// channel is what a watch knows of one data channel.
type channel struct {
	id                       uint32
	upload                   bool
	proceed, ended, finished bool
	settled, aborted         bool
	sawPositive              bool // a 2xx since the start
}

const secret = "s3cret"

func newWatch(cfg Config) *watch { return &watch{cfg: cfg, clientOn: true} }

// saw takes an event and what the machine made of it.
func (w *watch) saw(m *Machine, ev messages.ToSession, did []Action, now time.Time) error {
	if err := errors.Join(w.happened(ev), w.tls.happened(w, ev)); err != nil {
		return err
	}
	w.late.happened(ev)
	for i, a := range did {
		if err := errors.Join(w.done(a), w.tls.done(w, m, a), w.late.done(m, a)); err != nil {
			return fmt.Errorf("%s: %w", shown(a), err)
		}
		if _, last := a.(SwitchServer); last && i < len(did)-1 {
			return errors.New("something follows SwitchServer")
		}
	}
	if len(m.held) > heldLimit {
		return fmt.Errorf("%d commands held", len(m.held))
	}
	if m.Ended() != w.ended {
		return errors.New("Ended() does not match End")
	}
	return w.wakes(m, ev, now)
}

// wakes sees that a machine whose deadline has passed does something about it.
func (w *watch) wakes(m *Machine, ev messages.ToSession, now time.Time) error {
	at := m.Deadline()
	if _, woken := ev.(messages.TimeReached); !woken || at.IsZero() || at.After(now) {
		w.idle = 0
		return nil
	}
	if w.idle++; w.idle > 8 {
		return fmt.Errorf("woken again and again for %v", at)
	}
	return nil
}

// happened notes an event, or complains that the executor would not send it.
func (w *watch) happened(ev messages.ToSession) error {
	switch ev := ev.(type) {
	case nil:
	case messages.CommandReceived:
		if !w.reading {
			return errors.New("no nod is out, the client cannot be heard")
		}
		w.reading = false
	case messages.FrontendLost:
		if !w.reading {
			return errors.New("no nod is out, the client's loss cannot be noticed")
		}
		w.clientOn = false
	case messages.LoginChecked:
		w.checking = false
	case messages.BackendPicked:
		w.picking = false
		w.leased = ev.Err == nil && !w.ended
	case messages.DestinationResolved:
		w.picking = false
		w.leased = ev.Err == nil && !w.ended
	case messages.BackendConnected:
		w.linked = w.leased
	case messages.BackendLost:
		w.linked = w.linked && ev.Attempt != w.dialled
	case messages.Listening:
		if !w.listens[ev.Side] {
			return errors.New("nobody asked for a listener")
		}
		w.listens[ev.Side] = false
	case messages.ReplyReceived:
		if w.data != nil && ev.Reply.Positive() {
			w.data.sawPositive = true
		}
	case messages.DataEnded:
		if w.data == nil || !w.data.proceed {
			return errors.New("no data channel could say that")
		}
		w.data.ended = true
	case messages.TransferFinished:
		if w.data == nil || w.data.finished {
			return errors.New("no data channel could say that")
		}
		w.data.finished = true
	}
	return nil
}

// done checks one action.
func (w *watch) done(a Action) error {
	if note, ok := a.(Note); ok {
		return noSecret(note)
	}
	if w.ended {
		return errors.New("after End")
	}
	switch a := a.(type) {
	case Resume:
		if w.reading {
			return errors.New("a second nod")
		}
		w.reading = true
	case SendClient:
		if !w.clientOn {
			return errors.New("to a client that is gone")
		}
	case SendBackend:
		if !w.linked {
			return errors.New("to a backend that is gone")
		}
		if _, err := a.Command.Append(nil); err != nil {
			return err
		}
	case SendAbort:
		if !w.linked {
			return errors.New("to a backend that is gone")
		}
	case PickBackend, ResolveDestination, DialBackend, DropBackend, ReportFailed, ReportConnected, ReportLost, ReturnLease:
		return w.attempts(a)
	case CheckLogin:
		if w.checking || w.picking || w.leased {
			return errors.New("not its turn")
		}
		w.checking = true
	case Listen:
		if w.listens[a.Side] {
			return errors.New("the listener before is not up yet")
		}
		w.listens[a.Side] = true
	case StartData, ProceedData, SettleData, AbortData:
		return w.transfers(a)
	case End:
		w.ended = true
		if w.data != nil && !w.data.finished && !w.data.aborted {
			return errors.New("with a transfer that was not broken off")
		}
	}
	return nil
}

func (w *watch) attempts(a Action) error {
	switch a := a.(type) {
	case PickBackend:
		if w.picking || w.leased {
			return errors.New("one attempt at a time")
		}
		w.picking, w.named = true, false
		if len(a.Tried) == 0 { // a new choice
			w.tries = 0
		}
	case ResolveDestination:
		if w.picking || w.leased {
			return errors.New("one attempt at a time")
		}
		w.picking, w.named, w.tries = true, true, 0
	case DialBackend:
		most := w.cfg.RetryCount
		if w.named {
			most = 1
		}
		if w.tries++; !w.leased || a.Attempt <= w.dialled || w.tries > most {
			return errors.New("not its turn")
		}
		w.dialled = a.Attempt
	case DropBackend:
		w.linked = false
		w.leased = w.leased && !w.named
	default:
		return w.reports(a)
	}
	return nil
}

func (w *watch) reports(a Action) error {
	switch {
	case w.named:
		return errors.New("of a backend that policy has not chosen")
	case !w.leased:
		return errors.New("without an attempt")
	}
	switch a.(type) {
	case ReportFailed:
		w.leased = false
	case ReturnLease:
		if w.linked {
			return errors.New("of a backend that is still there")
		}
		w.leased, w.tries = false, 0
	}
	return nil
}

func (w *watch) transfers(a Action) error {
	d := w.data
	switch a := a.(type) {
	case StartData:
		if d != nil && !d.finished {
			return errors.New("while another transfer runs")
		}
		w.data = &channel{id: a.Transfer, upload: a.Upload}
		return nil
	case ProceedData:
		if d.proceed || d.finished || d.aborted {
			return errors.New("not its time")
		}
		d.proceed = true
	case SettleData:
		switch {
		case !d.ended || d.finished || d.settled || d.aborted:
			return errors.New("not its time")
		case a.Clean && !d.upload && !d.sawPositive:
			return errors.New("without a word of the backend")
		case a.Clean && d.upload && (!w.clientOn || !w.reading):
			return errors.New("without knowing that the client lives")
		}
		d.settled = true
	case AbortData:
		if d.finished {
			return errors.New("of a finished transfer")
		}
		d.aborted = true
	}
	return nil
}

func noSecret(n Note) error {
	text := n.Text + n.Command.String() + n.Reply.String()
	if n.Err != nil {
		text += n.Err.Error()
	}
	if strings.Contains(text, secret) {
		return errors.New("a note shows the password")
	}
	return nil
}

// atRest sees that a machine that nobody owes anything listens to its client,
// or is over.
func (w *watch) atRest(m *Machine) error {
	owed := w.tls.owed() || w.picking || w.leased && !w.linked || w.listens[0] || w.listens[1] || m.await != nil || m.xfer != nil || m.login.asking || w.checking
	if !owed && !w.ended && !w.reading {
		return errors.New("stuck: nothing is awaited and the client is not heard")
	}
	return nil
}
