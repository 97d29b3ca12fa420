package badger_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain lets the test binary play other processes: the one that is killed
// and the one whose memory is measured.
func TestMain(m *testing.M) {
	if role, ok := roles[os.Getenv("SLUICE_STORE_ROLE")]; ok {
		os.Exit(role(os.Getenv("SLUICE_STORE_DIR")))
	}
	goleak.VerifyTestMain(m,
		// glog, an import of Badger's dependencies, starts it in its init.
		goleak.IgnoreTopFunction("github.com/golang/glog.(*fileSink).flushDaemon"))
}

var roles = map[string]func(dir string) int{
	"writer": writeUntilKilled,
	"idle":   reportMemory,
}
