package config

import (
	"fmt"
	"strings"
)

// Values with secrets render themselves, so that one that slips into a log
// or an error shows none.

// String names the database and the account.
func (c SQLConnection) String() string {
	return fmt.Sprintf("%s: %s %s@%s:%s as %s", c.Name, c.Backend, c.Database, c.Host, c.Port, c.User)
}

// String names the server and the account.
func (r Redis) String() string {
	return fmt.Sprintf("%s as %s, database %d", r.Server, r.User, r.DB)
}

// Hashes maps users to hashes of their passwords.
type Hashes map[string]string

// String names the users.
func (h Hashes) String() string {
	users := make([]string, 0, len(h))
	for user := range h {
		users = append(users, user)
	}
	return "hashes of " + strings.Join(users, ", ")
}
