//go:build unix

package scenario

import (
	"context"
	"fmt"
	"time"

	"github.com/sluice-gateway/sluice/bench/load"
	"github.com/sluice-gateway/sluice/bench/measure"
)

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
)

// move runs a transfer load as FTP where the target relays it, else as raw streams.
func (s site) move(ctx context.Context, job load.Job, files load.Files) (load.Tally, error) {
	if s.gateway.RelaysFTP {
		return load.Transfers(ctx, job, files)
	}
	return load.RawStreams(ctx, job, files)
}

// throughput fetches files of 512 MiB in one stream or 128 MiB in each of several, so that what is under
// way when the counting ends comes to its end soon; or stores one endless file in each.
func throughput(verb string, streams int) Point {
	id := fmt.Sprintf("%s_%d", verb, streams)
	files := load.Files{Name: "512m", Size: 512 * mib}
	if streams > 1 {
		files = load.Files{Name: "128m", Size: 128 * mib}
	}
	title := fmt.Sprintf("%d streams of big files fetched", streams)
	if verb == "stor" {
		files = load.Files{Store: true, Name: "upload"}
		title = fmt.Sprintf("%d streams of big files stored", streams)
	}
	return Point{
		Name:  fmt.Sprintf("%s-%d", verb, streams),
		Title: title,
		run: func(ctx context.Context, s site) ([]measure.Sample, error) {
			t, m, err := s.counted(s.job(streams), func(j load.Job) (load.Tally, error) { return s.move(ctx, j, files) })
			if err != nil {
				return nil, err
			}
			rate := float64(t.Bytes) * 8 / 1e9 / t.Elapsed.Seconds()
			return append(m.per(id+"_cpu", float64(t.Bytes)/gib, time.Second), measure.Sample{Metric: id, Value: rate}), nil
		},
	}
}

func smallFiles(verb string) load.Files {
	return load.Files{Store: verb == "stor", Name: "1k", Size: kib}
}

func small(verb string) Point {
	title := "1 KiB files fetched one by one in one session"
	if verb == "stor" {
		title = "1 KiB files stored one by one in one session"
	}
	return Point{
		Name:  "small-" + verb,
		Title: title,
		FTP:   true,
		run: func(ctx context.Context, s site) ([]measure.Sample, error) {
			t, _, err := s.counted(s.job(1), func(j load.Job) (load.Tally, error) { return load.Transfers(ctx, j, smallFiles(verb)) })
			if err != nil {
				return nil, err
			}
			return []measure.Sample{{Metric: "small_" + verb, Value: t.PerSecond()}}, nil
		},
	}
}

// longest bounds the long run, however slow the target.
const longest = 5 * time.Minute

// long shows whether the rate of small files stays level over many of them.
func long() Point {
	return Point{
		Name:   "long",
		Title:  "many 1 KiB files fetched in one session; whether the rate stays level",
		FTP:    true,
		Rounds: 3,
		run: func(ctx context.Context, s site) ([]measure.Sample, error) {
			job := s.job(1)
			if _, err := load.Transfers(ctx, job, smallFiles("retr")); err != nil {
				return nil, fmt.Errorf("warm up: %w", err)
			}
			job.Span = longest
			files := smallFiles("retr")
			files.Limit, files.Block = s.scale.Long, s.scale.Long/blocks
			t, err := load.Transfers(ctx, job, files)
			if err != nil {
				return nil, err
			}
			return []measure.Sample{
				{Metric: "long_first", Value: t.Blocks[0]},
				{Metric: "long_last", Value: t.Blocks[len(t.Blocks)-1]},
				{Metric: "long_level", Value: measure.Level(t.Blocks), Series: t.Blocks},
				{Metric: "long_slowest", Value: measure.Slowest(t.Blocks)},
			}, nil
		},
	}
}
