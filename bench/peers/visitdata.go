package peers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func (v *Visit) closeListener() {
	if v.listen != nil {
		_ = v.listen.Close()
		v.listen = nil
	}
}

// Listen opens a passive data port on the control connection's address and returns its port.
func (v *Visit) Listen() (int, error) {
	v.closeListener()
	v.active = ""
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: v.conn.LocalAddr().(*net.TCPAddr).IP})
	if err != nil {
		return 0, err
	}
	v.listen = l
	return l.Addr().(*net.TCPAddr).Port, nil
}

func (v *Visit) defaultEndpoint() {
	switch v.Verb {
	case "PASV", "EPSV":
		port, err := v.Listen()
		if err != nil {
			v.Reply("425 %v\r\n", err)
			return
		}
		if v.Verb == "EPSV" {
			v.Reply("229 here (|||%d|)\r\n", port)
			return
		}
		v.Reply("227 here (%s)\r\n", PortArgument(&net.TCPAddr{IP: v.conn.LocalAddr().(*net.TCPAddr).IP, Port: port}))
	default:
		addr, err := activeAddr(v.Verb, v.Arg)
		if err != nil {
			v.Reply("501 %v\r\n", err)
			return
		}
		v.closeListener()
		v.active = addr
		v.Reply("200 noted\r\n")
	}
}

// activeAddr reads the argument of PORT or EPRT.
func activeAddr(verb, arg string) (string, error) {
	if verb == "EPRT" {
		parts := strings.Split(arg, "|")
		if len(parts) != 5 {
			return "", fmt.Errorf("not |family|address|port|: %q", arg)
		}
		return net.JoinHostPort(parts[2], parts[3]), nil
	}
	n := strings.Split(arg, ",")
	if len(n) != 6 {
		return "", fmt.Errorf("not h,h,h,h,p,p: %q", arg)
	}
	high, err1 := strconv.Atoi(n[4])
	low, err2 := strconv.Atoi(n[5])
	return net.JoinHostPort(strings.Join(n[:4], "."), strconv.Itoa(high<<8|low)), errors.Join(err1, err2)
}

// OpenData opens the data connection that was agreed on.
func (v *Visit) OpenData() (*net.TCPConn, error) {
	if v.active != "" {
		ip := v.conn.LocalAddr().(*net.TCPAddr).IP
		conn, err := dialerFrom(ip, v.active, 5*time.Second).DialContext(context.Background(), "tcp", v.active)
		v.active = ""
		if err != nil {
			return nil, err
		}
		return v.keep(conn.(*net.TCPConn))
	}
	if v.listen == nil {
		return nil, errors.New("use PASV or PORT first")
	}
	defer v.closeListener()
	if err := v.listen.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return nil, err
	}
	conn, err := v.listen.AcceptTCP()
	if err != nil {
		return nil, err
	}
	return v.keep(conn)
}

func (v *Visit) keep(conn *net.TCPConn) (*net.TCPConn, error) {
	if !v.s.hold(conn) {
		return nil, net.ErrClosed
	}
	return conn, nil
}

// CloseData ends a data connection cleanly.
func (v *Visit) CloseData(conn *net.TCPConn) { v.s.release(conn) }

// ResetData ends a data connection with a TCP reset.
func (v *Visit) ResetData(conn *net.TCPConn) {
	_ = conn.SetLinger(0) // a closed socket needs no reset
	v.s.release(conn)
}

// Begin opens the data connection and says 150; nil after it has said 425.
func (v *Visit) Begin() *net.TCPConn {
	v.Reply("150 here it comes\r\n")
	conn, err := v.OpenData()
	if errors.Is(err, syscall.ECONNRESET) {
		// It was opened and broken off before that was noticed here.
		v.s.record(Event{Visit: v.Number, What: "data-reset", Text: v.Arg})
	}
	if err != nil {
		v.Reply("425 %v\r\n", err)
		return nil
	}
	return conn
}

// Receive reads an upload to its end, whichever it is, and records how it ended.
func (v *Visit) Receive(conn *net.TCPConn) ([]byte, bool) {
	body, err := io.ReadAll(conn)
	what := ending(err, "data-eof", "data-reset")
	v.s.record(Event{Visit: v.Number, What: what, Text: v.Arg, Bytes: int64(len(body))})
	return body, what == "data-eof"
}

func (v *Visit) defaultTransfer() {
	body, known := v.s.File(v.Arg)
	if v.Verb == "RETR" && !known {
		v.Reply("550 no such file\r\n")
		return
	}
	conn := v.Begin()
	if conn == nil {
		return
	}
	switch v.Verb {
	case "STOR", "APPE", "STOU":
		fresh, whole := v.Receive(conn)
		v.CloseData(conn)
		if !whole {
			v.Reply("426 the data connection broke\r\n")
			return
		}
		v.store(fresh, body)
	case "RETR":
		body = body[min(v.rest, int64(len(body))):]
		v.deliver(conn, body)
	default:
		v.deliver(conn, []byte("-rw-r--r--   1 owner    group           5 Jan 01 00:00 hello\r\n"))
	}
	v.rest = 0
}

func (v *Visit) store(fresh, before []byte) {
	switch {
	case v.Verb == "APPE":
		fresh = append(append([]byte(nil), before...), fresh...)
	case v.rest > 0:
		fresh = append(append([]byte(nil), before[:min(v.rest, int64(len(before)))]...), fresh...)
	}
	v.s.mu.Lock()
	v.s.files[v.Arg] = fresh
	v.s.mu.Unlock()
	v.Reply("226 stored\r\n")
}

func (v *Visit) deliver(conn *net.TCPConn, body []byte) {
	n, err := conn.Write(body)
	v.CloseData(conn)
	if err != nil {
		v.s.record(Event{Visit: v.Number, What: "data-write-error", Text: v.Arg, Bytes: int64(n)})
		v.Reply("426 the data connection broke\r\n")
		return
	}
	v.Reply("226 sent\r\n")
}
