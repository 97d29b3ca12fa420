package policy

// shuffle draws from a deck without putting back, and takes a full deck when
// it holds nothing more to draw. Backends to skip stay in the deck.
type shuffle struct{}

func (shuffle) rotates() bool { return true }

func (shuffle) pick(p *pool, r request) int {
	if p.deck != nil {
		if i := draw(p, r, func(i int) bool { return p.deck[i] }); i >= 0 {
			p.deck[i] = false
			return i
		}
	}
	p.deck = make([]bool, len(p.slots))
	for i := range p.deck {
		p.deck[i] = true
	}
	i := draw(p, r, func(int) bool { return true })
	p.deck[i] = false
	return i
}
