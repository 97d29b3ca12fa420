package dialogue

import (
	"net/netip"
	"time"
)

// Config is what a dialogue needs to know. Durations of 0 mean no limit.
type Config struct {
	Client netip.AddrPort // the client's end of the control connection
	Local  netip.AddrPort // our end

	ServerNames []string // names that HOST may give: ServerName and ServerAlias
	UseIPv6     bool

	RetryCount     int           // ProxyRetryCount: attempts in all
	TimeoutConnect time.Duration // ProxyTimeoutConnect: for the banner too
	TimeoutLinger  time.Duration // ProxyTimeoutLinger

	DataPolicy    DataPolicy
	ShowFeatures  bool // ProxyOptions ShowFeatures
	IgnoreForeign bool // ProxyOptions IgnoreForeignAddress
	AllowForeign  bool // ProxyOptions AllowForeignAddress

	Masquerade netip.Addr // MasqueradeAddress; zero: our end of the control connection
	// ForeignAllowed answers AllowForeignAddress for a data address of the
	// client's side; nil: never.
	ForeignAllowed func(netip.Addr) bool

	TimeoutLogin      time.Duration
	TimeoutIdle       time.Duration
	TimeoutNoTransfer time.Duration
	TimeoutSession    time.Duration

	LimitLogins bool // ask whether one more client may log in (MaxClients …)

	AsciiDefault bool // DefaultTransferMode: the type logs assume before TYPE
}

// DataPolicy is ProxyDataTransferPolicy.
type DataPolicy uint8

// The data transfer policies.
const (
	ClientChooses DataPolicy = iota
	PreferActive             // EPRT, else PORT
	PreferPassive            // EPSV, else PASV
	OnlyPASV
	OnlyEPSV
	OnlyPORT
	OnlyEPRT
)
