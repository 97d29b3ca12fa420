//go:build unix

// Package load is the client side of the proving ground: crews of FTP clients, each crew on one event
// loop, that log in, ask, fetch and store as fast as they are answered. It is written to cost little,
// since it shares its processors with the gateway that is measured.
package load

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/netip"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sync/errgroup"

	"github.com/sluice-gateway/sluice/bench/reactor"
)

// Job says whom to load, and how.
type Job struct {
	Control netip.AddrPort // where FTP is spoken
	Raw     netip.AddrPort // where raw streams are relayed; only RawStreams asks for it
	TLS     *tls.Config    // of clients that speak TLS; only the jobs called Secure… ask for it
	Clients int            // sessions or streams at once
	Loops   int            // threads to spread them over; 0 means 1
	Users   int            // so many names that Logins uses in turn; 0: one for all
	Pace    float64        // logins that Logins begins each second, if a client is free; 0: as many as can be
	Span    time.Duration  // how long to count
	Begin   func()         // called when all clients are ready and counting begins; may be nil
	End     func()         // called when counting has ended; may be nil
}

// Tally is what a job counted between Begin and End.
type Tally struct {
	Count   int64                   // logins, round trips or transfers
	Failed  int64                   // logins that were refused or broken off
	Late    int64                   // logins that began behind their Pace, since no client was free
	Bytes   int64                   // file bytes that arrived
	Elapsed time.Duration           // from Begin to End
	Latency *hdrhistogram.Histogram // of round trips, or of logins from connect to 230, in nanoseconds; nil for other jobs
	Blocks  []float64               // transfers per second of each block of a long run
}

// PerSecond is the rate of Count.
func (t Tally) PerSecond() float64 { return float64(t.Count) / t.Elapsed.Seconds() }

// prepareTimeout bounds the logins before counting begins; finishTimeout the answers after it ended.
const (
	prepareTimeout = 2 * time.Minute
	finishTimeout  = 30 * time.Second
)

// crew is the clients of one loop. The three stretches are called in order, each from one goroutine.
type crew interface {
	prepare(ctx context.Context) error
	measure(ctx context.Context, until time.Time) error
	finish(ctx context.Context) error
	tally(*Tally)
	close()
}

// hire makes a crew of so many clients on a loop.
type hire func(loop *reactor.Loop, clients int) crew

// run leads the crews of a job through their stretches, all together from one to the next.
func run(ctx context.Context, job Job, hire hire) (Tally, error) {
	crews, err := hireAll(job, hire)
	if err != nil {
		dismiss(crews)
		return Tally{}, err
	}
	return lead(ctx, job, crews)
}

func dismiss(crews []crew) {
	for _, c := range crews {
		c.close()
	}
}

// lead is run with the crews at hand, which it closes.
func lead(ctx context.Context, job Job, crews []crew) (Tally, error) {
	defer dismiss(crews)
	if err := each(ctx, crews, crew.prepare); err != nil {
		return Tally{}, fmt.Errorf("make the clients ready: %w", err)
	}
	call(job.Begin)
	start := time.Now()
	err := each(ctx, crews, func(c crew, ctx context.Context) error { return c.measure(ctx, start.Add(job.Span)) })
	total := Tally{Elapsed: time.Since(start)}
	call(job.End)
	if err != nil {
		return Tally{}, err
	}
	for _, c := range crews {
		c.tally(&total)
	}
	if err := each(ctx, crews, crew.finish); err != nil {
		return Tally{}, fmt.Errorf("bring what was begun to its end: %w", err)
	}
	return total, nil
}

func hireAll(job Job, hire hire) ([]crew, error) {
	loops := min(max(job.Loops, 1), job.Clients)
	var crews []crew
	for i := range loops {
		loop, err := reactor.New()
		if err != nil {
			return crews, err
		}
		share := job.Clients*(i+1)/loops - job.Clients*i/loops
		crews = append(crews, hire(loop, share))
	}
	return crews, nil
}

func each(ctx context.Context, crews []crew, stretch func(crew, context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, c := range crews {
		group.Go(func() error { return stretch(c, ctx) })
	}
	return group.Wait()
}

func call(f func()) {
	if f != nil {
		f()
	}
}
