//go:build !race

package readiness

const raceEnabled = false
