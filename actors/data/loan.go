package data

// growAfterBytes is how much makes a transfer through user space a large one.
const growAfterBytes = 1 << 20

// loan is at most one borrowed processor.
type loan struct {
	from     Processors // nil: nobody lends any
	borrowed bool
}

func (l *loan) borrow() {
	if l.from != nil && !l.borrowed {
		l.from.Borrow()
		l.borrowed = true
	}
}

func (l *loan) giveBack() {
	if l.borrowed {
		l.from.Return()
		l.borrowed = false
	}
}
