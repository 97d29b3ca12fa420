package messages

import "net/netip"

// ToPorter is what the porter understands: the actor that authenticates
// clients at the gateway itself.
//
//sumtype:decl
type ToPorter interface{ toPorter() }

// CheckLogin asks whether a client may come in with a password.
type CheckLogin struct {
	Book     string // which accounts count: the server's (and class's) stable name
	User     string // as it stands after rewriting
	Password string // a secret, never to be logged
	Client   netip.Addr
	Class    string
	Vars     map[string]string   // TLS_… of the client's certificate
	Reply    chan<- LoginChecked // capacity 1: the answer never blocks
}

// LoginChecked answers CheckLogin. Who is refused is told the same, and after
// the same time, whatever the reason.
type LoginChecked struct {
	Granted bool
	User    string   // the account's name, after UserAlias; only if granted
	Group   string   // its primary group
	Groups  []string // all its groups, the primary one among them
	Reason  string   // for the log: "No such user found", "Incorrect password" …
	Err     error    // the accounts could not be asked; the client is refused
}

func (CheckLogin) toPorter() {}
