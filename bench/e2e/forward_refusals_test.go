package e2e

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// rejected is one row of the table of rejections: what a client says, what it hears at last, and the
// words of the one line that says why.
type rejected struct {
	name, method string
	say          []string // {good}, {port} and the like stand for places of the test
	want         string
	why          []string // empty: the client sees all there is to it
	lines        []string
}

var rejections = []rejected{
	{"no_at_sign", userAtHost, []string{"USER alice"}, "530 Login incorrect.", []string{"no destination"}, nil},
	{"no_name_before_it", userAtHost, []string{"USER @{good}"}, "530 Login incorrect.", []string{"no user name"}, nil},
	{"no_host_behind_it", userAtHost, []string{"USER alice@"}, "530 Login incorrect.", []string{"no destination"}, nil},
	{"port_0", userAtHost, []string{"USER alice@127.0.0.1:0"}, "530 Login incorrect.", []string{"port"}, nil},
	{"port_65536", userAtHost, []string{"USER alice@127.0.0.1:65536"}, "530 Login incorrect.", []string{"port"}, nil},
	{"port_of_letters", userAtHost, []string{"USER alice@127.0.0.1:ftp"}, "530 Login incorrect.", []string{"port"}, nil},
	{"port_missing", userAtHost, []string{"USER alice@127.0.0.1:"}, "530 Login incorrect.", []string{"port"}, nil},
	{"port_negative", userAtHost, []string{"USER alice@127.0.0.1:-21"}, "530 Login incorrect.", []string{"port"}, nil},
	{"unresolvable", userAtHost, []string{"USER alice@nowhere.test:{port}"}, "530 Login incorrect.", []string{"nowhere.test"}, nil},
	{"not_permitted", userAtHost, []string{"USER alice@{good}"}, "530 Login incorrect.", []string{"did not match ProxyForwardTo"}, []string{`ProxyForwardTo ^ftp\.example\.com:21$`, `ProxyForwardTo ^127\.0\.0\.1:{port}5$`}},
	{"vetoed", userAtHost, []string{"USER alice@{good}"}, "530 Login incorrect.", []string{"matched ProxyForwardTo !:{port}$"}, []string{`ProxyForwardTo ^127\.`, `ProxyForwardTo !:{port}$`}},
	{"loopback_not_named", userAtHost, []string{"USER alice@{good}"}, "530 Login incorrect.", []string{"loopback"}, []string{"ProxyForwardTo ."}},
	{"a_name_of_loopback", userAtHost, []string{"USER alice@inside.test:{port}"}, "530 Login incorrect.", []string{"loopback"}, []string{`ProxyForwardTo \.test:`}},
	{"link_local", userAtHost, []string{"USER alice@169.254.7.7"}, "530 Login incorrect.", []string{"link-local"}, []string{"ProxyForwardTo ."}},
	{"link_local_IPv6", userAtHost, []string{"USER alice@[fe80::7]"}, "530 Login incorrect.", []string{"link-local"}, []string{"ProxyForwardTo ."}},
	{"metadata", userAtHost, []string{"USER alice@169.254.169.254:80"}, "530 Login incorrect.", []string{"metadata"}, []string{"ProxyForwardTo ."}},
	{"a_name_of_metadata", userAtHost, []string{"USER alice@meta.test:80"}, "530 Login incorrect.", []string{"metadata"}, []string{`ProxyForwardTo \.test:`}},
	{"own_listener", userAtHost, []string{"USER alice@{own}"}, "530 Unable to connect to {own}: Operation not permitted", []string{"listener of this gateway"}, nil},
	{"own_listener_mapped", userAtHost, []string{"USER alice@[::ffff:127.0.0.1]:{ownport}"}, "530 Unable to connect to [::ffff:127.0.0.1]:{ownport}: Operation not permitted", []string{"listener of this gateway"}, []string{"ProxyForwardTo ."}},
	{"own_listener_by_name", userAtHost, []string{"USER alice@inside.test:{ownport}"}, "530 Unable to connect to inside.test:{ownport}: Operation not permitted", []string{"listener of this gateway"}, nil},
	{"own_listener_where_the_peer_forgets", proxyHostThenUser, []string{"USER guest@{own}", "PASS let-me-through", "USER alice"}, "530 Unable to connect to {own}: Operation not permitted", []string{"listener of this gateway"}, nil},
	{"nobody_listens", userAtHost, []string{"USER alice@127.0.0.1:{closed}"}, "530 Unable to connect to 127.0.0.1:{closed}: Connection refused", []string{"connection refused"}, nil},
	{"nobody_answers", userAtHost, []string{"USER alice@{silent}"}, "530 Unable to connect to {silent}: Connection timed out", []string{"no answer in time"}, nil},
	{"a_banner_that_refuses", userAtHost, []string{"USER alice@{full}"}, "530 We are full, come back later", []string{"refuses service"}, nil},
	{"closed_before_a_banner", userAtHost, []string{"USER alice@{rude}"}, "530 Unable to connect to {rude}: Operation not permitted", []string{"closed the connection"}, nil},
	{"no_TLS_where_it_is_demanded", userAtHost, []string{"USER alice@{good}"}, "530 Unable to connect to {good}: Operation not permitted", []string{"AUTH TLS refused"}, []string{"ProxyTLSEngine on"}},
	{"port_990_without_TLS", userAtHost, []string{"USER alice@127.0.0.1:990"}, "530 Unable to connect to 127.0.0.1:990: Operation not permitted", []string{"ProxyTLSEngine is off"}, nil},
	{"wrong_password_at_the_gateway", proxyThenUserHost, []string{"USER guest", "PASS wrong"}, "530 Login incorrect.", []string{"guest"}, nil},
	{"unknown_at_the_gateway", proxyThenUserHost, []string{"USER nobody-knows", "PASS wrong"}, "530 Login incorrect.", []string{"nobody-knows"}, nil},
	{"wrong_password_beside_a_destination", proxyHostThenUser, []string{"USER guest@{good}", "PASS wrong"}, "530 Login incorrect.", []string{"guest"}, nil},
	{"destination_without_a_login", proxyThenUserHost, []string{"USER alice@{good}", "PASS wonderland"}, "530 Login incorrect.", nil, nil},
	{"PASS_first", userAtHost, []string{"PASS wonderland"}, "530 Login incorrect.", nil, nil},
	{"PASS_first_at_the_gateway", proxyThenUserHost, []string{"PASS wonderland"}, "530 Login incorrect.", nil, nil},
	{"no_SNI", userAtSNI, []string{"USER alice@{good}"}, "530 Login incorrect.", []string{"SNI"}, nil},
	{"data_between_the_logins", proxyThenUserHost, []string{"USER guest", "PASS let-me-through", "PASV"}, "530 Access denied", nil, nil},
	{"directories_between_the_logins", proxyThenUserHost, []string{"USER guest", "PASS let-me-through", "CWD /"}, "530 Access denied", nil, nil},
	{"a_list_between_the_logins", proxyHostThenUser, []string{"USER guest@{good}", "PASS let-me-through", "LIST"}, "530 Access denied", nil, nil},
	{"directories_before_any_login", proxyThenUserHost, []string{"CWD /"}, "530 Please login with USER and PASS", nil, nil},
	{"commands_before_the_last_login", userAtHost, []string{"USER alice@{good}", "PWD"}, "530 Please login with USER and PASS", nil, nil},
	{"data_before_the_last_login", userAtHost, []string{"USER alice@{good}", "EPSV"}, "530 Please login with USER and PASS", nil, nil},
}

