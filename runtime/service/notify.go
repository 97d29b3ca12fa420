package service

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// notifyTimeout bounds one notification. The receiver is a datagram socket, so a write waits only while
// the manager's queue is full; a gateway must not hang on its manager.
const notifyTimeout = 2 * time.Second

// Notifier tells the service manager about the life of the process by the protocol of sd_notify(3). The
// zero value and a nil Notifier are silent, which is right for a process that no manager started.
//
// The protocol is written out here because the usual library for it does not bound the write and does
// not build on every system that the gateway has to build on.
type Notifier struct {
	socket string
}

// NewNotifier takes the socket from $NOTIFY_SOCKET, as getenv (usually os.Getenv) reports it. A leading
// "@" names a socket in Linux's abstract namespace. An empty variable makes a silent Notifier.
func NewNotifier(getenv func(string) string) *Notifier {
	return &Notifier{socket: getenv("NOTIFY_SOCKET")}
}

// Enabled says whether a manager listens at all.
func (n *Notifier) Enabled() bool { return n != nil && n.socket != "" }

// Ready reports that start-up, or a reload announced by Reloading, is finished. The status line is what
// `systemctl status` shows; empty leaves the last one standing.
func (n *Notifier) Ready(status string) error {
	return n.send("ready", "READY=1", statusLine(status))
}

// Reloading reports that the configuration is being read again. It carries the monotonic time, without
// which Type=notify-reload does not believe the message; Ready must follow.
func (n *Notifier) Reloading() error {
	return n.send("reloading", "RELOADING=1", monotonicTime())
}

// Stopping reports the beginning of the shutdown.
func (n *Notifier) Stopping(status string) error {
	return n.send("stopping", "STOPPING=1", statusLine(status))
}

// Status replaces the line that `systemctl status` shows.
func (n *Notifier) Status(status string) error {
	if status == "" {
		return nil
	}
	return n.send("status", statusLine(status))
}

// MainPID tells the manager which process to follow from now on: the successor of a running upgrade.
func (n *Notifier) MainPID(pid int) error {
	return n.send("main pid", fmt.Sprintf("MAINPID=%d", pid))
}

// statusLine keeps a status on one line: a line break in it would begin another assignment.
func statusLine(status string) string {
	if status == "" {
		return ""
	}
	return "STATUS=" + strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == 0 {
			return ' '
		}
		return r
	}, status)
}

func (n *Notifier) send(what string, lines ...string) (err error) {
	if !n.Enabled() {
		return nil
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("telling the service manager %q through NOTIFY_SOCKET %s: %w", what, n.socket, err)
		}
	}()
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.socket, Net: "unixgram"})
	if err != nil {
		return err
	}
	if err := conn.SetWriteDeadline(time.Now().Add(notifyTimeout)); err != nil {
		return errors.Join(err, conn.Close())
	}
	var message strings.Builder
	for _, line := range lines {
		if line != "" {
			message.WriteString(line + "\n")
		}
	}
	_, err = conn.Write([]byte(message.String()))
	return errors.Join(err, conn.Close())
}
