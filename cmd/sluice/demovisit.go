package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// visitor is a client just large enough to see that the demo works.
type visitor struct {
	conn net.Conn
	in   ftp.ReplyDecoder
}

// visitLimit is the time for a whole visit.
const visitLimit = 20 * time.Second

// visit connects and logs in.
func visit(ctx context.Context, addr, user string) (*visitor, error) {
	conn, err := dialVisit(ctx, addr)
	if err != nil {
		return nil, err
	}
	v := &visitor{conn: conn}
	if _, err = v.expect("the greeting", 220); err == nil {
		err = v.login(user)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return v, nil
}

func dialVisit(ctx context.Context, addr string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: visitLimit}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(visitLimit)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

func (v *visitor) login(user string) error {
	for _, step := range []struct {
		verb, arg string
		code      int
	}{{ftp.USER, user, 331}, {ftp.PASS, "demo", 230}, {ftp.TYPE, "I", 200}} {
		if _, err := v.do(step.verb, step.arg, step.code); err != nil {
			return err
		}
	}
	return nil
}

// do sends a command and wants one reply.
func (v *visitor) do(verb, arg string, code int) (ftp.Reply, error) {
	line, err := ftp.Command{Verb: verb, Arg: arg, HasArg: arg != ""}.Append(nil)
	if err != nil {
		return ftp.Reply{}, err
	}
	if _, err := v.conn.Write(line); err != nil {
		return ftp.Reply{}, err
	}
	return v.expect(verb, code)
}

func (v *visitor) expect(what string, code int) (ftp.Reply, error) {
	buf := make([]byte, 4096)
	for {
		r, ok, err := v.in.Next()
		switch {
		case err != nil:
			return r, fmt.Errorf("waiting for the reply to %s: %w", what, err)
		case ok && r.Code != code:
			return r, fmt.Errorf("reply to %s: expected %d, got %s", what, code, r)
		case ok:
			return r, nil
		}
		n, err := v.conn.Read(buf)
		v.in.Feed(buf[:n])
		if n == 0 && err != nil {
			return r, fmt.Errorf("waiting for the reply to %s: %w", what, err)
		}
	}
}

// transfer runs a command with a data connection, which move empties or fills.
func (v *visitor) transfer(ctx context.Context, verb, name string, move func(net.Conn) error) error {
	r, err := v.do(ftp.EPSV, "", 229)
	if err != nil {
		return err
	}
	port, err := ftp.ParseEPSVReply(r.Text)
	if err != nil {
		return err
	}
	host, _, err := net.SplitHostPort(v.conn.RemoteAddr().String())
	if err != nil {
		return err
	}
	data, err := dialVisit(ctx, net.JoinHostPort(host, strconv.Itoa(int(port))))
	if err != nil {
		return err
	}
	if _, err = v.do(verb, name, 150); err == nil {
		err = move(data)
	}
	if err = errors.Join(err, data.Close()); err != nil {
		return err
	}
	_, err = v.expect(verb, 226)
	return err
}

// read fetches a small file.
func (v *visitor) read(ctx context.Context, name string) (text []byte, err error) {
	err = v.transfer(ctx, ftp.RETR, name, func(data net.Conn) (err error) {
		text, err = io.ReadAll(io.LimitReader(data, 64<<10))
		return err
	})
	return text, err
}

func (v *visitor) quit() error {
	_, err := v.do(ftp.QUIT, "", 221)
	return errors.Join(err, v.conn.Close())
}
