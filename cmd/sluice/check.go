package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/sluice-gateway/sluice/actors/gateway"
	"github.com/sluice-gateway/sluice/protocols/conf"
	"github.com/sluice-gateway/sluice/runtime/config"
	"github.com/spf13/cobra"
)

const checkHelp = `Check reads a configuration with everything it includes and reports every
problem as file:line:column, with what was expected. It opens no ports and
changes nothing. What it accepts, 'sluice serve' loads.

Directives of ProFTPD that a gateway has no use for are accepted and listed
as ignored, with the reason. Directives that are understood but have no effect
in this version are listed too, so that you do not rely on them.

` + exitHelp

const checkExample = `  sluice check -c /etc/sluice/sluice.conf
  sluice check -c proftpd.conf -D TLS --quiet
  sluice check -c proftpd.conf --json | jq '.problems[].text'`

type checkFlags struct {
	path    string
	defines []string
	quiet   bool
	asJSON  bool
}

func newCheck() *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:     "check -c FILE",
		Short:   "Report every problem of a configuration",
		Long:    checkHelp,
		Example: checkExample,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVarP(&f.path, "config", "c", "", "configuration file to check")
	cmd.Flags().StringArrayVarP(&f.defines, "define", "D", nil, "define a name for <IfDefine>; may be repeated")
	cmd.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "print problems only, no summary")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print the report as JSON")
	return cmd
}

func noArguments(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("unexpected argument %q: name the configuration with -c FILE", args[0])}
	}
	return nil
}

func (f checkFlags) run(out io.Writer) error {
	if f.path == "" {
		return usageError{errors.New("no configuration is named: write sluice check -c FILE")}
	}
	cfg, report := config.Load(f.path, config.Options{Defines: f.defines, Getenv: os.LookupEnv})
	if cfg != nil {
		report.Problems = append(report.Problems, gateway.Rehearse(cfg)...)
	}
	var err error
	if f.asJSON {
		err = printJSON(out, report)
	} else {
		err = f.print(out, report)
	}
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if report.Errors() > 0 {
		return configError{}
	}
	return nil
}

func (f checkFlags) print(out io.Writer, r *config.Report) error {
	p := &printer{out: out}
	for _, problem := range r.Problems {
		p.line("%s", problem)
	}
	if f.quiet {
		return p.err
	}
	if len(r.Problems) > 0 {
		p.line("")
	}
	p.line("%s: %s, %s, %d ignored, %d without effect yet", f.path,
		count(r.Errors(), "error"), count(r.Warnings(), "warning"), len(r.Ignored), len(r.NoEffectYet))
	p.notes("Ignored:", r.Ignored, true)
	p.notes("Accepted, no effect in this version:", r.NoEffectYet, false)
	return p.err
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// printer writes lines and remembers the first failure.
type printer struct {
	out io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format+"\n", args...)
	}
}

// notes lists directives once each, with the places where they stand.
func (p *printer) notes(title string, notes []config.Note, reasons bool) {
	if len(notes) == 0 {
		return
	}
	p.line("\n%s", title)
	var order []string
	places := map[string][]conf.Pos{}
	reason := map[string]string{}
	for _, n := range notes {
		if !slices.Contains(order, n.Directive) {
			order = append(order, n.Directive)
		}
		places[n.Directive] = append(places[n.Directive], n.Pos)
		reason[n.Directive] = n.Reason
	}
	for _, name := range order {
		text := fmt.Sprintf("  %s (%s:%d", name, places[name][0].File, places[name][0].Line)
		if more := len(places[name]) - 1; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		text += ")"
		if reasons {
			text += ": " + reason[name]
		}
		p.line("%s", text)
	}
}

// The JSON form of a report. Names are stable.
type jsonReport struct {
	Errors      int           `json:"errors"`
	Warnings    int           `json:"warnings"`
	Problems    []jsonProblem `json:"problems"`
	Ignored     []jsonNote    `json:"ignored"`
	NoEffectYet []jsonNote    `json:"no_effect_yet"`
}

type jsonProblem struct {
	Severity  string `json:"severity"`
	File      string `json:"file"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	Directive string `json:"directive,omitempty"`
	Text      string `json:"text"`
}

type jsonNote struct {
	File      string `json:"file"`
	Line      int    `json:"line"`
	Directive string `json:"directive"`
	Reason    string `json:"reason"`
}

func printJSON(out io.Writer, r *config.Report) error {
	j := jsonReport{
		Errors: r.Errors(), Warnings: r.Warnings(),
		Problems: []jsonProblem{}, Ignored: jsonNotes(r.Ignored), NoEffectYet: jsonNotes(r.NoEffectYet),
	}
	for _, p := range r.Problems {
		j.Problems = append(j.Problems, jsonProblem{
			Severity: p.Severity.String(), File: p.Pos.File, Line: p.Pos.Line, Column: p.Pos.Column,
			Directive: p.Directive, Text: p.Text,
		})
	}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(j)
}

func jsonNotes(notes []config.Note) []jsonNote {
	list := []jsonNote{}
	for _, n := range notes {
		list = append(list, jsonNote{File: n.Pos.File, Line: n.Pos.Line, Directive: n.Directive, Reason: n.Reason})
	}
	return list
}
