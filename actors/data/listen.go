package data

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"syscall"

	"github.com/sluice-gateway/sluice/runtime/sockets"
)

// Ports is an inclusive range of ports (PassivePorts); the zero value means
// any port.
type Ports struct{ Low, High uint16 }

// Listen opens a data listener on the given address. Within a range it starts
// at a random port, so that the next port is no easy guess; when the range has
// no free port any port is taken and exhausted is true.
func Listen(ctx context.Context, ip netip.Addr, ports Ports) (ln *net.TCPListener, exhausted bool, err error) {
	if ports.Low == 0 {
		ln, err = listenOn(ctx, ip, 0)
		return ln, false, err
	}
	n := int(ports.High) - int(ports.Low) + 1
	if n < 1 {
		return nil, false, fmt.Errorf("opening a data port on %s: no port lies in %d-%d", ip, ports.Low, ports.High)
	}
	start := rand.IntN(n)
	for i := range n {
		port := int(ports.Low) + (start+i)%n
		ln, err = listenOn(ctx, ip, uint16(port))
		if err == nil {
			return ln, false, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EACCES) {
			return nil, false, err
		}
	}
	ln, err = listenOn(ctx, ip, 0)
	return ln, true, err
}

func listenOn(ctx context.Context, ip netip.Addr, port uint16) (ln *net.TCPListener, err error) {
	if port == 0 {
		ln, err = sockets.ListenAny(ctx, ip)
	} else {
		ln, err = sockets.Listen(ctx, ip, port)
	}
	if err != nil {
		return nil, fmt.Errorf("opening a data port on %s: %w", ip, err)
	}
	return ln, nil
}
