package porter

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sourcegraph/conc/panics"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/config"
	"github.com/sluice-gateway/sluice/stores"
)

// check is one login, an actor of its own: it asks the sources and answers.
type check struct {
	porter *Porter
	m      messages.CheckLogin
	until  time.Time

	// owned by Run
	told    bool // the answer was given
	book    *Book
	name    string // of the account that is asked for
	verdict verdict
}

// verdict is what is known of a login so far.
type verdict struct {
	account stores.Account // that the password opens
	opened  bool
	spent   bool // whatever comes, the answer is no
	why     reason
	note    string // for the log
	err     error  // of a source
}

// reason is why a login is refused. The one of the highest rank is told.
type reason struct {
	rank int
	text string
}

// The reasons, in the peer's words where it has them.
var (
	unknown    = reason{1, "No such user found"}
	failed     = reason{3, "Accounts could not be asked"}
	incorrect  = reason{2, "Incorrect password"}
	disabled   = reason{4, "Account disabled"}
	expired    = reason{4, "Password expired"}
	ftpusers   = reason{5, "User in /etc/ftpusers"}
	limited    = reason{5, "Limit configuration denies login"}
	rootLogin  = reason{6, "Root login attempted"}
	noAlias    = reason{6, "Not a UserAlias"}
	emptyWord  = reason{7, "Empty password"}
	longWord   = reason{7, "Password too long"}
	badWord    = reason{7, "Password with a NUL in it"}
	busy       = reason{8, "Too many logins at once"}
	ending     = reason{8, "The gateway is ending"}
	defaultMax = 1024 // of MaxPasswordSize
)

func invalidShell(shell string) reason { return reason{5, fmt.Sprintf("Invalid shell: '%s'", shell)} }

func (c *check) String() string { return "check of a login" }

// Run decides, logs and answers.
func (c *check) Run(ctx context.Context) error {
	defer c.answer(messages.LoginChecked{Reason: failed.text, Err: errCrashed}) // if nothing else was
	ctx, cancel := context.WithDeadlineCause(ctx, c.until, ErrBusy)
	defer cancel()
	shelf := c.porter.take()
	defer c.porter.putBack(shelf)
	c.book = shelf.books[c.m.Book]
	if c.book == nil {
		c.porter.log.Error().Str("book", c.m.Book).Err(ErrNoBook).Msg("a login was asked for with accounts that are not there; it is refused")
		c.answer(messages.LoginChecked{Reason: failed.text, Err: ErrNoBook})
		return nil
	}
	if c.atOnce() && c.ask(ctx) {
		a := c.verdict.account
		c.answer(messages.LoginChecked{Granted: true, User: a.Name, Group: a.Group, Groups: a.Groups})
		return nil
	}
	c.refuse()
	return nil
}

// answer never waits: the channel has room for one answer, and gets one.
func (c *check) answer(a messages.LoginChecked) {
	if c.told {
		return
	}
	c.told = true
	select {
	case c.m.Reply <- a:
	default:
	}
}

// atOnce looks at what a client knows of itself. It depends on no account.
func (c *check) atOnce() bool {
	most := c.book.Auth.MaxPasswordSize
	if most <= 0 {
		most = defaultMax
	}
	switch {
	case c.m.Password == "" && !c.book.Auth.AllowEmptyPasswords:
		c.reject(emptyWord)
	case len(c.m.Password) > most:
		c.reject(longWord)
	case strings.ContainsRune(c.m.Password, 0): // crypt(3) would look at half of it
		c.reject(badWord)
	default:
		return true
	}
	return false
}

// ask goes through the sources in their order. Once the answer can only be no,
// it goes on all the same, comparing with decoys: the work for a refusal is that
// for a name of nobody.
func (c *check) ask(ctx context.Context) (granted bool) {
	name, alias := c.book.account(c.m.User)
	c.name = name
	c.verdict.why = unknown
	if c.book.Auth.AliasOnly && !alias {
		c.reject(noAlias)
	}
	for _, place := range c.book.Sources {
		c.askOne(ctx, place.Accounts)
		if c.verdict.opened && !c.verdict.spent {
			return true
		}
		if place.Authoritative {
			break
		}
	}
	return false
}

// askOne does the work of one source: a look-up, and one secret verified.
func (c *check) askOne(ctx context.Context, source stores.Accounts) {
	a, err := c.lookup(ctx, source)
	var own stores.Credential
	switch {
	case errors.Is(err, stores.ErrNoAccount):
	case err != nil:
		c.fail(source, err)
	default:
		own = c.known(a)
	}
	secret := c.decoy(source) // made for everybody: that takes time, too
	if own != nil && !c.verdict.spent {
		secret = own
	} else {
		own = nil
	}
	if secret == nil {
		return
	}
	right, err := c.verify(ctx, secret)
	switch {
	case err != nil:
		c.fail(source, err)
	case right && own != nil && c.opens(a):
		c.verdict.account, c.verdict.opened = a, true
	}
}

