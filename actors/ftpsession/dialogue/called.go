package dialogue

// CalledAs says that the client calls this server by one of its names (HOST), which
// is of use to backends that serve several.
type CalledAs struct{ Name string }

func (CalledAs) action() {}
