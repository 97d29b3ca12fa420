package messages

// ToVault is what the vault understands. It owns the TLS sessions with which
// backends are come back to.
//
//sumtype:decl
type ToVault interface{ toVault() }

// KeepSession has a TLS session kept in the place of the one that was there.
type KeepSession struct {
	Owner   string // whose it is: no other owner is ever given it
	Backend string // the backend that it opens: ftp://host:port
	By      string // the client that named the backend; empty: no client did
	Session []byte // a secret, never to be logged; the vault's own from here on
}

// ForgetSession has a TLS session thrown away: it was used up or refused.
type ForgetSession struct {
	Owner, Backend string
}

// DescribeVault asks what is kept, for status and tests.
type DescribeVault struct {
	Reply chan<- VaultDescribed // capacity 1
}

// VaultDescribed is the state of the vault at a moment.
type VaultDescribed struct {
	Sessions  int  // kept
	Bytes     int  // of them together
	Unwritten int  // changes that the store does not have yet
	Loaded    bool // what an earlier process had kept is there
}

func (KeepSession) toVault()   {}
func (ForgetSession) toVault() {}
func (DescribeVault) toVault() {}
