package e2e

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// Data addresses that differ from those of the control connections: who may name and use them, by class.

const nearby, trustedClass = "<Class near>\nFrom 127.0.0.2\n</Class>", "<Class trusted>\nFrom 127.0.0.5\n</Class>"

// thirdHost is a host that a client may want to be served, or to be used.
const thirdHost = "127.0.0.3"

// fxp has the data of a download delivered to another host.
func fxp(t *testing.T, c *peers.Control, host string) (got []byte, refused bool) {
	t.Helper()
	ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.ParseIP(host)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	if r := c.Cmd("PORT %s", peers.PortArgument(ln.Addr().(*net.TCPAddr))); r.Code != 200 {
		return nil, true
	}
	c.Send("RETR f")
	if err := ln.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	c.Expect(150)
	if got, err = io.ReadAll(conn); err != nil {
		t.Fatal(err)
	}
	c.Expect(226)
	return got, false
}

// fetchedFrom has the data of a download fetched by another host; after a refusal the client fetches it.
func fetchedFrom(t *testing.T, c *peers.Control, host string) (got []byte, refused bool) {
	t.Helper()
	d := c.Data(peers.PASV)
	conn, err := (&net.Dialer{Timeout: 20 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(host)}}).Dial("tcp", d.Addr())
	c.Send("RETR f")
	if err == nil {
		defer func() { _ = conn.Close() }()
		if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		got, err = io.ReadAll(conn)
	}
	if err != nil || len(got) == 0 {
		refused = true
		d.Open()
		if got, err = io.ReadAll(d.Open()); err != nil {
			t.Fatal(err)
		}
		d.Close()
	}
	c.Expect(150)
	c.Expect(226)
	return got, refused
}

// TestAllowForeignAddress: on, off or a class, for all or for some clients; for who connects as for who is
// connected to.
func TestAllowForeignAddress(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		lines        []string
		client, host string
		refused      bool
	}{
		"not_written":                     {nil, "127.0.0.1", thirdHost, true},
		"off":                             {[]string{"AllowForeignAddress off"}, "127.0.0.1", thirdHost, true},
		"on":                              {[]string{"AllowForeignAddress on"}, "127.0.0.1", thirdHost, false},
		"a_class_that_it_is_of":           {[]string{nearby, "AllowForeignAddress near"}, "127.0.0.1", "127.0.0.2", false},
		"a_class_that_it_is_not_of":       {[]string{nearby, "AllowForeignAddress near"}, "127.0.0.1", thirdHost, true},
		"the_class_of_the_client_is_none": {[]string{trustedClass, "AllowForeignAddress trusted"}, "127.0.0.5", thirdHost, true},
		"for_clients_of_a_class":          {[]string{trustedClass, "<IfClass trusted>\nAllowForeignAddress on\n</IfClass>"}, "127.0.0.5", thirdHost, false},
		"for_others_not":                  {[]string{trustedClass, "<IfClass trusted>\nAllowForeignAddress on\n</IfClass>"}, "127.0.0.1", thirdHost, true},
		"for_others_than_of_a_class":      {[]string{trustedClass, "AllowForeignAddress on\n<IfClass trusted>\nAllowForeignAddress off\n</IfClass>"}, "127.0.0.5", thirdHost, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := besiege(t, "reverse", peers.Script{}, tc.lines...)
			c := b.login(t, tc.client)
			got, refused := fxp(t, c, tc.host)
			if refused != tc.refused {
				t.Errorf("PORT to %s was refused: %v", tc.host, refused)
			}
			if !refused {
				sameBytes(t, "what the other host got", got, fortress)
			}
			got, refused = fetchedFrom(t, c, tc.host)
			if refused != tc.refused {
				t.Errorf("%s was turned away: %v", tc.host, refused)
			}
			sameBytes(t, "what was fetched", got, fortress)
			unharmed(t, b, c)
		})
	}
}

// elsewhere is a backend whose data connections are at another address than its control connection, and which
// may name yet another.
func elsewhere(t *testing.T, at, named string) peers.Script {
	var ln *net.TCPListener // one session at a time
	t.Cleanup(func() {
		if ln != nil {
			_ = ln.Close()
		}
	})
	return peers.Script{On: handlers{
		"PASV": func(v *peers.Visit) {
			var err error
			if ln, err = net.ListenTCP("tcp", &net.TCPAddr{IP: net.ParseIP(at)}); err != nil {
				v.Reply("425 %v\r\n", err)
				return
			}
			v.Reply("227 there (%s)\r\n", peers.PortArgument(&net.TCPAddr{IP: net.ParseIP(named), Port: ln.Addr().(*net.TCPAddr).Port}))
		},
		"RETR": func(v *peers.Visit) {
			v.Reply("150 here\r\n")
			_ = ln.SetDeadline(time.Now().Add(10 * time.Second)) // Accept reports a closed one
			conn, err := ln.Accept()
			_ = ln.Close()
			if err != nil {
				v.Reply("425 %v\r\n", err)
				return
			}
			_, err = conn.Write(fortress)
			_ = conn.Close()
			if err != nil {
				v.Reply("426 %v\r\n", err)
				return
			}
			v.Reply("226 done\r\n")
		},
	}}
}

