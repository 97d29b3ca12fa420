package porter_test

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/actors/porter"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/config"
	"github.com/sluice-gateway/sluice/runtime/logfile/logtest"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
	"github.com/sluice-gateway/sluice/runtime/supervise/supervisetest"
	"github.com/sluice-gateway/sluice/stores"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is a porter under a supervisor, as in the real tree.
type house struct {
	*porter.Porter
	t    testing.TB
	log  *logtest.Lines
	stop func() // ends the actor and waits
}

func start(t testing.TB, cfg porter.Config, books porter.Books) *house {
	h := &house{t: t, log: &logtest.Lines{}}
	cfg.Log = zerolog.New(h.log)
	h.Porter = porter.New(cfg)
	h.Adopt(books)
	h.stop = supervisetest.Run(t, h.Porter, h.Mailbox().Retire, nil)
	return h
}

func (h *house) check(m messages.CheckLogin) messages.LoginChecked {
	h.t.Helper()
	if m.Book == "" {
		m.Book = "main"
	}
	if !m.Client.IsValid() {
		m.Client = netip.MustParseAddr("192.0.2.7")
	}
	a, err := mailbox.Ask(context.Background(), h.Mailbox(), time.Minute, func(reply chan<- messages.LoginChecked) messages.ToPorter {
		m.Reply = reply
		return m
	})
	if err != nil {
		h.t.Errorf("%v: %v", m, err)
	}
	return a
}

func (h *house) login(user, password string) messages.LoginChecked {
	h.t.Helper()
	return h.check(messages.CheckLogin{User: user, Password: password})
}

func (h *house) describe() messages.PorterDescribed {
	h.t.Helper()
	d, err := mailbox.Ask(context.Background(), h.Mailbox(), time.Minute, func(reply chan<- messages.PorterDescribed) messages.ToPorter {
		return messages.DescribePorter{Reply: reply}
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return d
}

// auth is what directives say by default.
func auth() config.Auth {
	return config.Auth{AllowEmptyPasswords: true, RequireValidShell: true, UseFtpUsers: true}
}

func book(sources ...stores.Accounts) *porter.Book {
	b := &porter.Book{Server: "gate", Auth: auth(), Shells: names{"/bin/sh": true}, FTPUsers: names{"banned": true}}
	for _, s := range sources {
		b.Sources = append(b.Sources, porter.Place{Accounts: s})
	}
	return b
}

func one(b *porter.Book) porter.Books { return porter.Books{"main": b} }

// names is a list.
type names map[string]bool

func (n names) Has(name string) (listed, known bool) { return n[name], n != nil }

// source is accounts in memory, which notes what it is asked to do.
type source struct {
	name     string
	accounts map[string]stores.Account
	lookup   func(ctx context.Context, q stores.AccountQuery) error // nil: nothing
	verify   func(ctx context.Context, password string) error       // nil: nothing

	mu   sync.Mutex
	work []string
}

func (s *source) String() string { return s.name }

func (s *source) note(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.work = append(s.work, what)
}

// done gives what was noted, and forgets it.
func (s *source) done() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.work
	s.work = nil
	return w
}

func (s *source) Lookup(ctx context.Context, q stores.AccountQuery) (stores.Account, error) {
	s.note("lookup")
	if s.lookup != nil {
		if err := s.lookup(ctx, q); err != nil {
			return stores.Account{}, err
		}
	}
	a, ok := s.accounts[q.Name]
	if !ok {
		return a, stores.ErrNoAccount
	}
	return a, nil
}

func (s *source) Decoy(string) stores.Credential {
	s.note("decoy")
	return &word{of: s}
}

// word is a password in the clear, or with none a decoy.
type word struct {
	of   *source
	text string
}

func (w *word) String() string { return "word" }

func (w *word) Verify(ctx context.Context, password string) (bool, error) {
	w.of.note("verify")
	if w.of.verify != nil {
		if err := w.of.verify(ctx, password); err != nil {
			return false, err
		}
	}
	return w.text != "" && w.text == password, nil
}

// people is a source with somebody for every kind of refusal; the password of
// all of them is "right".
func people(name string) *source {
	s := &source{name: name, accounts: map[string]stores.Account{}}
	add := func(a stores.Account) {
		if a.Name != "locked" {
			a.Secret = &word{of: s, text: "right"}
		}
		if a.Shell == "" {
			a.Shell = "/bin/sh"
		}
		if a.Name != "root" {
			a.UID = 1000
		}
		a.Group, a.Groups = "staff", []string{"staff", "ftp"}
		s.accounts[a.Name] = a
	}
	for _, a := range []stores.Account{
		{Name: "ann"}, {Name: "root"}, {Name: "locked", Note: "its hash is a star"}, {Name: "shell", Shell: "/bin/odd"}, {Name: "banned"},
		{Name: "off", State: stores.AccountDisabled}, {Name: "old", State: stores.AccountExpired}, {Name: "limited"},
	} {
		add(a)
	}
	return s
}

// limits refuses the user "limited" and the group "out".
func limits() config.Access {
	deny := func(name string) []config.NameExpr {
		return []config.NameExpr{{Mode: config.ExprOr, Names: []config.ExprName{{Name: name}}}}
	}
	return config.Access{Limits: []config.LimitSection{{Commands: []string{"LOGIN"}, DenyUser: deny("limited"), DenyGroup: deny("out")}}}
}
