package logfile

import (
	"bytes"
	"strconv"
	"time"

	"github.com/rs/zerolog"
)

// TraceFormat is the format of TraceLog:
//
//	YYYY-MM-DD hh:mm:ss,mmm [pid] <channel:level>: message key=value…
type TraceFormat struct {
	PID  int
	Base string // the channel of events that belong to none of their own
}

// Append renders an event. Everything that has no place in the format follows the message.
func (f TraceFormat) Append(b, line []byte, at time.Time) []byte {
	var e event
	e.parse(line)
	level, _ := zerolog.ParseLevel(string(e.level)) // an unknown one is that of events without a level
	b = append(stamp(b, at), " ["...)
	b = strconv.AppendInt(b, int64(f.PID), 10)
	b = append(b, "] <"...)
	b = append(b, TraceChannel(f.Base, e.message)...)
	b = strconv.AppendInt(append(b, ':'), int64(TraceLevel(level)), 10)
	b = append(b, ">: "...)
	e.level = nil
	e.demote()
	return e.appendMessage(b)
}

// TraceLevel is the number that Trace knows an event's level by: the higher, the less it matters.
func TraceLevel(level zerolog.Level) int {
	switch {
	case level >= zerolog.ErrorLevel && level <= zerolog.PanicLevel:
		return 1
	case level == zerolog.WarnLevel:
		return 3
	case level == zerolog.DebugLevel:
		return 10
	case level == zerolog.TraceLevel:
		return 20
	}
	return 5
}

// traceChannels tell the channels of a proxy's events by a word of their messages; the first that is found
// counts.
var traceChannels = []struct{ word, channel string }{
	{"TLS", "proxy.tls"}, {"certificate", "proxy.tls"},
	{"data connection", "proxy.ftp.conn"}, {"data address", "proxy.ftp.conn"}, {"assive", "proxy.ftp.conn"},
	{"selected backend", "proxy.reverse"}, {"destination", "proxy.forward"},
	{"error connecting", "proxy.conn"}, {"connected", "proxy.conn"},
	{"transfer", "proxy.ftp.xfer"},
	{"banner", "proxy.ftp.ctrl"}, {"backend", "proxy.ftp.ctrl"}, {"client", "proxy.ftp.ctrl"},
}

// ProxyChannel is the channel that those of the proxy's own parts stem from.
const ProxyChannel = "proxy"

// TraceChannel is the channel of an event, by the log that it is for and its message.
func TraceChannel(base string, message []byte) string {
	if base != ProxyChannel {
		return base
	}
	for _, c := range traceChannels {
		if bytes.Contains(message, []byte(c.word)) {
			return c.channel
		}
	}
	return base
}

// TraceMessage finds the message in an encoded event, which zerolog writes last.
func TraceMessage(line []byte) []byte {
	const key = `"message":"`
	at := bytes.LastIndex(line, []byte(key))
	if at < 0 {
		return nil
	}
	return line[at+len(key):]
}
