package peers_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// redisSays sends one line and returns the first of the answer.
func redisSays(t *testing.T, r *peers.Redis, line string) string {
	t.Helper()
	network := "tcp"
	if strings.HasPrefix(r.Address, "/") {
		network = "unix"
	}
	conn, err := net.DialTimeout(network, r.Address, time.Second)
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "%s\r\n", line); err != nil {
		t.Fatal(err)
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(answer)
}

func TestRedis_keeps_its_data_until_it_shall_forget(t *testing.T) {
	for name, opt := range map[string]peers.RedisOptions{"port": {}, "socket": {Socket: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := peers.StartRedis(t, opt)
			for _, step := range []struct {
				claim string
				do    func() error
				want  string // the answer to INCR
			}{
				{"new", func() error { return nil }, ":1"},
				{"halted and resumed", func() error { r.Halt(); return r.Resume() }, ":2"},
				{"killed and resumed", func() error { r.Kill(); return r.Resume() }, ":3"},
				{"frozen and thawed", func() error {
					if err := r.Freeze(); err != nil {
						return err
					}
					return r.Thaw()
				}, ":4"},
				{"empty", func() error {
					if err := r.Forget(); err != nil {
						return err
					}
					return r.Resume()
				}, ":1"},
			} {
				if err := step.do(); err != nil {
					t.Fatalf("%s: %v", step.claim, err)
				}
				if got := redisSays(t, r, "INCR lives"); got != step.want {
					t.Errorf("%s: INCR says %q, want %q", step.claim, got, step.want)
				}
			}
			r.Halt()
			if got := redisSays(t, r, "PING"); !strings.Contains(got, "refused") && !strings.Contains(got, "no such file") {
				t.Errorf("halted, it answers %q", got)
			}
		})
	}
}

func TestRedis_asks_for_its_password(t *testing.T) {
	r := peers.StartRedis(t, peers.RedisOptions{Password: "sesame"})
	if got := redisSays(t, r, "GET x"); !strings.HasPrefix(got, "-NOAUTH") {
		t.Errorf("without the password it says %q", got)
	}
	if got := redisSays(t, r, "AUTH sesame"); got != "+OK" {
		t.Errorf("with the password it says %q", got)
	}
}
