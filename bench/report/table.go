package report

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sluice-gateway/sluice/bench/measure"
)

// subject is the target that all others are held beside.
const subject = "sluice"

// yardstick is no gateway at all.
const yardstick = "direct"

// blank stands where nothing was measured.
const blank = "–"

// Write tells the results: medians with their ranges, ratios, the long run block by block, what went
// wrong, and how the goals stand.
func (r *Results) Write(w io.Writer) error {
	var b strings.Builder
	r.writeHead(&b)
	if len(r.Figures) > 0 {
		r.writeMedians(&b)
		r.writeAdded(&b)
		r.writeRatios(&b)
		r.writeBlocks(&b)
	}
	r.writeTrouble(&b)
	r.writeVerdicts(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Results) writeHead(b *strings.Builder) {
	m := r.Machine
	fmt.Fprintf(b, "%s, %d CPUs, %s; %d rounds of %v, taken in turn; %s\n",
		m.System, m.CPUs, m.Go, r.Rounds, r.Span, r.Began.Format(time.DateTime))
	fmt.Fprintf(b, "load, gateway and backend share these CPUs: only ratios of one run mean anything\n")
	if m.TCP != "" {
		fmt.Fprintf(b, "TCP finds its speed by %s\n", m.TCP)
	}
	if !m.Isolated {
		b.WriteString("not in a network of its own: sockets left by others may have slowed this down\n")
	}
}

// measured lists the targets that are there.
func (r *Results) measured() []string {
	var names []string
	for _, t := range r.Targets {
		if t.Missing == "" {
			names = append(names, t.Name)
		}
	}
	return names
}

// writeMedians has one row for each metric and one column for each target.
func (r *Results) writeMedians(b *strings.Builder) {
	names := r.measured()
	b.WriteString("\nMedians, with half the distance from least to most\n")
	rows := [][]string{append([]string{"", ""}, names...)}
	for _, m := range measure.All() {
		row := []string{m.Title, m.Unit}
		some := false
		for _, name := range names {
			cell := r.cell(m.ID, name)
			some = some || cell != blank
			row = append(row, cell)
		}
		if some {
			rows = append(rows, row)
		}
	}
	align(b, rows)
}

// writeAdded has what each target adds to direct access, where that is what counts.
func (r *Results) writeAdded(b *strings.Builder) {
	names := slices.DeleteFunc(r.measured(), func(n string) bool { return n == yardstick })
	rows := [][]string{append([]string{"", ""}, names...)}
	for _, m := range measure.All() {
		if !m.Added {
			continue
		}
		row, some := []string{m.Title, m.Unit}, false
		for _, name := range names {
			more := r.Median(m.ID, name) - r.Median(m.ID, yardstick)
			some = some || !math.IsNaN(more)
			row = append(row, number(more))
		}
		if some {
			rows = append(rows, row)
		}
	}
	if len(rows) > 1 {
		b.WriteString("\nAdded to direct access (the difference of the medians)\n")
		align(b, rows)
	}
}

// cell is a median, with its spread when there was more than one round.
func (r *Results) cell(metric, target string) string {
	for _, f := range r.Figures {
		if f.Metric != metric || f.Target != target {
			continue
		}
		if len(f.Values) == 1 || f.Median == 0 {
			return number(f.Median)
		}
		return fmt.Sprintf("%s ±%2.0f%%", number(f.Median), 50*(f.Max-f.Min)/math.Abs(f.Median))
	}
	return blank
}

// align writes rows in columns: the first to the left, all others to the right.
func align(b *strings.Builder, rows [][]string) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			if i == 0 {
				fmt.Fprintf(&line, "  %-*s", widths[i], cell)
				continue
			}
			fmt.Fprintf(&line, "   %*s", widths[i], cell)
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

// number prints three significant digits, and whole numbers from 100 on.
func number(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v):
		return blank
	case a >= 100:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	case a >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// writeRatios has one column for each peer of the subject.
func (r *Results) writeRatios(b *strings.Builder) {
	peers := slices.DeleteFunc(r.measured(), func(n string) bool { return n == subject })
	if len(peers) == len(r.measured()) || len(peers) == 0 {
		return
	}
	fmt.Fprintf(b, "\nHow many times as good %s is as (above 1 it is ahead, also where less is better)\n", subject)
	rows := [][]string{append([]string{""}, peers...)}
	for _, m := range measure.All() {
		ours := r.Median(m.ID, subject)
		if math.IsNaN(ours) {
			continue
		}
		row := []string{m.Title}
		for _, peer := range peers {
			row = append(row, number(measure.Advantage(m, ours, r.Median(m.ID, peer))))
		}
		rows = append(rows, row)
	}
	align(b, rows)
}

// writeBlocks shows the long run of the first round, block by block.
func (r *Results) writeBlocks(b *strings.Builder) {
	first := true
	for _, f := range r.Figures {
		if len(f.Series) == 0 {
			continue
		}
		if first {
			b.WriteString("\nThe long run, transfers per second in each block (first round)\n")
			first = false
		}
		fmt.Fprintf(b, "%12s ", f.Target)
		for _, rate := range f.Series[0] {
			fmt.Fprintf(b, " %6.0f", rate)
		}
		b.WriteByte('\n')
	}
}

// writeTrouble names what was not measured and why.
func (r *Results) writeTrouble(b *strings.Builder) {
	for _, t := range r.Targets {
		if t.Missing != "" {
			fmt.Fprintf(b, "\nnot measured: %s: %s\n", t.Name, t.Missing)
		}
	}
	for _, o := range r.Omitted {
		fmt.Fprintf(b, "\nnot measured: %s: %s\n", o.Point, o.Why)
	}
	told := map[string]bool{} // a point that fails does so in every round; once is enough
	for _, f := range r.Failures {
		if where := f.Point + " on " + f.Target; !told[where] {
			told[where] = true
			fmt.Fprintf(b, "\nfailed: %s, first in round %d: %s\n", where, f.Round, f.Error)
		}
	}
	for _, what := range slices.Sorted(maps.Keys(r.Losses)) {
		fmt.Fprintf(b, "\nlost: %s: %d\n", what, r.Losses[what])
	}
	for _, where := range slices.Sorted(maps.Keys(r.Behind)) {
		fmt.Fprintf(b, "\nbehind: %s: %d logins began later than their pace wanted: what they took is that of a full house\n", where, r.Behind[where])
	}
}

func (r *Results) writeVerdicts(b *strings.Builder) {
	if len(r.Verdicts) == 0 {
		return
	}
	b.WriteString("\nGoals\n")
	for _, v := range r.Verdicts {
		value := number(v.Value)
		if v.State == Open {
			value = blank
		}
		fmt.Fprintf(b, "  %-13s %8s   %s\n", v.State, value, v.Goal)
	}
}
