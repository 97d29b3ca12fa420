package stores

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/sluice-gateway/sluice/protocols/backendurl"
)

// Asker is the client that a list of backends is looked up for.
type Asker struct {
	User   string // as it stands after rewriting
	Group  string // for sources by group
	Client netip.Addr
	Vars   map[string]string // TLS_… of the client's certificate (TLSOptions StdEnvVars); nil: none
}

// ErrNoList says that a source works and has nothing for the one who asks.
var ErrNoList = errors.New("no list of backends for this client")

// Source gives each client its own list of backends: a file by name, a query.
// Its methods may be called from several goroutines; String names it for the
// log, without secrets.
type Source interface {
	fmt.Stringer
	// Backends returns a list that is not empty, or an error: ErrNoList where
	// there is none for who.
	Backends(ctx context.Context, who Asker) ([]backendurl.URL, error)
}

// Found is what the host of a URL stands for now.
type Found struct {
	Backends []Resolved
	TTL      time.Duration // how long this holds; 0: no limit known
}

// Resolved is one backend: the URL itself, or one target of its SRV records.
type Resolved struct {
	URL       backendurl.URL
	Endpoints []netip.AddrPort // in the order to try
	Tier      int              // one of a higher tier is used only when none of a lower can be
}

// Resolver finds the addresses of backends. Its method may be called from
// several goroutines.
type Resolver interface {
	// Resolve returns at least one backend with at least one endpoint, or an
	// error. With an error Found.TTL says how long "no such name" is to be
	// believed; 0: nobody said.
	Resolve(ctx context.Context, u backendurl.URL) (Found, error)
}
