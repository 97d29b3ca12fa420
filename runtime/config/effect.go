package config

// effect is what one directive, its arguments understood, does to the
// configuration. Exactly one of the functions is set; a directive without an
// effect is the zero value.
type effect struct {
	settings func(*Settings)
	server   func(*Server)
	process  func(*Process)
	class    func(*Class)
	limit    func(*LimitSection)
}

// overlaid applies effects to a copy. Setters append to slices and write to
// maps only through fresh copies, so that base never changes.
func overlaid(base *Settings, set []effect) *Settings {
	merged := *base
	for _, e := range set {
		if e.settings != nil {
			e.settings(&merged)
		}
	}
	return &merged
}
