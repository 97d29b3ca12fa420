package stores

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
)

// Who may come in with a password is known to sources of accounts: files, the
// system's own, tables of a database. Each is an Accounts; the porter asks them
// in the order of AuthOrder.

// ErrNoAccount says that a source does not know a name. Any other error of
// Lookup means that the source could not be asked.
var ErrNoAccount = errors.New("no such account")

// Accounts is a source of accounts. Its methods are called by several
// goroutines at once.
type Accounts interface {
	fmt.Stringer // the module's name in AuthOrder, for logs

	// Lookup returns what is known of a name, or ErrNoAccount. It ends with ctx,
	// and takes as long for a name that is known as for one that is not.
	Lookup(ctx context.Context, q AccountQuery) (Account, error)

	// Decoy returns a secret that no password matches, but that takes as long to
	// verify as one of this source's own: it is verified for those whom the source
	// does not know, so that time tells nobody who is known. For the same name it
	// should be of the same kind and cost. nil means that no secret of this source
	// takes any time to verify.
	Decoy(name string) Credential
}

// AccountQuery is whom a source is asked about.
type AccountQuery struct {
	Name   string // as it stands after UserAlias
	Client netip.Addr
	Class  string
	Vars   map[string]string // TLS_… of the client's certificate
}

// AccountState says whether an account's password counts at all.
type AccountState uint8

// The states.
const (
	AccountUsable   AccountState = iota
	AccountDisabled              // locked, or past its last day
	AccountExpired               // its password must be changed, which cannot be done here
)

// Account is what a source knows of a name.
type Account struct {
	Name     string   // as the source writes it
	UID, GID int64    // -1: not known; 0 is root, who is refused unless RootLogin is on
	Group    string   // the primary group's name; its number in digits if it has no name
	Groups   []string // names of all groups, the primary one among them
	Home     string
	Shell    string
	State    AccountState
	Secret   Credential // nil: no password opens this account
	Note     string     // for the log: why there is no secret, or what is wrong with it; never the secret
}

// Credential is what a password is compared with. It renders as its kind and cost,
// never as itself.
type Credential interface {
	fmt.Stringer

	// Verify reports whether the password is right. Its errors do not quote the
	// password. Its time depends on the kind, the cost and the password's length,
	// and on nothing else.
	Verify(ctx context.Context, password string) (bool, error)
}

// Names is a list of names kept in a file, such as /etc/shells.
type Names interface {
	// Has reports whether a name stands in the list; known is false if there is
	// no list at all.
	Has(name string) (listed, known bool)
}
