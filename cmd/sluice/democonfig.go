package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// demoPort finds the gateway's port. The usual one gives way when it is taken;
// one that was asked for does not.
func demoPort(ctx context.Context, p *printer, port int, chosen bool) (int, error) {
	free, err := freePort(ctx, port)
	switch {
	case err == nil:
		return free, nil
	case errors.Is(err, syscall.EADDRINUSE) && !chosen:
		p.line("Port %d is taken, using a free one.", port)
		return freePort(ctx, 0)
	}
	return 0, fmt.Errorf("looking for a port on 127.0.0.1 (--port 0 takes any free one): %w", err)
}

// freePort opens the port and closes it again: the gateway opens its own, as
// it always does.
func freePort(ctx context.Context, port int) (int, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return 0, err
	}
	at, err := netip.ParseAddrPort(ln.Addr().String())
	return int(at.Port()), errors.Join(err, ln.Close())
}

const demoConfigText = `# The gateway of 'sluice demo'. 'sluice directives NAME' explains each line.

ServerName                 "Sluice demo"
Port                       %d

# Only this machine can reach it.
DefaultAddress             127.0.0.1
SocketBindTight            on
UseIPv6                    off

# Clients take turns at the two backends, and do not see them.
ProxyEngine                on
ProxyRole                  reverse
ProxyReverseConnectPolicy  RoundRobin
ProxyReverseServers        %s

# What the gateway remembers, and what it tells.
ProxyTables                %q
SystemLog                  %q
ProxyLog                   %q
TransferLog                %q
`

func demoConfig(dir, logs string, port int, backends []netip.AddrPort) string {
	var urls []string
	for _, b := range backends {
		urls = append(urls, "ftp://"+b.String())
	}
	return fmt.Sprintf(demoConfigText, port, strings.Join(urls, " "),
		filepath.Join(dir, "tables"),
		filepath.Join(logs, "system.log"), filepath.Join(logs, "proxy.log"), filepath.Join(logs, "transfers.log"))
}
