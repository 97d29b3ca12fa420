package messages

import (
	"net/netip"
	"time"

	"github.com/sluice-gateway/sluice/protocols/backendurl"
)

// ToPolicy is what the policy actor understands. It owns the choice of
// backends: positions, leases, connect counts and times.
//
//sumtype:decl
type ToPolicy interface{ toPolicy() }

// PoolID names one list of candidates: the servers of one virtual server's
// ProxyReverseServers. It is stable across restarts and reloads.
type PoolID string

// Backend is one URL of a pool with the endpoints that it resolved to. One URL
// with SRV discovery stands for several backends, one for each target.
type Backend struct {
	URL       backendurl.URL   // its Weight, Max and Backup count
	Endpoints []netip.AddrPort // in the order to try; empty: its name has no address now
	// Tier is the order among backends of different rank: one is used only when
	// none of a lower tier can be. SRV priorities make tiers; URL.Backup adds
	// BackupTier to it.
	Tier int
}

// BackupTier is what the parameter "backup" of a URL adds to a backend's tier:
// more than SRV priorities can.
const BackupTier = 1 << 16

// Pool is one list of candidates, as configured.
type Pool struct {
	ID       PoolID
	Policy   string    // a value of ProxyReverseConnectPolicy, canonical spelling
	Backends []Backend // empty: each pick brings its own candidates, or fails
	// AllDown says what a pick finds when no backend is up.
	AllDown AllDown
	// SlowStart is how long a backend that came back takes to get its whole
	// share; 0: none.
	SlowStart time.Duration
}

// AllDown is what happens to picks when all backends are down or spent
// (ProxyReverseHealthPolicy AllDown).
type AllDown uint8

// The ways to deal with it.
const (
	TryAnyway AllDown = iota // as if all were up
	Refuse                   // with ErrAllDown
)

// LeaseID names a session's claim on a backend. Zero means no lease.
type LeaseID uint64

// ConfigurePools replaces the pools after a (re)load. Counters of backends that
// are in the new list stay; leases of those that are not run on until released.
type ConfigurePools struct {
	Pools []Pool
}

// UpdatePool replaces the backends of one pool, which keeps its policy: its
// names resolved to something else, or its file was changed. It is ignored for
// a pool that is not configured.
type UpdatePool struct {
	ID       PoolID
	Backends []Backend
}

// PickBackend asks for a backend for one connection attempt. The pick counts
// as a live connection until its lease is released.
type PickBackend struct {
	Pool   PoolID
	Client netip.Addr
	User   string            // as it stands after rewriting; empty before USER
	Group  string            // the primary group of a client that the gateway authenticated
	Vars   map[string]string // TLS_… of the client's certificate (TLSOptions StdEnvVars); nil: none
	// Candidates is the list that a look-up gave for this client; nil: the
	// pool's own.
	Candidates []Backend
	Tried      []string             // URL keys (backendurl.URL.Key) this session tried already, avoided while others remain
	Reply      chan<- BackendPicked // capacity 1: the answer never blocks
}

// BackendPicked answers PickBackend.
type BackendPicked struct {
	Lease   LeaseID
	Backend Backend
	Err     error // set when there is no candidate; the other fields are then zero
}

// ReportConnected says that the backend of a lease gave a good banner after the
// given time from the start of the connect.
type ReportConnected struct {
	Lease LeaseID
	Took  time.Duration
}

// ReportFailed says that the attempt with this lease failed, and why. It
// releases the lease.
type ReportFailed struct {
	Lease LeaseID
	Err   error
}

// ReportLost says that the control connection of a lease's backend broke off in
// mid session. The lease goes on until it is released.
type ReportLost struct {
	Lease LeaseID
	Err   error
}

// HealthChanged tells policy how a backend stands. It comes from the health
// actor alone.
type HealthChanged struct {
	Pool  PoolID
	Key   string // backendurl.URL.Key
	State HealthState
	// Attempts is how many picks of this backend may be on their way to a banner
	// at one time: a backend in doubt must not swallow a crowd. Negative: no limit.
	Attempts int
	// Observed is how many of this backend's BackendObserved the health actor
	// had counted. Policy lowers Attempts itself for what it sent since.
	Observed  uint64
	Recovered time.Time // when it came back: the beginning of its slow start; zero: long ago
}

// ReleaseLease returns a lease at the end of a session. A lease is returned
// once; a second return or an unknown lease is ignored and logged.
type ReleaseLease struct {
	Lease LeaseID
}

// WithdrawPick says that whoever sent a PickBackend gave up waiting for the
// answer: what was answered on that channel is taken back. It must come from
// the same sender, after the PickBackend; the channel must not be used again,
// and its answer, should there be one, not be believed. Without it the lease
// of an answer that nobody reads would be held for ever.
type WithdrawPick struct {
	Reply chan<- BackendPicked // as in the PickBackend
}

// DescribePools asks for the present counters, for status and tests.
type DescribePools struct {
	Reply chan<- []PoolDescribed // capacity 1
}

// PoolDescribed is one pool's state at a moment.
type PoolDescribed struct {
	ID       PoolID
	Policy   string
	Backends []BackendDescribed
}

// BackendDescribed is one backend's counters.
type BackendDescribed struct {
	URL         string // redacted
	Key         string
	Live        int           // open connections now
	Connects    uint64        // good banners since the store began
	Failures    uint64        // failed attempts since the store began
	ConnectTime time.Duration // smoothed; 0 means never measured
	Elsewhere   int           // connections that other gateways of the same store hold
	State       HealthState
	Weight      int
	Max         int // 0: no limit
	Tier        int
}

func (ConfigurePools) toPolicy()  {}
func (UpdatePool) toPolicy()      {}
func (ReportLost) toPolicy()      {}
func (HealthChanged) toPolicy()   {}
func (PickBackend) toPolicy()     {}
func (ReportConnected) toPolicy() {}
func (ReportFailed) toPolicy()    {}
func (ReleaseLease) toPolicy()    {}
func (WithdrawPick) toPolicy()    {}
func (DescribePools) toPolicy()   {}
