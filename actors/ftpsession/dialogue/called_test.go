package dialogue

import (
	"net/netip"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// What a client calls the server is told once it is known to be one of its names.
func TestCalledAs(t *testing.T) {
	now := time.Now()
	m := New(Config{
		Client: netip.MustParseAddrPort("192.0.2.9:1"), Local: netip.MustParseAddrPort("192.0.2.1:21"),
		ServerNames: []string{"here.example"}, Selection: AtUser, Greeting: []string{"hello"},
	}, now)
	m.Begin(now)
	for _, c := range []struct{ host, want string }{
		{"HERE.example", "here.example"},
		{"[::ffff:192.0.2.1]", "::ffff:192.0.2.1"},
		{"not a name", ""},
		{"elsewhere.example", ""},
	} {
		got := ""
		for _, a := range m.Step(messages.CommandReceived{Command: ftp.Command{Verb: ftp.HOST, Arg: c.host, HasArg: true}}, now) {
			if a, ok := a.(CalledAs); ok {
				got = a.Name
			}
		}
		if got != c.want {
			t.Errorf("HOST %s: called %q, want %q", c.host, got, c.want)
		}
	}
}
