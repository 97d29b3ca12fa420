package reception

import "time"

// Rate is MaxConnectionRate: at most Max connections in Per.
type Rate struct {
	Max  int // 0: no limit
	Per  time.Duration
	Text string // sent to those beyond it; empty: closed without a word
}

// window holds the times of the connections that were admitted within the
// rate's period, oldest first. Those that were refused do not keep it shut.
type window []time.Time

// full books a connection, or reports that there is no room for it.
func (w *window) full(rate Rate, now time.Time) bool {
	if rate.Max <= 0 {
		return false
	}
	old := 0
	for old < len(*w) && now.Sub((*w)[old]) >= rate.Per {
		old++
	}
	*w = append((*w)[:0], (*w)[old:]...)
	if len(*w) >= rate.Max {
		return true
	}
	*w = append(*w, now)
	return false
}
