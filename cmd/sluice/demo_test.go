package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// TestDemo runs the scripts of testdata/demo: a demo, and clients that use it.
func TestDemo(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "demo"),
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":    exits,
			"gateway":  awaitGateway,
			"download": downloadThrough,
			"upload":   uploadThrough,
			"checksum": checkSum,
			"vacant":   vacant,
			"occupy":   occupy,
		},
	})
}

// awaitGateway waits until the demo has shown its own two logins, which is when
// the transfer log has two lines, and puts the gateway's URL into $GATEWAY. A
// login to probe it would come between the two.
func awaitGateway(ts *testscript.TestScript, _ bool, _ []string) {
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for transfersLogged(ts) < len(demoBackends) {
		select {
		case <-tick.C:
		case <-deadline.C:
			ts.Fatalf("the demo did not log its two transfers")
		}
	}
	ts.Setenv("GATEWAY", "ftp://"+configuredGateway(ts))
}

func transfersLogged(ts *testscript.TestScript) int {
	found, err := filepath.Glob(filepath.Join(ts.Getenv("TMPDIR"), "sluice-demo-*", "logs", "transfers.log"))
	if err != nil || len(found) != 1 {
		return 0
	}
	return strings.Count(ts.ReadFile(found[0]), "\n")
}

func configuredGateway(ts *testscript.TestScript) string {
	found, err := filepath.Glob(filepath.Join(ts.Getenv("TMPDIR"), "sluice-demo-*", "sluice.conf"))
	if err != nil || len(found) != 1 {
		return ""
	}
	for line := range strings.Lines(ts.ReadFile(found[0])) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == "Port" {
			return "127.0.0.1:" + f[1]
		}
	}
	return ""
}

// visitGateway logs in at $GATEWAY.
func visitGateway(ts *testscript.TestScript) *visitor {
	v, err := visit(context.Background(), strings.TrimPrefix(ts.Getenv("GATEWAY"), "ftp://"), "anna")
	ts.Check(err)
	return v
}

func sumThrough(ts *testscript.TestScript, v *visitor, name string) string {
	sum := sha256.New()
	ts.Check(v.transfer(context.Background(), ftp.RETR, name, func(data net.Conn) error {
		_, err := io.Copy(sum, data)
		return err
	}))
	return hex.EncodeToString(sum.Sum(nil))
}

// downloadThrough fetches a file and compares it with the checksum beside it.
func downloadThrough(ts *testscript.TestScript, _ bool, args []string) {
	v := visitGateway(ts)
	want, err := v.read(context.Background(), args[0]+".sha256")
	ts.Check(err)
	if got := sumThrough(ts, v, args[0]); !bytes.HasPrefix(want, []byte(got+" ")) {
		ts.Fatalf("%s arrived with checksum %s, its file says %s", args[0], got, want)
	}
	ts.Check(v.quit())
}

// uploadThrough sends so many bytes, fetches them again in the same session,
// as another may reach the other backend, and compares checksums.
func uploadThrough(ts *testscript.TestScript, _ bool, args []string) {
	size, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	v := visitGateway(ts)
	sum := sha256.New()
	noise := io.TeeReader(io.LimitReader(rand.NewChaCha8([32]byte{7}), size), sum)
	ts.Check(v.transfer(context.Background(), ftp.STOR, args[0], func(data net.Conn) error {
		_, err := bufio.NewReader(noise).WriteTo(data)
		return err
	}))
	if got, want := sumThrough(ts, v, args[0]), hex.EncodeToString(sum.Sum(nil)); got != want {
		ts.Fatalf("%s came back with checksum %s, sent was %s", args[0], got, want)
	}
	ts.Check(v.quit())
}

// checkSum compares a file with a checksum file.
func checkSum(ts *testscript.TestScript, _ bool, args []string) {
	got := fmt.Sprintf("%x ", sha256.Sum256([]byte(ts.ReadFile(args[0]))))
	if want := ts.ReadFile(args[1]); !strings.HasPrefix(want, got) {
		ts.Fatalf("%s has checksum %s, want %s", args[0], got, want)
	}
}

// vacant wants a directory to be empty.
func vacant(ts *testscript.TestScript, neg bool, args []string) {
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	if (len(entries) == 0) == neg {
		ts.Fatalf("%s holds %v", args[0], entries)
	}
}

// occupy listens on a port until the script ends and puts it into $TAKEN.
func occupy(ts *testscript.TestScript, _ bool, _ []string) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { ln.Close() })
	ts.Setenv("TAKEN", strconv.Itoa(ln.Addr().(*net.TCPAddr).Port))
}
