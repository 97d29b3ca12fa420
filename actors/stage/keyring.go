package stage

import (
	"crypto/rand"
	"slices"
	"sync"
	"time"
)

// keyring is who else than a guest knows its key, so that a later control
// connection of the same client can resume. It is safe for concurrent use.
type keyring interface {
	// share makes a key known, and returns what a ticket has to carry for that.
	share(k *guestKey, now time.Time) (wrapped []byte)
	// find looks for the key of a ticket, and says how old the ticket may be.
	find(t ticket, now time.Time) (secret [secretSize]byte, lifetime time.Duration, ok bool)
}

// nobody knows a guest's key but the guest: control connections do not resume.
type nobody struct{}

func (nobody) share(*guestKey, time.Time) []byte { return nil }
func (nobody) find(ticket, time.Time) (s [secretSize]byte, d time.Duration, ok bool) {
	return s, 0, false
}

// cacheSize bounds each of a cache's two generations, of some 100 bytes an entry.
const cacheSize = 10_000

// cache remembers keys for a while. Generations follow each other when the
// younger one is full or has had its time; what the older one held is forgotten.
type cache struct {
	lifetime time.Duration

	mu           sync.Mutex
	young, old   map[[nameSize]byte][secretSize]byte
	begun        time.Time // of the young generation
	generational int       // most entries of one
}

func newCache(lifetime time.Duration) *cache {
	return &cache{lifetime: lifetime, generational: cacheSize}
}

func (c *cache) share(k *guestKey, now time.Time) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn(now)
	if _, known := c.young[k.name]; !known && len(c.young) >= c.generational {
		c.old, c.young = c.young, nil
	}
	if c.young == nil {
		c.young, c.begun = make(map[[nameSize]byte][secretSize]byte), now
	}
	c.young[k.name] = k.secret
	return nil
}

func (c *cache) find(t ticket, now time.Time) (secret [secretSize]byte, lifetime time.Duration, ok bool) {
	if t.wrapped != nil {
		return secret, 0, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn(now)
	if secret, ok = c.young[t.name]; !ok {
		secret, ok = c.old[t.name]
	}
	return secret, c.lifetime, ok
}

func (c *cache) turn(now time.Time) {
	switch age := now.Sub(c.begun); {
	case age >= 2*c.lifetime:
		c.young, c.old = nil, nil
	case age >= c.lifetime:
		c.old, c.young = c.young, nil
	}
}

// Defaults and limits of TLSSessionTicketKeys.
const (
	ticketKeyAge   = 12 * time.Hour
	ticketKeyCount = 25
	ticketKeyTurn  = time.Hour // a new key is made so often
)

// sealer has the tickets carry the guest's key, sealed with a key of the server
// that is replaced from time to time. It remembers only those.
type sealer struct {
	age   time.Duration // of the oldest key that still opens
	count int           // of keys at most

	mu   sync.Mutex
	keys []serverKey // youngest first
}

type serverKey struct {
	name   [wrapKeySize]byte
	secret [secretSize]byte
	made   time.Time
}

func newSealer(age time.Duration, count int) *sealer {
	if age <= 0 {
		age = ticketKeyAge
	}
	if count <= 0 {
		count = ticketKeyCount
	}
	return &sealer{age: age, count: count}
}

func (s *sealer) share(k *guestKey, now time.Time) []byte {
	key := s.current(now)
	header := append(key.name[:], k.name[:]...) // the guest's name is bound to its key
	sealed := seal(&key.secret, header, k.secret[:])
	return slices.Delete(sealed, wrapKeySize, wrapKeySize+nameSize) // the ticket has the name already
}

func (s *sealer) current(now time.Time) serverKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.keys) == 0 || now.Sub(s.keys[0].made) >= min(ticketKeyTurn, s.age) {
		k := serverKey{made: now}
		_, _ = rand.Read(k.name[:]) // does not fail
		_, _ = rand.Read(k.secret[:])
		s.keys = append([]serverKey{k}, s.keys...)
		s.keys = s.keys[:min(len(s.keys), s.count)]
	}
	return s.keys[0]
}

func (s *sealer) find(t ticket, now time.Time) (secret [secretSize]byte, lifetime time.Duration, ok bool) {
	if len(t.wrapped) != wrapSize {
		return secret, 0, false
	}
	s.mu.Lock()
	s.keys = slices.DeleteFunc(s.keys, func(k serverKey) bool { return now.Sub(k.made) >= s.age })
	i := slices.IndexFunc(s.keys, func(k serverKey) bool { return string(k.name[:]) == string(t.wrapped[:wrapKeySize]) })
	if i < 0 {
		s.mu.Unlock()
		return secret, 0, false
	}
	key := s.keys[i]
	s.mu.Unlock()
	header := append(key.name[:], t.name[:]...)
	plain, err := unseal(&key.secret, header, t.wrapped[wrapKeySize:])
	if err != nil || len(plain) != secretSize {
		return secret, 0, false
	}
	return [secretSize]byte(plain), s.age, true
}
