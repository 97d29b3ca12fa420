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
