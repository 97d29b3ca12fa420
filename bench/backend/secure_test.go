//go:build unix

package backend

import (
	"bufio"
	"context"
	"crypto/tls"
	"net/netip"
	"testing"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/bench/seal"
)

// openTLS runs a backend that speaks TLS, and says what its clients are to expect.
func openTLS(t *testing.T) (Addresses, *tls.Config) {
	t.Helper()
	papers, err := seal.NewPapers(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	server, err := Listen(netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Secure(papers.Backend); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var wg conc.WaitGroup
	wg.Go(func() {
		if err := server.Serve(ctx, 1); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(func() {
		stop()
		wg.Wait()
	})
	config, err := seal.ClientConfig(papers.Backend.Cert)
	if err != nil {
		t.Fatal(err)
	}
	return server.Addresses, config
}

func TestSecureDialogue(t *testing.T) {
	to, config := openTLS(t)
	c := connect(t, to.Secure)
	c.hear("220 ")
	c.say("AUTH TLS\r\n")
	c.hear("234 ")
	conn := tls.Client(c.conn, config)
	c.conn, c.in = conn, bufio.NewReader(conn)
	for _, line := range []struct{ say, hear string }{
		{"RETR 1k", "530 "}, {"USER a", "331 "}, {"PASS b", "230 "},
		{"STOR x", "521 "}, {"PBSZ 0", "200 "}, {"PROT P", "200 "},
		{"RETR 1k", "425 "}, {"EPSV", "229 "}, {"RETR nothing", "550 "}, {"pasv", "227 "},
		{"NOSUCH", "500 "}, {"QUIT", "221 "},
	} {
		c.say(line.say + "\r\n")
		c.hear(line.hear)
	}
	if _, err := c.in.ReadByte(); err == nil {
		t.Error("the session goes on after QUIT")
	}
}

func TestAClientThatStaysIsHungUpOnAtTheEnd(t *testing.T) {
	var c *client
	t.Run("a server that stops", func(inner *testing.T) {
		to, _ := openTLS(inner)
		c = connect(t, to.Secure) // outlives the server, which waits for its sessions
		c.hear("220 ")
	})
	if _, err := c.in.ReadByte(); err == nil {
		t.Error("the session outlived its server")
	}
}
