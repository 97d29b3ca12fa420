package gateway

import (
	"context"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"
	"github.com/sluice-gateway/sluice/actors/stage"
	"github.com/sluice-gateway/sluice/protocols/tlspolicy"
	"github.com/sluice-gateway/sluice/runtime/config"
)

// frontDialogue is what the dialogue needs to know of TLS with clients.
func frontDialogue(t config.TLS) dialogue.TLS {
	r := t.Required
	return dialogue.TLS{
		Implicit:  t.Options.UseImplicitSSL,
		IgnoreSNI: t.Options.IgnoreSNI,
		Required: dialogue.Required{
			Control: r.Control,
			Auth:    r.Auth || r.Control, // a login is commands, too
			Data:    r.Data,
			NoData:  r.NoData,
		},
	}
}

// frontTLS is TLS with the clients of one server; nil: TLSEngine is off.
func (g *Gateway) frontTLS(cfg *config.Config, t config.TLS, log zerolog.Logger) (*stage.Server, error) {
	if !t.Engine {
		return nil, nil
	}
	terms, err := readTerms("TLS", t.Protocols, t.Ciphers, t.Curves)
	if err != nil {
		return nil, err
	}
	o := t.Options
	sc := stage.ServerConfig{
		KeyPairs:   keyPairs(t),
		Chain:      t.ChainFile,
		MinVersion: terms.versions.Min, MaxVersion: terms.versions.Max, CipherSuites: terms.ciphers.IDs, Curves: terms.curves.IDs,
		NoALPN:                 !t.NextProtocol,
		IgnoreSNI:              o.IgnoreSNI,
		Verify:                 verifications[t.VerifyClient],
		VerifyDepth:            noneIfZero(t.VerifyDepth),
		Authorities:            stage.Authorities{CAFile: t.CAFile, CAPath: t.CAPath, CRLFile: t.CRLFile, CRLPath: t.CRLPath},
		Identity:               tlspolicy.ClientChecks{IPAddress: o.IPAddressRequired, DNSName: o.DNSNameRequired, CommonName: o.CommonNameRequired},
		CacheLifetime:          noneIfZero(t.SessionCache.Timeout),
		Tickets:                t.SessionTickets,
		NoSessionReuseRequired: o.NoSessionReuseRequired,
		HandshakeLimit:         noneIfZero(t.TimeoutHandshake),
		Vars:                   tlspolicy.VarOptions{Std: o.StdEnvVars, CertData: o.ExportCertData},
		Diags:                  o.EnableDiags,
		Log:                    log,
	}
	sc.TicketKeyAge, sc.TicketKeyCount = ticketKeys(t.TicketKeys)
	if t.SessionCache.Off {
		sc.CacheLifetime = -1
	}
	if cfg.Process.UseReverseDNS {
		sc.ClientName = g.choice.clientName
	}
	s, err := stage.NewServer(sc)
	if err != nil {
		return nil, readable("TLSEngine", err)
	}
	return s, nil
}

// keyPairs are the certificates of a server. Which algorithm a file is for its
// own content says; the directives only keep them apart.
func keyPairs(t config.TLS) []stage.KeyPair {
	var all []stage.KeyPair
	for _, p := range []stage.KeyPair{{Certificate: t.ECCertFile, Key: t.ECKeyFile}, {Certificate: t.RSACertFile, Key: t.RSAKeyFile}} {
		if p.Certificate != "" {
			all = append(all, p)
		}
	}
	return all
}

var verifications = map[config.VerifyClient]stage.VerifyClient{
	config.VerifyClientOff:      stage.VerifyOff,
	config.VerifyClientOptional: stage.VerifyOptional,
	config.VerifyClientOn:       stage.VerifyOn,
}

// ticketKeys reads "age seconds count n". What is not written stays 0.
func ticketKeys(words []string) (age time.Duration, count int) {
	for pair := range slices.Chunk(words, 2) {
		if len(pair) < 2 {
			break
		}
		n, err := strconv.Atoi(strings.TrimSuffix(pair[1], "s"))
		switch {
		case err != nil:
		case strings.EqualFold(pair[0], "age"):
			age = seconds(n)
		case strings.EqualFold(pair[0], "count"):
			count = n
		}
	}
	return age, count
}

// clientName is a client's name in DNS, if that name leads back to its address.
func (c *choice) clientName(client netip.Addr) string {
	name, err := c.names.Of(context.Background(), client) // it has a limit of its own
	if err != nil {
		c.log.Warn().Err(err).Str("client", client.String()).Msg("a client's certificate is held against no name")
		return ""
	}
	return name
}
