package health

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// goodbye is how long a backend may take to answer QUIT, which is asked for
// politeness only: a server that is left without a word may log it as a fault.
const goodbye = 500 * time.Millisecond

// dialogue is one FTP control connection, spoken in steps.
type dialogue struct {
	conn   net.Conn
	decode ftp.ReplyDecoder
	buf    [2 << 10]byte
}

// speakFTP goes as far as the check wants.
func (c *check) speakFTP(ctx context.Context, conn net.Conn) error {
	d := &dialogue{conn: conn}
	if c.url.Implicit {
		if err := d.secure(ctx, c); err != nil {
			return err
		}
	}
	if err := d.expect("greeting", 2); err != nil {
		return err
	}
	if err := c.deeper(ctx, d); err != nil {
		return err
	}
	d.quit()
	return nil
}

// deeper is what comes after the greeting.
func (c *check) deeper(ctx context.Context, d *dialogue) error {
	required := c.kind == messages.TLSCheck || c.url.Scheme == backendurl.FTPS || c.tls.Required
	// A password takes the way that is safest; where TLS is not required and the
	// gateway has none for this backend, that is the plain one.
	wanted := c.kind == messages.TLSCheck || c.kind == messages.LoginCheck && (required || c.tls.Config != nil)
	if wanted && !c.url.Implicit {
		if err := d.upgrade(ctx, c, required); err != nil {
			return err
		}
	}
	if c.kind != messages.LoginCheck {
		return nil
	}
	r, err := d.command(ftp.Command{Verb: ftp.USER, Arg: c.user, HasArg: true})
	if err != nil {
		return fmt.Errorf("USER: %w", err)
	}
	if r.Code/100 == 3 {
		if r, err = d.command(ftp.Command{Verb: ftp.PASS, Arg: c.password, HasArg: true}); err != nil {
			return fmt.Errorf("PASS: %w", err)
		}
	}
	if r.Code/100 != 2 {
		return fmt.Errorf("the login of %q was answered with %s", c.user, brief(r))
	}
	return nil
}

// upgrade asks for TLS and does the handshake. Not required, a refusal is not
// an error.
func (d *dialogue) upgrade(ctx context.Context, c *check, required bool) error {
	r, err := d.command(ftp.Command{Verb: ftp.AUTH, Arg: "TLS", HasArg: true})
	switch {
	case err != nil:
		return fmt.Errorf("AUTH TLS: %w", err)
	case r.Code/100 != 2 && required:
		return fmt.Errorf("AUTH TLS was answered with %s", brief(r))
	case r.Code/100 != 2:
		return nil
	case d.decode.Buffered() > 0:
		return errors.New("AUTH TLS: the backend sent more in clear after it agreed to TLS")
	}
	return d.secure(ctx, c)
}

func (d *dialogue) secure(ctx context.Context, c *check) error {
	conf := &tls.Config{InsecureSkipVerify: true} // as the configuration of this actor says
	if c.tls.Config != nil {
		conf = c.tls.Config(addrOf(d.conn))
	}
	if conf.ServerName == "" {
		conf = conf.Clone()
		conf.ServerName = c.url.Host
	}
	t := tls.Client(d.conn, conf)
	if err := t.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("the TLS handshake: %w", err)
	}
	d.conn = t
	return nil
}

func addrOf(conn net.Conn) netip.Addr {
	tcp, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return tcp.AddrPort().Addr().Unmap()
}

func (d *dialogue) command(c ftp.Command) (ftp.Reply, error) {
	line, err := c.Append(nil)
	if err != nil {
		return ftp.Reply{}, err
	}
	if _, err := d.conn.Write(line); err != nil {
		return ftp.Reply{}, err
	}
	return d.reply()
}

// reply reads the next final reply.
func (d *dialogue) reply() (ftp.Reply, error) {
	for {
		r, ok, err := d.decode.Next()
		switch {
		case err != nil:
			return r, err
		case ok && !r.Preliminary():
			return r, nil
		case ok:
			continue // such as 120, ready in some minutes
		}
		n, err := d.conn.Read(d.buf[:])
		if n == 0 && err != nil {
			return ftp.Reply{}, err
		}
		d.decode.Feed(d.buf[:n])
	}
}

// expect reads a reply of a class.
func (d *dialogue) expect(what string, class int) error {
	r, err := d.reply()
	if err != nil {
		return fmt.Errorf("the %s: %w", what, err)
	}
	if r.Code/100 != class {
		return fmt.Errorf("the %s is %s", what, brief(r))
	}
	return nil
}

// quit says goodbye. The check has passed, whatever becomes of that.
func (d *dialogue) quit() {
	_ = d.conn.SetDeadline(time.Now().Add(goodbye))
	_, _ = d.command(ftp.Command{Verb: ftp.QUIT})
	_ = d.conn.Close() // of TLS: with its own goodbye
}

// brief shows the first line of a reply.
func brief(r ftp.Reply) string {
	line, _, _ := strings.Cut(r.Text, "\n")
	return fmt.Sprintf("%d %q", r.Code, clip(line))
}
