package service

import "golang.org/x/sys/unix"

// kernelFileLimit is kern.maxfilesperproc; macOS reports "unlimited" as the hard limit but refuses
// anything above this figure.
func kernelFileLimit() uint64 {
	most, err := unix.SysctlUint32("kern.maxfilesperproc")
	if err != nil {
		return 0
	}
	return uint64(most)
}

func trySetFileLimit(soft, hard uint64) error {
	return unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: soft, Max: hard})
}
