package config

// active names the directives that this version acts on. Whoever makes the
// gateway obey a directive adds its name here; `sluice check` then stops
// listing it as one without effect.
var active = []string{
	"Define", "Include", "IncludeOptions", "LoadModule", "ModulePath", // done by loading
}
