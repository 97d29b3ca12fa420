package messages

import (
	"net"
	"net/netip"
	"time"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// ToSession is what one FTP session hears: from its readers, its data channel,
// the policy actor and its own clock. The dialogue (package
// actors/ftpsession/dialogue) takes the same values as its events.
//
//sumtype:decl
type ToSession interface{ toSession() }

// CommandReceived is one line of the client. The frontend reader holds still
// until the session lets it go on.
type CommandReceived struct {
	Command ftp.Command
	Err     error // *ftp.LineError: the line was no command
}

// FrontendLost says that the client's control connection ended.
type FrontendLost struct {
	Err error // io.EOF: closed properly
}

// FrontendSecured says that the client's control connection is in TLS from here
// on. The frontend reader holds still until the session lets it go on.
type FrontendSecured struct {
	Conn net.Conn
	TLS  TLSInfo
}

// FrontendInsecure says that the TLS handshake with the client failed. The
// frontend reader has ended.
type FrontendInsecure struct {
	Err error
}

// FrontendCleared says that the client ended TLS on its control connection,
// which goes on in clear (CCC, RFC 4217 section 6). The frontend reader holds
// still until the session lets it go on.
type FrontendCleared struct {
	Conn net.Conn
}

// TLSInfo describes a TLS connection, for decisions, logs and lookups.
type TLSInfo struct {
	Version string // as OpenSSL names it: TLSv1.3
	Cipher  string // as OpenSSL names it: TLS_AES_128_GCM_SHA256
	Bits    int    // of the cipher's key
	Resumed bool
	Name    string            // server name that the client asked for (SNI); empty: none
	Peer    TLSPeer           // what a client has shown and was shown
	Vars    map[string]string // TLS_… as TLSOptions StdEnvVars exports them; nil: not asked for
}

// TLSPeer is what certificates tell of a client's connection. Its strings have no
// control characters.
type TLSPeer struct {
	Known      bool   // the client has shown a certificate, which was verified
	CommonName string // of it
	Signature  string // what the gateway's own is signed with, as OpenSSL names it
	Key        string // the kind of its key
}

// BackendConnected says that an attempt has its connection: of TCP, or of TLS
// where the backend begins with that (implicit TLS).
type BackendConnected struct {
	Attempt uint32 // which attempt of this session
	Conn    net.Conn
	Local   netip.AddrPort
	Remote  netip.AddrPort
	TLS     TLSInfo // zero: in clear
}

// BackendSecured says that the backend's control connection is in TLS from here
// on. A handshake that fails is a BackendLost.
type BackendSecured struct {
	Attempt uint32
	Conn    net.Conn
	TLS     TLSInfo
}

// BackendUnreachable says that an attempt got no connection.
type BackendUnreachable struct {
	Attempt uint32
	Err     error
	Reason  string // what a client may be told of Err; empty: nothing
}

// DestinationResolved gives the addresses of a destination that a client of the
// forward role has named, in the order to try: there is one at least, or an error.
// On its way to the dialogue those are left out that nobody may be taken to.
type DestinationResolved struct {
	Endpoints []netip.AddrPort
	Err       error // a *destination.Refused: nobody is taken there
}

// ReplyReceived is one reply of the backend.
type ReplyReceived struct {
	Attempt uint32
	Reply   ftp.Reply
}

// BackendLost says that the backend's control connection ended or spoke
// something that is no reply.
type BackendLost struct {
	Attempt uint32
	Err     error // io.EOF: closed properly
}

// Listening answers the wish for a data listener on one side.
type Listening struct {
	Side Side
	Addr netip.AddrPort
	Err  error
}

// DataEnded says that a transfer's source ended properly and that everything it
// sent was handed to the kernel of the other side. Nothing is closed towards
// the destination until the session settles the transfer.
type DataEnded struct {
	Transfer uint32
	Bytes    int64
	// Settle is how long news on the control connection of the side that
	// ended may lag behind its data connection: a measure of its round trips.
	Settle time.Duration
}

// TransferFinished is a data channel's last word: its sockets are closed.
type TransferFinished struct {
	Transfer uint32
	Bytes    int64
	Err      error  // nil: settled as clean
	Reason   string // what a client may be told of Err
	Side     Side   // where Err happened
	Stage    Stage  // when Err happened
}

// ListingRead says what a translated listing told; TransferFinished follows at once.
type ListingRead struct {
	Transfer    uint32
	Directories int // that were among their own entries, as "." or by a type of cdir
}

// TimeReached wakes a session for its own deadlines.
type TimeReached struct{}

// DrainRequested asks a session to say goodbye as soon as it is idle.
type DrainRequested struct{}

// Side of a session.
type Side uint8

// The two sides.
const (
	FrontSide Side = iota // towards the client
	BackSide              // towards the backend
)

func (s Side) String() string {
	if s == FrontSide {
		return "frontend"
	}
	return "backend"
}

// Stage of a transfer's life, for errors.
type Stage uint8

// The stages.
const (
	StageOpen   Stage = iota // accepting or connecting
	StageSecure              // TLS handshake
	StageCopy                // moving bytes
	StageStall               // no byte moved for TimeoutStalled
	StageAbort               // cut off by the session
	StageLimit               // more came than may (MaxStoreFileSize, MaxRetrieveFileSize)
)

func (s Stage) String() string {
	return [...]string{"open", "handshake", "copy", "stalled", "aborted", "limit"}[s]
}

func (CommandReceived) toSession()     {}
func (FrontendLost) toSession()        {}
func (FrontendSecured) toSession()     {}
func (FrontendInsecure) toSession()    {}
func (FrontendCleared) toSession()     {}
func (BackendSecured) toSession()      {}
func (BackendConnected) toSession()    {}
func (BackendUnreachable) toSession()  {}
func (ReplyReceived) toSession()       {}
func (BackendLost) toSession()         {}
func (Listening) toSession()           {}
func (DataEnded) toSession()           {}
func (TransferFinished) toSession()    {}
func (ListingRead) toSession()         {}
func (TimeReached) toSession()         {}
func (DrainRequested) toSession()      {}
func (BackendPicked) toSession()       {}
func (LoginAnswered) toSession()       {}
func (LoginChecked) toSession()        {}
func (BackendsFound) toSession()       {}
func (DestinationResolved) toSession() {}
