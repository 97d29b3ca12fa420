//go:build !linux

package stage

import "github.com/sluice-gateway/sluice/runtime/sockets"

// send writes what fits. The error is unix.EAGAIN when nothing does. There is no
// way here to say that more follows.
func send(fd int, p []byte, _ bool) (int, error) { return sockets.Write(fd, p) }
