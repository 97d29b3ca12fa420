package choice

import "testing"

func TestEveryChoiceHasANameOfItsOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range All() {
		if !c.Any() || seen[c.Point()] || seen[c.Metric()] || seen[c.Title()] {
			t.Errorf("%+v is nothing, or there twice", c)
		}
		seen[c.Point()], seen[c.Metric()], seen[c.Title()] = true, true, true
	}
}

func TestNames(t *testing.T) {
	c := Choice{Policy: "LeastConns", Backends: 500, Store: Redis}
	if c.Point() != "choose-leastconns-500-redis" || c.Metric() != "choose_leastconns_500_redis" || c.Title() != "LeastConns, 500 backends, Redis" {
		t.Errorf("it is called %s, %s and %s", c.Point(), c.Metric(), c.Title())
	}
}
