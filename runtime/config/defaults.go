package config

import (
	"slices"
	"time"
)

// What absent directives mean. Everything not named here is off, empty or 0.

// backendCiphers is the peer's default. It has suites without forward secrecy,
// which old backends need. Towards clients crypto/tls's own, stricter choice is
// the default.
const backendCiphers = "DEFAULT:!ADH:!EXPORT:!DES"

func defaultProcess() Process {
	return Process{UseIPv6: true, UseReverseDNS: true, TCPBacklog: 128}
}

func defaultSettings() *Settings {
	s := &Settings{
		Proxy: Proxy{
			RetryCount:     5,
			TimeoutConnect: 5 * time.Second,
			TimeoutLinger:  3 * time.Second,
			Health:         defaultHealth(),
		},
		BackendTLS: BackendTLS{
			VerifyServer:     true,
			Protocols:        AllTLSVersions,
			Ciphers:          backendCiphers,
			TimeoutHandshake: 30 * time.Second,
		},
		BackendSSH: BackendSSH{Algorithms: defaultAlgorithms()},
		TLS: TLS{
			Protocols:        AllTLSVersions,
			ServerPreference: true,
			VerifyDepth:      9,
			SessionCache:     SessionCache{Kind: "internal", Timeout: 300 * time.Second},
			TimeoutHandshake: 300 * time.Second,
			NextProtocol:     true,
		},
		SSH: SSH{
			Algorithms:  defaultAlgorithms(),
			AuthMethods: [][]string{{"publickey"}, {"password"}},
			MaxChannels: 10,
		},
		Timeouts: Timeouts{
			Idle:       600 * time.Second,
			Login:      300 * time.Second,
			NoTransfer: 300 * time.Second,
			Stalled:    3600 * time.Second,
			Linger:     10 * time.Second,
		},
		Limits:  Limits{MaxLoginAttempts: 3},
		Data:    Data{DefaultTransferType: 'A', Sockets: SocketOptions{KeepAlive: true, NoDelay: true}},
		Banner:  Banner{ServerIdent: true},
		Auth:    Auth{RequireValidShell: true, UseFtpUsers: true, AllowEmptyPasswords: true},
		Logs:    Logs{Options: LogOptions{Timestamp: true, Hostname: true, VirtualHost: true}},
		Rewrite: Rewrite{MaxReplace: 8},
	}
	return s
}

func defaultAlgorithms() SSHAlgorithms {
	return SSHAlgorithms{
		Ciphers:      slices.Clone(offeredCiphers),
		Digests:      slices.Clone(offeredDigests),
		KeyExchanges: slices.Clone(offeredKeyExchanges),
	}
}
