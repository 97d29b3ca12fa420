//go:build unix

package scenario

import (
	"context"
	"fmt"
	"time"

	"github.com/sluice-gateway/sluice/bench/load"
	"github.com/sluice-gateway/sluice/bench/measure"
	"github.com/sluice-gateway/sluice/bench/target"
)

// The legs of the points that speak TLS.
var (
	both  = target.Legs{Client: true, Backend: true}
	front = target.Legs{Client: true}
)

// tlsThroughput is throughput with private data connections, from TLS clients to a backend with TLS or
// without. Files are smaller than in clear, since what is under way must be brought to its end.
func tlsThroughput(legs target.Legs, verb string, streams int) Point {
	name, kind := "tls", "TLS on both sides"
	if !legs.Backend {
		name, kind = "tls-plain", "TLS on the clients' side"
	}
	id := fmt.Sprintf("%s_%s_%d", map[bool]string{true: "tls", false: "tls_plain"}[legs.Backend], verb, streams)
	action := map[string]string{"retr": "fetched", "stor": "stored"}[verb]
	return Point{
		Name:  fmt.Sprintf("%s-%s-%d", name, verb, streams),
		Title: fmt.Sprintf("%d streams of big files %s, %s", streams, action, kind),
		FTP:   true,
		Legs:  legs,
		run: func(ctx context.Context, s site) ([]measure.Sample, error) {
			files := load.Files{Store: true, Name: "upload"}
			if verb == "retr" {
				size := s.scale.Sealed / int64(streams)
				files = load.Files{Name: fmt.Sprintf("%dm", size/mib), Size: size}
			}
			t, m, err := s.counted(s.job(streams), func(j load.Job) (load.Tally, error) { return load.SecureTransfers(ctx, j, files) })
			if err != nil {
				return nil, err
			}
			rate := float64(t.Bytes) * 8 / 1e9 / t.Elapsed.Seconds()
			return append(m.per(id+"_cpu", float64(t.Bytes)/gib, time.Second), measure.Sample{Metric: id, Value: rate}), nil
		},
	}
}

// tlsLogin is a full handshake for each client and a session with a TLS backend behind it, which the
// gateway may resume.
func tlsLogin(clients int) Point {
	id := fmt.Sprintf("tls_login_%d", clients)
	return Point{
		Name:  fmt.Sprintf("tls-login-%d", clients),
		Title: fmt.Sprintf("%d clients connect, AUTH TLS, PBSZ, PROT, log in and quit; TLS on both sides", clients),
		FTP:   true,
		Legs:  both,
		run: func(ctx context.Context, s site) ([]measure.Sample, error) {
			t, m, err := s.counted(s.job(clients), func(j load.Job) (load.Tally, error) { return load.SecureLogins(ctx, j) })
			if err != nil {
				return nil, err
			}
			samples := []measure.Sample{{Metric: id, Value: t.PerSecond()}}
			if t.Failed > 0 {
				samples = append(samples, measure.Sample{Metric: id + "_failed", Value: float64(t.Failed)})
			}
			return append(samples, m.per(id+"_cpu", float64(t.Count), time.Microsecond)...), nil
		},
	}
}

// tlsIdle is idle with TLS on both legs of each session.
func tlsIdle() Point {
	return Point{
		Name:   "tls-idle",
		Title:  "sessions log in and rest, TLS on both sides; the gateway's memory for each",
		FTP:    true,
		Legs:   both,
		Rounds: 3,
		run: func(ctx context.Context, s site) ([]measure.Sample, error) {
			return s.weigh("tls_idle", s.scale.Idle, func(j load.Job) (load.Tally, error) { return load.SecureIdle(ctx, j) })
		},
	}
}
