package measure

import (
	"math"
	"testing"
)

// same treats NaN as equal to itself.
func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

func TestMedian(t *testing.T) {
	cases := map[string]struct {
		values []float64
		want   float64
	}{
		"of nothing there is none":         {nil, math.NaN()},
		"of one it is that one":            {[]float64{7}, 7},
		"of odd many it is the middle":     {[]float64{9, 1, 5}, 5},
		"of even many it lies between two": {[]float64{4, 1, 3, 100}, 3.5},
	}
	for claim, c := range cases {
		t.Run(claim, func(t *testing.T) {
			before := append([]float64(nil), c.values...)
			if got := Median(c.values); !same(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
			for i := range before {
				if before[i] != c.values[i] {
					t.Fatal("the values were put into another order")
				}
			}
		})
	}
}

func TestAdvantage(t *testing.T) {
	more, less := Metric{}, Metric{Less: true}
	cases := map[string]struct {
		m            Metric
		ours, theirs float64
		want         float64
	}{
		"twice the rate is twice as good":  {more, 10, 5, 2},
		"half the cost is twice as good":   {less, 5, 10, 2},
		"what was not measured has none":   {more, math.NaN(), 5, math.NaN()},
		"a peer that was not measured too": {more, 5, math.NaN(), math.NaN()},
		"zero compares with nothing":       {more, 5, 0, math.NaN()},
		"nor does less than nothing":       {less, -1, 10, math.NaN()},
	}
	for claim, c := range cases {
		t.Run(claim, func(t *testing.T) {
			if got := Advantage(c.m, c.ours, c.theirs); !same(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestLevel(t *testing.T) {
	cases := map[string]struct {
		blocks        []float64
		want, slowest float64
	}{
		"a steady run is level":                {[]float64{100, 90, 100}, 1, 0.9},
		"a run that sinks is not":              {[]float64{100, 80, 50}, 0.5, 0.5},
		"a stall in the middle is found too":   {[]float64{100, 5, 110}, 1.1, 0.05},
		"a run that gains is slowest at first": {[]float64{100, 120, 110}, 1.1, 1},
		"one block says nothing":               {[]float64{100}, math.NaN(), math.NaN()},
		"nor does a start at nothing":          {[]float64{0, 100}, math.NaN(), math.NaN()},
	}
	for claim, c := range cases {
		t.Run(claim, func(t *testing.T) {
			if got := Level(c.blocks); !same(got, c.want) {
				t.Errorf("level %v, want %v", got, c.want)
			}
			if got := Slowest(c.blocks); !same(got, c.slowest) {
				t.Errorf("slowest %v, want %v", got, c.slowest)
			}
		})
	}
}

func TestEveryMetricIsToldApart(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range All() {
		if m.ID == "" || m.Point == "" || m.Title == "" || m.Unit == "" || seen[m.ID] {
			t.Errorf("%+v is incomplete or there twice", m)
		}
		seen[m.ID] = true
	}
}
