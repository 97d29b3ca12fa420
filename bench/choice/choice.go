// Package choice names the ways of choosing a backend that are measured: a policy, over so many backends,
// with its state in a store.
package choice

import (
	"fmt"
	"strings"
)

// The stores, by the names of the points.
const (
	// Badger is the gateway's own store, on disk; mod_proxy keeps an SQLite database in its place.
	Badger = "badger"
	// Redis is a server that several gateways could share.
	Redis = "redis"
)

// Choice is one way of choosing. The zero value is the only backend there is.
type Choice struct {
	Policy   string // the word of ProxyReverseConnectPolicy
	Backends int
	Store    string
}

// All lists what is measured. The policies stand for the kinds that there are: one goes by turns, one by
// counts of open connections, one remembers whom it sent where.
func All() []Choice {
	var all []Choice
	for _, policy := range []string{"RoundRobin", "LeastConns", "PerUser"} {
		for _, backends := range []int{5, 500} {
			for _, store := range []string{Badger, Redis} {
				all = append(all, Choice{Policy: policy, Backends: backends, Store: store})
			}
		}
	}
	return all
}

// Point is the name of the point that measures it: choose-roundrobin-5-badger.
func (c Choice) Point() string {
	return fmt.Sprintf("choose-%s-%d-%s", strings.ToLower(c.Policy), c.Backends, c.Store)
}

// Metric is what the names of its metrics begin with: choose_roundrobin_5_badger.
func (c Choice) Metric() string { return strings.ReplaceAll(c.Point(), "-", "_") }

// Title is how people call it.
func (c Choice) Title() string {
	store := map[string]string{Badger: "Badger", Redis: "Redis"}[c.Store]
	return fmt.Sprintf("%s, %d backends, %s", c.Policy, c.Backends, store)
}

// Any reports whether there is anything to choose.
func (c Choice) Any() bool { return c.Backends > 0 }
