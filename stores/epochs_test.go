package stores_test

import (
	"testing"

	"github.com/sluice-gateway/sluice/stores"
)

func batch(kinds ...stores.Kind) (changes []stores.Change) {
	for _, k := range kinds {
		changes = append(changes, stores.Put(stores.Key{Kind: k}, nil))
	}
	return changes
}

// Policy writes counters and assignments, health its own kind: each hears of a
// loss, and not of the first contact.
func TestEachWriterHearsOfALossOnce(t *testing.T) {
	var e stores.Epochs
	if epoch, ok := e.Expect(batch(stores.KindCounters)); epoch != "" || !ok {
		t.Fatalf("before the first contact it expects %q, %v", epoch, ok)
	}
	for i, step := range []struct {
		epoch string
		batch []stores.Change
		ok    bool
		claim string
	}{
		{"x", nil, true, "a reader makes the first contact"},
		{"x", batch(stores.KindCounters), true, "nothing was lost"},
		{"a", batch(stores.KindCounters), false, "the store was lost"},
		{"a", batch(stores.KindCounters), true, "counters' writer was told"},
		{"a", batch(stores.KindHealth), false, "health's was not"},
		{"a", batch(stores.KindHealth), true, "now it was"},
		{"a", batch(stores.KindCounters, stores.KindSticky), false, "assignments' was not"},
		{"a", batch(stores.KindCounters, stores.KindSticky, stores.KindHealth), true, "all were told"},
		{"m", nil, true, "a reader meets the next loss"},
		{"m", batch(stores.KindSticky), false, "which does not hide it from the writer"},
	} {
		expected, before := e.Expect(step.batch)
		if after := e.Learn(step.epoch, step.batch); (before && after) != step.ok {
			t.Fatalf("step %d, %s: expected %q (%v), then %v", i, step.claim, expected, before, after)
		}
	}
}
