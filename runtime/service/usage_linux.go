package service

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// measureUsage reads the process's own account, and the sum of all processors'
// idle time in /proc/uptime (proc(5)), which is exact to a hundredth of a second.
func measureUsage() (usage, error) {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		return usage{}, os.NewSyscallError("getrusage", err)
	}
	text, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return usage{}, err
	}
	var up, idle float64
	if _, err := fmt.Sscan(string(text), &up, &idle); err != nil {
		return usage{}, fmt.Errorf("reading /proc/uptime: %q: %w", text, err)
	}
	return usage{
		at:   time.Now(),
		own:  time.Duration(r.Utime.Nano() + r.Stime.Nano()),
		idle: time.Duration(idle * float64(time.Second)),
	}, nil
}
