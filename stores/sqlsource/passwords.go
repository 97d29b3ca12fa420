package sqlsource

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/accounts"
)

// passwordKind is one word of SQLAuthTypes: how a stored password is read.
type passwordKind uint8

const (
	crypted passwordKind = iota // Crypt: a hash of crypt(5)
	inClear                     // Plaintext
	digest                      // OpenSSL: {name}base64
)

// passwordKinds reads SQLAuthTypes.
func passwordKinds(words []string) ([]passwordKind, error) {
	if len(words) == 0 {
		return nil, errors.New("SQLAuthTypes is missing: say how passwords are stored: Crypt, OpenSSL or Plaintext")
	}
	var kinds []passwordKind
	for _, w := range words {
		switch strings.ToLower(w) {
		case "crypt":
			kinds = append(kinds, crypted)
		case "plaintext":
			kinds = append(kinds, inClear)
		case "openssl":
			kinds = append(kinds, digest)
		case "backend":
			return nil, errors.New("SQLAuthTypes Backend is not supported: it would send every password to the database to be hashed there, by functions that new databases lack: store hashes of crypt(3) and say Crypt")
		case "empty":
			return nil, errors.New("SQLAuthTypes Empty is not supported: it would let anybody in whose stored password is empty")
		default:
			return nil, fmt.Errorf("SQLAuthTypes: unknown word %q: expected Crypt, OpenSSL or Plaintext", clip(w))
		}
	}
	return kinds, nil
}

// maxSeen bounds the kinds of hashes that decoys are made of.
const maxSeen = 16

// passwords makes secrets of what is stored.
type passwords struct {
	kinds  []passwordKind
	limits accounts.Limits

	mu   sync.Mutex
	seen map[string]*accounts.Hash // one of each kind and cost, by its String
}

// secret reads a stored password in all ways that are allowed; nil, with the
// reason, if in none. What was read as a hash by its mark is not a password in
// clear as well: whoever had read the table could log in with the hash itself.
func (p *passwords) secret(stored string) (s stores.Credential, note string) {
	if stored == "" {
		return nil, "the stored password is empty"
	}
	var all anyOf
	var reasons []string
	marked := strings.HasPrefix(stored, "$") || strings.HasPrefix(stored, "{")
	for _, kind := range p.kinds {
		if kind == inClear && marked && len(p.kinds) > 1 {
			continue
		}
		one, err := p.read(kind, stored)
		if err != nil {
			reasons = append(reasons, err.Error())
			continue
		}
		all = append(all, one)
	}
	if len(all) == 0 && marked && slices.Contains(p.kinds, inClear) {
		all = anyOf{plaintext(stored)} // it only looked like a hash
	}
	if len(all) == 0 {
		return nil, strings.Join(reasons, "; ")
	}
	return all, ""
}

func (p *passwords) read(kind passwordKind, stored string) (stores.Credential, error) {
	switch kind {
	case inClear:
		return plaintext(stored), nil
	case digest:
		return readDigest(stored)
	default:
		h, err := accounts.ParseHash(stored, p.limits)
		if err != nil {
			return nil, err
		}
		p.remember(h)
		return h, nil
	}
}

// remember keeps an example of each kind of hash, for decoys.
func (p *passwords) remember(h *accounts.Hash) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.seen[h.String()]; known || len(p.seen) == maxSeen {
		return
	}
	if p.seen == nil {
		p.seen = map[string]*accounts.Hash{}
	}
	p.seen[h.String()] = h.Decoy()
}

// neverSeen stands for hashes of a database that was not asked yet.
var neverSeen = "$6$sluicesluiceslui$" + strings.Repeat(".", 86)

// decoy is like one of the hashes that were seen, always the same one for a
// name while no other kind shows up.
func (p *passwords) decoy(name string) stores.Credential {
	if !slices.Contains(p.kinds, crypted) {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.seen) == 0 {
		h, err := accounts.ParseHash(neverSeen, p.limits)
		if err != nil {
			return nil // the limits allow no such hash: nobody has one
		}
		return h.Decoy()
	}
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(name)) // never fails
	kinds := slices.Sorted(maps.Keys(p.seen))
	return p.seen[kinds[int(sum.Sum32())%len(kinds)]].Decoy()
}

// anyOf is right if one of its secrets is, as mod_sql tries one type after
// the other. All are verified, so that time does not tell which one it was.
type anyOf []stores.Credential

func (a anyOf) String() string {
	words := make([]string, len(a))
	for i, s := range a {
		words[i] = s.String()
	}
	return strings.Join(words, " or ")
}

// Verify compares with each.
func (a anyOf) Verify(ctx context.Context, password string) (bool, error) {
	right := false
	var all error
	for _, s := range a {
		ok, err := s.Verify(ctx, password)
		right = right || ok
		all = errors.Join(all, err)
	}
	if right {
		return true, nil
	}
	return false, all
}

// plaintext is a password as it is.
type plaintext string

// String keeps the password to itself.
func (p plaintext) String() string { return "plaintext" }

// GoString does so, too.
func (p plaintext) GoString() string { return p.String() }

// Verify compares digests, whose length tells nothing.
func (p plaintext) Verify(_ context.Context, password string) (bool, error) {
	a, b := sha256.Sum256([]byte(p)), sha256.Sum256([]byte(password))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1, nil
}

// digests are the names in OpenSSL's form.
var digests = map[string]func() hash.Hash{
	"md5": md5.New, "sha": sha1.New, "sha1": sha1.New, "sha224": sha256.New224,
	"sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New,
}

// digested is an unsalted digest: "{sha1}" and base64.
type digested struct {
	name string
	make func() hash.Hash
	sum  []byte
}

func readDigest(stored string) (stores.Credential, error) {
	name, text, found := strings.Cut(strings.TrimPrefix(stored, "{"), "}")
	if !found || !strings.HasPrefix(stored, "{") {
		return nil, errors.New("the stored password is not of the form {digest}base64")
	}
	name = strings.ToLower(name)
	create, known := digests[name]
	if !known {
		return nil, fmt.Errorf("the stored password has the unknown digest %q", clip(name))
	}
	sum, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(sum) != create().Size() {
		return nil, fmt.Errorf("the stored password is not a %s digest in base64", name)
	}
	return digested{name, create, sum}, nil
}

// String names the digest.
func (d digested) String() string { return "{" + d.name + "}" }

// GoString keeps the digest to itself.
func (d digested) GoString() string { return d.String() }

// Verify computes the digest of a password and compares.
func (d digested) Verify(_ context.Context, password string) (bool, error) {
	h := d.make()
	_, _ = h.Write([]byte(password)) // never fails
	return subtle.ConstantTimeCompare(h.Sum(nil), d.sum) == 1, nil
}
