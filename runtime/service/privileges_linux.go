package service

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// become changes the identity of every thread and keeps at most CAP_NET_BIND_SERVICE.
func become(to Account, keepLowPorts bool) error {
	if err := cap.SetGroups(to.GID, to.Groups...); err != nil {
		return fmt.Errorf("setting groups: %w (has the container taken CAP_SETGID away?)", err)
	}
	// SetUID keeps the permitted capabilities across the change, which is the only way to carry one of
	// them over; shed gives up the others right after.
	if err := cap.SetUID(to.UID); err != nil {
		return fmt.Errorf("setting the user: %w (has the container taken CAP_SETUID away?)", err)
	}
	return shed(keepLowPorts)
}

// shed gives up every capability but CAP_NET_BIND_SERVICE, and the way back to more of them.
func shed(keepLowPorts bool) error {
	kept := cap.NewSet()
	if has, err := cap.GetProc().GetFlag(cap.Permitted, cap.NET_BIND_SERVICE); err == nil && has && keepLowPorts {
		for _, flag := range []cap.Flag{cap.Permitted, cap.Effective} {
			if err := kept.SetFlag(flag, true, cap.NET_BIND_SERVICE); err != nil {
				return err
			}
		}
	}
	// Kernels before 4.3 know no ambient capabilities and answer EINVAL: nothing to give up there.
	if err := cap.ResetAmbient(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return fmt.Errorf("clearing ambient capabilities: %w", err)
	}
	if err := kept.SetProc(); err != nil {
		return fmt.Errorf("setting capabilities to %q: %w", kept, err)
	}
	// A setuid binary or one with file capabilities would otherwise be a way up.
	if _, err := cap.Prctlw(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("setting no_new_privs: %w", err)
	}
	// Changing users made the process undumpable, and with it /proc/self root's property: counting our
	// own descriptors and handing them to a successor would fail. Back to what the unit's User= gives.
	if _, err := cap.Prctlw(unix.PR_SET_DUMPABLE, 1); err != nil {
		return fmt.Errorf("making /proc/self readable again: %w", err)
	}
	return nil
}

// regainRoot tries what an intruder would try.
func regainRoot() bool {
	return syscall.Setuid(0) == nil || syscall.Setreuid(0, 0) == nil ||
		syscall.Setresuid(0, 0, 0) == nil || syscall.Setgroups([]int{0}) == nil
}

func canBindLow() bool {
	has, err := cap.GetProc().GetFlag(cap.Effective, cap.NET_BIND_SERVICE)
	return err == nil && has
}
