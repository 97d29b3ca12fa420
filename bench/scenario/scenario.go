//go:build unix

// Package scenario holds the points that are measured: what load each puts on a target and which
// metrics come of it.
package scenario

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/bench/choice"
	"github.com/sluice-gateway/sluice/bench/crowd"
	"github.com/sluice-gateway/sluice/bench/load"
	"github.com/sluice-gateway/sluice/bench/measure"
	"github.com/sluice-gateway/sluice/bench/proctree"
	"github.com/sluice-gateway/sluice/bench/target"
)

// Scale sets how much is done.
type Scale struct {
	Span   time.Duration `json:"span"`   // counted stretch of a point that goes by time
	Loops  int           `json:"loops"`  // threads of the load
	Long   int64         `json:"long"`   // transfers of the long run
	Idle   int           `json:"idle"`   // sessions that rest
	Settle time.Duration `json:"settle"` // how long they rest before they are weighed
	Crowd  int           `json:"crowd"`  // users that are remembered
	Sealed int64         `json:"sealed"` // size of files over TLS, all streams together; whole MiB for each
}

// Full is the scale of a real run, Quick that of a try.
func Full() Scale {
	return Scale{Span: 3 * time.Second, Loops: 1, Long: 20_000, Idle: 1000, Settle: 3 * time.Second, Crowd: 1_000_000, Sealed: 256 * mib}
}

// Quick is small enough for a test; its figures say little.
func Quick() Scale {
	return Scale{Span: 250 * time.Millisecond, Loops: 1, Long: 1000, Idle: 50, Settle: 100 * time.Millisecond, Crowd: 1000, Sealed: 8 * mib}
}

// blocks is how many parts the long run is told in.
const blocks = 10

// Point is one thing to measure.
type Point struct {
	Name    string
	Title   string        // what the load does, for the help text
	FTP     bool          // needs FTP's data connections; raw streams will not do
	Legs    target.Legs   // where TLS is spoken
	Choice  choice.Choice // how a backend is chosen; the zero value where there is one
	Crowded bool          // many users are remembered before it begins
	Rounds  int           // at most so many rounds, since each takes long; 0: no limit
	run     func(context.Context, site) ([]measure.Sample, error)
}

// All lists the points in the order they are measured.
func All() []Point {
	points := []Point{
		login(1), login(16), login(64),
		pwdLatency(), pwdRate(16),
		throughput("retr", 1), throughput("retr", 8),
		throughput("stor", 1), throughput("stor", 8),
		small("retr"), small("stor"),
		long(), idle(),
		tlsThroughput(both, "retr", 1), tlsThroughput(both, "retr", 8),
		tlsThroughput(both, "stor", 1), tlsThroughput(both, "stor", 8),
		tlsThroughput(front, "retr", 1), tlsThroughput(front, "retr", 8),
		tlsThroughput(front, "stor", 1), tlsThroughput(front, "stor", 8),
		tlsLogin(64), tlsIdle(),
	}
	for _, c := range choice.All() {
		points = append(points, choose(c))
	}
	return append(points, million())
}

// Select keeps the points that a word of the list names: whole (retr-8) or up to a dash, with it or
// without (retr, tls-).
func Select(points []Point, words []string) ([]Point, error) {
	var chosen []Point
	for _, word := range words {
		n := len(chosen)
		for _, p := range points {
			if p.Name == word || strings.HasPrefix(p.Name, strings.TrimSuffix(word, "-")+"-") {
				chosen = append(chosen, p)
			}
		}
		if len(chosen) == n {
			return nil, fmt.Errorf("no point is called %q", word)
		}
	}
	return slices.DeleteFunc(slices.Clone(points), func(p Point) bool {
		return !slices.ContainsFunc(chosen, func(c Point) bool { return c.Name == p.Name })
	}), nil
}

// Fits reports whether a target can do what the point asks: HAProxy knows nothing of FTP, TLS on one side
// only is nothing without a gateway, and mod_proxy, as Debian builds it, lacks the half of it that speaks to
// Redis and is not loaded then.
func (p Point) Fits(name string) bool {
	if p.Crowded {
		return name == target.Sluice // whose store can be filled
	}
	switch name {
	case target.HAProxy:
		return !p.FTP
	case target.Direct:
		return p.Legs.Client == p.Legs.Backend
	case target.ModProxy:
		return p.Choice.Store != choice.Redis
	}
	return true
}

// Run measures the point on a target that is running, and that a crowd is known to if the point wants one.
func (p Point) Run(ctx context.Context, g *target.Gateway, scale Scale, known crowd.Settled) ([]measure.Sample, error) {
	samples, err := p.run(ctx, site{gateway: g, scale: scale, crowd: known})
	if err != nil {
		return nil, fmt.Errorf("measure %s: %w", p.Name, err)
	}
	return samples, nil
}

// site is a running target and how hard to load it.
type site struct {
	gateway *target.Gateway
	scale   Scale
	crowd   crowd.Settled
}

func (s site) job(clients int) load.Job {
	return load.Job{
		Control: s.gateway.Control, Raw: s.gateway.Raw, TLS: s.gateway.TLS,
		Clients: clients, Loops: s.scale.Loops, Span: s.scale.Span,
	}
}

// warm is how much shorter the uncounted stretch before a counted one is: it fills caches and lets
// buffers and heaps find their size.
const warm = 8

// counted runs a kind of load twice: shortly and uncounted, then under the meter.
func (s site) counted(job load.Job, do func(load.Job) (load.Tally, error)) (load.Tally, *meter, error) {
	first := job
	first.Span /= warm
	if _, err := do(first); err != nil {
		return load.Tally{}, nil, fmt.Errorf("warm up: %w", err)
	}
	m := &meter{pid: s.gateway.PID}
	job.Begin, job.End = m.begin, m.end
	tally, err := do(job)
	if err == nil && tally.Count == 0 && tally.Bytes == 0 {
		err = fmt.Errorf("nothing was done within %v", job.Span)
	}
	return tally, m, err
}

// meter reads the processor time of the gateway's process tree at both ends of a stretch.
type meter struct {
	pid        int
	start, all time.Duration
	err        error
}

func (m *meter) begin() { m.start = m.read() }
func (m *meter) end()   { m.all = m.read() - m.start }

func (m *meter) read() time.Duration {
	if m.pid == 0 || m.err != nil {
		return 0
	}
	var used time.Duration
	used, m.err = proctree.CPU(m.pid)
	return used
}

// per is the metered time for each of n things, in units; no sample when there was no gateway or no
// way to meter it.
func (m *meter) per(metric string, n float64, unit time.Duration) []measure.Sample {
	if m.pid == 0 || m.err != nil || n <= 0 {
		return nil
	}
	return []measure.Sample{{Metric: metric, Value: float64(m.all) / float64(unit) / n}}
}
