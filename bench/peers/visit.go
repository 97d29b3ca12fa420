package peers

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
)

// Visit is one control connection at a scripted backend, as handlers in Script.On see it.
type Visit struct {
	// Number counts control connections from 1.
	Number int
	// Verb and Arg are the command in hand.
	Verb, Arg string

	s     *Scripted
	conn  *net.TCPConn
	in    *bufio.Reader
	lines chan string
	gone  chan struct{} // closed when the control connection has ended

	listen *net.TCPListener // after PASV or EPSV
	active string           // after PORT or EPRT
	rest   int64
}

// Reply writes text as it is; most callers end it with CRLF.
func (v *Visit) Reply(format string, args ...any) {
	_, _ = fmt.Fprintf(v.conn, format, args...) // a visitor that left is recorded by the reader
}

// Close ends the control connection cleanly.
func (v *Visit) Close() { _ = v.conn.Close() }

// Reset ends the control connection with a TCP reset.
func (v *Visit) Reset() {
	_ = v.conn.SetLinger(0) // a closed socket needs no reset
	_ = v.conn.Close()
}

// Gone is closed once the visitor has hung up, or Close or Reset was called.
func (v *Visit) Gone() <-chan struct{} { return v.gone }

// Next waits for the next command line while a handler is at work, such as ABOR during a
// transfer; false after limit or when the visitor has left.
func (v *Visit) Next(limit time.Duration) (string, bool) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case line, ok := <-v.lines:
		return line, ok
	case <-timer.C:
		return "", false
	}
}

func (v *Visit) serve() {
	defer v.s.release(v.conn)
	defer v.closeListener()
	v.s.work.Go(v.read)
	if !v.greet() {
		return
	}
	for line := range v.lines {
		verb, arg, _ := strings.Cut(line, " ")
		v.Verb, v.Arg = strings.ToUpper(withoutTelnet(verb)), arg
		if act, ok := v.s.script.On[v.Verb]; ok {
			act(v)
			continue
		}
		v.Default()
	}
}

// withoutTelnet drops the signals that may precede ABOR: IAC, IP, DM (RFC 854).
func withoutTelnet(verb string) string {
	for verb != "" && (verb[0] == 0xff || verb[0] == 0xf4 || verb[0] == 0xf2) {
		verb = verb[1:]
	}
	return verb
}

func (v *Visit) greet() bool {
	script := &v.s.script
	if script.BannerDelay > 0 {
		timer := time.NewTimer(script.BannerDelay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-v.gone:
			return false
		}
	}
	switch {
	case script.NoBanner:
		<-v.gone
		return false
	case script.Banner != "":
		v.Reply("%s", script.Banner)
	default:
		v.Reply("220 scripted\r\n")
	}
	return true
}

// read takes lines off the control connection as they come, so that the order of a command and
// the end of the data can be told, and so that a hang-up is noticed during a transfer.
func (v *Visit) read() {
	defer close(v.lines)
	defer close(v.gone)
	for {
		line, err := v.in.ReadString('\n')
		if line != "" {
			line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
			v.s.record(Event{Visit: v.Number, What: "line", Text: line})
			select {
			case v.lines <- line:
			default: // a handler that reads nothing must not hold the record up
			}
		}
		if err != nil {
			v.s.record(Event{Visit: v.Number, What: ending(err, "eof", "reset")})
			return
		}
	}
}

// ending tells a clean end from a broken one.
func ending(err error, clean, broken string) string {
	if err == nil || errors.Is(err, io.EOF) {
		return clean
	}
	if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return broken
	}
	return broken + " (" + err.Error() + ")"
}

// Default does what a plain server would do with the command in hand.
func (v *Visit) Default() {
	switch v.Verb {
	case "PASV", "EPSV", "PORT", "EPRT":
		v.defaultEndpoint()
	case "RETR", "LIST", "NLST", "MLSD", "STOR", "APPE", "STOU":
		v.defaultTransfer()
	case "FEAT":
		v.defaultFeatures()
	case "REST":
		_, _ = fmt.Sscan(v.Arg, &v.rest) // junk counts as zero here
		v.Reply("350 restarting at %d\r\n", v.rest)
	case "SIZE":
		if body, ok := v.s.File(v.Arg); ok {
			v.Reply("213 %d\r\n", len(body))
		} else {
			v.Reply("550 no such file\r\n")
		}
	case "QUIT":
		v.Reply("221 bye\r\n")
		v.Close()
	default:
		if text, ok := plainReplies[v.Verb]; ok {
			v.Reply("%s\r\n", text)
			return
		}
		v.Reply("500 %s not understood\r\n", v.Verb)
	}
}

var plainReplies = map[string]string{
	"USER": "331 password please", "PASS": "230 welcome", "SYST": "215 UNIX Type: L8", "TYPE": "200 type set",
	"PWD": `257 "/" is here`, "CWD": "250 moved", "CDUP": "250 moved", "NOOP": "200 done", "DELE": "250 deleted",
	"MKD": "257 made", "RMD": "250 removed", "RNFR": "350 to what?", "RNTO": "250 renamed", "ABOR": "226 aborted",
	"OPTS": "200 noted", "STAT": "211 fine", "SITE": "200 done", "HOST": "220 host accepted", "MODE": "200 mode set",
	"STRU": "200 structure set", "MDTM": "213 20240102030405", "ALLO": "202 not needed", "CLNT": "200 noted", "HELP": "214 help yourself",
}

func (v *Visit) defaultFeatures() {
	features := v.s.script.Features
	if features == nil {
		features = []string{"EPRT", "EPSV", "REST STREAM", "SIZE"}
	}
	if len(features) == 0 {
		v.Reply("500 FEAT not understood\r\n")
		return
	}
	v.Reply("211-Features:\r\n %s\r\n211 End\r\n", strings.Join(features, "\r\n "))
}
