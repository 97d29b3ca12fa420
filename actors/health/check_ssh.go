package health

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// Bounds of what a server may say before its version (RFC 4253 section 4.2).
const (
	maxVersionLine  = 255
	maxVersionLines = 64
)

// sshVersion reads until the line with a server's version. Byte by byte will do:
// they are few.
func sshVersion(r io.Reader) error {
	var one [1]byte
	for range maxVersionLines {
		var line []byte
		for {
			if _, err := io.ReadFull(r, one[:]); err != nil {
				return fmt.Errorf("the version line: %w", err)
			}
			if one[0] == '\n' {
				break
			}
			if line = append(line, one[0]); len(line) > maxVersionLine {
				return errors.New("the version line: none of an SSH server")
			}
		}
		if text := string(line); strings.HasPrefix(text, "SSH-2.0-") || strings.HasPrefix(text, "SSH-1.99-") {
			return nil
		} else if strings.HasPrefix(text, "SSH-") {
			return fmt.Errorf("the version line is %q, not of SSH 2", clip(strings.TrimRight(text, "\r")))
		}
	}
	return errors.New("the version line: none of an SSH server")
}

// errEnough ends a key exchange that succeeded.
var errEnough = errors.New("the key exchange is all that was to be tried")

// exchangeKeys goes through an SSH key exchange up to the proof of the host key,
// and no further: who the host is, sessions look at. All that both sides may
// agree on is offered, as only the answer is of interest.
func exchangeKeys(conn net.Conn, addr string) error {
	known, weak := ssh.SupportedAlgorithms(), ssh.InsecureAlgorithms()
	proven := false
	_, _, _, err := ssh.NewClientConn(conn, addr, &ssh.ClientConfig{
		Config: ssh.Config{
			KeyExchanges: slices.Concat(known.KeyExchanges, weak.KeyExchanges),
			Ciphers:      slices.Concat(known.Ciphers, weak.Ciphers),
			MACs:         slices.Concat(known.MACs, weak.MACs),
		},
		HostKeyAlgorithms: slices.Concat(known.HostKeys, weak.HostKeys),
		ClientVersion:     "SSH-2.0-Sluice",
		HostKeyCallback: func(string, net.Addr, ssh.PublicKey) error {
			proven = true // the signature was verified before
			return errEnough
		},
	})
	if proven {
		return nil
	}
	if err == nil {
		err = errors.New("it ended without a host key")
	}
	return fmt.Errorf("the key exchange: %w", err)
}
