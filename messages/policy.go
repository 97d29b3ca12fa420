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

// Backend is one URL of a pool with the endpoints that it resolved to.
type Backend struct {
	URL       backendurl.URL
	Endpoints []netip.AddrPort // at least one, in the order to try
}

// Pool is one list of candidates, as configured.
type Pool struct {
	ID       PoolID
	Policy   string // a value of ProxyReverseConnectPolicy, canonical spelling
	Backends []Backend
}

// LeaseID names a session's claim on a backend. Zero means no lease.
type LeaseID uint64

// ConfigurePools replaces the pools after a (re)load. Counters of backends that
// are in the new list stay; leases of those that are not run on until released.
type ConfigurePools struct {
	Pools []Pool
}

// PickBackend asks for a backend for one connection attempt. The pick counts
// as a live connection until its lease is released.
type PickBackend struct {
	Pool   PoolID
	Client netip.Addr
	User   string               // empty before USER
	Vars   map[string]string    // TLS_… of the client's certificate (TLSOptions StdEnvVars); nil: none
	Tried  []string             // URL keys (backendurl.URL.Key) this session tried already, avoided while others remain
	Reply  chan<- BackendPicked // capacity 1: the answer never blocks
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
}

func (ConfigurePools) toPolicy()  {}
func (PickBackend) toPolicy()     {}
func (ReportConnected) toPolicy() {}
func (ReportFailed) toPolicy()    {}
func (ReleaseLease) toPolicy()    {}
func (WithdrawPick) toPolicy()    {}
func (DescribePools) toPolicy()   {}
