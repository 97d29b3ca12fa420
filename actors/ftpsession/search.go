package ftpsession

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
)

// search is what a late choice of a backend asks about a client. Its rules:
//
//   - Each question has a channel of its own, which is forgotten when the question
//     is: a late answer finds nobody, and cannot be taken for that to the next.
//   - The list that was found holds for the retries of one login, not longer.
//   - The password goes by with the question. Nothing here keeps it.
type search struct {
	checks chan messages.LoginChecked        // nil: no login is being checked
	founds chan messages.BackendsFound       // nil: nothing is being looked up
	places chan messages.DestinationResolved // nil: no destination is being looked up
	wanted dialogue.PickBackend              // what the look-up is for
	list   []messages.Backend                // what it gave
	none   bool                              // it gave nothing
}

var (
	errNoDiscovery     = errors.New("backends are to be looked up, but nothing here can")
	errDiscoverySilent = errors.New("the discovery actor does not answer")
	errNoPorter        = errors.New("logins are to be checked, but nothing here can")
	errPorterSilent    = errors.New("the porter does not answer")
)

func (q *search) channels() (chan messages.BackendsFound, chan messages.LoginChecked, chan messages.DestinationResolved) {
	if q == nil {
		return nil, nil, nil
	}
	return q.founds, q.checks, q.places
}

func (q *search) candidates() []messages.Backend {
	if q == nil {
		return nil
	}
	return q.list
}

// checkLogin asks the porter. What it cannot be asked is refused.
func (s *Session) checkLogin(ctx context.Context, a dialogue.CheckLogin) {
	s.search = &search{checks: make(chan messages.LoginChecked, 1)}
	err := askOf[messages.ToPorter](ctx, s, s.setup.Services.Porter, errNoPorter, messages.CheckLogin{
		Book: s.setup.Book, User: a.User, Password: a.Password, Client: s.client.Addr(), ClientName: s.name, Class: s.setup.Class,
		Vars: s.secrecy.vars, Reply: s.search.checks,
	})
	if err != nil {
		s.search = nil
		s.queue = append(s.queue, messages.LoginChecked{Err: fmt.Errorf("asking for a check of the login: %w", err)})
	}
}

//go:noinline
func (s *Session) checked(c messages.LoginChecked) messages.ToSession {
	s.search.checks, s.answerBy = nil, time.Time{}
	return c
}

// lookUp asks discovery for the list of the client's own backends.
func (s *Session) lookUp(ctx context.Context, a dialogue.PickBackend) {
	s.search = &search{founds: make(chan messages.BackendsFound, 1), wanted: a}
	err := askOf[messages.ToDiscovery](ctx, s, s.setup.Services.Discovery, errNoDiscovery, messages.LookUpBackends{
		Pool: s.setup.Pool, Client: s.client.Addr(), User: a.User, Group: a.Group, Vars: s.secrecy.vars, Reply: s.search.founds,
	})
	if err != nil {
		s.search = nil
		s.queue = append(s.queue, messages.BackendPicked{Err: fmt.Errorf("asking for the backends of a user: %w", err)})
	}
}

// askOf sends a question whose answer is due within the usual limit.
func askOf[M any](ctx context.Context, s *Session, to mailbox.Mailbox[M], missing error, question M) error {
	if to.C() == nil {
		return missing
	}
	limit := s.setup.Services.waits().ask
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := to.Send(ctx, question); err != nil {
		return err
	}
	s.answerBy = time.Now().Add(limit)
	return nil
}

// found goes on to policy. A look-up that failed leads nowhere: other backends than
// the client's own would be wrong.
//
//go:noinline
func (s *Session) found(ctx context.Context, news messages.ToSession) {
	f, ok := news.(messages.BackendsFound)
	if !ok || s.search == nil {
		return
	}
	s.search.founds, s.answerBy = nil, time.Time{}
	if f.Err != nil {
		s.queue = append(s.queue, messages.BackendPicked{Err: fmt.Errorf("looking up the backends of a user: %w", f.Err)})
		return
	}
	if s.search.none = len(f.Backends) == 0; !s.search.none { // else the pool's own count
		s.search.list = f.Backends
	}
	s.askPolicy(ctx, s.search.wanted)
}

// unanswered gives up the question whose time is over.
func (s *Session) unanswered() messages.ToSession {
	s.answerBy = time.Time{}
	switch founds, checks, places := s.search.channels(); {
	case checks != nil:
		s.search = nil
		return messages.LoginChecked{Err: errPorterSilent}
	case founds != nil:
		s.search = nil
		return messages.BackendPicked{Err: errDiscoverySilent}
	case places != nil:
		s.search = nil
		return messages.DestinationResolved{Err: errDiscoverySilent}
	}
	s.withdrawPick()
	return messages.BackendPicked{Err: errPolicySilent}
}

// Rewriting is what the rules of rewriting may look at besides the command.
type Rewriting struct {
	Server string // ServerName
	Local  netip.AddrPort
	Client netip.AddrPort
	Class  string
	User   string            // of the login so far; empty before USER
	Vars   map[string]string // TLS_… of the client's certificate
}

// rewritten is a client's command after the rules. Whatever those make of it has
// to be a command still.
//
//go:noinline
func (s *Session) rewritten(news messages.ToSession) messages.ToSession {
	ev, ok := news.(messages.CommandReceived)
	if !ok || ev.Err != nil {
		return news
	}
	c := &ev.Command
	arg := s.setup.Rewrite(c.Verb, c.Arg, Rewriting{
		Server: s.setup.Server, Local: s.local, Client: s.client, Class: s.setup.Class, User: s.mind.User(), Vars: s.secrecy.vars,
	})
	if arg == c.Arg {
		return news
	}
	c.Arg, c.HasArg = arg, c.HasArg || arg != ""
	if _, err := c.Append(nil); err != nil {
		ev.Err = err
	}
	return ev
}
