package warden

import (
	"container/list"
	"time"

	"github.com/sluice-gateway/sluice/messages"
)

// counted is what a tally counts: what one visitor does against one rule. A rule
// that a reload leaves as it was goes on counting.
type counted struct {
	server string
	rule   messages.BanRule
	name   string
}

// marks is how many moments a tally remembers.
const marks = 32

// tally counts events in a window that slides. Up to as many as there are marks
// it counts exactly; a rule about more has events counted together that lie close
// to each other, and forgets them at most a 32nd of its window too early.
type tally struct {
	of    counted
	seen  []mark // oldest first
	place *list.Element
}

// mark is n events at a moment.
type mark struct {
	at time.Time
	n  int
}

// add counts an event and returns how many lie within the window now.
func (t *tally) add(now time.Time) (n int) {
	window := t.of.rule.Window
	old := 0
	for old < len(t.seen) && now.Sub(t.seen[old].at) >= window {
		old++
	}
	t.seen = append(t.seen[:0], t.seen[old:]...)
	last := len(t.seen) - 1
	if last >= 0 && t.of.rule.Count > marks && now.Sub(t.seen[last].at) < window/marks {
		t.seen[last].n++
	} else {
		t.seen = append(t.seen, mark{now, 1})
	}
	for _, m := range t.seen {
		n += m.n
	}
	return n
}

// over reports a tally whose last event has left the window.
func (t *tally) over(now time.Time) bool {
	return len(t.seen) == 0 || now.Sub(t.seen[len(t.seen)-1].at) >= t.of.rule.Window
}

// tallies are a bounded number of them: who has not been heard of for longest
// makes room.
type tallies struct {
	most  int
	byKey map[counted]*tally
	used  list.List // of *tally, latest first
}

func newTallies(most int) *tallies { return &tallies{most: most, byKey: map[counted]*tally{}} }

// reached counts an event and reports whether that makes as many as the rule
// allows. If so, counting begins anew.
func (c *tallies) reached(k counted, now time.Time) bool {
	t := c.byKey[k]
	if t == nil {
		if len(c.byKey) >= c.most {
			c.drop(c.used.Back().Value.(*tally)) //nolint:forcetypeassert // nothing else is put in
		}
		t = &tally{of: k}
		t.place = c.used.PushFront(t)
		c.byKey[k] = t
	}
	c.used.MoveToFront(t.place)
	if t.add(now) < k.rule.Count {
		return false
	}
	c.drop(t)
	return true
}

func (c *tallies) drop(t *tally) {
	c.used.Remove(t.place)
	delete(c.byKey, t.of)
}

// sweep forgets those whose window is empty.
func (c *tallies) sweep(now time.Time) {
	for _, t := range c.byKey {
		if t.over(now) {
			c.drop(t)
		}
	}
}
