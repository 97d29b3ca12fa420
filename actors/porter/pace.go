package porter

import "time"

// pace is how fast logins come to an end while all places are taken. It tells
// those who would wait in vain, who are better told at once: they may try again,
// or somewhere else.
type pace struct {
	on   bool          // all places are taken
	last time.Time     // when that began, or a login ended since
	each time.Duration // smoothed time between two ends; 0: not known
}

// full notes whether all places are taken.
func (p *pace) full(full bool, now time.Time) {
	if full && !p.on {
		p.last = now
	}
	p.on = full
}

// ended notes the end of a login.
func (p *pace) ended(now time.Time) {
	if !p.on {
		return
	}
	took := now.Sub(p.last)
	if p.last = now; p.each == 0 {
		p.each = took
	}
	p.each += (took - p.each) / 8
}

// hopeless reports that a login with so many ahead of it has no answer in time:
// they end too slowly, or none has ended for a long while.
func (p *pace) hopeless(ahead int, within time.Duration, now time.Time) bool {
	return p.on && (time.Duration(ahead+1)*p.each > within || now.Sub(p.last) >= within/4)
}
