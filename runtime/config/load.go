package config

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/sluice-gateway/sluice/protocols/conf"
)

// Options are what Load takes from its caller instead of from the process,
// so that the same input always gives the same result.
type Options struct {
	Defines []string                         // -D names for <IfDefine>
	Getenv  func(name string) (string, bool) // for %{env:NAME}; nil = every name is unset
	Files   Files                            // nil = the operating system's files
	Now     time.Time                        // for certificates' dates; zero = the clock's
}

// PeerVersion is the ProFTPD version whose language is spoken; <IfVersion>
// compares with it.
const PeerVersion = "1.3.10"

// Bounds of a report: a file that is no configuration should not fill the
// screen, nor take long to say so.
const (
	maxProblems    = 1000
	maxSuggestions = 100
)

// maxFile bounds one configuration file, in bytes.
const maxFile = 4 << 20

// Load reads a configuration. The Config is nil if the report has errors;
// the report is never nil.
func Load(path string, opts Options) (*Config, *Report) {
	if opts.Files == nil {
		opts.Files = OSFiles{}
	}
	if opts.Now.IsZero() {
		opts.Now = time.Now()
	}
	l := &loader{
		opts:      opts,
		files:     opts.Files,
		out:       &Report{},
		formats:   map[string]string{},
		main:      &scope{place: InServer, server: newServer()},
		global:    &scope{place: InGlobal},
		seen:      map[Problem]bool{},
		pems:      map[string]*pemFile{},
		fileOrder: map[string]int{path: 0},
	}
	l.main.pos = conf.Pos{File: path, Line: 1, Column: 1}
	l.main.server.IsMain = true
	c := l.run(path)
	l.sortProblems()
	if l.out.Errors() > 0 {
		return nil, l.out
	}
	return c, l.out
}

// loader holds the state of one Load.
type loader struct {
	opts  Options
	files Files
	out   *Report
	seen  map[Problem]bool

	main    *scope
	global  *scope
	vhosts  []*scope
	classes []*Class
	formats map[string]string // LogFormat by lower-case name
	later   []func()          // checks that need the whole file

	pems map[string]*pemFile // certificates and lists that were read, by path

	fileOrder map[string]int // files in the order in which they were first mentioned
	suggested int            // nearest names looked for
}

func (l *loader) run(path string) *Config {
	src, err := confFiles{l.files}.ReadFile(path)
	if err != nil {
		l.report(Error, conf.Pos{File: path, Line: 1, Column: 1}, "",
			fmt.Sprintf("unable to read the configuration: %v", err))
		return nil
	}
	nodes, problems := conf.Parse(path, src, conf.Options{
		Env:     l.opts.Getenv,
		Module:  HasModule,
		Defines: l.opts.Defines,
		Version: PeerVersion,
		Files:   confFiles{l.files},
	})
	for _, p := range problems {
		l.report(Error, p.Pos, "", p.Text)
	}
	l.walk(nodes, l.main)
	for _, check := range l.later {
		check()
	}
	return l.resolve()
}

// report notes a problem once, however often it is found.
func (l *loader) report(s Severity, at conf.Pos, directive, text string) {
	p := Problem{Severity: s, Pos: at, Directive: directive, Text: text}
	if l.seen[p] {
		return
	}
	if len(l.out.Problems) >= maxProblems {
		if len(l.out.Problems) > maxProblems {
			return
		}
		p = Problem{Severity: Error, Pos: at, Text: "too many problems; the rest is not shown"}
	}
	l.seen[p] = true
	if _, known := l.fileOrder[at.File]; !known {
		l.fileOrder[at.File] = len(l.fileOrder)
	}
	l.out.Problems = append(l.out.Problems, p)
}

// sortProblems puts problems in the order of the text.
func (l *loader) sortProblems() {
	slices.SortStableFunc(l.out.Problems, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(l.fileOrder[a.Pos.File], l.fileOrder[b.Pos.File]),
			cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Column, b.Pos.Column),
		)
	})
}

// confFiles lets the grammar read files, and refuses those that anybody may
// change: who can write the configuration owns the gateway.
type confFiles struct{ files Files }

func (f confFiles) ReadFile(name string) ([]byte, error) {
	info, err := f.files.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&worldWrite != 0 {
		return nil, fmt.Errorf("the file is world-writable (perms %04o): run chmod o-w on it", info.Mode().Perm())
	}
	return f.files.ReadFile(name, maxFile)
}

func (f confFiles) List(dir string) ([]string, error) {
	entries, err := f.files.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}
