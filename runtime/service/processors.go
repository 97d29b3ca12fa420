package service

import (
	"runtime"
	"sync"
	"time"
)

// Processors decides how many processors the Go scheduler uses.
//
// Half of them are left to the kernel as a rule, which does most of a plain
// gateway's work: it moves the bytes of transfers from socket to socket and
// carries every line through the TCP stack, in calls that need no processor of
// the Go scheduler while they wait or splice. With all of them, the scheduler
// keeps waking threads that find nothing to do: on two processors a relayed
// command cost a fifth more, and eight uploads at a time a fifth, too.
//
// Encryption is another matter: it is work of the gateway's own. So who has much
// of it borrows the other half meanwhile. It is lent when that is of use, which
// is when the gateway is busy with the half it has and the machine has time to
// spare; on one that is full of others' work, a stream in TLS cost a third more
// on all processors than on half of them, and was no faster. A crowd needs no such
// look: logins in TLS wait for each other on half of the processors.
//
// It is safe for concurrent use. A nil *Processors lends nothing.
type Processors struct {
	shared, all int
	measure     func() (usage, error)

	mu       sync.Mutex
	borrowed int
	returned time.Time // when the last was
	raised   bool
	last     usage
	wanted   int         // looks in a row that found the other half of use
	watch    *time.Timer // nil: nobody has borrowed yet
	watching bool
}

// usage is how much time has been spent, by the clock and by processors.
type usage struct {
	at   time.Time
	own  time.Duration // by the gateway
	idle time.Duration // by all processors of the machine, on nothing
}

const (
	// quietTime is how long nobody may have borrowed before the other half is
	// given up: long beside what a change costs, some ten microseconds in which
	// nothing runs, and short beside the life of a gateway.
	quietTime = 10 * time.Second
	// watchTime is how often the use of the processors is looked at while
	// somebody borrows.
	watchTime = 200 * time.Millisecond
	// wantedLooks in a row find the other half of use before it is taken.
	wantedLooks = 2
	// busyShare of the gateway's half is as much as it ever comes to.
	busyShare = 0.8
	// crowd is how many that borrow at a time, for each processor of the gateway's
	// half, get the other half at once.
	crowd = 4
	// idleShare of all processors is time to spare.
	idleShare = 0.2
)

// ShareProcessors begins to share. A choice of the administrator ($GOMAXPROCS, as
// getenv reports it) is left alone: nothing is ever changed then.
func ShareProcessors(getenv func(string) string) *Processors {
	all := runtime.GOMAXPROCS(0)
	shared := max(1, all/2)
	if getenv("GOMAXPROCS") != "" {
		shared = all
	}
	if shared != all {
		runtime.GOMAXPROCS(shared)
	}
	return &Processors{shared: shared, all: all, measure: measureUsage}
}

// Borrow says that there is encryption to be done, until a Return.
func (p *Processors) Borrow() { p.borrow(false) }

// Urgent are Processors whose other half is lent without a look: to what would
// keep one processor busy by itself for many milliseconds, as the hash of a
// password does, while everybody else waits for it.
type Urgent struct{ p *Processors }

// Urgent lends at once.
func (p *Processors) Urgent() Urgent { return Urgent{p} }

// Borrow says that there is such work to be done, until a Return.
func (u Urgent) Borrow() { u.p.borrow(true) }

// Return ends a Borrow.
func (u Urgent) Return() { u.p.Return() }

func (p *Processors) borrow(atOnce bool) {
	if p == nil || p.shared == p.all {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.borrowed++
	if atOnce || p.borrowed > crowd*p.shared {
		p.raise()
	}
	if p.watching {
		return
	}
	p.watching, p.wanted = true, 0
	var err error
	if p.last, err = p.measure(); err != nil {
		p.raise() // a system that does not tell
	}
	if p.watch == nil {
		p.watch = time.AfterFunc(watchTime, p.look)
		return
	}
	p.watch.Reset(watchTime)
}

// Return ends a Borrow.
func (p *Processors) Return() {
	if p == nil || p.shared == p.all {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.borrowed--
	p.returned = time.Now()
}

// look takes the other half when it is of use, and gives it up when nobody has
// borrowed for a while.
func (p *Processors) look() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.borrowed == 0 && time.Since(p.returned) >= quietTime {
		if p.raised {
			p.raised = false
			runtime.GOMAXPROCS(p.shared)
		}
		p.watching = false
		return
	}
	if now, err := p.measure(); err == nil && !p.raised {
		if p.wanted++; !p.ofUse(p.last, now) {
			p.wanted = 0
		}
		if p.last = now; p.wanted >= wantedLooks {
			p.raise()
		}
	}
	p.watch.Reset(watchTime)
}

func (p *Processors) raise() {
	if !p.raised {
		p.raised = true
		runtime.GOMAXPROCS(p.all)
	}
}

// ofUse tells it from what happened between two looks.
func (p *Processors) ofUse(from, to usage) bool {
	span := to.at.Sub(from.at).Seconds()
	own, idle := (to.own - from.own).Seconds(), (to.idle - from.idle).Seconds()
	return span > 0 && own >= busyShare*span*float64(p.shared) && idle >= idleShare*span*float64(p.all)
}
