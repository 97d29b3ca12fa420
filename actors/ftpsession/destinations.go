package ftpsession

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"
	"github.com/sluice-gateway/sluice/messages"
)

// Where clients of the forward role are taken. Its rules:
//
//   - A name is looked up once for each USER. The addresses that came of that are
//     judged, and those that passed are dialled: nobody asks again in between.
//   - Data connections are judged, too: a destination may name any address for
//     them, and it may be the client's accomplice.

var errNoGuard = errors.New("destinations are to be judged, but nothing here can")

// resolve finds the addresses of a destination.
func (s *Session) resolve(ctx context.Context, a dialogue.ResolveDestination) {
	if to := a.To; to.Addr.IsValid() {
		s.queue = append(s.queue, s.judged(messages.DestinationResolved{Endpoints: []netip.AddrPort{netip.AddrPortFrom(to.Addr, to.Port)}}))
		return
	}
	s.search = &search{places: make(chan messages.DestinationResolved, 1)}
	err := askOf[messages.ToDiscovery](ctx, s, s.setup.Services.Discovery, errNoDiscovery, messages.ResolveDestination{
		Host: a.To.Host, Port: a.To.Port, Reply: s.search.places,
	})
	if err != nil {
		s.search = nil
		s.queue = append(s.queue, messages.DestinationResolved{Err: fmt.Errorf("asking for the addresses of a destination: %w", err)})
	}
}

// judged leaves those addresses that a client may be taken to. Without any the error
// is that of the first.
//
//go:noinline
func (s *Session) judged(found messages.DestinationResolved) messages.ToSession {
	if found.Err != nil {
		return found
	}
	if s.setup.Guard == nil {
		return messages.DestinationResolved{Err: errNoGuard}
	}
	guard, err := s.setup.Guard()
	if err != nil {
		return messages.DestinationResolved{Err: err}
	}
	var passed []netip.AddrPort
	for _, ep := range found.Endpoints {
		bad := guard.Check(ep)
		if bad == nil {
			passed = append(passed, ep)
			continue
		}
		if err == nil {
			err = bad
		}
		s.proxyLog(zerolog.InfoLevel).Err(bad).Msg("address of a destination passed over")
	}
	if len(passed) > 0 {
		err = nil
	}
	return messages.DestinationResolved{Endpoints: passed, Err: err}
}

func (s *Session) placeFound(found messages.DestinationResolved) messages.ToSession {
	s.search, s.answerBy = nil, time.Time{}
	return s.judged(found)
}

// template is what the dialogue needs to know of the present setup.
func (s *Session) template() dialogue.Config {
	cfg := s.setup.dialogue()
	if s.setup.Guard != nil {
		cfg.DataRefused = s.dataRefused
	}
	return cfg
}

// dataRefused judges an address for data that the destination names. The backend has
// heard of no transfer yet: one that waits for a connection that never comes answers
// nothing else meanwhile.
func (s *Session) dataRefused(at netip.AddrPort) error {
	if s.setup.Guard == nil {
		return nil
	}
	guard, err := s.setup.Guard()
	if err != nil {
		return err
	}
	return guard.CheckData(at, s.back.remote.Addr())
}

// explained adds what the client may be told.
func explained(news messages.ToSession) messages.ToSession {
	ev, ok := news.(messages.BackendUnreachable)
	if !ok {
		return news
	}
	ev.Reason = said(ev.Err)
	return ev
}

// said is the text of an error of connecting that is safe to show a client: the
// system's words for it; empty: it has none.
func said(err error) string {
	var errno syscall.Errno
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "Connection timed out"
	case errors.As(err, &errno):
		s := []byte(errno.Error())
		if len(s) > 0 && 'a' <= s[0] && s[0] <= 'z' {
			s[0] -= 'a' - 'A'
		}
		return string(s)
	}
	return ""
}