// known notes what an account is like before its password is looked at, and
// gives its secret.
func (c *check) known(a stores.Account) stores.Credential {
	c.raise(incorrect)
	if a.UID == 0 && !c.book.Auth.RootLogin {
		c.reject(rootLogin)
	}
	if a.Secret == nil {
		c.raise(disabled)
		c.verdict.note = a.Note
	}
	return a.Secret
}

// opens judges an account whose password is right.
func (c *check) opens(a stores.Account) bool {
	who := config.Client{Addr: c.m.Client, Name: c.m.ClientName, Class: c.m.Class, User: a.Name, Groups: a.Groups}
	switch {
	case a.State == stores.AccountDisabled:
		c.reject(disabled)
	case a.State == stores.AccountExpired:
		c.reject(expired)
	case !c.book.validShell(a.Shell):
		c.reject(invalidShell(a.Shell))
	case c.book.banned(a.Name):
		c.reject(ftpusers)
	default:
		v := c.book.Access.Judge("LOGIN", who)
		if !v.Denied {
			return true
		}
		c.reject(limited)
		c.verdict.note = "<Limit> at " + v.At.String()
	}
	return false
}

func (c *check) raise(r reason) {
	if r.rank > c.verdict.why.rank {
		c.verdict.why = r
	}
}

func (c *check) reject(r reason) {
	c.verdict.spent = true
	c.raise(r)
}

// fail notes that a source could not say. The others are still asked.
func (c *check) fail(source stores.Accounts, err error) {
	if c.verdict.err == nil {
		c.verdict.err = hide(fmt.Errorf("ask %v for an account: %w", source, err), c.m.Password)
	}
	c.raise(failed)
}

func (c *check) lookup(ctx context.Context, source stores.Accounts) (a stores.Account, err error) {
	q := stores.AccountQuery{Name: c.name, Client: c.m.Client, Class: c.m.Class, Vars: c.m.Vars}
	err = attempt(func() (err error) { a, err = source.Lookup(ctx, q); return err })
	return a, err
}

func (c *check) decoy(source stores.Accounts) (s stores.Credential) {
	if err := attempt(func() error { s = source.Decoy(c.name); return nil }); err != nil {
		c.fail(source, err)
	}
	return s
}

// verify waits for a slot to compute in, and computes.
func (c *check) verify(ctx context.Context, s stores.Credential) (right bool, err error) {
	lender := c.porter.cfg.Processors
	lender.Borrow()
	defer lender.Return()
	select {
	case c.porter.slots <- struct{}{}:
		defer func() { <-c.porter.slots }()
	case <-ctx.Done():
		cause := context.Cause(ctx)
		switch {
		case errors.Is(cause, ErrEnding):
			c.raise(ending)
		case c.verdict.err == nil: // else it was a source that took the time
			c.raise(busy)
		}
		return false, cause
	}
	err = attempt(func() (err error) { right, err = s.Verify(ctx, c.m.Password); return err })
	return right && err == nil, err
}

// attempt makes a source's panic an error.
func attempt(f func() error) (err error) {
	if r := panics.Try(func() { err = f() }); r != nil {
		return fmt.Errorf("it panicked: %w", r.AsError())
	}
	return err
}

// hide replaces the text of an error that quotes the password.
func hide(err error, password string) error {
	if err == nil || password == "" {
		return err
	}
	text, quoted := err.Error(), strconv.Quote(password)
	if strings.Contains(text, password) || strings.Contains(text, quoted[1:len(quoted)-1]) {
		return hidden{err}
	}
	return err
}

// hidden can be compared with errors.Is, and not be looked into.
type hidden struct{ cause error }

func (hidden) Error() string { return "what went wrong is not shown, since it quotes the password" }

func (h hidden) Is(target error) bool { return errors.Is(h.cause, target) }

var errCrashed = errors.New("the porter crashed on this login")

// refuse logs why, in the peer's words, and answers.
func (c *check) refuse() {
	v := c.verdict
	line := c.porter.log.Info()
	text := fmt.Sprintf("USER %s (Login failed): %s", short(c.m.User), short(v.why.text))
	if v.why == rootLogin {
		line, text = c.porter.log.Warn(), "SECURITY VIOLATION: Root login attempted"
	} else if v.err != nil {
		line = c.porter.log.Warn()
	}
	line = line.Str("server", c.book.Server).Stringer("client", c.m.Client)
	if c.m.ClientName != "" {
		line = line.Str("client_name", c.m.ClientName)
	}
	if v.note != "" {
		line = line.Str("note", v.note)
	}
	line.Err(v.err).Msg(text)
	c.answer(messages.LoginChecked{Reason: v.why.text, Err: v.err, Unheard: v.why == busy || v.why == ending})
}

// short keeps a name that a client made up from filling the log.
func short(s string) string {
	const most = 256
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
