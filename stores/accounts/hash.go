package accounts

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-crypt/crypt/algorithm"
	"github.com/go-crypt/crypt/algorithm/bcrypt"
	"github.com/go-crypt/crypt/algorithm/md5crypt"
	"github.com/go-crypt/crypt/algorithm/scrypt"
	"github.com/go-crypt/crypt/algorithm/shacrypt"
)

// Hashes as crypt(5) writes them. Their rules here:
//
//   - the text is checked in full before anything is computed: alphabet,
//     lengths, and above all the cost, which the text itself sets;
//   - what is computed takes as long whether the password is right or not;
//   - a hash never renders as itself.

// Kind is the method of a hash, by its prefix.
type Kind string

// The methods that are known.
const (
	DES      Kind = "des"
	MD5      Kind = "$1$"
	SHA256   Kind = "$5$"
	SHA512   Kind = "$6$"
	Bcrypt   Kind = "$2$" // 2a, 2b and 2y
	Yescrypt Kind = "$y$"
	Scrypt   Kind = "$7$"
)

// Reasons why a hash opens nothing.
var (
	ErrLocked  = errors.New("the account is locked: its hash begins with '*' or '!'")
	ErrNoHash  = errors.New("the account has no hash: an empty one lets nobody in")
	ErrUnknown = errors.New("the hash is of no kind that is known: make a new one, such as with `openssl passwd -6`")
	ErrBroken  = errors.New("the hash is damaged: make a new one")
	ErrCostly  = errors.New("the hash asks for more work than is allowed")
)

// MaxPassword is the longest password in bytes that is verified; the work for
// some kinds grows with its square.
const MaxPassword = 4096

// Limits bound the work that a hash may ask for. Zero values mean the defaults,
// which take about a second each.
type Limits struct {
	Rounds int   // of $5$ and $6$; 0 means 1,000,000
	Cost   int   // of bcrypt, a power of two; 0 means 14
	Memory int64 // of $y$ and $7$, in bytes; 0 means 64 MiB
}

func (l Limits) withDefaults() Limits {
	l.Rounds = cmp.Or(l.Rounds, 1_000_000)
	l.Cost = cmp.Or(l.Cost, 14)
	l.Memory = cmp.Or(l.Memory, 64<<20)
	return l
}

// matcher compares a password with a hash.
type matcher interface {
	MatchBytesAdvanced(password []byte) (bool, error)
}

// Hash is a hash that can be verified.
type Hash struct {
	kind    Kind
	cost    string // in words, for String
	setting string // all of the text before the key
	key     string
	match   matcher
}

// Kind tells the method.
func (h *Hash) Kind() Kind { return h.kind }

// String names the method and its cost.
func (h *Hash) String() string { return strings.TrimSpace(string(h.kind) + " " + h.cost) }

// Verify reports whether the password is the one that was hashed. Passwords
// that crypt(3) cannot take, with a NUL in them, are wrong.
func (h *Hash) Verify(_ context.Context, password string) (bool, error) {
	if len(password) > MaxPassword {
		return false, fmt.Errorf("verify a password of %d bytes: at most %d are allowed", len(password), MaxPassword)
	}
	ok, err := h.match.MatchBytesAdvanced([]byte(password))
	if err != nil {
		// What a library says of it is not repeated: it may quote what it was given.
		return false, fmt.Errorf("compute a hash of kind %v: %w", h, ErrBroken)
	}
	return ok && !strings.ContainsRune(password, 0), nil
}

// Decoy returns a hash that nobody knows a password to, of the same kind and
// cost.
func (h *Hash) Decoy() *Hash {
	key := make([]byte, len(h.key))
	for i, b := range randomBytes(len(key)) {
		key[i] = alphabet[b%64]
	}
	if h.kind == Yescrypt || h.kind == Scrypt {
		key = encode64(nil, randomBytes(keyBytes)) // not every text is one
	}
	d := *h
	d.key = string(key)
	m, err := matchers[h.kind](d.setting, d.key)
	if err != nil {
		return h // cannot be: only the key differs; and this one verifies in the same time
	}
	d.match = m
	return &d
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails: the runtime ends the process instead
	return b
}

// form is how the hashes of a kind are written.
type form struct {
	kind Kind
	read func(text string, l Limits) (h Hash, err error) // sets setting, key and cost
}

