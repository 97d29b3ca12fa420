package choice

import (
	"fmt"
	"testing"
)

// BenchmarkNewList is what a reload, or a changed answer of DNS, costs the
// loop for one pool of backends with all sorts of weights.
func BenchmarkNewList(b *testing.B) {
	for _, policy := range []string{"RoundRobin", "Shuffle", "LeastConns", "PerUser"} {
		for _, n := range []int{5, 100, 1000} {
			b.Run(fmt.Sprint(policy, "/backends=", n), func(b *testing.B) {
				weights := make([]int, n)
				for i := range weights {
					weights[i] = 1 + i%100
				}
				f := lined(Rules{Law: law(b, policy)}, weights...)
				b.ReportAllocs()
				for b.Loop() {
					f.relist()
				}
			})
		}
	}
}
