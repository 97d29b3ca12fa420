package ftpsession

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// The session's claim on a backend. Its rules:
//
//   - A lease that was heard of is given back once: by ReportFailed, or at the
//     end of the session by ReleaseLease.
//   - A pick whose answer was not heard is withdrawn, and the channel that it
//     may still arrive on is not used again.
//   - What policy could not be told is owed, and told at the next opportunity.

var errPolicySilent = errors.New("the policy actor does not answer")

// pick asks policy for a backend, and discovery first where each name has a list of
// its own. The answer, or the end of the wait for it, comes through wait.
func (s *Session) pick(ctx context.Context, a dialogue.PickBackend) {
	if a.User != "" && s.setup.PerName && len(a.Tried) == 0 {
		s.lookUp(ctx, a)
		return
	}
	s.askPolicy(ctx, a)
}

func (s *Session) askPolicy(ctx context.Context, a dialogue.PickBackend) {
	picks := make(chan messages.BackendPicked, 1)
	limit := s.setup.Services.waits().pick
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errPolicySilent)
	defer cancel()
	err := s.setup.Services.Policy.Send(ctx, messages.PickBackend{
		Pool: s.setup.Pool, Client: s.client.Addr(), User: a.User, Group: a.Group, Vars: s.secrecy.vars,
		Candidates: s.search.candidates(), Tried: a.Tried, Reply: picks,
	})
	if err != nil {
		s.queue = append(s.queue, messages.BackendPicked{Err: fmt.Errorf("asking for a backend: %w", err)})
		return
	}
	s.picks, s.answerBy = picks, time.Now().Add(limit)
}

// picked takes over the lease that comes with an answer.
//
//go:noinline
func (s *Session) picked(p messages.BackendPicked) messages.ToSession {
	s.answerBy, s.picks = time.Time{}, nil
	if p.Lease != 0 {
		s.releaseLease() // one that is still owed
		s.back.lease = p.Lease
	}
	if p.Err != nil && s.search != nil && s.search.none {
		p.Err = fmt.Errorf("%w: %w", dialogue.ErrUnlisted, p.Err)
	}
	return p
}

// withdrawPick takes back a pick that is not answered yet, so that its lease is
// not lost.
func (s *Session) withdrawPick() {
	if s.picks == nil {
		return
	}
	s.tellPolicy(messages.WithdrawPick{Reply: s.picks}, "withdrawing the pick of a backend")
	s.answerBy, s.picks = time.Time{}, nil
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

// reportLost says that a backend broke off. A line of ours that could not be written
// is none of its faults.
func (s *Session) reportLost(err error) {
	var unwritable *ftp.LineError
	if lease := s.back.lease; lease != 0 && !errors.As(err, &unwritable) {
		s.tellPolicy(messages.ReportLost{Lease: lease, Err: err}, "reporting a lost backend")
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
