package sockets

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/sluice-gateway/sluice/protocols/proxyproto"
)

// HeaderTime is how long a proxy may take to send its PROXY header. It sends it as
// the first thing of all; the time is for a segment that is lost on the way
// (proxy-protocol.txt, section 2).
const HeaderTime = 5 * time.Second

// Introduced reads the PROXY header at the beginning of a connection, within a
// time and not a byte more than it. The connection stays what it is, without
// anything of ours around it.
func Introduced(ctx context.Context, conn *net.TCPConn, limit time.Duration) (proxyproto.Header, error) {
	if err := conn.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return proxyproto.Header{}, fmt.Errorf("reading the PROXY header: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	h, err := readHeader(conn)
	switch {
	case !stop() && ctx.Err() != nil: // the deadline is no longer ours
		return h, context.Cause(ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return h, fmt.Errorf("no PROXY header within %v: %w", limit, err)
	case err != nil:
		return h, err
	}
	return h, conn.SetReadDeadline(time.Time{})
}

func readHeader(conn net.Conn) (proxyproto.Header, error) {
	var d proxyproto.Decoder
	var buf [128]byte
	for n := d.Need(); n > 0; n = d.Need() {
		got, err := conn.Read(buf[:min(n, len(buf))])
		if err != nil {
			return proxyproto.Header{}, fmt.Errorf("reading the PROXY header: %w", err)
		}
		if _, err := d.Feed(buf[:got]); err != nil {
			return proxyproto.Header{}, err
		}
	}
	h, _ := d.Header() // complete, as nothing more is needed
	return h, nil
}
