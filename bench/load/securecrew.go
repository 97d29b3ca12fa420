//go:build unix

package load

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sourcegraph/conc"
	"golang.org/x/sync/errgroup"
)

// errOver ends the clients of a job that has counted enough.
var errOver = errors.New("the job is over")

// duty is what the clients of a securedCrew do.
type duty struct {
	door bool // log in before the counting begins
	work func(ctx context.Context, c *secured) error
	// whole has the counting last until all work has ended by itself, else it lasts for the job's Span.
	whole bool
	// abandon has clients stop in the middle of what they do when the counting is over, else they are
	// waited for.
	abandon bool
	// steady has the work begin before the counting, which waits until it is closed.
	steady <-chan struct{}
	begun  func() // called when the counting begins
	enough func() // called when the Span is over
	count  func(*Tally)
}

// securedCrew is clients that each have a goroutine. It leads them through the same stretches as a crew
// on an event loop.
type securedCrew struct {
	duty
	clients []*secured
	open    *openConns
	stop    context.CancelCauseFunc
	waiter  conc.WaitGroup
	ended   chan error // nil before the work begins
}

// runSecured leads clients over TLS through a job.
func runSecured(ctx context.Context, job Job, d duty) (Tally, error) {
	if job.TLS == nil {
		return Tally{}, errors.New("no TLS is configured for the clients")
	}
	w := &securedCrew{duty: d, open: newOpenConns()}
	for range job.Clients {
		w.clients = append(w.clients, &secured{job: job, open: w.open})
	}
	return lead(ctx, job, []crew{w})
}

func (w *securedCrew) prepare(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, prepareTimeout)
	defer stop()
	if w.door {
		if err := w.admit(ctx); err != nil {
			return err
		}
	}
	if w.steady == nil {
		return nil
	}
	w.begin(ctx)
	select {
	case <-w.steady:
		return nil
	case err := <-w.ended:
		return w.early(err)
	case <-ctx.Done():
		return fmt.Errorf("wait for the clients to find their pace: %w", context.Cause(ctx))
	}
}

// admit logs everybody in, a few at a time; who is turned away knocks again.
func (w *securedCrew) admit(ctx context.Context) error {
	defer context.AfterFunc(ctx, w.open.close)()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(doorWidth)
	for _, c := range w.clients {
		group.Go(func() (err error) {
			for range knocks {
				if err = c.enter(ctx); err == nil || ctx.Err() != nil {
					return err
				}
				c.hangUp()
			}
			return fmt.Errorf("log in: turned away %d times, the last time so: %w", knocks, err)
		})
	}
	return group.Wait()
}

func (w *securedCrew) measure(ctx context.Context, until time.Time) error {
	if w.ended == nil {
		w.begin(ctx)
	}
	call(w.begun)
	over := time.NewTimer(time.Until(until))
	defer over.Stop()
	select {
	case err := <-w.ended:
		return w.early(err)
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-over.C:
	}
	call(w.enough)
	if w.whole {
		return w.await(ctx)
	}
	return nil
}

// early is the error of clients that ended before they were asked to.
func (w *securedCrew) early(err error) error {
	w.ended <- err // for whoever waits next
	if err == nil {
		return errors.New("the clients ended before their time")
	}
	return err
}

// begin sets the clients to work, until close; a stretch ends, and its context with it, before they do.
func (w *securedCrew) begin(stretch context.Context) {
	ctx, stop := context.WithCancelCause(context.WithoutCancel(stretch))
	w.stop = stop
	group, ctx := errgroup.WithContext(ctx)
	w.ended = make(chan error, 1)
	w.waiter.Go(func() { // ends with the clients, whose sockets close with ctx
		defer context.AfterFunc(ctx, w.open.close)()
		for _, c := range w.clients {
			group.Go(func() error {
				if w.work == nil {
					<-ctx.Done()
					return context.Cause(ctx)
				}
				return w.work(ctx, c)
			})
		}
		w.ended <- group.Wait()
	})
}

// await waits for the clients, not for ever.
func (w *securedCrew) await(ctx context.Context) error {
	late := time.NewTimer(finishTimeout)
	defer late.Stop()
	select {
	case err := <-w.ended:
		w.ended <- err // for whoever waits next
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-late.C:
		return fmt.Errorf("what was under way had no end within %v", finishTimeout)
	}
}

func (w *securedCrew) finish(ctx context.Context) error {
	if w.abandon {
		return nil
	}
	return w.await(ctx)
}

func (w *securedCrew) tally(t *Tally) { w.count(t) }

// close ends whatever the clients still do.
func (w *securedCrew) close() {
	if w.work == nil {
		for _, c := range w.clients {
			c.hangUp()
		}
	}
	if w.stop != nil {
		w.stop(errOver)
	}
	w.open.close()
	w.waiter.Wait()
}