// TestForeignBackends: AllowForeignAddress and IgnoreForeignAddress of ProxyOptions, for all or for some clients.
func TestForeignBackends(t *testing.T) {
	t.Parallel()
	const allow, ignore, annex = "ProxyOptions AllowForeignAddress", "ProxyOptions IgnoreForeignAddress", "127.0.0.46"
	some := func(option string) []string {
		return []string{trustedClass, "<IfClass trusted>\n" + option + "\n</IfClass>"}
	}
	for name, tc := range map[string]struct {
		lines             []string
		client, at, named string
		refused           bool
	}{
		"neither":                          {nil, "127.0.0.1", annex, annex, true},
		"allowed":                          {[]string{allow}, "127.0.0.1", annex, annex, false},
		"allowed_for_a_class":              {some(allow), "127.0.0.5", annex, annex, false},
		"and_not_for_others":               {some(allow), "127.0.0.1", annex, annex, true},
		"ignored":                          {[]string{ignore}, "127.0.0.1", scriptedAt, "10.9.8.7", false},
		"ignored_for_a_class":              {some(ignore), "127.0.0.5", scriptedAt, "10.9.8.7", false},
		"and_not_for_all":                  {some(ignore), "127.0.0.1", scriptedAt, "10.9.8.7", true},
		"ignored_and_allowed_is_ignored":   {[]string{allow, ignore}, "127.0.0.1", scriptedAt, "127.0.0.99", false},
		"allowed_for_all_ignored_for_some": {append([]string{allow}, some(ignore)...), "127.0.0.5", scriptedAt, "127.0.0.99", false},
		"no_address_is_its_own":            {nil, "127.0.0.1", scriptedAt, "0.0.0.0", false},
		"even_where_others_are_allowed":    {[]string{allow}, "127.0.0.1", scriptedAt, "0.0.0.0", false},
	} {
		for _, role := range []string{"reverse", "forward"} {
			if role == "forward" && len(tc.lines) > 1 { // clients of forward proxies have classes of their own here
				continue
			}
			t.Run(name+"/"+role, func(t *testing.T) {
				t.Parallel()
				b := besiege(t, role, elsewhere(t, tc.at, tc.named), append([]string{"ProxyDataTransferPolicy PASV"}, tc.lines...)...)
				c := b.login(t, tc.client)
				if !tc.refused {
					sameBytes(t, "the file", c.Fetch(peers.EPSV, "RETR f"), fortress)
					return
				}
				if _, r := c.DataReply(peers.PASV); r.String() != "500 PASV: Operation not permitted" {
					t.Errorf("got %q", r)
				}
				inTheLog(t, b.g, "Refused passive address of backend", 1)
				c.Must(257, "PWD")
			})
		}
	}
}

// TestForeignActiveBackends: who may come in place of a backend that was told where to connect to. The backend
// sends somebody else first and comes itself then.
func TestForeignActiveBackends(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		option string
		taken  bool // the other one is
	}{
		"neither":             {"ProxyOptions ShowFeatures", false},
		"allowed":             {"ProxyOptions AllowForeignAddress", true},
		"ignored":             {"ProxyOptions IgnoreForeignAddress", false},
		"allowed_and_ignored": {"ProxyOptions AllowForeignAddress IgnoreForeignAddress", false},
		"allowed_on_our_side": {"AllowForeignAddress on", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			other := []byte("from somebody else")
			script := peers.Script{On: handlers{"EPRT": func(v *peers.Visit) {
				part := strings.Split(v.Arg, "|")
				conn, err := (&net.Dialer{Timeout: 10 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.0.46")}}).
					Dial("tcp", net.JoinHostPort(part[2], part[3]))
				if err == nil {
					_, _ = conn.Write(other)
					_ = conn.Close()
				}
				v.Default()
			}}}
			b := besiege(t, "reverse", script, "ProxyDataTransferPolicy EPRT", tc.option)
			c := b.login(t, "127.0.0.1")
			d := c.Data(peers.EPSV)
			d.Open()
			c.Send("RETR f")
			got, err := io.ReadAll(d.Open())
			if tc.taken { // the backend itself finds nobody to connect to then, and the transfer breaks
				if len(got) > len(other) {
					t.Errorf("got %d bytes of the backend's own", len(got))
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			c.Expect(150)
			c.Expect(226)
			sameBytes(t, "the data", got, fortress)
		})
	}
}
