package ftp

import "strings"

// Secret reports whether the argument may be a password or wrap one, so that no log may show it.
func (c Command) Secret() bool { return c.secret() }

// shortestSecret is the length from which on a secret is looked for in texts: one of two letters would
// tear every text apart, and is none.
const shortestSecret = 4

// Discreet is a reply without a secret that a server may have repeated in it.
func Discreet(r Reply, secret string) Reply {
	if len(secret) >= shortestSecret && strings.Contains(r.Text, secret) {
		r.Text = strings.ReplaceAll(r.Text, secret, hidden)
	}
	return r
}
