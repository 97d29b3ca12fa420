package config

import "github.com/sluice-gateway/sluice/protocols/conf"

// Severity of a Problem.
type Severity uint8

// The severities: an error keeps the gateway from starting.
const (
	Warning Severity = iota
	Error
)

// String is "warning" or "error".
func (s Severity) String() string {
	if s == Error {
		return "error"
	}
	return "warning"
}

// Problem is one finding: what is wrong, what was expected, what to do next.
type Problem struct {
	Severity  Severity
	Pos       conf.Pos
	Directive string // empty if the grammar itself is at fault
	Text      string
}

// String renders "file:line:column: error: Directive: text".
func (p Problem) String() string {
	s := p.Pos.String() + ": " + p.Severity.String() + ": "
	if p.Directive != "" {
		s += p.Directive + ": "
	}
	return s + p.Text
}

// Note is a directive that was accepted without effect.
type Note struct {
	Pos       conf.Pos
	Directive string
	Reason    string
}

// Report is everything Load found out.
type Report struct {
	Problems    []Problem
	Ignored     []Note // never has an effect in a gateway
	NoEffectYet []Note // understood, but this version does not act on it
}

// Errors counts the problems that keep the gateway from starting.
func (r *Report) Errors() int { return r.count(Error) }

// Warnings counts the other problems.
func (r *Report) Warnings() int { return r.count(Warning) }

func (r *Report) count(s Severity) int {
	n := 0
	for _, p := range r.Problems {
		if p.Severity == s {
			n++
		}
	}
	return n
}
