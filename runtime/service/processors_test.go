package service

import (
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sourcegraph/conc"
)

func none(string) string { return "" }

// machine tells a Processors what a test makes up.
type machine struct {
	mu sync.Mutex
	usage
	dumb bool
}

func (m *machine) measure() (usage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dumb {
		return usage{}, errors.ErrUnsupported
	}
	m.at = time.Now()
	return m.usage, nil
}

// pass lets time go by in which the gateway uses so many processors and so many
// others have nothing to do.
func (m *machine) pass(d time.Duration, own, idle float64) {
	for ; d > 0; d -= watchTime {
		m.mu.Lock()
		m.own += time.Duration(own * float64(watchTime))
		m.idle += time.Duration(idle * float64(watchTime))
		m.mu.Unlock()
		<-time.After(min(d, watchTime))
		synctest.Wait()
	}
}

// share begins with so many processors, within a bubble.
func share(t *testing.T, n int) (*Processors, *machine) {
	before := runtime.GOMAXPROCS(n)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	p, m := ShareProcessors(none), &machine{}
	p.measure = m.measure
	return p, m
}

func wantProcessors(t *testing.T, n int, when string) {
	t.Helper()
	if got := runtime.GOMAXPROCS(0); got != n {
		t.Errorf("%d processors %s, want %d", got, when, n)
	}
}

func TestShareProcessors(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	for _, tt := range []struct {
		name                  string
		env                   string
		found, want, borrowed int
	}{
		{"one of one", "", 1, 1, 1},
		{"one of two", "", 2, 1, 2},
		{"half of many", "", 8, 4, 8},
		{"the administrator's choice stays", "8", 8, 8, 8},
	} {
		synctest.Test(t, func(t *testing.T) {
			runtime.GOMAXPROCS(tt.found)
			p := ShareProcessors(func(string) string { return tt.env })
			wantProcessors(t, tt.want, tt.name)
			p.measure = (&machine{dumb: true}).measure
			p.Borrow()
			wantProcessors(t, tt.borrowed, tt.name+", borrowed on a system that does not tell")
			p.Return()
			time.Sleep(quietTime + watchTime) // of the bubble's clock
		})
	}
}

func TestProcessorsAreLentWhereTheyAreOfUse(t *testing.T) {
	for _, tt := range []struct {
		name      string
		own, idle float64
		want      int
	}{
		{"busy with its half, others idle", 2, 2, 4},
		{"nearly busy, some idle", 1.7, 0.9, 4},
		{"busy, but the machine is full", 2, 0.1, 2},
		{"not even busy with its half", 1, 3, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, m := share(t, 4)
				p.Borrow()
				m.pass(watchTime, tt.own, tt.idle)
				wantProcessors(t, 2, "after one look")
				m.pass(3*watchTime, tt.own, tt.idle)
				wantProcessors(t, tt.want, "after some looks")
				m.pass(20*watchTime, 4, 0)
				wantProcessors(t, tt.want, "when the machine has filled up") // no going back and forth
				p.Return()
				m.pass(quietTime+watchTime, 0, 4)
				wantProcessors(t, 2, "in the end")
			})
		})
	}
}

func TestACrowdGetsAllProcessorsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, m := share(t, 4)
		for range crowd * 2 {
			p.Borrow()
		}
		wantProcessors(t, 2, "for just as many as can do with them")
		p.Borrow()
		wantProcessors(t, 4, "for one more")
		for range crowd*2 + 1 {
			p.Return()
		}
		m.pass(quietTime-watchTime, 0, 0)
		wantProcessors(t, 4, "a moment after they left")
		m.pass(2*watchTime, 0, 0)
		wantProcessors(t, 2, "a while after they left")
	})
}

func TestProcessorsAreGivenUpAfterAQuietWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, m := share(t, 4)
		p.Borrow()
		p.Borrow()
		p.Return()
		m.pass(2*quietTime, 2, 2)
		wantProcessors(t, 4, "while one of two still has them")
		p.Return()
		m.pass(quietTime/2, 0, 4)
		wantProcessors(t, 4, "a moment after the last return")
		p.Borrow()
		m.pass(quietTime, 0, 4)
		wantProcessors(t, 4, "as somebody borrowed again in time")
		p.Return()
		m.pass(quietTime-watchTime, 0, 4)
		wantProcessors(t, 4, "just before the quiet while is over")
		m.pass(2*watchTime, 0, 4)
		wantProcessors(t, 2, "after it")
		m.pass(quietTime, 2, 2)
		wantProcessors(t, 2, "when nobody borrows, however busy")
		p.Borrow()
		m.pass(3*watchTime, 2, 2)
		wantProcessors(t, 4, "when borrowed once more")
		p.Return()
		m.pass(quietTime+2*watchTime, 0, 4)
		wantProcessors(t, 2, "after the second quiet while")
	})
}

func TestProcessorsAreBorrowedByMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, m := share(t, 4)
		var wg conc.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 300 {
					p.Borrow()
					p.Return()
				}
			})
		}
		wg.Wait()
		m.pass(quietTime+2*watchTime, 2, 2)
		wantProcessors(t, 2, "after all have returned")
		if p.borrowed != 0 || p.watching {
			t.Errorf("%d still borrowed, watching: %v", p.borrowed, p.watching)
		}
	})
}

func TestUsageIsMeasured(t *testing.T) {
	from, err := measureUsage()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("this system does not tell")
	}
	for err == nil && time.Since(from.at) < 100*time.Millisecond { // burns time, as nothing is to be waited for
	}
	to, err2 := measureUsage()
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	if own := to.own - from.own; own < time.Millisecond || to.idle < from.idle {
		t.Errorf("100 ms of work were counted as %v, idle time went from %v to %v", own, from.idle, to.idle)
	}
}

func TestNoProcessorsAreLentByNobody(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	var p *Processors
	p.Borrow()
	p.Return()
	if got := runtime.GOMAXPROCS(0); got != before {
		t.Errorf("%d, want %d", got, before)
	}
}

func TestProcessorsAreLentAtOnceToWhatIsUrgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, m := share(t, 4)
		p.Urgent().Borrow()
		wantProcessors(t, 4, "while a hash is computed")
		p.Urgent().Return()
		m.pass(quietTime+2*watchTime, 0, 4)
		wantProcessors(t, 2, "once it has been quiet for long")
		var nobody *Processors
		nobody.Urgent().Borrow()
		nobody.Urgent().Return()
	})
}
