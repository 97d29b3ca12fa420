package messages

import (
	"net/netip"
	"time"

	"github.com/sluice-gateway/sluice/protocols/proxyproto"
)

// ToHealth is what the health actor understands. It owns what is known of the
// backends' health: it counts what sessions meet, runs the probes, keeps the
// administrator's word, and tells policy.
//
//sumtype:decl
type ToHealth interface{ toHealth() }

// HealthState is how a backend stands.
type HealthState uint8

// The states. Up and Probing backends may be picked.
const (
	Up          HealthState = iota
	Probing                 // it was down; single attempts find out whether it is back
	Down                    // it failed too often, or does not pass its checks
	Draining                // no new sessions; those it has go on
	Maintenance             // taken out by the administrator; not probed either
)

func (s HealthState) String() string {
	return [...]string{"up", "probing", "down", "draining", "maintenance"}[s]
}

// PassiveChecks are ProxyReverseHealthPolicy PassiveChecks.
type PassiveChecks struct {
	On       bool
	Failures int           // in a row until a backend is down
	Expires  time.Duration // how long it stays down before it is tried again
}

// CheckKind is how far an active check goes.
type CheckKind uint8

// The kinds of active checks (ProxyReverseHealthPolicy ActiveChecks).
const (
	ConnectCheck CheckKind = iota // TCP
	BannerCheck                   // a banner of 2xx, or an SSH version line
	LoginCheck                    // USER and PASS are accepted
	TLSCheck                      // a TLS handshake, by AUTH TLS or implicit
	SSHCheck                      // an SSH key exchange
)

func (k CheckKind) String() string {
	return [...]string{"connect", "banner", "login", "tls", "ssh"}[k]
}

// ActiveChecks are ProxyReverseHealthPolicy ActiveChecks.
type ActiveChecks struct {
	On       bool
	Kind     CheckKind
	Interval time.Duration // between the beginnings of two checks of one backend; up to a tenth less
	Timeout  time.Duration // of a whole check
	Rise     int           // good ones in a row until a backend is up
	Fall     int           // bad ones in a row until it is down
	User     string        // for LoginCheck, where the backend's URL names none
	Password string        // a secret
}

// HealthPool is one pool's backends and how they are watched.
type HealthPool struct {
	ID       PoolID
	Backends []Backend
	Passive  PassiveChecks
	Active   ActiveChecks
	Sources  []netip.Addr       // of active checks, one per family (ProxySourceAddress); none: as the system likes
	Proxy    proxyproto.Version // of the PROXY header that active checks begin with; 0: none
}

// WatchPools replaces what is watched. What is known of backends that stay is
// kept.
type WatchPools struct {
	Pools []HealthPool
}

// WatchPool replaces the backends of one pool.
type WatchPool struct {
	ID       PoolID
	Backends []Backend
}

// BackendObserved says what became of an attempt. It comes
// from policy, in the order of events.
type BackendObserved struct {
	Pool PoolID
	Key  string
	Err  error         // nil: a good banner
	Took time.Duration // to the banner
	// Seq counts the observations of this backend from 1 on. One that follows
	// on another with a gap stands for those between, too.
	Seq uint64
	// Failures counts the failures of this backend in a row up to this one, so
	// that none is missed in a gap. 0: not counted.
	Failures int
}

// BackendLeft says that a backend broke off a session. That brings doubt and no
// more: clients can lead a backend to break off theirs.
type BackendLeft struct {
	Pool PoolID
	Key  string
}

// BackendMode is what an administrator wants of a backend.
type BackendMode uint8

// The modes.
const (
	Serve    BackendMode = iota // as its health allows
	Drain                       // no new sessions
	Maintain                    // no new sessions, no probes
)

func (m BackendMode) String() string { return [...]string{"serve", "drain", "maintenance"}[m] }

// SetBackendMode changes a backend's mode. The mode outlives a restart.
type SetBackendMode struct {
	Pool  PoolID // empty: in every pool that has it
	Key   string // backendurl.URL.Key
	Mode  BackendMode
	Why   string                // for the log
	Reply chan<- BackendModeSet // capacity 1; may be nil
}

// BackendModeSet answers SetBackendMode.
type BackendModeSet struct {
	Changed int   // backends that have another mode now
	Err     error // no such backend
}

// DescribeHealth asks for the state of all backends, for status and tests.
type DescribeHealth struct {
	Reply chan<- []BackendHealth // capacity 1
}

// BackendHealth is how one backend of one pool stands.
type BackendHealth struct {
	Pool     PoolID
	Key      string
	State    HealthState
	Mode     BackendMode
	Since    time.Time // of the state
	Reason   string    // why it has it
	Failures int       // in a row
	Checked  time.Time // end of the last active check; zero: none yet
	Took     time.Duration
}

func (WatchPools) toHealth()      {}
func (WatchPool) toHealth()       {}
func (BackendObserved) toHealth() {}
func (BackendLeft) toHealth()     {}
func (SetBackendMode) toHealth()  {}
func (DescribeHealth) toHealth()  {}
