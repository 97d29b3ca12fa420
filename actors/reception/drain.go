package reception

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
)

// errDrainOver is why sessions end that outlive the drain time.
var errDrainOver = errors.New("drain time is over")

// drain asks every session to say goodbye when it is idle, waits, and ends
// those that are left when the time is over. It says whom it waited for.
func (r *Reception) drain(end context.CancelCauseFunc) {
	began := time.Now()
	total := len(r.sessions)
	deadline := time.NewTimer(r.cfg.Drain)
	defer deadline.Stop()
	nudge := time.NewTicker(10 * time.Millisecond) // for sessions whose mailbox was full
	defer nudge.Stop()

	unasked := maps.Clone(r.sessions)
	r.askToLeave(unasked)
	cut := 0
	for len(r.sessions) > 0 {
		select {
		case exit := <-r.kids.Exits():
			switch a := exit.Actor.(type) {
			case *arrival:
				_ = a.client.Conn.Close() // the house is closing, nothing was promised
				delete(r.arrivals, a)
			case *naming:
				r.dismiss(a)
			default:
				r.sessionEnded(exit)
			}
		case m := <-r.inbox.C():
			r.answerClosed(m)
		case <-nudge.C:
			if r.askToLeave(unasked); len(unasked) == 0 {
				nudge.Stop()
			}
		case <-deadline.C:
			cut = len(r.sessions)
			end(errDrainOver)
			for _, g := range r.sessions {
				g.session.HangUp()
			}
		}
	}
	r.inbox.Retire()
	r.turnAwayLate()
	r.cfg.Log.Info().Int("sessions", total).Int("cut_off", cut).Stringer("took", time.Since(began).Round(time.Millisecond)).
		Msgf("drained: waited for %d sessions, cut off %d", total, cut)
}

// askToLeave asks the sessions that have room for a message, and strikes them
// off the list.
func (r *Reception) askToLeave(unasked map[messages.SessionID]*guest) {
	for id, g := range unasked {
		if err := g.session.Mailbox().TrySend(messages.DrainRequested{}); !errors.Is(err, mailbox.ErrFull) {
			delete(unasked, id) // it was told, or has ended by itself
		}
	}
}

// turnAwayLate answers what was in the mailbox when it was retired.
func (r *Reception) turnAwayLate() {
	for {
		select {
		case m := <-r.inbox.C():
			r.answerClosed(m)
		default:
			return
		}
	}
}

// answerClosed turns away who comes after closing time.
func (r *Reception) answerClosed(m messages.ToReception) {
	switch m := m.(type) {
	case messages.AdmitClient:
		_ = m.Conn.Close() // the listeners are closing, nothing was promised
		nod(m)
	case messages.AskLogin:
		m.Reply <- messages.LoginAnswered{Refusal: "Service is shutting down"}
	case messages.DescribeSessions:
		m.Reply <- r.describe()
	}
}
