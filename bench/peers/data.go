package peers

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Mode is how a client asks for a data connection: PASV, EPSV, PORT or EPRT.
type Mode string

// The four ways to a data connection (RFC 959, RFC 2428).
const (
	PASV Mode = "PASV"
	EPSV Mode = "EPSV"
	PORT Mode = "PORT"
	EPRT Mode = "EPRT"
)

// Modes lists all four.
func Modes() []Mode { return []Mode{PASV, EPSV, PORT, EPRT} }

// dataLimit bounds opening and each read or write of a data connection.
const dataLimit = 20 * time.Second

// Data is one data connection in the making. Open returns the socket: at once for the passive
// modes, after the server has connected for the active ones.
type Data struct {
	c      *Control
	listen net.Listener // active modes only
	dial   string       // passive modes only
	conn   *net.TCPConn
	secure *tls.Conn // over conn, after Protect("P")
}

// Data negotiates a data connection and fails the test when the server refuses.
func (c *Control) Data(mode Mode) *Data {
	c.t.Helper()
	d, r := c.DataReply(mode)
	if d == nil {
		c.t.Fatalf("%s was answered %q", mode, r)
	}
	return d
}

// DataReply negotiates a data connection and returns the server's reply; the connection is nil
// when the server refused.
func (c *Control) DataReply(mode Mode) (*Data, Reply) {
	c.t.Helper()
	if mode == PORT || mode == EPRT {
		return c.active(mode)
	}
	r := c.Cmd("%s", mode)
	if r.Code != 227 && r.Code != 229 {
		return nil, r
	}
	addr, err := PassiveAddr(r, c.Remote().IP)
	if err != nil {
		c.t.Fatalf("%s: %v", mode, err)
	}
	return &Data{c: c, dial: addr}, r
}

func (c *Control) active(mode Mode) (*Data, Reply) {
	c.t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: c.Local().IP})
	if err != nil {
		c.t.Fatalf("listen for a data connection: %v", err)
	}
	at := l.Addr().(*net.TCPAddr)
	line := "PORT " + PortArgument(at)
	if mode == EPRT {
		line = "EPRT " + ExtendedArgument(at)
	}
	r := c.Cmd("%s", line)
	if r.Code != 200 {
		_ = l.Close()
		return nil, r
	}
	d := &Data{c: c, listen: l}
	c.t.Cleanup(d.Close)
	return d, r
}

// PortArgument writes an address the way PORT wants it (RFC 959 §4.1.2).
func PortArgument(at *net.TCPAddr) string {
	ip := at.IP.To4()
	if ip == nil {
		ip = net.IPv4(127, 0, 0, 1).To4() // what a confused IPv6 client might claim
	}
	return fmt.Sprintf("%d,%d,%d,%d,%d,%d", ip[0], ip[1], ip[2], ip[3], at.Port>>8, at.Port&0xff)
}

// ExtendedArgument writes an address the way EPRT wants it (RFC 2428 §2).
func ExtendedArgument(at *net.TCPAddr) string {
	family := 1
	if at.IP.To4() == nil {
		family = 2
	}
	return fmt.Sprintf("|%d|%s|%d|", family, at.IP, at.Port)
}

var sixNumbers = regexp.MustCompile(`(\d+),(\d+),(\d+),(\d+),(\d+),(\d+)`)

// PassiveAddr reads host:port out of a 227 or 229 reply; a 229 carries only the port.
func PassiveAddr(r Reply, peer net.IP) (string, error) {
	if r.Code == 229 {
		parts := strings.Split(r.Text(), "|")
		if len(parts) < 5 {
			return "", fmt.Errorf("no |||port| in %q", r)
		}
		return net.JoinHostPort(peer.String(), parts[3]), nil
	}
	m := sixNumbers.FindStringSubmatch(r.Text())
	if m == nil {
		return "", fmt.Errorf("no h,h,h,h,p,p in %q", r)
	}
	high, _ := strconv.Atoi(m[5]) // only digits match
	low, _ := strconv.Atoi(m[6])
	return net.JoinHostPort(strings.Join(m[1:5], "."), strconv.Itoa(high<<8|low)), nil
}

