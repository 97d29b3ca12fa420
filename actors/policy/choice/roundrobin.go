package choice

// roundRobin gives each backend its turns in a cycle, as many as its weight
// says. A backend that may not be picked, or was tried by the session, loses
// this turn and the next turn is taken: a dead backend's load falls on all
// others alike, not on its neighbour. So does a backend in its slow start
// with most of its turns.
type roundRobin struct{}

func (roundRobin) String() string { return "RoundRobin" }
func (roundRobin) Turns() bool    { return true }
func (roundRobin) Names() Names   { return NoNames }

func (roundRobin) prepare(l *List, t *tier) { t.turns = newCycle(t.places, l.weights(t)) }

func (roundRobin) pick(l *List, t *tier, a *Ask, f filter) (int32, error) {
	return l.byTurn(a, f, len(t.turns), t.turns.at)
}

// byTurn takes turns until one belongs to a place that passes the filter, for
// laws that deal n turns to a round.
func (l *List) byTurn(a *Ask, f filter, n int, dealt func(turn uint64) int32) (int32, error) {
	warming := l.warming(a.Now)
	for step := 0; ; step++ {
		turn, ok := a.Turns.Next()
		if !ok {
			return 0, ErrNoTurn
		}
		i := dealt(turn)
		if l.may(i, f) && (!warming || step >= n || !l.thins(i, turn, a)) {
			return i, nil
		}
		if a.Passes > 0 && step+1 >= a.Passes || step >= 2*n { // the latter is not reached
			return l.near(turn, n, f, dealt), nil
		}
	}
}

// thins reports whether a place in its slow start is to lose a turn. All
// gateways find the same.
func (l *List) thins(i int32, turn uint64, a *Ask) bool {
	return fraction(mix(mix(turn)+uint64(i))) >= l.share(i, a.Now)
}

// near finds a place without taking more turns: from anywhere in the round of
// a turn on, so that those who stand after the dead are not hit more.
func (l *List) near(turn uint64, n int, f filter, dealt func(turn uint64) int32) int32 {
	begin := turn - turn%uint64(n)
	from := mix(turn)
	for step := range uint64(n) {
		if i := dealt(begin + (from+step)%uint64(n)); l.may(i, f) {
			return i
		}
	}
	return dealt(turn) // not reached: the tier has one that passes
}

// Align returns the turn with which a list begins that took the place of
// another one, of which turns were dealt and last was given the last: a round
// robin goes on after that backend, a shuffle with a new round.
func (l *List) Align(turn uint64, last string) uint64 {
	i := l.Find(last)
	if i < 0 || turn == 0 {
		return turn
	}
	t := &l.tiers[l.places[i].tier]
	switch {
	case len(t.turns) > 0:
		return t.turns.after(int32(i), turn)
	case t.deal.size() > 0:
		n := uint64(t.deal.size())
		return (turn + n - 1) / n * n
	default:
		return turn
	}
}
