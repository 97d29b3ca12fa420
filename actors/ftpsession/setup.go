// Package ftpsession is the supervisor actor of one FTP client's life. It owns
// the frontend reader, the backend link and the data channel, writes on both
// control connections, and does what the dialogue (package dialogue) decides.
package ftpsession

import (
	"net/netip"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/actors/data"
	"github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"
	"github.com/sluice-gateway/sluice/actors/stage"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/destination"
	"github.com/sluice-gateway/sluice/protocols/proxyproto"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
	"github.com/sluice-gateway/sluice/runtime/readiness"
	"github.com/sluice-gateway/sluice/runtime/sockets"
)

// Services are what all sessions of the process share.
type Services struct {
	Policy    mailbox.Mailbox[messages.ToPolicy]
	Journal   mailbox.Mailbox[messages.ToJournal]
	Reception mailbox.Mailbox[messages.ToReception]
	// Discovery looks up the backends of one user or group. The zero Mailbox: there
	// is none, and what asks for it is refused.
	Discovery mailbox.Mailbox[messages.ToDiscovery]
	// Porter checks logins. The zero Mailbox: there is none, and nobody passes.
	Porter  mailbox.Mailbox[messages.ToPorter]
	Pipes   *data.Pipes
	Buffers *readiness.Buffers

	// Misdeed is told what clients do that rules may count against them; nil: nobody
	// counts. It waits for a moment at most.
	Misdeed func(messages.EventHappened)

	scratch sync.Pool // *[]byte, for encoding lines
	limits  waits     // zero: the usual ones
}

// waits are limits that are not configurable because nobody should have to
// think of them.
type waits struct {
	write time.Duration // a peer that takes no reply for so long is gone
	pick  time.Duration // policy answers in microseconds, or is being restarted
	ask   time.Duration // discovery and the porter have limits of their own below this
	tell  time.Duration // for messages to the services
}

func (s *Services) waits() waits {
	if s.limits == (waits{}) {
		return waits{write: 30 * time.Second, pick: 5 * time.Second, ask: 30 * time.Second, tell: 2 * time.Second}
	}
	return s.limits
}

// Setup is what the sessions of one server, for one class of clients, share.
// It does not change once a session uses it; a reload makes new ones.
type Setup struct {
	Services *Services
	Server   string // ServerName, for logs
	Door     string // the server's stable name, for counting its logins
	Pool     messages.PoolID
	Class    string // of the client (<Class>); empty: none
	// PerName has the backends of each user or group looked up before one is picked
	// (ProxyReverseServers with %U, %g or sql:/). It needs a late choice
	// (Dialogue.Selection).
	PerName bool
	Book    string // which accounts count under UseReverseProxyAuth (messages.CheckLogin)
	// Admits says why a client may not use the server (ProxyForwardEnabled); nil:
	// everybody may. name is the client's in DNS, if that was looked up. It is called from
	// several goroutines and must not block.
	Admits func(client netip.Addr, name string) error
	// Guard tells which addresses clients of the forward role are taken to, as things
	// stand now; nil: to none that they name. As Admits.
	Guard func() (destination.Guard, error)
	// Rewrite gives the argument of a client's command another text before anybody
	// else looks at it (RewriteRule); nil: no rules. It is called from several
	// goroutines and must not block.
	Rewrite func(verb, arg string, about Rewriting) string

	// Later gives the setup for who has logged in (<IfUser> and its kin), nil if this
	// one stays; nil: it always does. Dialogue.Rules.Later gives what belongs to it. It
	// is called from several goroutines and must not block.
	Later func(dialogue.Caller) *Setup
	// Of is the setup that this one is the Later of; nil: it is nobody's.
	Of *Setup

	// Dialogue is the template of each session's; Client and Local are filled
	// in from the connection, TLS.Enabled from TLS below.
	Dialogue dialogue.Config

	TLS        *stage.Server // towards clients; nil: TLSEngine off
	BackendTLS *stage.Client // nil: ProxyTLSEngine off
	// LaxClose and BackendLaxClose take a data connection that ends without
	// close_notify for whole.
	LaxClose, BackendLaxClose bool
	// Names finds the server of the same address and port that has a name (HOST,
	// SNI), in lower case; nil, or a nil answer: none. It is called from several
	// goroutines and must not block.
	Names func(name string) *Setup
	// AnyName lets clients in by TLS that ask for a name that nobody has (SNI);
	// otherwise their handshake is refused.
	AnyName bool

	PassivePorts data.Ports
	// CompliantActive has active data connections to clients leave from the port below
	// ours (ProxyOptions UseCompliantActiveTransfers).
	CompliantActive bool
	Source          sockets.Source // ProxySourceAddress
	ConnectTimeout  time.Duration  // ProxyTimeoutConnect
	Stalled         time.Duration  // TimeoutStalled

	// Announce is the version of the PROXY header by which backends are told of the
	// client on their control connections; 0: none. AnnounceMore adds TLVs.
	Announce     proxyproto.Version
	AnnounceMore bool
	// DataBalancers are networks that hand data connections on, each with a PROXY
	// header (ProxyProtocolDataFrom).
	DataBalancers []netip.Prefix

	TransferLog string         // path; empty: none
	Books       Books          // ExtendedLog
	Log         zerolog.Logger // SystemLog, or the server's own
	ProxyLog    zerolog.Logger
	TLSLog      zerolog.Logger
}

// dialogue is the template, without what there are no means for.
func (u *Setup) dialogue() dialogue.Config {
	cfg := u.Dialogue
	cfg.TLS.Enabled = u.TLS != nil
	if u.BackendTLS == nil {
		cfg.BackendTLS = dialogue.NoTLS
	}
	return cfg
}

// inboxSize is enough for one message of each child.
const inboxSize = 4
