//go:build unix

package service

import (
	"errors"
	"fmt"
	"os"
)

// Standing is what the process is after DropPrivileges, for the start-up log.
type Standing struct {
	UID, GID int
	LowPorts bool   // ports below 1024 can still be bound: a reload may add listeners there
	Warning  string // to be logged loudly; empty when everything is as it should be
}

// DropPrivileges makes the process the given account for good, on every thread, and makes sure of it by
// trying to come back. Call it once, after everything that needs root is open.
//
// Started as root with an account: groups, group and user are changed, all capabilities given up except,
// when keepLowPorts asks for it and it is there, CAP_NET_BIND_SERVICE (Linux only). Started as root with
// no account, or with root as the account: root stays, and Warning says so. Not started as root: the
// user stays what it is, surplus capabilities go (again but for CAP_NET_BIND_SERVICE), and Warning says
// when the configured account could not be taken on.
//
// Without that capability a reload cannot open new ports below 1024; listeners that exist are kept.
//
// An error leaves the process in no state to serve: the caller must exit.
func DropPrivileges(to Account, keepLowPorts bool) (Standing, error) {
	if os.Geteuid() == 0 {
		if !to.Named() || to.UID == 0 {
			return Standing{UID: 0, GID: os.Getegid(), LowPorts: true, Warning: stayingRoot(to)}, nil
		}
		if err := become(to, keepLowPorts); err != nil {
			return Standing{}, fmt.Errorf("becoming user %s (uid %d), group %s (gid %d): %w",
				to.User, to.UID, to.Group, to.GID, err)
		}
		if err := verifyDropped(to); err != nil {
			return Standing{}, err
		}
	} else if err := shed(keepLowPorts); err != nil {
		return Standing{}, fmt.Errorf("giving up capabilities: %w", err)
	}
	standing := Standing{UID: os.Geteuid(), GID: os.Getegid(), LowPorts: canBindLow()}
	if to.Named() && standing.UID != to.UID {
		standing.Warning = fmt.Sprintf("User %s is configured, but only root can change users: "+
			"running on as uid %d; start as root, or as that user, or remove User", to.User, standing.UID)
	}
	return standing, nil
}

func stayingRoot(to Account) string {
	why := "no User is configured"
	if to.Named() {
		why = "User " + to.User + " is root itself"
	}
	return "RUNNING AS ROOT: " + why + "; every flaw in the gateway is then a flaw in the whole machine: " +
		"create a user for it and name it with User and Group"
}

// errStillRoot is a kernel or a library that did not do what it reported as done.
var errStillRoot = errors.New("the process could take root back: refusing to serve")

// verifyDropped trusts no success that it has not seen.
func verifyDropped(to Account) error {
	if os.Getuid() != to.UID || os.Geteuid() != to.UID || os.Getgid() != to.GID || os.Getegid() != to.GID {
		return fmt.Errorf("after becoming %s the process is uid %d/%d, gid %d/%d: %w", to.User,
			os.Getuid(), os.Geteuid(), os.Getgid(), os.Getegid(), errStillRoot)
	}
	if regainRoot() {
		return errStillRoot
	}
	return nil
}
