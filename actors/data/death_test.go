package data

import (
	"context"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/actors/stage"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
)

// doomed tells this binary to be a gateway that is about to die: it carries
// one transfer between the two addresses given.
const doomed = "DATA_TEST_DOOMED"

func TestDoomed(t *testing.T) {
	if os.Getenv(doomed) == "" {
		t.Skip("a helper of TestTheDeathOfTheGatewayIsNoEnd")
	}
	front, back := netip.MustParseAddrPort(os.Getenv(doomed)), netip.MustParseAddrPort(os.Getenv(doomed+"_BACK"))
	cfg := Config{
		Front: Leg{Addr: front}, Back: Leg{Addr: back},
		Pipes: newPipes(t), Tell: mailbox.New[messages.ToSession](1),
	}
	if os.Getenv(doomed+"_TLS") != "" {
		h := newHouse(t, mix{front: tls13, back: tls13}, func(s *stage.ServerConfig, _ *stage.ClientConfig) { s.NoSessionReuseRequired = true })
		h.secure(&cfg)
	}
	ch := New(cfg)
	ch.Proceed()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var wg conc.WaitGroup
	wg.Go(func() { _ = ch.Run(ctx) })
	wg.Wait()
}

// A client must not take what a killed gateway leaves behind for a whole file.
func TestTheDeathOfTheGatewayIsNoEnd(t *testing.T) {
	t.Run("plain", func(t *testing.T) { dieInATransfer(t, mix{}) })
	t.Run("tls", func(t *testing.T) { dieInATransfer(t, mix{front: tls13, back: tls13}) })
}

func dieInATransfer(t *testing.T, m mix) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	front, frontAddr := listener(t)
	back, backAddr := listener(t)
	cmd := exec.Command(self, "-test.run=^TestDoomed$")
	cmd.Env = append(os.Environ(), doomed+"="+frontAddr.String(), doomed+"_BACK="+backAddr.String())
	if m != (mix{}) {
		cmd.Env = append(cmd.Env, doomed+"_TLS=yes")
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()

	// Strangers to the child's sessions, which it has been told to put up with.
	h := &house{mix: m, client: peerConfig(m.front), backend: peerConfig(m.back)}
	backend := h.peer(messages.BackSide, accepted(t, back))
	if err := backend.greet(); err != nil {
		t.Fatal(err)
	}
	client := h.peer(messages.FrontSide, accepted(t, front))
	if err := client.greet(); err != nil {
		t.Fatal(err)
	}
	if _, err := backend.Write([]byte("half of it")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(client, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = client.SetDeadline(time.Now().Add(patience))
	wantReset(t, client.tcp)
}
