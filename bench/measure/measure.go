// Package measure names what the proving ground measures, and holds the arithmetic that turns samples
// into figures.
package measure

import (
	"math"
	"slices"

	"github.com/sluice-gateway/sluice/bench/choice"
)

// Metric is one figure of the report.
type Metric struct {
	ID    string `json:"id"`
	Point string `json:"point"` // the scenario that yields it
	Title string `json:"title"`
	Unit  string `json:"unit"`
	Less  bool   `json:"less_is_better"`
	Added bool   `json:"added"` // the difference to direct access is told too
}

// Sample is one measured value. Series holds the parts it was made of, when there are any.
type Sample struct {
	Metric string    `json:"metric"`
	Value  float64   `json:"value"`
	Series []float64 `json:"series,omitempty"`
}

// Late is what the name of a sample ends with that counts logins behind their pace.
const Late = "_late"

// All is every metric, in the order of the report.
func All() []Metric { return append(fixed(), choosing()...) }

// choosing is what is measured of every way to choose a backend.
func choosing() []Metric {
	var all []Metric
	for _, c := range choice.All() {
		id, point, title := c.Metric(), c.Point(), c.Title()
		all = append(all,
			Metric{ID: id, Point: point, Title: title + ": logins, 16 clients", Unit: "/s"},
			Metric{ID: id + "_cpu", Point: point, Title: title + ": gateway CPU", Unit: "µs each", Less: true},
			Metric{ID: id + "_p50", Point: point, Title: title + ": login, p50", Unit: "µs", Less: true, Added: true},
			Metric{ID: id + "_p99", Point: point, Title: title + ": login, p99", Unit: "µs", Less: true, Added: true},
		)
	}
	const title = "PerUser, 1,000,000 users known: "
	return append(all,
		Metric{ID: "choose_million", Point: "choose-million", Title: title + "memory (PSS)", Unit: "MiB", Less: true},
		Metric{ID: "choose_million_each", Point: "choose-million", Title: title + "memory for each", Unit: "bytes", Less: true},
		Metric{ID: "choose_million_p50", Point: "choose-million", Title: title + "login, p50", Unit: "µs", Less: true},
		Metric{ID: "choose_million_p99", Point: "choose-million", Title: title + "login, p99", Unit: "µs", Less: true},
	)
}

