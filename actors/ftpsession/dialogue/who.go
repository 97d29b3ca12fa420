package dialogue

// FTPS reports whether the client's control connection is, or was, in TLS: for logs.
func (m *Machine) FTPS() bool { return m.front.ftps() }

// Group is the primary group of the client's account, where the gateway checks logins: for logs.
func (m *Machine) Group() string { return m.login.group }
