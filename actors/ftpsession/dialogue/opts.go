package dialogue

import (
	"strings"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// opts answers the options of what we do ourselves (RFC 2389 §4). All others are the
// backend's.
func (m *Machine) opts(c ftp.Command) {
	words := strings.Fields(c.Arg)
	switch {
	case len(words) > 0 && strings.EqualFold(words[0], "UTF8"):
		m.optsUTF8(c, words[1:])
	case m.cfg.Deflate.Clients && !m.cfg.Direct.On && len(words) > 1 && strings.EqualFold(words[0], ftp.MODE) && strings.EqualFold(words[1], "Z"):
		m.optsModeZ(words[2:])
	case len(words) > 0 && strings.EqualFold(words[0], ftp.MLST):
		m.optsMLST(c)
	default:
		m.relay(c)
	}
}

// optsUTF8 asks a backend that lists UTF8. Of any other it changes nothing: names
// pass through as the bytes that they are, and whoever has given a file its name
// will know it again, so there is no reason to say no.
func (m *Machine) optsUTF8(c ftp.Command, words []string) {
	how := "ON"
	if len(words) > 0 {
		how = strings.ToUpper(words[0])
	}
	if m.back.features.Has("UTF8") || len(words) > 1 || how != "ON" && how != "OFF" {
		m.relay(c)
		return
	}
	m.answer(ftp.NewReply(200, "UTF8 set to "+strings.ToLower(how)))
}
