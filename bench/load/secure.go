//go:build unix

package load

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/bench/resume"
	"github.com/sluice-gateway/sluice/bench/seal"
)

// secured is a client that speaks TLS, each on a goroutine of its own since crypto/tls waits where it
// reads. It resumes its control session on data connections, because gateways ask for that.
type secured struct {
	job    Job
	config *tls.Config
	conn   *tls.Conn // control connection
	in     *bufio.Reader
	out    []byte
	open   *openConns
}

// openConns are the sockets of a crew, to be closed from outside when a client shall not go on.
type openConns struct {
	mu     sync.Mutex
	all    map[*net.TCPConn]struct{}
	closed bool
}

func newOpenConns() *openConns { return &openConns{all: map[*net.TCPConn]struct{}{}} }

func (o *openConns) add(c *net.TCPConn) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		_ = c.Close()
		return net.ErrClosed
	}
	o.all[c] = struct{}{}
	return nil
}

func (o *openConns) drop(c *net.TCPConn) {
	_ = c.Close() // it may be closed already
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.all, c)
}

func (o *openConns) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	for c := range o.all {
		_ = c.Close()
	}
}

// dial connects, for as long as the job may last.
func (c *secured) dial(ctx context.Context, to netip.AddrPort) (*net.TCPConn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp4", to.String())
	if err != nil {
		return nil, err
	}
	tcp := conn.(*net.TCPConn)
	if err := c.open.add(tcp); err != nil {
		return nil, err
	}
	return tcp, tcp.SetDeadline(time.Now().Add(prepareTimeout + c.job.Span + finishTimeout))
}

// step is what is said and the code that must be the answer.
type step struct {
	say  string
	want int
}

// The dialogues over TLS: what makes data connections private, and the login.
var (
	private = []step{{"PBSZ 0", 200}, {"PROT P", 200}}
	signIn  = []step{{"USER bench", 331}, {"PASS bench", 230}}
)

// connect opens the control connection and goes over to TLS by AUTH TLS.
func (c *secured) connect(ctx context.Context, tickets tls.ClientSessionCache) error {
	tcp, err := c.dial(ctx, c.job.Control)
	if err != nil {
		return err
	}
	c.config = c.job.TLS
	if tickets != nil {
		c.config = c.job.TLS.Clone()
		c.config.ClientSessionCache = tickets
	}
	c.conn = tls.Client(tcp, c.config)
	if c.in == nil {
		c.in = bufio.NewReaderSize(tcp, maxReply)
	} else {
		c.in.Reset(tcp)
	}
	if _, err := c.hear("the connect", 220); err != nil {
		return err
	}
	if _, err := tcp.Write([]byte("AUTH TLS\r\n")); err != nil {
		return err
	}
	if _, err := c.hear("AUTH TLS", 234); err != nil {
		return err
	}
	if err := c.conn.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("secure the control connection: %w", err)
	}
	c.in.Reset(c.conn)
	return seal.Agreed(c.conn.ConnectionState())
}

// enter comes as far as a session that can transfer files.
func (c *secured) enter(ctx context.Context) error {
	if err := c.connect(ctx, &resume.Tickets{}); err != nil {
		return err
	}
	for _, script := range [][]step{private, signIn, {{"TYPE I", 200}}} {
		if err := c.follow(script); err != nil {
			return err
		}
	}
	return nil
}

func (c *secured) follow(script []step) error {
	for _, s := range script {
		if _, err := c.ask(s.say, s.want); err != nil {
			return err
		}
	}
	return nil
}

// ask says something and returns the last line of the reply, which must have one of the codes.
func (c *secured) ask(command string, want ...int) (string, error) {
	c.out = append(append(c.out[:0], command...), '\r', '\n')
	if _, err := c.conn.Write(c.out); err != nil {
		return "", fmt.Errorf("send %s: %w: %w", command, errBroken, err)
	}
	return c.hear(command, want...)
}

// hear reads the reply to what was asked and returns its last line.
func (c *secured) hear(asked string, want ...int) (string, error) {
	first := ""
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return "", fmt.Errorf("wait for the reply to %s: %w: %w", asked, errBroken, err)
		}
		line = strings.TrimRight(line, "\r\n")
		if first == "" {
			first = line
		}
		if len(first) >= 4 && first[3] == '-' && !strings.HasPrefix(line, first[:3]+" ") {
			continue
		}
		code := number([]byte(first))
		for _, w := range want {
			if code == w {
				return line, nil
			}
		}
		return "", &refusal{asked: asked, code: code, text: line}
	}
}

// hangUp closes the control connection; it says so in TLS, as far as the socket takes it.
func (c *secured) hangUp() {
	if c.conn == nil {
		return
	}
	tcp := c.conn.NetConn().(*net.TCPConn)
	_ = tcp.SetDeadline(time.Now().Add(time.Second)) // fails only on a closed one
	_ = c.conn.Close()                               // whoever is gone misses the farewell
	c.open.drop(tcp)
	c.conn = nil
}
