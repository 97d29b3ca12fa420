package e2e

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/bench/peers"
)

func TestMain(m *testing.M) {
	code := m.Run()
	peers.RemoveGatewayBinary()
	removeCertificates()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
