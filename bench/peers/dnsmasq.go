package peers

import (
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// DNS is a running dnsmasq that knows its own records and nobody to ask.
type DNS struct {
	// Addr is its address and port, for UDP and TCP.
	Addr string

	in   Install
	port int
	dir  string
	proc *process
}

// DNSRecords are what a DNS server knows.
type DNSRecords struct {
	// TTL of all records in seconds.
	TTL int
	// Lines are records as dnsmasq(8) has them on its command line without the dashes:
	//	host-record=ftp1.example.test,127.0.0.1,::1
	//	srv-host=_ftp._tcp.example.test,ftp1.example.test,2121,10,60
	//	txt-record=example.test,ftp://ftp1.example.test:2121
	//	cname=www.example.test,ftp1.example.test
	Lines []string
}

// StartDNS runs dnsmasq on a free port of 127.0.0.1 until the test ends. The test is skipped where
// there is none.
func StartDNS(t testing.TB, records DNSRecords) *DNS {
	t.Helper()
	in, err := Locate("dnsmasq")
	if err != nil {
		GiveUp(t, err)
	}
	port, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	d := &DNS{Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), in: in, port: port, dir: t.TempDir()}
	t.Cleanup(d.Stop)
	d.Set(t, records)
	return d
}

// Set makes the server know other records, by starting it again on the same port.
func (d *DNS) Set(t testing.TB, records DNSRecords) {
	t.Helper()
	d.Stop()
	if err := d.launch(records); err != nil {
		t.Fatal(err)
	}
}

// Stop ends the server. Whoever asks then is told at once that nobody listens.
func (d *DNS) Stop() {
	if d.proc != nil {
		d.proc.stop(stopGrace)
		d.proc = nil
	}
}

func (d *DNS) launch(records DNSRecords) error {
	me, err := user.Current()
	if err != nil {
		return fmt.Errorf("start dnsmasq: find the account to run it as: %w", err)
	}
	lines := append([]string{
		"port=" + strconv.Itoa(d.port), "listen-address=127.0.0.1", "bind-interfaces",
		"no-resolv", "no-hosts", "no-poll", "user=" + me.Username, "pid-file=",
		// Without a server of its own for it, dnsmasq refuses what it does not know; so it says "no such name".
		"local=/test/", "auth-ttl=" + strconv.Itoa(records.TTL), "local-ttl=" + strconv.Itoa(records.TTL), "neg-ttl=1",
	}, records.Lines...)
	conf := filepath.Join(d.dir, "dnsmasq.conf")
	if err := os.WriteFile(conf, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		return fmt.Errorf("start dnsmasq: write its configuration: %w", err)
	}
	if d.proc, err = startProcess("dnsmasq", d.in.Binary, d.dir, d.in.Env, "--keep-in-foreground", "--conf-file="+conf, "--log-facility=-"); err != nil {
		return err
	}
	return waitListening(d.Addr, false, d.proc, startLimit)
}
