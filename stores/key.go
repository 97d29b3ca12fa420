package stores

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Kind is the family of a record and the first byte of its stored key, so
// that one kind is one contiguous range.
type Kind byte

// The kinds in use. Reserved for state to come, so that no two meanings ever
// share a prefix: 'k' SSH host keys.
const (
	KindRotation   Kind = 'r' // Rotation, one per pool
	KindCounters   Kind = 'c' // Counters, one per pool and backend
	KindTLSSession Kind = 't' // TLSSession, one per owner and backend
	KindSticky     Kind = 's' // Sticky, one per pool and client: "u:joe", "g:staff", "h:192.0.2.1"
	KindHealth     Kind = 'h' // Health, one per pool and backend
	KindBan        Kind = 'b' // Ban, one per server and client: "h:192.0.2.1", "u:joe", "c:staff", "x:joe@192.0.2.1"
)

// Kinds lists the kinds in use.
func Kinds() []Kind {
	return []Kind{KindRotation, KindCounters, KindTLSSession, KindSticky, KindHealth, KindBan}
}

func (k Kind) String() string {
	switch k {
	case KindRotation:
		return "rotation"
	case KindCounters:
		return "counters"
	case KindTLSSession:
		return "TLS session"
	case KindSticky:
		return "assignment"
	case KindHealth:
		return "health"
	case KindBan:
		return "ban"
	default:
		return fmt.Sprintf("kind %q", byte(k))
	}
}

// Key names one record.
type Key struct {
	Kind Kind
	Pool string // the pool's stable name; of a TLS session, whose it is; of a ban, the server's
	Name string // within the pool: a backend's key, or a client's; empty for the pool itself
}

func (k Key) String() string {
	if k.Name == "" {
		return fmt.Sprintf("%v of %q", k.Kind, k.Pool)
	}
	return fmt.Sprintf("%v of %q in %q", k.Kind, k.Name, k.Pool)
}

// maxKey bounds a stored key; Badger refuses keys of 64 KiB.
const maxKey = 16 << 10

// ErrKey is wrapped by all errors about keys.
var ErrKey = errors.New("not a store key")

// AppendKey appends the stored form of a key:
//
//	kind (1 byte) | uvarint length of pool | pool | name
//
// The length keeps pools apart whatever bytes their names hold.
func AppendKey(b []byte, k Key) ([]byte, error) {
	if len(k.Pool)+len(k.Name) > maxKey {
		return b, fmt.Errorf("%w: %d bytes of pool and backend name, at most %d are stored", ErrKey, len(k.Pool)+len(k.Name), maxKey)
	}
	b = append(b, byte(k.Kind))
	b = binary.AppendUvarint(b, uint64(len(k.Pool)))
	b = append(b, k.Pool...)
	return append(b, k.Name...), nil
}

// ParseKey is the reverse of AppendKey.
func ParseKey(b []byte) (Key, error) {
	if len(b) == 0 {
		return Key{}, fmt.Errorf("%w: empty", ErrKey)
	}
	n, used := binary.Uvarint(b[1:])
	rest := b[1:]
	if used <= 0 || n > maxKey || uint64(len(rest)-used) < n || len(rest)-used > maxKey {
		return Key{}, fmt.Errorf("%w: %d bytes with a pool name length that does not fit", ErrKey, len(b))
	}
	rest = rest[used:]
	return Key{Kind: Kind(b[0]), Pool: string(rest[:n]), Name: string(rest[n:])}, nil
}
