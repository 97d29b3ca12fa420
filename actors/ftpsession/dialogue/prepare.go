package dialogue

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// Before a transfer the backend may have to be told or asked something: MODE Z, and
// the size of a file that must not be too large. The rules:
//
//   - Nothing is asked that no setting needs: else a transfer costs its command alone.
//   - A size is one of bytes, so it is asked for in binary, and the client's TYPE is
//     put back.
//   - What came between the client's REST or RANG and its transfer may have made the
//     backend forget it, so it is said again.
//   - A transfer that is refused leaves no REST behind for the next one.

// preparation is a transfer that has not begun yet.
type preparation struct {
	cmd    ftp.Command
	wire   ftp.Command // what the backend hears of it
	second second
	upload bool
	offer  offer
	size   int64 // of the file as it is; unknownSize: the backend does not tell
	asked  bool  // the size was
	retype bool  // the TYPE has to be put back
	shape  Shape
}

const unknownSize = -1

func (m *Machine) prepare(p *preparation) {
	p.size = unknownSize
	p.shape.Rate = m.cfg.Bounds.rate(p.cmd.Verb)
	m.compressBackend(p)
}

// measure asks for the size of a file, where what is there counts: of one to be
// fetched, and of one to be appended to.
func (m *Machine) measure(p *preparation) {
	limit, _ := m.cfg.Bounds.size(p.cmd.Verb)
	switch b := &m.back; {
	case limit == 0, p.cmd.Verb != ftp.RETR && p.cmd.Verb != ftp.APPE, p.cmd.Arg == "", b.noSize:
		m.weigh(p)
	case b.binary():
		m.askSize(p)
	default:
		m.ask(ftp.Command{Verb: ftp.TYPE, Arg: "I", HasArg: true}, func(m *Machine, r ftp.Reply) {
			p.retype = r.Positive()
			m.askSize(p)
		})
	}
}

func (m *Machine) askSize(p *preparation) {
	p.asked = true
	m.ask(ftp.Command{Verb: ftp.SIZE, Arg: p.cmd.Arg, HasArg: true}, func(m *Machine, r ftp.Reply) {
		if n, ok := sizeOf(r); ok {
			p.size = n
		} else if unknown(r) {
			m.back.noSize = true
			m.do(Note{Level: Warn, Text: "backend does not tell sizes: limits of file sizes count what passes from here on", Reply: r})
		}
		m.putTypeBack(p)
	})
}

// sizeOf reads the answer to SIZE (RFC 3659 §4.1).
func sizeOf(r ftp.Reply) (int64, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(r.Text), 10, 64)
	return n, err == nil && n >= 0 && r.Code == 213
}

func (m *Machine) putTypeBack(p *preparation) {
	if !p.retype {
		m.weigh(p)
		return
	}
	before := m.back.typed
	if before == "" {
		before = "A" // RFC 959 §5.1
	}
	m.ask(ftp.Command{Verb: ftp.TYPE, Arg: before, HasArg: true}, func(m *Machine, r ftp.Reply) {
		if !r.Positive() {
			m.callOff(r) // the file would not come as the client wants it
			return
		}
		m.weigh(p)
	})
}

// weigh compares what there is with what may be.
func (m *Machine) weigh(p *preparation) {
	limit, directive := m.cfg.Bounds.size(p.cmd.Verb)
	if limit == 0 {
		m.restartAgain(p)
		return
	}
	already := m.back.offset
	if p.cmd.Verb == ftp.APPE {
		already = max(already, p.size)
	}
	left := limit - already
	if p.cmd.Verb == ftp.RETR && p.size != unknownSize && p.size <= limit {
		left = max(left, 1) // nothing is left of a file that is just as large
		if !m.back.binary() {
			left = 2 * min(left, math.MaxInt64/2) // each line end may become two bytes
		}
	}
	if left <= 0 || p.cmd.Verb == ftp.RETR && p.size > limit {
		m.noteLimit(directive, limit, p.cmd.Arg)
		m.callOff(ftp.TransferTooLarge(p.upload))
		return
	}
	p.shape.Limit = left
	m.restartAgain(p)
}

func (m *Machine) noteLimit(directive string, limit int64, path string) {
	m.note(Warn, fmt.Sprintf("%s (%d bytes) reached: aborting transfer of '%s'", directive, limit, printable(path)), nil)
}

// restartAgain repeats REST or RANG.
func (m *Machine) restartAgain(p *preparation) {
	if !p.asked || m.back.restart.Verb == "" {
		m.launch(p)
		return
	}
	m.ask(m.back.restart, func(m *Machine, r ftp.Reply) {
		if !r.Intermediate() {
			m.callOff(r)
			return
		}
		m.launch(p)
	})
}

// callOff answers a transfer that is not to be.
func (m *Machine) callOff(answer ftp.Reply) {
	m.do(DropOffers{})
	undo := ftp.Command{Verb: ftp.REST, Arg: "0", HasArg: true}
	switch m.back.restart.Verb {
	case "":
		m.answer(answer)
		return
	case ftp.RANG:
		undo = ftp.Command{Verb: ftp.RANG, Arg: "1 0", HasArg: true}
	}
	m.back.forgetRestart()
	m.ask(undo, func(m *Machine, _ ftp.Reply) { m.answer(answer) })
}

// restart relays REST and RANG, and notes where the next transfer begins.
func (m *Machine) restart(c ftp.Command) {
	m.forward(c, func(m *Machine, r ftp.Reply) {
		if r.Intermediate() {
			m.back.restart, m.back.offset = c, offsetOf(c)
		}
		m.answer(r)
	})
}

// offsetOf is where REST, or the range of RANG, begins. It is read as C programs do:
// what they make of it is where the backend begins.
func offsetOf(c ftp.Command) int64 {
	first, last, _ := strings.Cut(strings.TrimLeft(c.Arg, " "), " ")
	from := number(first)
	if c.Verb == ftp.RANG && from > number(last) { // no range at all
		return 0
	}
	return from
}

func number(s string) int64 {
	s = strings.TrimPrefix(strings.TrimLeft(s, " "), "+")
	end := 0
	for end < len(s) && '0' <= s[end] && s[end] <= '9' {
		end++
	}
	if end == 0 {
		return 0
	}
	n, err := strconv.ParseInt(s[:end], 10, 64)
	if err != nil {
		return math.MaxInt64
	}
	return n
}

func (b *backend) forgetRestart() { b.restart, b.offset = ftp.Command{}, 0 }

// binary reports whether the backend was told to send files as they are.
func (b *backend) binary() bool {
	return b.typed != "" && strings.ContainsAny(b.typed[:1], "IiLl")
}

// reinitialise relays REIN, which ends what the client has set (RFC 959 §4.1.1).
func (m *Machine) reinitialise(c ftp.Command) {
	m.forward(c, func(m *Machine, r ftp.Reply) {
		if r.Positive() {
			m.modeZ, m.type_ = modeZ{}, m.cfg.firstType()
			m.lists.facts, m.lists.chosen = 0, false
			b := &m.back
			b.typed, b.deflates = "", false
			b.forgetRestart()
		}
		m.answer(r)
	})
}
