package porter

import (
	"fmt"
	"slices"

	"github.com/sluice-gateway/sluice/runtime/config"
	"github.com/sluice-gateway/sluice/stores"
)

// Books are the accounts of all servers and classes, by name.
type Books map[string]*Book

// Book says who may come in at one server, for one class of clients. It does
// not change once it was adopted.
type Book struct {
	Server  string // the server's name, for logs
	Sources []Place
	Auth    config.Auth   // of which the files, the order and UserPassword are in Sources
	Access  config.Access // whose <Limit LOGIN> counts

	Shells   stores.Names // /etc/shells; nil: there is no such list
	FTPUsers stores.Names // /etc/ftpusers; nil: there is no such list
}

// Place is a source in its place of AuthOrder.
type Place struct {
	Accounts      stores.Accounts
	Authoritative bool // its refusal is final
}

// Order puts sources, named by their modules, in the order of AuthOrder.
// Without that directive those of files come first, and those of a database
// after them. passed says, for people, which modules are passed over and why.
func Order(order []config.AuthModule, sources map[string]stores.Accounts) (places []Place, passed []string) {
	if len(order) == 0 {
		for _, name := range []string{"mod_auth_file.c", "mod_sql.c"} {
			if s := sources[name]; s != nil {
				places = append(places, Place{Accounts: s})
			}
		}
		return places, nil
	}
	for i, m := range order {
		switch s := sources[m.Name]; {
		case s != nil && !slices.ContainsFunc(order[:i], func(o config.AuthModule) bool { return o.Name == m.Name }):
			places = append(places, Place{Accounts: s, Authoritative: m.Authoritative})
		case s == nil && m.Authoritative:
			passed = append(passed, fmt.Sprintf("AuthOrder: %s is passed over, although its refusal was to be final: it knows no accounts here", m.Name))
		case s == nil:
			passed = append(passed, fmt.Sprintf("AuthOrder: %s is passed over: it knows no accounts here", m.Name))
		}
	}
	return places, passed
}

// account is the name that an account has for one that a client gives.
func (b *Book) account(given string) (name string, alias bool) {
	if name, ok := b.Auth.UserAliases[given]; ok {
		return name, true
	}
	if name, ok := b.Auth.UserAliases["*"]; ok {
		return name, true
	}
	return given, false
}

// validShell: where there is no list, every shell is valid.
func (b *Book) validShell(shell string) bool {
	if !b.Auth.RequireValidShell || b.Shells == nil {
		return true
	}
	listed, known := b.Shells.Has(shell)
	return listed || !known
}

func (b *Book) banned(name string) bool {
	if !b.Auth.UseFtpUsers || b.FTPUsers == nil {
		return false
	}
	listed, _ := b.FTPUsers.Has(name)
	return listed
}

// shelf is one set of books and how many checks read in it.
type shelf struct {
	books   Books
	readers int
	retired bool
	settled chan struct{} // closed when nobody reads in a retired one any more
}

func newShelf(books Books) *shelf { return &shelf{books: books, settled: make(chan struct{})} }

// Adopt puts other books in force, for logins that begin from now on. The
// channel it returns is closed when no login uses the former ones any more, so
// that their sources may be closed.
func (p *Porter) Adopt(books Books) (settled <-chan struct{}) {
	for name, b := range books {
		if len(b.Sources) == 0 {
			p.log.Warn().Str("server", b.Server).Str("book", name).
				Msg("no account can log in at the gateway: there is no AuthUserFile and no other source of accounts")
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	former := p.shelf
	p.shelf = newShelf(books)
	former.retired = true
	former.settle()
	return former.settled
}

func (s *shelf) settle() {
	if s.retired && s.readers == 0 {
		close(s.settled)
	}
}

// take gives the books in force, to be put back.
func (p *Porter) take() *shelf {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shelf.readers++
	return p.shelf
}

func (p *Porter) putBack(s *shelf) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.readers--
	s.settle()
}
