package accounts

import (
	"crypto/subtle"
	"fmt"
	"math/bits"
	"strings"

	"golang.org/x/crypto/scrypt"
)

// The two kinds that need memory, $y$ and $7$. Both write binary values with 6
// bits in a character, the lowest first, and have keys of 32 bytes.

// alphabet gives the character for each 6 bits, as crypt(3) has it.
const alphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

const (
	keyBytes = 32 // of a key
	keyChars = 43 // of its text
)

// value is the inverse of alphabet; -1: not a character of it.
func value(c byte) int { return strings.IndexByte(alphabet, c) }

func wellFormed(s string) bool {
	for i := range len(s) {
		if value(s[i]) < 0 {
			return false
		}
	}
	return true
}

// encode64 appends the text of b to dst, three bytes at a time.
func encode64(dst, b []byte) []byte {
	for len(b) > 0 {
		n := min(3, len(b))
		v := 0
		for i := range n {
			v |= int(b[i]) << (8 * i)
		}
		for range n + 1 {
			dst = append(dst, alphabet[v&63])
			v >>= 6
		}
		b = b[n:]
	}
	return dst
}

// decode64 is the inverse of encode64; false: nobody wrote that.
func decode64(s string) ([]byte, bool) {
	b := make([]byte, 0, len(s)*3/4)
	for len(s) > 0 {
		n := min(4, len(s))
		v := 0
		for i := range n {
			d := value(s[i])
			if d < 0 {
				return nil, false
			}
			v |= d << (6 * i)
		}
		for range n - 1 {
			b = append(b, byte(v))
			v >>= 8
		}
		if n == 1 || v != 0 {
			return nil, false
		}
		s = s[n:]
	}
	return b, true
}

// number reads an unsigned number of 6 bits a character, the lowest first.
func number(s string) (n uint64, ok bool) {
	for i := range len(s) {
		d := value(s[i])
		if d < 0 {
			return 0, false
		}
		n |= uint64(d) << (6 * i)
	}
	return n, true
}

// memory checks how much N blocks of size 128·r take, p times over.
func memory(l Limits, logN, r, p uint64) (string, error) {
	words := fmt.Sprintf("N=2^%d,r=%d,p=%d", logN, r, p)
	if logN < 1 || r < 1 || p < 1 {
		return words, ErrBroken
	}
	over, blocks := bits.Mul64(r, p)
	if logN > 40 || over != 0 || blocks > uint64(l.Memory)>>7>>logN {
		return words, fmt.Errorf("%w: %s, and %d MiB of memory are allowed", ErrCostly, words, l.Memory>>20)
	}
	return words, nil
}

// readYescrypt reads $y$jNr$salt$key: flavour j, one character for each of
// log₂N-1 and r-1. Other flavours and longer settings are not known.
func readYescrypt(text string, l Limits) (Hash, error) {
	h, err := split(text, keyChars)
	if err != nil {
		return h, err
	}
	setting, salt, _ := strings.Cut(h.setting[len("$y$"):], "$")
	if len(setting) != 3 || setting[0] != 'j' {
		return h, fmt.Errorf("%w (this yescrypt is of a flavour that is not known)", ErrUnknown)
	}
	salt, ended := strings.CutSuffix(salt, "$")
	b, ok := decode64(salt)
	if _, good := decode64(h.key); !good || !ok || !ended || len(b) == 0 || len(b) > 64 {
		return h, ErrBroken
	}
	logN, r := value(setting[1])+1, value(setting[2])+1
	if logN < 10 || logN > 18 || r < 1 || r > 32 { // what the method's authors allow in this form
		return h, ErrBroken
	}
	h.cost, err = memory(l, uint64(logN), uint64(r), 1)
	return h, err
}

// readScrypt reads $7$N, r and p in 1, 5 and 5 characters, the salt as it
// stands, and after a '$' the key.
func readScrypt(text string, l Limits) (Hash, error) {
	h, err := split(text, keyChars)
	if err != nil {
		return h, err
	}
	logN, r, p, ok := scryptCost(h.setting)
	salt := h.setting[min(len(h.setting), len("$7$")+11):]
	if _, good := decode64(h.key); !good || !ok || !strings.HasSuffix(salt, "$") {
		return h, ErrBroken
	}
	h.cost, err = memory(l, logN, r, p)
	return h, err
}

func scryptCost(setting string) (logN, r, p uint64, ok bool) {
	if len(setting) < len("$7$")+11 {
		return 0, 0, 0, false
	}
	s := setting[len("$7$"):]
	logN, a := number(s[:1])
	r, b := number(s[1:6])
	p, c := number(s[6:11])
	return logN, r, p, a && b && c
}

// scryptHash is a hash of the kind $7$.
type scryptHash struct {
	n, r, p int
	salt    []byte
	key     []byte
}

func newScrypt(setting, key string) (matcher, error) {
	logN, r, p, ok := scryptCost(setting)
	k, good := decode64(key)
	if !ok || !good {
		return nil, ErrBroken
	}
	salt := strings.TrimSuffix(setting[len("$7$")+11:], "$")
	return &scryptHash{n: 1 << logN, r: int(r), p: int(p), salt: []byte(salt), key: k}, nil
}

// MatchBytesAdvanced computes the key for a password and compares.
func (h *scryptHash) MatchBytesAdvanced(password []byte) (bool, error) {
	key, err := scrypt.Key(password, h.salt, h.n, h.r, h.p, keyBytes)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(key, h.key) == 1, nil
}
