//go:build unix && !linux

package reactor

import (
	"slices"

	"golang.org/x/sys/unix"
)

// poller is poll(2): slow with thousands of descriptors, at home everywhere.
type poller struct {
	set []unix.PollFd
}

func newPoller() (*poller, error) { return &poller{}, nil }

func (p *poller) add(fd int, want Interest) error {
	ev := int16(unix.POLLIN)
	if want == Writable {
		ev = unix.POLLOUT
	}
	p.set = append(p.set, unix.PollFd{Fd: int32(fd), Events: ev})
	return nil
}

func (p *poller) remove(fd int) {
	p.set = slices.DeleteFunc(p.set, func(f unix.PollFd) bool { return f.Fd == int32(fd) })
}

func (p *poller) wait(ready []int, ms int) (int, error) {
	if _, err := unix.Poll(p.set, ms); err != nil {
		if err == unix.EINTR {
			return 0, nil
		}
		return 0, err
	}
	n := 0
	for _, f := range p.set {
		if f.Revents != 0 && n < len(ready) {
			ready[n] = int(f.Fd)
			n++
		}
	}
	return n, nil
}

func (p *poller) close() {}
