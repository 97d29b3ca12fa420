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
// Encryption is another matter: it is work of the gateway's own, and takes all
// that there are. So who has much of it borrows the other half meanwhile.
//
// It is safe for concurrent use. A nil *Processors lends nothing.
type Processors struct {
	shared, all int
	quiet       time.Duration // how long nobody may have borrowed before the half is given up

	mu       sync.Mutex
	borrowed int
	raised   bool
	lower    *time.Timer // nil: never armed
}

// quietTime is long beside what it costs to change the number, some ten
// microseconds in which nothing runs, and short beside the life of a gateway.
const quietTime = 10 * time.Second

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
	return &Processors{shared: shared, all: all, quiet: quietTime}
}

// Borrow lets the scheduler have all processors until a while after the Return of
// the last who borrowed.
func (p *Processors) Borrow() {
	if p == nil || p.shared == p.all {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.borrowed++
	if !p.raised {
		p.raised = true
		runtime.GOMAXPROCS(p.all)
	}
}

// Return ends a Borrow.
func (p *Processors) Return() {
	if p == nil || p.shared == p.all {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.borrowed--; p.borrowed > 0 {
		return
	}
	if p.lower == nil {
		p.lower = time.AfterFunc(p.quiet, p.lowerIfQuiet)
		return
	}
	p.lower.Reset(p.quiet)
}

// lowerIfQuiet runs when the quiet while is over. If somebody borrows again, the
// next Return sets the time anew.
func (p *Processors) lowerIfQuiet() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.borrowed == 0 && p.raised {
		p.raised = false
		runtime.GOMAXPROCS(p.shared)
	}
}
