package accounts

import (
	"context"
	"hash/maphash"

	"github.com/sluice-gateway/sluice/stores"
)

// WithPasswords lets the hashes of UserPassword count for the named users
// instead of those that a source has. Who is not in the source stays unknown.
func WithPasswords(source stores.Accounts, hashes map[string]string, limits Limits) stores.Accounts {
	if len(hashes) == 0 {
		return source
	}
	p := &passwords{Accounts: source, seed: maphash.MakeSeed(), secrets: map[string]override{}}
	kinds := profile{}
	for name, text := range hashes {
		h, err := ParseHash(text, limits)
		if err != nil {
			p.secrets[name] = override{note: "UserPassword: " + err.Error()}
			continue
		}
		kinds.count(h)
		p.secrets[name] = override{secret: h}
	}
	p.decoys = kinds.list()
	return p
}

type override struct {
	secret stores.Credential
	note   string
}

type passwords struct {
	stores.Accounts
	seed    maphash.Seed
	secrets map[string]override
	decoys  []decoy
}

// Lookup returns the source's account with the hash that counts.
func (p *passwords) Lookup(ctx context.Context, q stores.AccountQuery) (stores.Account, error) {
	a, err := p.Accounts.Lookup(ctx, q)
	if err != nil {
		return a, err
	}
	if o, ok := p.secrets[a.Name]; ok {
		a.Secret, a.Note = o.secret, o.note
	}
	return a, nil
}

// Decoy is one of the source's, or for every other name one of the kinds that
// stand in for it, if there are any.
func (p *passwords) Decoy(name string) stores.Credential {
	chance := maphash.String(p.seed, name)
	if len(p.decoys) > 0 && chance&1 == 1 {
		return pickDecoy(p.decoys, chance>>1)
	}
	return p.Accounts.Decoy(name)
}
