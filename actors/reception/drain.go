package reception

import (
	"context"
	"errors"
	"time"

	"github.com/sluice-gateway/sluice/messages"
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
	asked := map[messages.SessionID]bool{}
	nudge := time.NewTicker(10 * time.Millisecond) // for sessions whose mailbox was full
	defer nudge.Stop()

	over := deadline.C
	cut := 0
	for len(r.sessions) > 0 {
		for id, g := range r.sessions {
			if !asked[id] && g.session.Mailbox().TrySend(messages.DrainRequested{}) == nil {
				asked[id] = true
			}
		}
		select {
		case exit := <-r.kids.Exits():
			r.sessionEnded(exit)
		case m := <-r.inbox.C():
			r.answerClosed(m)
		case <-nudge.C:
		case <-over:
			over, cut = nil, len(r.sessions)
			end(errDrainOver)
		}
		if len(asked) == total {
			nudge.Stop()
		}
	}
	r.inbox.Retire()
	r.cfg.Log.Info().Int("sessions", total).Int("cut_off", cut).Dur("took", time.Since(began)).
		Msgf("drained: waited for %d sessions, cut off %d", total, cut)
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
