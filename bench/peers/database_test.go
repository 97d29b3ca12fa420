package peers_test

import (
	"bufio"
	"net"
	"os"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// A database answers its first bytes, goes down, and comes back on its port.
func TestDatabase(t *testing.T) {
	for name, start := range map[string]func(testing.TB, peers.DatabaseOptions) *peers.Database{
		"postgres": peers.StartPostgres, "mariadb": peers.StartMariaDB,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := start(t, peers.DatabaseOptions{})
			greets(t, name, d.Addr())
			if _, err := os.Stat(d.Socket); err != nil {
				t.Errorf("its socket: %v", err)
			}
			if err := d.Down(); err != nil {
				t.Fatal(err)
			}
			if conn, err := net.DialTimeout("tcp", d.Addr(), time.Second); err == nil {
				conn.Close()
				t.Error("it listens although it is down")
			}
			if err := d.Up(); err != nil {
				t.Fatal(err)
			}
			greets(t, name, d.Addr())
		})
	}
}

// greets looks for the first byte: MariaDB speaks first, PostgreSQL answers a request for TLS.
func greets(t *testing.T, kind, addr string) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if kind == "postgres" {
		if _, err := conn.Write([]byte{0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f}); err != nil {
			t.Fatal(err)
		}
	}
	first, err := bufio.NewReader(conn).ReadByte()
	if err != nil || kind == "postgres" && first != 'N' {
		t.Fatalf("first byte %q, %v", first, err)
	}
}
