package config

import (
	"fmt"
	"time"
)

// Health is ProxyReverseHealthPolicy: how backends are watched, and what
// follows from that.
type Health struct {
	Passive   PassiveHealth
	Active    ActiveHealth
	AllDown   AllDownPolicy
	SlowStart time.Duration // 0 = none
	ChecksSet bool          // a line speaks of checks; without one passive checks are on
}

// PassiveHealth counts what fails for clients.
type PassiveHealth struct {
	On       bool
	Failures int           // in a row until a backend is down
	Expires  time.Duration // until it is tried again
}

// ActiveHealth asks the backends themselves.
type ActiveHealth struct {
	On       bool
	Check    HealthCheck
	Interval time.Duration // between the beginnings of two checks
	Timeout  time.Duration // of a whole check, at most Interval
	Rise     int           // good ones in a row until a backend is up
	Fall     int           // bad ones in a row until it is down
	User     string        // of CheckLogin, where the URL names none
	Password HealthPassword
}

// HealthCheck is how far an active check goes.
type HealthCheck uint8

// The checks, from shallow to deep. SSH is of its own kind.
const (
	CheckConnect HealthCheck = iota // TCP
	CheckBanner                     // 220, or an SSH version line
	CheckLogin                      // USER and PASS
	CheckTLS                        // a TLS handshake
	CheckSSH                        // an SSH key exchange
)

// String is the name of the check as the directive writes it.
func (h HealthCheck) String() string { return healthChecks.name(h) }

// AllDownPolicy says what becomes of clients when no backend is up.
type AllDownPolicy uint8

// The values of AllDown.
const (
	AllDownTry    AllDownPolicy = iota // as if all were up
	AllDownRefuse                      // at the gateway
)

// HealthPassword is the password of a check. However it is printed or encoded
// it shows nothing; convert it to a string to use it.
type HealthPassword string

// hiddenPassword is what stands for a password.
const hiddenPassword = "(hidden)"

// String hides the password.
func (HealthPassword) String() string { return hiddenPassword }

// Format hides the password from every verb.
func (HealthPassword) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hiddenPassword)) } // a fmt.State does not fail

// MarshalText hides the password from encoders.
func (HealthPassword) MarshalText() ([]byte, error) { return []byte(hiddenPassword), nil }
