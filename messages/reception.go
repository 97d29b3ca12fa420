package messages

import (
	"net"
	"net/netip"
)

// ToReception is what the reception understands. It admits clients, counts
// them, and is the supervisor of all sessions.
//
//sumtype:decl
type ToReception interface{ toReception() }

// SessionID names a session of this process, in logs and on the status page.
type SessionID uint64

// AdmitClient hands over a client that a listener accepted. The listener waits
// for the nod before it accepts again: that is how load reaches the clients.
type AdmitClient struct {
	Conn     *net.TCPConn
	Listener string         // the listener's address, as configured
	Local    netip.AddrPort // where the client arrived
	Remote   netip.AddrPort
	Nod      chan<- struct{} // capacity 1
}

// AskLogin asks whether one more client may log in (MaxClients and its kin). A
// session that was let in counts until it ends.
type AskLogin struct {
	Session SessionID
	User    string
	Server  string               // that the client is with, which it may have come to by name; empty: where it arrived
	Reply   chan<- LoginAnswered // capacity 1
}

// LoginAnswered answers AskLogin.
type LoginAnswered struct {
	Refusal string // text of the 530; empty: come in
}

// DescribeSessions asks for the sessions of this moment.
type DescribeSessions struct {
	Reply chan<- SessionsDescribed // capacity 1
}

// SessionsDescribed is the state of the house.
type SessionsDescribed struct {
	Open     int // sessions now
	LoggedIn int
	Served   uint64 // sessions since the start
	Refused  uint64 // clients turned away
}

func (AdmitClient) toReception()      {}
func (AskLogin) toReception()         {}
func (DescribeSessions) toReception() {}
