package ftp

// Secret reports whether the argument may be a password or wrap one, so that no log may show it.
func (c Command) Secret() bool { return c.secret() }
