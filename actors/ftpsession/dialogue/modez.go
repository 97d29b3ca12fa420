package dialogue

import (
	"strconv"
	"strings"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// MODE Z is deflate on data connections (draft-preston-ftpext-deflate). Each side
// has a mode of its own, so clients may have it with backends that know nothing of
// it, and the other way round. A client's MODE is never relayed.

// Deflate is where MODE Z is spoken.
type Deflate struct {
	Clients  bool        // DeflateEngine: those who ask for it
	Backends BackDeflate // those who list it
}

// BackDeflate is ProxyDeflateEngine.
type BackDeflate uint8

// The ways to use MODE Z with backends that list it.
const (
	DeflateNothing   BackDeflate = iota // off
	DeflateDownloads                    // downloads: listings, too
	DeflateAll                          // on
)

// modeZ is what the client has chosen.
type modeZ struct {
	on    bool
	level int // 0: usualLevel
}

// usualLevel is a good deal faster than those above it, and hardly larger.
const usualLevel = 6

func (z modeZ) chosen() int {
	if z.level == 0 {
		return usualLevel
	}
	return z.level
}

// offersModeZ reports whether the client may have it. Of data that does not pass here
// the backend decides.
func (m *Machine) offersModeZ() bool {
	if m.cfg.Direct.On {
		return m.back.features.Has("MODE Z")
	}
	return m.cfg.Deflate.Clients
}

// mode answers MODE (RFC 959 §3.4).
func (m *Machine) mode(c ftp.Command) {
	switch arg := strings.ToUpper(c.Arg); {
	case m.cfg.Direct.On:
		m.relay(c)
	case arg == "":
		m.answer(ftp.NotUnderstood("'" + c.Verb + "'"))
	case arg == "S":
		m.modeZ.on = false
		m.answer(ftp.ModeSet(arg))
	case arg == "Z" && m.offersModeZ():
		m.modeZ.on = true
		m.answer(ftp.ModeSet(arg))
	case arg == "Z", arg == "B", arg == "C":
		m.answer(ftp.ModeUnsupported(c.Arg))
	default:
		m.answer(ftp.ModeUnknown(c.Arg))
	}
}

// optsModeZ takes the options of MODE Z, pairs of a name and a value; none: all are
// as usual again.
func (m *Machine) optsModeZ(words []string) {
	level := 0
	for ; len(words) > 1; words = words[2:] {
		n, err := strconv.Atoi(words[1])
		switch name := strings.ToUpper(words[0]); {
		case name == "LEVEL" && err == nil && n >= 1 && n <= 9:
			level = n
		case name == "ENGINE" && strings.EqualFold(words[1], "ZLIB"), name == "METHOD" && n == 8: // the only ones there are
		default:
			m.answer(ftp.OptionUnknown("MODE Z " + words[0] + " " + words[1]))
			return
		}
	}
	if len(words) > 0 {
		m.answer(ftp.OptionUnknown("MODE Z " + words[0]))
		return
	}
	m.modeZ.level = level
	m.answer(ftp.NewReply(200, "MODE Z LEVEL set to "+strconv.Itoa(m.modeZ.chosen())))
}

// compressBackend has a backend that can do it send, or send and take, deflated data.
func (m *Machine) compressBackend(p *preparation) {
	b, how := &m.back, m.cfg.Deflate.Backends
	wish := (how == DeflateAll || how == DeflateDownloads && !p.upload) && !b.noDeflate && b.features.Has("MODE Z")
	if wish == b.deflates {
		m.measure(p)
		return
	}
	mode := "S"
	if wish {
		mode = "Z"
	}
	m.ask(ftp.Command{Verb: ftp.MODE, Arg: mode, HasArg: true}, func(m *Machine, r ftp.Reply) {
		switch {
		case r.Positive():
			b.deflates = wish
		case wish:
			b.noDeflate = true
			m.do(Note{Level: Warn, Text: "backend lists MODE Z but refuses it, going on without", Reply: r})
		default: // what it would take the data for, nobody knows
			m.callOff(r)
			return
		}
		m.measure(p)
	})
}

// levels are those of both sides.
func (m *Machine) levels() (front, back int) {
	if m.modeZ.on {
		front = m.modeZ.chosen()
	}
	if m.back.deflates {
		back = usualLevel
	}
	return front, back
}
