//go:build unix

package crowd

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/textproto"
	"time"
)

// visitTimeout bounds one login.
const visitTimeout = 10 * time.Second

// Visit logs a user in and returns the text of the backend's 230, which tells one backend from another.
func Visit(ctx context.Context, at netip.AddrPort, user string) (home string, err error) {
	ctx, stop := context.WithTimeout(ctx, visitTimeout)
	defer stop()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", at.String())
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return "", err
		}
	}
	text := textproto.NewConn(conn)
	for _, step := range []struct {
		want int
		say  string
	}{{220, "USER " + user}, {331, "PASS bench"}, {230, "QUIT"}, {221, ""}} {
		_, said, err := text.ReadResponse(step.want)
		if err != nil {
			return "", fmt.Errorf("log %s in: %w", user, err)
		}
		if step.want == 230 {
			home = said
		}
		if step.say == "" {
			break
		}
		if err := text.PrintfLine("%s", step.say); err != nil {
			return "", fmt.Errorf("log %s in: %w", user, err)
		}
	}
	return home, nil
}
