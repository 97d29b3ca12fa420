package data

import (
	"crypto/tls"
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/sockets"
)

// firstWord bounds the wait for a backend's session tickets.
const firstWord = 300 * time.Millisecond

// awaitFirstWord lets a backend finish its handshake before an upload is broken off. In
// TLS 1.3 a server writes its session tickets when the client may long have sent
// everything (RFC 8446 §4.6.1), and a reset that is there by then is heard by that
// writing, which does not mind. What is read afterwards ends as if all had come, and
// where no close_notify is insisted on, that is half a file taken for whole.
func (c *Channel) awaitFirstWord() {
	tc := c.secured[messages.BackSide]
	if !c.cfg.Upload || tc == nil || tc.State().Version < tls.VersionTLS13 {
		return
	}
	conn := tc.TCP()
	raw, err := conn.SyscallConn()
	if err != nil || conn.SetReadDeadline(time.Now().Add(firstWord)) != nil {
		return // closed, and so told
	}
	_ = raw.Read(func(fd uintptr) bool { return somethingCame(fd) }) // there are servers that have nothing to say
}

func somethingCame(fd uintptr) bool {
	var scrap [1]byte
	return !errors.Is(sockets.Peek(int(fd), scrap[:]), unix.EAGAIN)
}
