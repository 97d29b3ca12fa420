package reactor

import "golang.org/x/sys/unix"

// poller is epoll, level-triggered.
type poller struct {
	fd     int
	events []unix.EpollEvent
}

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return &poller{fd: fd, events: make([]unix.EpollEvent, batch)}, nil
}

func (p *poller) add(fd int, want Interest) error {
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
	if want == Writable {
		ev.Events = unix.EPOLLOUT
	}
	return unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &ev)
}

func (p *poller) remove(fd int) {
	_ = unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, fd, nil) // a descriptor that is gone is forgotten already
}

func (p *poller) wait(ready []int, ms int) (int, error) {
	n, err := unix.EpollWait(p.fd, p.events[:len(ready)], ms)
	if err == unix.EINTR {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for i := range n {
		ready[i] = int(p.events[i].Fd)
	}
	return n, nil
}

func (p *poller) close() { _ = unix.Close(p.fd) }
