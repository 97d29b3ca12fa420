package service

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// monotonicTime is the assignment that dates a RELOADING message, in microseconds of CLOCK_MONOTONIC.
// The manager compares it with the time of its own request (systemd.service(5), Type=notify-reload).
func monotonicTime() string {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return "" // the clock exists on every kernel; without the line plain Type=notify still understands
	}
	return fmt.Sprintf("MONOTONIC_USEC=%d", now.Nano()/1000)
}
