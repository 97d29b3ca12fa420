package choice

// tournament keeps the place with the smallest score of a tier at its root:
// a change costs a path to the root, a look costs nothing. Of equals the
// first in the list wins, as it stands on the left. A tier of a law without
// scores has an empty one.
type tournament struct {
	score  func(*place) float64
	scores []float64 // by index in the tier
	wins   []int32   // index in the tier, -1: nobody; 1 is the root, leaves follow
	leaves int
}

func newTournament(n int, score func(*place) float64) tournament {
	t := tournament{score: score, leaves: 1, scores: make([]float64, n)}
	for t.leaves < n {
		t.leaves *= 2
	}
	t.wins = make([]int32, 2*t.leaves)
	for i := range t.wins {
		t.wins[i] = -1
	}
	return t
}

// update plays the matches of one place again.
func (t *tournament) update(p *place) {
	if t.score == nil {
		return
	}
	t.scores[p.at] = t.score(p)
	at := t.leaves + int(p.at)
	t.wins[at] = -1
	if p.open {
		t.wins[at] = p.at
	}
	for at /= 2; at > 0; at /= 2 {
		left, right := t.wins[2*at], t.wins[2*at+1]
		switch {
		case left < 0:
			t.wins[at] = right
		case right >= 0 && t.scores[right] < t.scores[left]:
			t.wins[at] = right
		default:
			t.wins[at] = left
		}
	}
}

// winner is the index in the tier of the best that is open; -1: none is.
func (t *tournament) winner() int32 { return t.wins[1] }

// byScore finds the best place. Retries and slow starts are rare or pass, so
// they look at all places.
func (l *List) byScore(t *tier, a *Ask, f filter) int32 {
	warming := l.warming(a.Now)
	if f == (filter{}) && !warming {
		if at := t.least.winner(); at >= 0 {
			return t.places[at]
		}
	}
	return l.first(t, f, func(i int32) float64 {
		s := t.least.score(&l.places[i])
		if warming {
			s = thinner(s, l.share(i, a.Now))
		}
		return s
	})
}

// thinner is the score of a backend that shall have only a share of its
// weight. Scores below zero order those that were never measured.
func thinner(score, share float64) float64 {
	if score < 0 {
		return score * share
	}
	return score / share
}