// Addr is where a passive data connection will be dialled.
func (d *Data) Addr() string { return d.dial }

// Open returns the socket.
func (d *Data) Open() *net.TCPConn {
	d.c.t.Helper()
	conn, err := d.OpenErr()
	if err != nil {
		d.c.t.Fatalf("open the data connection: %v", err)
	}
	return conn
}

// OpenErr is Open with the error handed back.
func (d *Data) OpenErr() (*net.TCPConn, error) {
	if d.conn != nil {
		return d.conn, nil
	}
	var conn net.Conn
	var err error
	if d.listen == nil {
		conn, err = dialerFrom(d.c.Local().IP, d.dial, dataLimit).DialContext(d.c.t.Context(), "tcp", d.dial)
	} else {
		_ = d.listen.(*net.TCPListener).SetDeadline(time.Now().Add(dataLimit)) // Accept reports a closed one
		conn, err = d.listen.Accept()
	}
	if err != nil {
		return nil, err
	}
	d.conn = conn.(*net.TCPConn)
	d.c.t.Cleanup(d.Close)
	return d.conn, d.conn.SetDeadline(time.Now().Add(dataLimit))
}

// dialerFrom dials from an address, that of a control connection, if it is of the family of the other end.
// The first of loopback is left to the system, which finds ports for it with less searching.
func dialerFrom(ip net.IP, to string, limit time.Duration) *net.Dialer {
	host, _, _ := net.SplitHostPort(to) // a bad one is the dial's to report
	d := &net.Dialer{Timeout: limit}
	if other := net.ParseIP(host); other != nil && !ip.Equal(net.IPv4(127, 0, 0, 1)) && (other.To4() == nil) == (ip.To4() == nil) {
		d.LocalAddr = &net.TCPAddr{IP: ip}
	}
	return d
}

// Close closes the socket and the listener, whichever there are.
func (d *Data) Close() {
	if d.conn != nil {
		_ = d.conn.Close()
	}
	if d.listen != nil {
		_ = d.listen.Close()
	}
}

// Reset breaks the data connection off with a TCP reset.
func (d *Data) Reset() {
	_ = d.conn.SetLinger(0) // a closed socket needs no reset
	_ = d.conn.Close()
}

// Begin sends a transfer command and waits for its 1xx. Passive sockets are opened before the
// command, as curl does, active ones when the server has connected.
func (c *Control) Begin(mode Mode, format string, args ...any) *Data {
	c.t.Helper()
	d := c.Data(mode)
	if d.dial != "" {
		d.Open()
	}
	c.Send(format, args...)
	d.Open()
	c.Expect(150, 125)
	if c.protect {
		if err := d.SecureErr(); err != nil {
			c.t.Fatalf("secure the data connection of %s: %v", fmt.Sprintf(format, args...), err)
		}
	}
	return d
}

// Stream is what data is read from and written to: TLS if the control connection was told to Protect
// data, else the bare socket. It is there once Begin has returned.
func (d *Data) Stream() net.Conn {
	if d.secure != nil {
		return d.secure
	}
	return d.conn
}

// Fetch runs a transfer command that brings data (RETR, LIST …) to its 226 and returns the data.
func (c *Control) Fetch(mode Mode, format string, args ...any) []byte {
	c.t.Helper()
	d := c.Begin(mode, format, args...)
	body, err := io.ReadAll(d.Stream())
	if err != nil {
		c.t.Fatalf("read the data of %s: %v", fmt.Sprintf(format, args...), err)
	}
	d.Finish()
	c.Expect(226, 250)
	return body
}

// Store runs a transfer command that takes data (STOR, APPE, STOU) to its 226 and returns the
// final reply.
func (c *Control) Store(mode Mode, body []byte, format string, args ...any) Reply {
	c.t.Helper()
	d := c.Begin(mode, format, args...)
	if _, err := d.Stream().Write(body); err != nil {
		c.t.Fatalf("write the data of %s: %v", fmt.Sprintf(format, args...), err)
	}
	d.Finish()
	return c.Expect(226, 250)
}
