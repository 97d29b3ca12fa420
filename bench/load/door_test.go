//go:build unix

package load_test

import (
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/bench/load"
)

// doorman stands before an address and lets a connection in when admit says so; else it closes it
// without a word, as a gateway does that has no room.
func doorman(t *testing.T, to netip.AddrPort, admit func(n int) bool) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg conc.WaitGroup
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	wg.Go(func() { // ends with the listener
		for n := 0; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if !admit(n) {
				conn.Close()
				continue
			}
			wg.Go(func() { relay(t, conn, to) }) // ends with the client
		}
	})
	return netip.MustParseAddrPort(l.Addr().String())
}

func relay(t *testing.T, client net.Conn, to netip.AddrPort) {
	defer client.Close()
	server, err := net.Dial("tcp4", to.String())
	if err != nil {
		t.Errorf("relay: %v", err)
		return
	}
	var back conc.WaitGroup
	back.Go(func() { _, _ = io.Copy(client, server) }) // ends with the server's side
	_, _ = io.Copy(server, client)                     // ends with the client's side
	server.Close()
	back.Wait()
}

func TestClientsKnockAgain(t *testing.T) {
	job := serve(t)
	job.Clients, job.Loops = 4, 1
	job.Control = doorman(t, job.Control, func(n int) bool { return n%2 == 1 })
	tally, err := load.Idle(t.Context(), job)
	if err != nil || tally.Count != 4 {
		t.Errorf("%d of 4 clients got in (%v)", tally.Count, err)
	}
}

func TestClientsDoNotKnockForEver(t *testing.T) {
	job := serve(t)
	job.Control = doorman(t, job.Control, func(int) bool { return false })
	_, err := load.RoundTrips(t.Context(), job)
	if err == nil || !strings.Contains(err.Error(), "turned away") {
		t.Errorf("error %v", err)
	}
}

func TestFailedLoginsAreCounted(t *testing.T) {
	job := serve(t)
	job.Clients, job.Loops, job.Span = 2, 1, time.Second
	job.Control = doorman(t, job.Control, func(n int) bool { return n%3 != 0 })
	tally, err := load.Logins(t.Context(), job)
	if err != nil || tally.Count == 0 || tally.Failed == 0 {
		t.Errorf("%d logins, %d failed (%v)", tally.Count, tally.Failed, err)
	}
	job.Control = doorman(t, job.Control, func(int) bool { return false })
	if _, err := load.Logins(t.Context(), job); err == nil || !strings.Contains(err.Error(), "failed") {
		t.Errorf("nobody got in, and the error is %v", err)
	}
}
