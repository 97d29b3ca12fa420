package seal_test

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/bench/seal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is two ends of a TCP connection on loopback.
func pair(t *testing.T) (client, server *net.TCPConn) {
	t.Helper()
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.DialTCP("tcp4", nil, l.Addr().(*net.TCPAddr)); err != nil {
		t.Fatal(err)
	}
	if server, err = l.AcceptTCP(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*net.TCPConn{client, server} {
		t.Cleanup(func() { c.Close() })
		if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	return client, server
}

func configs(t *testing.T) (client, server *tls.Config, papers seal.Papers) {
	t.Helper()
	papers, err := seal.NewPapers(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if server, err = seal.ServerConfig(papers.Gateway); err != nil {
		t.Fatal(err)
	}
	if client, err = seal.ClientConfig(papers.Gateway.Cert); err != nil {
		t.Fatal(err)
	}
	return client, server, papers
}

func TestStream_carries_every_byte_to_its_close_notify(t *testing.T) {
	clients, servers, _ := configs(t)
	client, server := pair(t)
	const size = 5<<20 + 3
	var got int64
	var wg conc.WaitGroup
	wg.Go(func() {
		s, err := seal.Server(t.Context(), server, servers)
		if err != nil {
			t.Error(err)
			return
		}
		defer s.Close()
		if err := s.Swallow(func(n int) { got += int64(n) }); err != nil {
			t.Error(err)
		}
	})
	s, err := seal.Client(t.Context(), client, clients)
	if err != nil {
		t.Fatal(err)
	}
	for left := int64(size); left > 0; {
		n, err := s.Pour(left)
		if err != nil {
			t.Fatal(err)
		}
		left -= n
	}
	if err := s.End(); err != nil {
		t.Error(err)
	}
	s.Drain()
	s.Close()
	wg.Wait()
	if got != size {
		t.Errorf("%d bytes arrived, want %d", got, size)
	}
}

func TestStream_that_is_cut_off_has_failed(t *testing.T) {
	clients, servers, _ := configs(t)
	client, server := pair(t)
	var wg conc.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		s, err := seal.Server(t.Context(), server, servers)
		if err != nil {
			t.Error(err)
			return
		}
		defer s.Close()
		if err := s.Swallow(func(int) {}); err == nil {
			t.Error("a stream without close_notify was taken for whole")
		}
	})
	s, err := seal.Client(t.Context(), client, clients)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Pour(1000); err != nil {
		t.Fatal(err)
	}
	_ = client.SetLinger(0)
	_ = client.Close()
	s.Close()
}

func TestHandshake_that_agrees_on_something_else_fails(t *testing.T) {
	clients, servers, papers := configs(t)
	other, err := seal.ClientConfig(papers.Backend.Cert)
	if err != nil {
		t.Fatal(err)
	}
	old := clients.Clone()
	old.MinVersion, old.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	lax := servers.Clone()
	lax.MinVersion = tls.VersionTLS12
	for claim, c := range map[string]struct {
		client, server *tls.Config
		says           string
	}{
		"TLS 1.2":             {old, lax, "TLS 1.2"},
		"another certificate": {other, servers, "another certificate"},
	} {
		t.Run(claim, func(t *testing.T) {
			client, server := pair(t)
			var wg conc.WaitGroup
			defer wg.Wait()
			wg.Go(func() { _ = tls.Server(server, c.server).Handshake() }) // it need not notice
			if _, err := seal.Client(t.Context(), client, c.client); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v", err)
			}
			_ = client.Close()
		})
	}
}
