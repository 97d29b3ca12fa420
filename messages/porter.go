package messages

import (
	"fmt"
	"net/netip"
)

// ToPorter is what the porter understands: the actor that authenticates
// clients at the gateway itself.
//
//sumtype:decl
type ToPorter interface{ toPorter() }

// CheckLogin asks whether a client may come in with a password.
type CheckLogin struct {
	Book       string // which accounts count: the server's (and class's) stable name
	User       string // as it stands after rewriting
	Password   string // a secret, never to be logged
	Client     netip.Addr
	ClientName string // its DNS name, where that was looked up
	Class      string
	Vars       map[string]string   // TLS_… of the client's certificate
	Reply      chan<- LoginChecked // capacity 1: the answer never blocks
}

// LoginChecked answers CheckLogin. Who is refused is told the same, and after
// the same time, whatever the reason; only what a client can see for itself, a
// password that is empty or too long, is answered at once.
type LoginChecked struct {
	Granted bool
	User    string   // the account's name, after UserAlias; only if granted
	Group   string   // its primary group
	Groups  []string // all its groups, the primary one among them
	Reason  string   // why not: "No such user found", "Incorrect password" …; the porter has logged it
	Err     error    // the accounts could not be asked, or there was no time for it; the client is refused
	// Unheard: the login was not looked at, for want of time. The client may try
	// again, and it counts against nobody.
	Unheard bool
}

// DescribePorter asks what goes on, for status and tests.
type DescribePorter struct {
	Reply chan<- PorterDescribed // capacity 1
}

// PorterDescribed is the state of the porter at a moment.
type PorterDescribed struct {
	Waiting int    // logins that nobody works on yet
	Running int    // that are worked on
	Turned  uint64 // turned away unheard since the start, because there were too many
}

func (CheckLogin) toPorter()     {}
func (DescribePorter) toPorter() {}

// String shows who asks, and not with what.
func (m CheckLogin) String() string {
	return fmt.Sprintf("login of %q from %v, book %q", m.User, m.Client, m.Book)
}

// GoString is String, so that no verb shows the password.
func (m CheckLogin) GoString() string { return m.String() }