// TestForward_rejections is the table of every rejection with the reply that a client sees. After each the
// session is there for another USER, or for the same with a better idea.
func TestForward_rejections(t *testing.T) {
	dns := peers.StartDNS(t, peers.DNSRecords{TTL: 60, Lines: []string{
		"host-record=inside.test,127.0.0.1", "host-record=meta.test,169.254.169.254"}})
	good := peers.StartScripted(t, peers.Script{})
	places := map[string]string{
		"good": good.Addr(), "port": portText(t, good.Addr()), "closed": strconv.Itoa(freePort(t)),
		"silent": peers.StartScripted(t, peers.Script{NoBanner: true}).Addr(),
		"full":   peers.StartScripted(t, peers.Script{Banner: "421 We are full, come back later\r\n"}).Addr(),
		"rude":   rude(t),
	}
	for _, r := range rejections {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			r.run(t, places, dns.Addr)
		})
	}
}

func (r rejected) run(t *testing.T, places map[string]string, dns string) {
	words := []string{}
	for name, place := range places {
		words = append(words, "{"+name+"}", place)
	}
	peers.RequireGateway(t)
	g := peers.NewGateway(t)
	port := freePort(t)
	put := strings.NewReplacer(append(words, "{own}", loopback(port), "{ownport}", strconv.Itoa(port))...)
	lines := append([]string{"ProxyDNSServer " + dns, "ProxyTimeoutConnect 1"}, r.lines...)
	if r.method == userAtSNI {
		lines = append(lines, frontLines(t, explicit)...)
	}
	g.Configure(put.Replace(forwardConfiguration(t, g, port, r.method, lines...)))
	g.Start(loopback(port))
	c := knock(t, "127.0.0.1", loopback(port))
	var heard string
	for _, line := range r.say {
		heard = c.Cmd("%s", put.Replace(line)).String()
	}
	if want := put.Replace(r.want); heard != want {
		t.Errorf("heard %q, want %q", heard, want)
	}
	t.Logf("%-20s %-60s → %s", r.method, strings.Join(r.say, " | "), r.want)
	for _, word := range r.why {
		eventually(t, callLimit, "a line with "+word, func() bool { return len(noted(g, put.Replace(word))) > 0 })
	}
	c.Must(211, "FEAT")
	c.Must(211, "FEAT")
	if r.lines == nil && r.method != userAtSNI {
		r.tryAgain(t, c, places["good"])
	}
	c.Must(221, "QUIT")
}

