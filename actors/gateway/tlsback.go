package gateway

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"
	"github.com/sluice-gateway/sluice/actors/stage"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/config"
)

var engines = map[config.TLSEngine]dialogue.BackendTLS{
	config.TLSOff:         dialogue.NoTLS,
	config.TLSAuto:        dialogue.TLSIfOffered,
	config.TLSOn:          dialogue.TLSAlways,
	config.TLSMatchClient: dialogue.TLSLikeClient,
}

var protections = map[config.Protection]dialogue.Protection{
	config.ProtectRequired: dialogue.ProtectRequired,
	config.ProtectClient:   dialogue.ProtectAsClient,
	config.ProtectClear:    dialogue.ProtectClear,
}

// backTLS is TLS with the backends of one pool; nil: ProxyTLSEngine is off.
func (g *Gateway) backTLS(pool messages.PoolID, t config.BackendTLS, log zerolog.Logger) (*stage.Client, error) {
	if t.Engine == config.TLSOff {
		return nil, nil
	}
	terms, err := readTerms("ProxyTLS", t.Protocols, t.Ciphers, nil)
	if err != nil {
		return nil, err
	}
	cc := stage.ClientConfig{
		MinVersion: terms.versions.Min, MaxVersion: terms.versions.Max, CipherSuites: terms.ciphers.IDs,
		NoVerify:         !t.VerifyServer,
		Authorities:      stage.Authorities{CAFile: t.CAFile, CAPath: t.CAPath, CRLFile: t.CRLFile, CRLPath: t.CRLPath},
		NoSessionTickets: t.Options.NoSessionTickets,
		HandshakeLimit:   noneIfZero(t.TimeoutHandshake),
		Diags:            t.Options.EnableDiags,
		Log:              log,
	}
	identity, err := shown(t)
	if err != nil {
		return nil, readable("ProxyTLSCertificateFile", err)
	}
	if t.CertificateFile != "" {
		cc.KeyPair = stage.KeyPair{Certificate: t.CertificateFile, Key: t.KeyFile}
	}
	if !t.Options.NoSessionCache {
		if cc.Sessions = g.vault.For(owner(pool, t, identity)); pool == "" { // forward clients have none
			cc.Sessions = g.vault.ForNamed(owner(pool, t, identity))
		}
	}
	c, err := stage.NewClient(cc)
	if err != nil {
		return nil, readable("ProxyTLSEngine", err)
	}
	return c, nil
}

// shown is the certificate that backends are shown. One that only somebody else
// may read is an error: going on without, as with a damaged one, would lock all
// sessions out from a reload on.
func shown(t config.BackendTLS) ([]byte, error) {
	if t.CertificateFile == "" {
		return nil, nil
	}
	if t.KeyFile != "" {
		f, err := os.Open(t.KeyFile)
		if errors.Is(err, fs.ErrPermission) {
			return nil, err
		}
		if err == nil {
			_ = f.Close() // it was only knocked at
		}
	}
	certificate, err := config.OSFiles{}.ReadFile(t.CertificateFile, maxCertificate)
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		return nil, nil // said where it is loaded
	}
	return certificate, err
}

// maxCertificate bounds a file with a certificate, in bytes.
const maxCertificate = 1 << 20

// owner says whose the TLS sessions with backends are: a server's, for a class of
// clients, under the settings and with the certificate that they were made with.
// What others were granted or what was agreed on otherwise is not resumed.
func owner(pool messages.PoolID, t config.BackendTLS, identity []byte) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%+v\n%s", t, identity))
	return fmt.Sprintf("%s#%x", pool, sum[:8])
}
