package main

import (
	"fmt"
	"strings"

	"github.com/sluice-gateway/sluice/runtime/config"
	"github.com/spf13/cobra"
)

const directivesHelp = `Directives prints the reference of the configuration language, from the same
table that reads configurations. Without a name it lists what there is, by
theme; with a name it explains one directive.

` + exitHelp

func newDirectives() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:     "directives [NAME]",
		Short:   "Explain the directives of a configuration",
		Long:    directivesHelp,
		Example: "  sluice directives\n  sluice directives ProxyReverseServers",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{fmt.Errorf("one name at a time, not %d", len(args))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			p := &printer{out: cmd.OutOrStdout()}
			if len(args) == 0 {
				listDirectives(p, all)
				return p.err
			}
			return explainDirective(p, args[0])
		},
		ValidArgsFunction: completeDirective,
	}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "list ignored names too")
	return cmd
}

func completeDirective(_ *cobra.Command, _ []string, start string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, d := range config.All() {
		if len(d.Name) >= len(start) && strings.EqualFold(d.Name[:len(start)], start) {
			names = append(names, d.Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// listDirectives prints one line per directive. A mark tells those without
// effect: "." not yet, "-" never, "!" never and an error.
func listDirectives(p *printer, all bool) {
	theme, ignored := "", 0
	for _, d := range config.All() {
		if d.Effect == config.EffectIgnored && !all {
			ignored++
			continue
		}
		if d.Theme != theme {
			if theme != "" {
				p.line("")
			}
			theme = d.Theme
			p.line("%s", theme)
		}
		p.line("  %s %-34s %s", marks[d.Effect], d.Name, d.Syntax)
	}
	p.line("\n  . accepted, no effect in this version   - ignored   ! refused")
	if ignored > 0 {
		p.line("%d more names are accepted and ignored; -a lists them. sluice directives NAME explains one.", ignored)
	}
}

var marks = map[config.Effect]string{
	config.EffectActive: " ", config.EffectNotYet: ".", config.EffectIgnored: "-",
	config.EffectRefused: "!",
}

func explainDirective(p *printer, name string) error {
	d, ok := config.Lookup(name)
	if !ok {
		if near := config.Nearest(name); near != "" {
			return usageError{fmt.Errorf("no directive is named %q: did you mean %s?", name, near)}
		}
		return usageError{fmt.Errorf("no directive is named %q: 'sluice directives' lists what there is", name)}
	}
	p.line("%s %s", d.Name, d.Syntax)
	p.line("")
	p.field("Default", d.Default, "none")
	p.field("Unit", d.Unit, "")
	p.field("Context", d.Contexts.String(), "")
	p.field("Module", d.Module, "")
	p.field("Theme", d.Theme, "")
	p.field("Effect", d.Effect.String(), "")
	p.field("Reason", d.Reason, "")
	p.line("")
	wrap(p, d.Text, 76)
	return p.err
}

func (p *printer) field(name, value, otherwise string) {
	if value == "" {
		value = otherwise
	}
	if value != "" {
		p.line("  %-9s %s", name+":", value)
	}
}

// wrap prints words in lines of at most width bytes where possible.
func wrap(p *printer, text string, width int) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			p.line("%s", line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" {
		p.line("%s", line)
	}
}
