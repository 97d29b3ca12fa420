//go:build unix

package service

import (
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strconv"
)

// Account is the user and group that the gateway runs as once it has started, from the directives User
// and Group. The zero Account names nobody.
type Account struct {
	User, Group string
	UID, GID    int
	Groups      []int // supplementary groups of the user, without GID
}

// Named says whether the configuration names a user to become.
func (a Account) Named() bool { return a.User != "" }

// LookupAccount resolves the values of User and Group, each a name or a number. Without a group the
// user's own primary group is taken. Supplementary groups come along, as they often carry the right to
// read keys. An empty user gives the zero Account: there is nobody to become, and a group alone is not
// enough to give up root.
func LookupAccount(userName, groupName string) (Account, error) {
	if userName == "" {
		return Account{}, nil
	}
	found, err := lookupUser(userName)
	if err != nil {
		return Account{}, err
	}
	account := Account{User: found.Username}
	if account.UID, err = strconv.Atoi(found.Uid); err != nil {
		return Account{}, fmt.Errorf("directive User %s: user number %q: %w", userName, found.Uid, err)
	}
	if account.GID, err = strconv.Atoi(found.Gid); err != nil {
		return Account{}, fmt.Errorf("directive User %s: group number %q: %w", userName, found.Gid, err)
	}
	if groupName != "" {
		if account.GID, err = lookupGroup(groupName); err != nil {
			return Account{}, err
		}
	}
	account.Group = groupName
	if group, err := user.LookupGroupId(strconv.Itoa(account.GID)); err == nil {
		account.Group = group.Name
	}
	account.Groups, err = supplementary(found, account.GID)
	return account, err
}

func lookupUser(name string) (*user.User, error) {
	found, err := user.Lookup(name)
	if err == nil {
		return found, nil
	}
	if _, numeric := strconv.Atoi(name); numeric == nil {
		if byID, err := user.LookupId(name); err == nil {
			return byID, nil
		}
	}
	var unknown user.UnknownUserError
	if errors.As(err, &unknown) {
		return nil, fmt.Errorf("directive User %s: there is no such user on this machine: create it "+
			"(useradd --system --no-create-home --shell /usr/sbin/nologin %s) or name another", name, name)
	}
	return nil, fmt.Errorf("directive User %s: looking it up: %w", name, err)
}

func lookupGroup(name string) (int, error) {
	found, err := user.LookupGroup(name)
	if err != nil {
		if _, numeric := strconv.Atoi(name); numeric == nil {
			if byID, idErr := user.LookupGroupId(name); idErr == nil {
				found, err = byID, nil
			}
		}
	}
	var unknown user.UnknownGroupError
	switch {
	case errors.As(err, &unknown):
		return 0, fmt.Errorf("directive Group %s: there is no such group on this machine: create it "+
			"(groupadd --system %s) or name another", name, name)
	case err != nil:
		return 0, fmt.Errorf("directive Group %s: looking it up: %w", name, err)
	}
	gid, err := strconv.Atoi(found.Gid)
	if err != nil {
		return 0, fmt.Errorf("directive Group %s: group number %q: %w", name, found.Gid, err)
	}
	return gid, nil
}

func supplementary(u *user.User, primary int) ([]int, error) {
	ids, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("directive User %s: listing its groups: %w", u.Username, err)
	}
	var groups []int
	for _, id := range ids {
		gid, err := strconv.Atoi(id)
		if err != nil {
			return nil, fmt.Errorf("directive User %s: group number %q: %w", u.Username, id, err)
		}
		if gid != primary {
			groups = append(groups, gid)
		}
	}
	slices.Sort(groups)
	return slices.Compact(groups), nil
}
