package config

// Options are what Load takes from its caller instead of from the process,
// so that the same input always gives the same result.
type Options struct {
	Defines []string                         // -D names for <IfDefine>
	Getenv  func(name string) (string, bool) // for %{env:NAME}; nil = every name is unset
	Files   Files                            // nil = the operating system's files
}

// Load reads a configuration. The Config is nil if the report has errors.
func Load(path string, opts Options) (*Config, *Report) {
	return load(path, opts)
}

func load(path string, opts Options) (*Config, *Report) {
	r := &Report{Problems: []Problem{{Severity: Error, Text: path + " was not read"}}}
	return nil, r
}
