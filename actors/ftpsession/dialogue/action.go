package dialogue

import (
	"net/netip"
	"time"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// Action is something the machine wants done, in the given order.
//
//sumtype:decl
type Action interface{ action() }

// PickBackend asks the policy actor; the answer is messages.BackendPicked.
type PickBackend struct {
	User  string   // whose backend is wanted; empty: it is chosen before that is known
	Group string   // the user's primary group, if the gateway has checked the login
	Tried []string // URL keys of failed attempts; none: a new choice, not a retry
}

// DialBackend connects to a picked backend; the answer is
// messages.BackendConnected or messages.BackendUnreachable.
type DialBackend struct {
	Attempt  uint32
	Backend  messages.Backend
	Implicit bool // TLS from the first byte
}

// DropBackend closes the backend's control connection and ends its reader.
type DropBackend struct{}

// ReportConnected tells policy that the backend gave a good banner.
type ReportConnected struct{ Took time.Duration }

// ReportFailed tells policy that the attempt failed; it gives the lease back.
type ReportFailed struct{ Err error }

// ReportLost tells policy that the backend broke off in mid session.
type ReportLost struct{ Err error }

// SendClient writes a reply to the client.
type SendClient struct{ Reply ftp.Reply }

// SendBackend writes a command to the backend.
type SendBackend struct{ Command ftp.Command }

// SendAbort writes the urgent abort sequence of RFC 959 to the backend.
type SendAbort struct{}

// SecureClient has the frontend reader do the TLS handshake with the client; the
// answer is messages.FrontendSecured or FrontendInsecure. It takes the place of
// Resume: what the client sent in clear behind its AUTH ends the session.
type SecureClient struct{}

// ClearClient ends TLS on the client's control connection, once what was sent
// before is written; the answer is messages.FrontendCleared. It takes the place
// of Resume.
type ClearClient struct{}

// HoldBackend has the backend's reader stand still behind the next final reply,
// as that decides whether TLS or another reply follows. SecureBackend or
// FreeBackend lets it go on.
type HoldBackend struct{}

// SecureBackend has the backend's reader do the TLS handshake; the answer is
// messages.BackendSecured or BackendLost.
type SecureBackend struct{}

// FreeBackend lets the backend's reader go on without TLS.
type FreeBackend struct{}

// SwitchServer moves the session to another server of its address and port, by
// its name (HOST or SNI). It is the last of the actions; the actor answers by
// Machine.Switch or Stay before it tells the machine anything else.
type SwitchServer struct{ Name string }

// ReturnLease gives the lease of a backend back that has served well.
type ReturnLease struct{}

// Resume lets the frontend reader look for the next command.
type Resume struct{}

// Listen opens a data listener on one side; the answer is messages.Listening.
// An earlier one of that side is closed.
type Listen struct {
	Side messages.Side
	IPv6 bool
}

// DropOffers closes the listeners that no transfer has taken over.
type DropOffers struct{}

// StartData starts a transfer's data channel, which takes the listeners over.
// A passive backend is connected to at once; everything else waits for
// ProceedData.
type StartData struct {
	Transfer uint32
	Verb     string
	Upload   bool
	Front    Leg
	Back     Leg
	Shape    Shape
}

// Leg says how one data connection comes about.
type Leg struct {
	Listen bool           // accept on the side's listener, else connect to Addr
	Addr   netip.AddrPort // where to connect to
	TLS    bool           // PROT P: protected
}

// ListingAsIs takes the translation out of a data channel that was not told to
// proceed: the backend lists what the client asked for, after all.
type ListingAsIs struct{}

// ProceedData tells the data channel that the backend agreed to the transfer.
type ProceedData struct{}

// SettleData answers messages.DataEnded: Clean closes the destination as a
// proper end, otherwise as a break that nobody can take for one.
type SettleData struct{ Clean bool }

// AbortData breaks off the transfer on both sides.
type AbortData struct{}

// RecordTransfer writes the transfer log.
type RecordTransfer struct {
	Verb     string
	Path     string
	User     string
	Type     byte // 'A' or 'I'
	Bytes    int64
	Began    time.Time
	Took     time.Duration
	Complete bool
	TLS      bool // the session is one of FTPS
}

// AskLogin asks whether one more client may log in; the answer is
// messages.LoginAnswered.
type AskLogin struct{ User string }

// CheckLogin asks whether the gateway's own accounts let a client in; the answer
// is messages.LoginChecked.
type CheckLogin struct {
	User     string
	Password string // a secret
}

// LoggedIn says that the client's login succeeded, for limits and logs.
type LoggedIn struct{ User string }

// Note is one line for the log.
type Note struct {
	Level   Level
	Front   bool // it is about TLS with the client (TLSLog)
	Text    string
	Err     error // nil if none
	Command ftp.Command
	Reply   ftp.Reply
	Addr    netip.AddrPort
}

// Level of a Note.
type Level uint8

// The levels.
const (
	Debug Level = iota
	Info
	Warn
	Error
)

// End closes the session. Reason is for the log.
type End struct{ Reason string }

func (PickBackend) action()     {}
func (DialBackend) action()     {}
func (DropBackend) action()     {}
func (ReportConnected) action() {}
func (ReportFailed) action()    {}
func (ReportLost) action()      {}
func (SendClient) action()      {}
func (SendBackend) action()     {}
func (SendAbort) action()       {}
func (SecureClient) action()    {}
func (ClearClient) action()     {}
func (HoldBackend) action()     {}
func (SecureBackend) action()   {}
func (FreeBackend) action()     {}
func (SwitchServer) action()    {}
func (ReturnLease) action()     {}
func (Resume) action()          {}
func (Listen) action()          {}
func (DropOffers) action()      {}
func (StartData) action()       {}
func (ListingAsIs) action()     {}
func (ProceedData) action()     {}
func (SettleData) action()      {}
func (AbortData) action()       {}
func (RecordTransfer) action()  {}
func (AskLogin) action()        {}
func (CheckLogin) action()      {}
func (LoggedIn) action()        {}
func (Note) action()            {}
func (End) action()             {}
