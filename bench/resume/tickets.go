// Package resume keeps the TLS sessions that a client may resume. FTP servers ask a data connection to
// resume the session of its control connection, and some give out tickets that work once only, so one
// cached session for each server (which is what crypto/tls offers) does not last for two transfers.
package resume

import (
	"crypto/tls"
	"slices"
	"sync"
)

// most bounds how many tickets are kept; older ones go first.
const most = 16

// Tickets is the memory of one control session and its data connections, for tls.Config's
// ClientSessionCache. It hands each ticket out once, the oldest first, and the last one again and again
// until a new one comes. It may be used by several connections at once.
type Tickets struct {
	mu   sync.Mutex
	kept []*tls.ClientSessionState
	last *tls.ClientSessionState // handed out last
}

// Get hands out a session, whatever the name: all connections of a Tickets go to one server.
func (t *Tickets) Get(string) (*tls.ClientSessionState, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.kept) == 0 {
		return nil, false
	}
	t.last = t.kept[0]
	if len(t.kept) > 1 {
		t.kept = slices.Delete(t.kept, 0, 1)
	}
	return t.last, true
}

// Put keeps a session; nil means that the one handed out last is of no use any more.
func (t *Tickets) Put(_ string, session *tls.ClientSessionState) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if session == nil {
		t.kept = slices.DeleteFunc(t.kept, func(s *tls.ClientSessionState) bool { return s == t.last })
		return
	}
	if len(t.kept) == most {
		t.kept = slices.Delete(t.kept, 0, 1)
	}
	t.kept = append(t.kept, session)
}

// Len tells how many sessions are kept.
func (t *Tickets) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.kept)
}
