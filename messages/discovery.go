package messages

import "net/netip"

// ToDiscovery is what the discovery actor understands. It owns whatever finds
// backends outside of the configuration: DNS, files, databases.
//
//sumtype:decl
type ToDiscovery interface{ toDiscovery() }

// LookUpBackends asks for the list of one client. The answer may take as long
// as a database does; it comes within the limit that discovery keeps.
type LookUpBackends struct {
	Pool   PoolID
	Client netip.Addr
	User   string               // for PerUser, as it stands after rewriting
	Group  string               // for PerGroup
	Vars   map[string]string    // TLS_… of the client's certificate
	Reply  chan<- BackendsFound // capacity 1: the answer never blocks
}

// BackendsFound answers LookUpBackends. Without an error and without backends
// the client has no list of its own, and the pool's list counts.
type BackendsFound struct {
	Backends []Backend
	Err      error
}

// ResolveDestination asks for the addresses of a host that a client of the forward
// role has named. The answer comes within the limit that discovery keeps.
type ResolveDestination struct {
	Host  string // a name, in lower case; addresses need no look-up
	Port  uint16
	Reply chan<- DestinationResolved // capacity 1: the answer never blocks
}

func (LookUpBackends) toDiscovery()     {}
func (ResolveDestination) toDiscovery() {}