// tryAgain goes to a good destination from wherever the session stands.
func (r rejected) tryAgain(t *testing.T, c *peers.Control, good string) {
	t.Helper()
	admitted := strings.Contains(strings.Join(r.say, " "), "PASS "+guestPassword)
	if r.method == proxyThenUserHost && !admitted {
		c.Must(331, "USER "+guest)
		c.Must(230, "PASS "+guestPassword)
	}
	switch {
	case r.method == proxyHostThenUser && !admitted:
		c.Must(331, "USER %s@%s", guest, good)
		c.Must(230, "PASS "+guestPassword)
		c.Must(331, "USER alice")
	case r.method == proxyHostThenUser:
		return // the destination of this session stays what it is
	default:
		c.Must(331, "USER alice@%s", good)
	}
	c.Must(230, "PASS wonderland")
}

// rude is a server that hangs up on everybody.
func rude(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	work.Go(func() { accepting(l, func(c net.Conn) { _ = c.Close() }) })
	t.Cleanup(func() { _ = l.Close(); work.Wait() })
	return l.Addr().String()
}

func portText(t *testing.T, addr string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// TestForward_strangers_hear_nothing: who may not use the proxy is disconnected without a word, and the
// log says why.
func TestForward_strangers_hear_nothing(t *testing.T) {
	g, addr := forwardGateway(t, userAtHost)
	for from, why := range map[string]string{
		"127.0.66.1": "non-RFC1918", "127.1.0.1": "non-RFC1918", "127.0.67.1": "class 'barred'",
	} {
		peers.DialFrom(t, from, addr).ExpectClosed(5 * time.Second)
		eventually(t, callLimit, fmt.Sprintf("a line about %s", from), func() bool { return len(noted(g, from, why)) == 1 })
	}
	knock(t, "127.0.0.9", addr).Must(221, "QUIT")
}
