package accounts

import (
	"slices"
	"strings"

	"github.com/sluice-gateway/sluice/stores"
)

// decoy is a hash that nobody knows a password to, and how many accounts have
// one of its kind and cost.
type decoy struct {
	hash  *Hash
	count int
}

// profile counts hashes by kind and cost.
type profile map[string]*decoy

func (p profile) count(h *Hash) {
	d := p[h.String()]
	if d == nil {
		d = &decoy{hash: h.Decoy()}
		p[h.String()] = d
	}
	d.count++
}

// list gives the decoys in an order that does not change.
func (p profile) list() []decoy {
	var all []decoy
	for _, d := range p {
		all = append(all, *d)
	}
	slices.SortFunc(all, func(a, b decoy) int { return strings.Compare(a.hash.String(), b.hash.String()) })
	return all
}

// standIn is what is verified where no account has a usable hash: the usual
// kind of new accounts. Its key is none that a password leads to.
const standIn = "$6$decoydecoydecoyd$"

// pickDecoy takes one by chance, weighted; the chance is given.
func pickDecoy(all []decoy, chance uint64) stores.Credential {
	total := 0
	for _, d := range all {
		total += d.count
	}
	if total == 0 {
		return usual()
	}
	at := int(chance % uint64(total))
	for _, d := range all {
		if at -= d.count; at < 0 {
			return d.hash
		}
	}
	return usual()
}

func usual() stores.Credential {
	h, err := ParseHash(standIn+strings.Repeat(".", 86), Limits{})
	if err != nil {
		return nil // cannot be: the text is ours, and a test reads it
	}
	return h.Decoy()
}
