package ftpsession

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"
	"github.com/sluice-gateway/sluice/messages"
)

// The session's claim on a backend. Its rules:
//
//   - A lease that was heard of is given back once: by ReportFailed, or at the
//     end of the session by ReleaseLease.
//   - A pick whose answer was not heard is withdrawn, and the channel that it
//     may still arrive on is not used again.
//   - What policy could not be told is owed, and told at the next opportunity.

var errPolicySilent = errors.New("the policy actor does not answer")

// pick asks policy for a backend. The answer, or the end of the wait for it,
// comes through wait.
func (s *Session) pick(ctx context.Context, a dialogue.PickBackend) {
	if s.picks == nil {
		s.picks = make(chan messages.BackendPicked, 1)
	}
	limit := s.setup.Services.waits().pick
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errPolicySilent)
	defer cancel()
	err := s.setup.Services.Policy.Send(ctx, messages.PickBackend{
		Pool: s.setup.Pool, Client: s.client.Addr(), User: s.mind.User(), Vars: s.secrecy.vars, Tried: a.Tried, Reply: s.picks,
	})
	if err != nil {
		s.queue = append(s.queue, messages.BackendPicked{Err: fmt.Errorf("asking for a backend: %w", err)})
		return
	}
	s.pickBy = time.Now().Add(limit)
}

// picked takes over the lease that comes with an answer.
func (s *Session) picked(p messages.BackendPicked) {
	s.pickBy, s.picks = time.Time{}, nil
	if p.Lease == 0 {
		return
	}
	s.releaseLease() // one that is still owed
	s.back.lease = p.Lease
}

// withdrawPick takes back a pick that is not answered yet, so that its lease is
// not lost.
func (s *Session) withdrawPick() {
	if s.pickBy.IsZero() {
		return
	}
	s.tellPolicy(messages.WithdrawPick{Reply: s.picks}, "withdrawing the pick of a backend")
	s.pickBy, s.picks = time.Time{}, nil
}

func (s *Session) reportConnected(took time.Duration) {
	if lease := s.back.lease; lease != 0 {
		s.tellPolicy(messages.ReportConnected{Lease: lease, Took: took}, "reporting a connected backend")
	}
}

func (s *Session) reportFailed(err error) {
	lease := s.back.lease
	if lease != 0 && s.tellPolicy(messages.ReportFailed{Lease: lease, Err: err}, "reporting a failed backend") {
		s.back.lease = 0
	}
}

func (s *Session) releaseLease() {
	lease := s.back.lease
	if lease != 0 && s.tellPolicy(messages.ReleaseLease{Lease: lease}, "giving back the lease of a backend") {
		s.back.lease = 0
	}
}

// tellPolicy reports whether policy was told.
func (s *Session) tellPolicy(m messages.ToPolicy, doing string) bool {
	err := s.setup.Services.Policy.Tell(m, s.setup.Services.waits().tell)
	if err != nil {
		s.proxyLog(zerolog.ErrorLevel).Err(err).Msg(doing)
	}
	return err == nil
}
