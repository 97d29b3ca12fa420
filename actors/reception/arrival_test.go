package reception_test

import (
	"errors"
	"io"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/actors/ftpsession"
	"github.com/sluice-gateway/sluice/actors/reception"
	"github.com/sluice-gateway/sluice/protocols/proxyproto"
)

// behind is a house whose clients come by way of a balancer on 127.0.0.0/8.
func behind(t *testing.T, change func(*reception.Plan, *reception.Door)) *house {
	return open(t, time.Second, func(p *reception.Plan, d *reception.Door) {
		d.Balancers = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		if change != nil {
			change(p, d)
		}
	})
}

// from has a client's balancer speak for an address.
func (c *client) from(t *testing.T, version proxyproto.Version, source string) *client {
	t.Helper()
	h := proxyproto.Header{Version: version, Source: netip.MustParseAddrPort(source), Destination: netip.MustParseAddrPort("198.51.100.1:21")}
	b, err := h.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.sends(string(b))
}

func (c *client) sends(text string) *client {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, text); err != nil {
		c.t.Fatal(err)
	}
	return c
}

// shut reports what a client hears that is turned away, perhaps by a reset, as not
// all was read that it sent.
func (c *client) shut() string {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	text, err := io.ReadAll(c.in)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		c.t.Fatalf("after %q: %v", text, err)
	}
	return string(text)
}

func TestBalancers_speak_for_their_clients(t *testing.T) {
	var asked []netip.Addr
	h := behind(t, func(_ *reception.Plan, d *reception.Door) {
		d.PerHost = reception.Cap{Max: 1, Text: "one from your host"}
		setup := d.Setup
		d.Setup = func(a netip.Addr, name string) (*ftpsession.Setup, error) {
			asked = append(asked, a)
			return setup(a, name)
		}
	})
	first := h.knock().from(t, proxyproto.V1, "192.0.2.1:1111").login()
	h.knock().from(t, proxyproto.V2, "[2001:db8::1]:1111").login()
	if got := h.knock().from(t, proxyproto.V2, "192.0.2.1:2222").shut(); got != "530 one from your host\r\n" {
		t.Errorf("a second client from the first one's address heard %q", got)
	}
	first.say("QUIT", "221")
	until(t, "the end of the first session", func() bool { return h.describe().Open == 1 })
	h.knock().from(t, proxyproto.V2, "192.0.2.1:2222").login()
	h.stop() // nobody asks any more
	if len(asked) != 3 || asked[0].String() != "192.0.2.1" || asked[1].String() != "2001:db8::1" {
		t.Errorf("settings were asked for %v", asked)
	}
	for _, want := range []string{`"client":"192.0.2.1","balancer":"127.0.0.1:`, `"client":"2001:db8::1"`, `"client":"192.0.2.1","listener":"door","reason":"MaxClientsPerHost reached"`} {
		if !strings.Contains(h.logs.String(), want) {
			t.Errorf("the log does not say %s:\n%s", want, h.logs)
		}
	}
}

func TestBalancers_must_speak(t *testing.T) {
	for name, c := range map[string]struct{ says, why string }{
		"a_command":            {"USER bob\r\n", "no PROXY header"},
		"garbage":              {"\x00\xff\x17\x01", "no PROXY header"},
		"a_malformed_header":   {"PROXY TCP4 1.2.3.4 1.2.3.4 1 x\r\n", "malformed PROXY header"},
		"no_client":            {"PROXY UNKNOWN\r\n", "names no client"},
		"no_client_in_v2":      {"\r\n\r\n\x00\r\nQUIT\n\x21\x00\x00\x00", "names no client"},
		"the_unspecified":      {"PROXY TCP4 0.0.0.0 1.2.3.4 1 2\r\n", "names no client"},
		"a_group":              {"PROXY TCP4 224.0.0.1 1.2.3.4 1 2\r\n", "names no client"},
		"too_long_a_header":    {"\r\n\r\n\x00\r\nQUIT\n\x21\x11\xff\xff", "malformed PROXY header"},
		"a_TLS_hello_ahead_of": {"\x16\x03\x01\x02\x00", "no PROXY header"},
	} {
		t.Run(name, func(t *testing.T) {
			h := behind(t, nil)
			if got := h.knock().sends(c.says).shut(); got != "" {
				t.Errorf("the balancer heard %q", got)
			}
			until(t, "a line in the log", func() bool { return strings.Contains(h.logs.String(), c.why) })
			if d := h.describe(); d.Open != 0 || d.Refused != 1 {
				t.Errorf("described as %+v", d)
			}
		})
	}
}

// A balancer that looks whether the gateway is well is a client like others.
func TestBalancers_may_come_themselves(t *testing.T) {
	h := behind(t, nil)
	h.knock().sends("\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00").login()
	if want := `"client":"127.0.0.1"`; !strings.Contains(h.logs.String(), want) {
		t.Errorf("the log does not say %s:\n%s", want, h.logs)
	}
}

// Whoever is no balancer is not listened to: the header is a command to the
// session, and not one of FTP.
func TestBalancers_are_not_to_be_played(t *testing.T) {
	h := open(t, time.Second, func(_ *reception.Plan, d *reception.Door) {
		d.Balancers = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	})
	for name, header := range map[string]string{
		"v1": "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
		"v2": "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x00\x01\x00\x02",
	} {
		c := h.knock()
		c.hear("220")
		if rest := c.sends(header + "USER bob\r\n").shut(); strings.Contains(rest, "331") {
			t.Errorf("%s: the session went on behind the header: %q", name, rest)
		}
	}
	if strings.Contains(h.logs.String(), `"client":"192.0.2.1"`) {
		t.Errorf("the header was believed:\n%s", h.logs)
	}
}

// Balancers that do not speak hold up neither the listener nor other clients, and
// take no place of MaxInstances.
func TestBalancers_that_keep_silent(t *testing.T) {
	h := behind(t, func(p *reception.Plan, _ *reception.Door) { p.MaxInstances = 1 })
	began := time.Now()
	silent := []*client{h.knock(), h.knock(), h.knock()}
	for i := range silent {
		silent[i].sends("PROXY TCP4 192."[:i*5])
	}
	h.knock().from(t, proxyproto.V1, "192.0.2.1:1").login().say("QUIT", "221")
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("a client behind three silent ones took %v", took)
	}
	for _, c := range silent {
		if got := c.shut(); got != "" {
			t.Errorf("a silent one heard %q", got)
		}
	}
	if took := time.Since(began); took < 4*time.Second || took > 8*time.Second {
		t.Errorf("the silent ones were turned away after %v", took)
	}
	until(t, "a line in the log", func() bool { return strings.Contains(h.logs.String(), "no PROXY header within 5s") })
}

// At closing time nobody waits for balancers.
func TestBalancers_that_keep_silent_at_closing_time(t *testing.T) {
	h := behind(t, nil)
	c := h.knock()
	began := time.Now()
	h.stop()
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("closing took %v", took)
	}
	if got := c.shut(); got != "" {
		t.Errorf("the silent one heard %q", got)
	}
}
