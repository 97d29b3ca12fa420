//go:build unix

package service

import (
	"fmt"

	"golang.org/x/sys/unix"
)

const (
	// FilesPerSession is the most descriptors that one session holds at a time: two control connections,
	// two data connections, two listening sockets while a transfer is being arranged, and the pipe that
	// splice(2) needs.
	FilesPerSession = 8
	// filesAtRest is what the process holds without any session: listeners, logs, store, status page.
	filesAtRest = 256
)

// FileLimit is the number of descriptors that this process may hold (RLIMIT_NOFILE).
type FileLimit struct {
	Before  uint64 // soft limit that was found
	Reached uint64 // soft limit that now holds
}

// RaiseFileLimit lifts the soft limit on open files to the hard limit; as root it first lifts the hard
// limit to what the kernel permits one process at most (fs.nr_open on Linux). A hard limit that may not
// be lifted, as in most containers, is no error: the answer says what was reached.
func RaiseFileLimit() (FileLimit, error) {
	var found unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &found); err != nil {
		return FileLimit{}, fmt.Errorf("reading the limit on open files: %w", err)
	}
	limit := FileLimit{Before: uint64(found.Cur), Reached: uint64(found.Cur)}
	hard := uint64(found.Max)
	if most := kernelFileLimit(); unix.Geteuid() == 0 && most > hard {
		if trySetFileLimit(most, most) == nil {
			limit.Reached = most
			return limit, nil
		}
	}
	if most := kernelFileLimit(); most != 0 && hard > most {
		hard = most // an "unlimited" hard limit is still capped by the kernel
	}
	if limit.Reached >= hard {
		return limit, nil
	}
	if err := trySetFileLimit(hard, uint64(found.Max)); err != nil {
		return limit, fmt.Errorf("raising the limit on open files from %d to %d: %w", limit.Before, hard, err)
	}
	limit.Reached = hard
	return limit, nil
}

// Sessions is how many sessions the limit carries.
func (l FileLimit) Sessions() uint64 {
	if l.Reached <= filesAtRest {
		return 0
	}
	return (l.Reached - filesAtRest) / FilesPerSession
}

// Check returns a warning for the administrator when the limit is too small for that many sessions, and
// nil when it is enough. Zero or less means that no number of sessions is configured.
func (l FileLimit) Check(sessions int) error {
	if sessions <= 0 || l.Sessions() >= uint64(sessions) {
		return nil
	}
	need := uint64(sessions)*FilesPerSession + filesAtRest
	return fmt.Errorf("the limit of %d open files carries about %d sessions, not %d: "+
		"raise it to %d (LimitNOFILE= in the unit, or ulimit -n) or lower MaxInstances",
		l.Reached, l.Sessions(), sessions, need)
}