func fixed() []Metric {
	return []Metric{
		{ID: "login_1", Point: "login-1", Title: "logins, 1 client", Unit: "/s"},
		{ID: "login_16", Point: "login-16", Title: "logins, 16 clients", Unit: "/s"},
		{ID: "login_64", Point: "login-64", Title: "logins, 64 clients", Unit: "/s"},
		{ID: "login_64_cpu", Point: "login-64", Title: "logins, 64 clients: gateway CPU", Unit: "µs each", Less: true},
		{ID: "pwd_1_p50", Point: "pwd-1", Title: "PWD round trip, 1 client, p50", Unit: "µs", Less: true},
		{ID: "pwd_1_p99", Point: "pwd-1", Title: "PWD round trip, 1 client, p99", Unit: "µs", Less: true},
		{ID: "pwd_16", Point: "pwd-16", Title: "PWD round trips, 16 clients", Unit: "/s"},
		{ID: "pwd_16_cpu", Point: "pwd-16", Title: "PWD, 16 clients: gateway CPU", Unit: "µs each", Less: true},
		{ID: "retr_1", Point: "retr-1", Title: "RETR, 1 stream", Unit: "Gbit/s"},
		{ID: "retr_1_cpu", Point: "retr-1", Title: "RETR, 1 stream: gateway CPU", Unit: "s/GiB", Less: true},
		{ID: "retr_8", Point: "retr-8", Title: "RETR, 8 streams", Unit: "Gbit/s"},
		{ID: "retr_8_cpu", Point: "retr-8", Title: "RETR, 8 streams: gateway CPU", Unit: "s/GiB", Less: true},
		{ID: "stor_1", Point: "stor-1", Title: "STOR, 1 stream", Unit: "Gbit/s"},
		{ID: "stor_1_cpu", Point: "stor-1", Title: "STOR, 1 stream: gateway CPU", Unit: "s/GiB", Less: true},
		{ID: "stor_8", Point: "stor-8", Title: "STOR, 8 streams", Unit: "Gbit/s"},
		{ID: "stor_8_cpu", Point: "stor-8", Title: "STOR, 8 streams: gateway CPU", Unit: "s/GiB", Less: true},
		{ID: "small_retr", Point: "small-retr", Title: "1 KiB files fetched, 1 session", Unit: "/s"},
		{ID: "small_stor", Point: "small-stor", Title: "1 KiB files stored, 1 session", Unit: "/s"},
		{ID: "long_first", Point: "long", Title: "long run of 1 KiB RETRs, first block", Unit: "/s"},
		{ID: "long_last", Point: "long", Title: "long run of 1 KiB RETRs, last block", Unit: "/s"},
		{ID: "long_level", Point: "long", Title: "long run, last block over first", Unit: "×"},
		{ID: "long_slowest", Point: "long", Title: "long run, slowest block over first", Unit: "×"},
		{ID: "idle", Point: "idle", Title: "memory per idle session (PSS)", Unit: "KiB", Less: true},
		{ID: "tls_retr_1", Point: "tls-retr-1", Title: "TLS both sides: RETR, 1 stream", Unit: "Gbit/s"},
		{ID: "tls_retr_1_cpu", Point: "tls-retr-1", Title: "TLS both sides: RETR, 1 stream: gateway CPU", Unit: "s/GiB", Less: true},
		{ID: "tls_retr_8", Point: "tls-retr-8", Title: "TLS both sides: RETR, 8 streams", Unit: "Gbit/s"},
		{ID: "tls_retr_8_cpu", Point: "tls-retr-8", Title: "TLS both sides: RETR, 8 streams: gateway CPU", Unit: "s/GiB", Less: true},
		{ID: "tls_stor_1", Point: "tls-stor-1", Title: "TLS both sides: STOR, 1 stream", Unit: "Gbit/s"},
		{ID: "tls_stor_1_cpu", Point: "tls-stor-1", Title: "TLS both sides: STOR, 1 stream: gateway CPU", Unit: "s/GiB", Less: true},
		{ID: "tls_stor_8", Point: "tls-stor-8", Title: "TLS both sides: STOR, 8 streams", Unit: "Gbit/s"},
		{ID: "tls_stor_8_cpu", Point: "tls-stor-8", Title: "TLS both sides: STOR, 8 streams: gateway CPU", Unit: "s/GiB", Less: true},
		{ID: "tls_plain_retr_1", Point: "tls-plain-retr-1", Title: "TLS to plain: RETR, 1 stream", Unit: "Gbit/s"},
		{ID: "tls_plain_retr_1_cpu", Point: "tls-plain-retr-1", Title: "TLS to plain: RETR, 1 stream: gateway CPU", Unit: "s/GiB", Less: true},
		{ID: "tls_plain_retr_8", Point: "tls-plain-retr-8", Title: "TLS to plain: RETR, 8 streams", Unit: "Gbit/s"},
		{ID: "tls_plain_retr_8_cpu", Point: "tls-plain-retr-8", Title: "TLS to plain: RETR, 8 streams: gateway CPU", Unit: "s/GiB", Less: true},
		{ID: "tls_plain_stor_1", Point: "tls-plain-stor-1", Title: "TLS to plain: STOR, 1 stream", Unit: "Gbit/s"},
		{ID: "tls_plain_stor_1_cpu", Point: "tls-plain-stor-1", Title: "TLS to plain: STOR, 1 stream: gateway CPU", Unit: "s/GiB", Less: true},
		{ID: "tls_plain_stor_8", Point: "tls-plain-stor-8", Title: "TLS to plain: STOR, 8 streams", Unit: "Gbit/s"},
		{ID: "tls_plain_stor_8_cpu", Point: "tls-plain-stor-8", Title: "TLS to plain: STOR, 8 streams: gateway CPU", Unit: "s/GiB", Less: true},
		{ID: "tls_login_64", Point: "tls-login-64", Title: "TLS both sides: logins, 64 clients", Unit: "/s"},
		{ID: "tls_login_64_cpu", Point: "tls-login-64", Title: "TLS both sides: logins, 64 clients: gateway CPU", Unit: "µs each", Less: true},
		{ID: "tls_idle", Point: "tls-idle", Title: "TLS both sides: memory per idle session (PSS)", Unit: "KiB", Less: true},
	}
}

// Median is the middle value, or the mean of the middle two; NaN of nothing.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// Advantage tells how many times as good ours is as theirs: above 1 ours is ahead, whether more or less
// is better. NaN when either is missing or is not positive.
func Advantage(m Metric, ours, theirs float64) float64 {
	if m.Less {
		ours, theirs = theirs, ours
	}
	if !(ours > 0) || !(theirs > 0) {
		return math.NaN()
	}
	return ours / theirs
}

// Level is the last block's rate over the first's: 1 for a run that stayed as fast as it began. NaN
// of fewer than two blocks.
func Level(blocks []float64) float64 {
	if len(blocks) < 2 || !(blocks[0] > 0) {
		return math.NaN()
	}
	return blocks[len(blocks)-1] / blocks[0]
}

// Slowest is the slowest block's rate over the first's. A run can be level from end to end and still
// have stood still in its middle: ports that wait out TIME_WAIT are scarce for a minute, then come back.
func Slowest(blocks []float64) float64 {
	if len(blocks) < 2 || !(blocks[0] > 0) {
		return math.NaN()
	}
	return slices.Min(blocks) / blocks[0]
}
