//go:build unix

package reactor

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"
)

// UntilEOF reads the pipe fd to its end and returns nil there. A child process holds on to its parent
// this way: however the parent ends, the pipe does too.
func UntilEOF(ctx context.Context, fd int) error {
	l, err := New()
	if err != nil {
		return err
	}
	defer l.Close()
	if err := l.Watch(fd, Readable, &listening{loop: l, fd: fd}); err != nil {
		return err
	}
	return l.Run(ctx, noEnd)
}

type listening struct {
	loop *Loop
	fd   int
}

func (h *listening) Ready() error {
	var b [512]byte
	n, err := unix.Read(h.fd, b[:])
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return nil
	}
	if n <= 0 {
		h.loop.Stop()
	}
	return err
}