var forms = []struct {
	prefix string
	form
}{
	{"$1$", form{MD5, readMD5}},
	{"$5$", form{SHA256, readSHA}},
	{"$6$", form{SHA512, readSHA}},
	{"$2a$", form{Bcrypt, readBcrypt}},
	{"$2b$", form{Bcrypt, readBcrypt}},
	{"$2y$", form{Bcrypt, readBcrypt}},
	{"$y$", form{Yescrypt, readYescrypt}},
	{"$7$", form{Scrypt, readScrypt}},
	{"", form{DES, readDES}},
}

// matchers make what compares from the two halves of a text.
var matchers = map[Kind]func(setting, key string) (matcher, error){
	DES:      newDES,
	MD5:      library(md5crypt.Decode),
	SHA256:   library(shacrypt.Decode),
	SHA512:   library(shacrypt.Decode),
	Bcrypt:   library(bcrypt.Decode),
	Yescrypt: library(scrypt.Decode),
	Scrypt:   newScrypt,
}

func library(decode func(string) (algorithm.Digest, error)) func(setting, key string) (matcher, error) {
	return func(setting, key string) (matcher, error) {
		m, err := decode(setting + key)
		if err != nil {
			return nil, ErrBroken // the library's text may quote the hash
		}
		return m, nil
	}
}

// ParseHash reads a hash. Its errors never quote it.
func ParseHash(text string, limits Limits) (*Hash, error) {
	switch {
	case text == "":
		return nil, ErrNoHash
	case text[0] == '*' || text[0] == '!':
		return nil, ErrLocked
	case len(text) > 512:
		return nil, ErrBroken
	}
	for _, f := range forms {
		if !strings.HasPrefix(text, f.prefix) {
			continue
		}
		h, err := f.read(text, limits.withDefaults())
		if err != nil {
			return nil, err
		}
		h.kind = f.kind
		h.match, err = matchers[f.kind](h.setting, h.key)
		if err != nil {
			return nil, err
		}
		return &h, nil
	}
	return nil, ErrUnknown
}

// split divides a text into setting and key at the last '$', and wants a key of
// n characters.
func split(text string, n int) (Hash, error) {
	at := strings.LastIndexByte(text, '$') + 1
	if len(text)-at != n || !wellFormed(text[at:]) {
		return Hash{}, ErrBroken
	}
	return Hash{setting: text[:at], key: text[at:]}, nil
}

// readMD5 reads $1$salt$key, the salt of at most 8 characters.
func readMD5(text string, _ Limits) (Hash, error) {
	h, err := split(text, 22)
	if err != nil {
		return h, err
	}
	salt := strings.TrimSuffix(h.setting[len("$1$"):], "$")
	if len(h.setting) < len("$1$$") || len(salt) > 8 || strings.ContainsRune(salt, '$') {
		return h, ErrBroken
	}
	return h, nil
}

// readSHA reads $5$[rounds=N$]salt$key, the salt of at most 16 characters.
func readSHA(text string, l Limits) (Hash, error) {
	n := 43
	if text[1] == '6' {
		n = 86
	}
	h, err := split(text, n)
	if err != nil {
		return h, err
	}
	rounds, salt := 5000, h.setting[len("$5$"):]
	if after, ok := strings.CutPrefix(salt, "rounds="); ok {
		digits, rest, _ := strings.Cut(after, "$")
		if rounds, err = strconv.Atoi(digits); err != nil || digits[0] < '1' || digits[0] > '9' || rounds < 1000 {
			return h, ErrBroken
		}
		salt = rest
	}
	salt, ended := strings.CutSuffix(salt, "$")
	if !ended || len(salt) > 16 || strings.ContainsRune(salt, '$') {
		return h, ErrBroken
	}
	h.cost = fmt.Sprintf("rounds=%d", rounds)
	if rounds > l.Rounds {
		return h, fmt.Errorf("%w: %s, of which %d are allowed", ErrCostly, h.cost, l.Rounds)
	}
	return h, nil
}

// readBcrypt reads $2b$NN$ with 22 characters of salt and 31 of key.
func readBcrypt(text string, l Limits) (Hash, error) {
	const body = len("$2b$10$")
	if len(text) != body+22+31 || text[body-1] != '$' || !wellFormed(text[body:]) {
		return Hash{}, ErrBroken
	}
	cost, err := strconv.ParseUint(text[4:6], 10, 8)
	if err != nil || cost < 4 || cost > 31 {
		return Hash{}, ErrBroken
	}
	h := Hash{setting: text[:body+22], key: text[body+22:], cost: fmt.Sprintf("cost=%d", cost)}
	if int(cost) > l.Cost {
		return h, fmt.Errorf("%w: bcrypt with %s, and up to %d is allowed", ErrCostly, h.cost, l.Cost)
	}
	return h, nil
}
