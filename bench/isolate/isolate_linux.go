package isolate

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// portRange is what bind(0) may choose from inside: more than twice the usual, so that no measurement
// runs out of ports within the minute that TIME_WAIT lasts.
const portRange = "10000 65535"

// congestion is how TCP finds its speed inside: cubic, as a kernel does that nobody has told otherwise. A
// machine set up for long lines may have bbr, which sends each segment by a timer of its own: on loopback
// those timers cost more than all the rest, and how a gateway spends its time cannot be seen any more.
const congestion = "cubic"

const congestionFile = "/proc/sys/net/ipv4/tcp_congestion_control"

// Congestion names how TCP finds its speed where measurements take place, inside of namespaces or not; empty
// when the system does not tell.
func Congestion(inside bool) string {
	if inside {
		return congestion
	}
	name, err := os.ReadFile(congestionFile)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(name))
}

// Possible reports whether this process may make namespaces.
func Possible() bool { return os.Geteuid() == 0 }

// Prepare makes cmd start inside new namespaces, where it must call Settle.
func Prepare(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWNS
}

// Settle makes the new namespaces fit to work in: loopback up, ports aplenty, /proc with the processes
// of the inside.
func Settle() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep mounts to ourselves: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount a /proc of our own: %w", err)
	}
	if err := bringUp("lo"); err != nil {
		return fmt.Errorf("bring the loopback interface up: %w", err)
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_local_port_range", []byte(portRange), 0o644); err != nil {
		return fmt.Errorf("widen the range of local ports: %w", err)
	}
	if err := os.WriteFile(congestionFile, []byte(congestion), 0o644); err != nil {
		return fmt.Errorf("have TCP find its speed by %s: %w", congestion, err)
	}
	return nil
}

func bringUp(name string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	request, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, request); err != nil {
		return err
	}
	request.SetUint16(request.Uint16() | unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
}
