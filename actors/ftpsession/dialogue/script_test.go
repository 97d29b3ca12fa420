package dialogue

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/protocols/destination"
	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// A test is a dialogue, one thing a line. Lines that happen:
//
//	C: PASV                      a line of the client     C lost / C killed
//	C secured [name]             the end of a handshake   C insecure / C cleared
//	B: 227 …                     a reply of the backend   B lost / B reset
//	B connected / B unreachable  of the current attempt   picked b1 / picked none, nobody
//	B secured                    a handshake's good end   switched / switched nowhere, to itself
//	listening front 4000         (or back; or failed)     admit / refuse Full
//	grant [staff] / deny / fail  the answer to check
//	resolved [own / forbidden / nowhere]                  the answer to resolve
//	data ended [100ms]           the source's proper end  wait 3s, drain
//	data listed 1                directories, by a translator
//	data finished [empty, or front copy Broken pipe]  with side, stage, reason
//
// All other lines are what the machine is to do next, in its order: >C and >B
// write, the rest is named like its action. Resume and notes are left out; the
// watch sees to the nods. "↵" breaks lines, "␣" is a blank at the end, # and
// what follows is for the reader.
type script struct {
	t     *testing.T
	m     *Machine
	w     *watch
	now   time.Time
	did   []string
	wrong []string // misdeeds, apart from what a script says
	lines ftp.CommandDecoder
	said  ftp.ReplyDecoder
	other Config // of the server that "switched" leads to
}

var epoch = time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)

// usual is the configuration that tests start from.
func usual() Config {
	return Config{
		Client: netip.MustParseAddrPort("192.0.2.7:40000"), Local: netip.MustParseAddrPort("192.0.2.1:21"),
		UseIPv6: true, RetryCount: 3, TimeoutConnect: 5 * time.Second, TimeoutLinger: 3 * time.Second,
		TimeoutLogin: 300 * time.Second, TimeoutIdle: 600 * time.Second,
	}
}

const (
	back4, own4 = "198.51.100.5:21", "198.51.100.1:33000"
	back6, own6 = "[2001:db8::5]:21", "[2001:db8::1]:33000"
)

// play runs a dialogue and returns it for a look at what is left.
func play(t *testing.T, cfg Config, text ...string) *script {
	t.Helper()
	return playBetween(t, cfg, cfg.Selection, text...)
}

// playBetween has the other server choose its backends at another moment.
func playBetween(t *testing.T, cfg Config, other Selection, text ...string) *script {
	t.Helper()
	s := &script{t: t, m: New(cfg, epoch), w: newWatch(cfg), now: epoch, other: otherServer(cfg)}
	s.other.Selection = other
	s.see(nil, s.m.Begin(epoch))
	at := "the beginning"
	var want []string
	for n, line := range strings.Split(strings.Join(text, "\n"), "\n") {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if !happens(line) {
			want = append(want, line)
			continue
		}
		s.compare(at, want)
		want, at = nil, fmt.Sprintf("%q (line %d)", line, n+1)
		s.event(line)
	}
	s.compare(at, want)
	if err := s.w.atRest(s.m); err != nil {
		t.Errorf("at the end: %v", err)
	}
	return s
}

func (s *script) compare(at string, want []string) {
	s.t.Helper()
	if diff := cmp.Diff(want, s.did); diff != "" {
		s.t.Fatalf("after %s (-want +got):\n%s", at, diff)
	}
	s.did = nil
}

func happens(line string) bool {
	for _, p := range []string{"C:", "C lost", "C killed", "C secured", "C insecure", "C cleared", "switched",
		"B:", "B lost", "B reset", "B connected", "B secured", "B unreachable", "picked", "resolved", "listening", "admit", "refuse", "grant", "deny", "fail", "unheard", "data ", "wait ", "drain"} {
		if strings.HasPrefix(line, p) {
			return true
		}
	}
	return false
}

func (s *script) event(line string) {
	s.t.Helper()
	head, rest, _ := strings.Cut(line, " ")
	attempt := s.m.back.attempt
	switch head {
	case "C:":
		s.client(rest)
	case "C":
		s.step(frontOf(rest))
	case "switched":
		s.switched(rest)
	case "B:":
		s.said.Feed([]byte(breaks.Replace(rest) + "\r\n"))
		for r, ok, err := s.said.Next(); ok || err != nil; r, ok, err = s.said.Next() {
			if err != nil { // the decoder is done with this backend, and so is its reader
				s.step(messages.BackendLost{Attempt: attempt, Err: err})
				return
			}
			s.step(messages.ReplyReceived{Attempt: attempt, Reply: r})
		}
	case "B":
		s.backend(rest, attempt)
	case "picked":
		s.step(pickOf(s.t, rest))
	case "resolved":
		s.step(resolvedOf(rest))
	case "listening":
		s.step(listeningOf(rest))
	case "admit":
		s.step(messages.LoginAnswered{})
	case "refuse":
		s.step(messages.LoginAnswered{Refusal: rest})
	case "grant":
		s.step(messages.LoginChecked{Granted: true, User: "real", Group: rest, Groups: []string{rest}})
	case "deny":
		s.step(messages.LoginChecked{Reason: "Incorrect password"})
	case "fail":
		s.step(messages.LoginChecked{Err: errors.New("the database is gone")})
	case "unheard":
		s.step(messages.LoginChecked{Err: errors.New("too many"), Unheard: true})
	case "data":
		s.data(rest)
	case "drain":
		s.step(messages.DrainRequested{})
	case "wait":
		d, err := time.ParseDuration(rest)
		if err != nil {
			s.t.Fatal(err)
		}
		s.now = s.now.Add(d)
		s.step(messages.TimeReached{})
	}
}

var breaks = strings.NewReplacer("↵", "\r\n", "␣", " ")

// client goes through the decoder, as lines that are no commands count too.
func (s *script) client(line string) {
	s.t.Helper()
	line = breaks.Replace(strings.ReplaceAll(line, "␀", "\x00"))
	s.lines.Feed([]byte(line + "\r\n"))
	c, ok, err := s.lines.Next()
	if !ok {
		s.t.Fatalf("script: %q is no line", line)
	}
	s.step(messages.CommandReceived{Command: c, Err: err})
}

func (s *script) backend(what string, attempt uint32) {
	v4 := messages.BackendConnected{Attempt: attempt, Local: netip.MustParseAddrPort(own4), Remote: netip.MustParseAddrPort(back4)}
	if reason, ok := strings.CutPrefix(what, "unreachable "); ok {
		s.step(messages.BackendUnreachable{Attempt: attempt, Err: errors.New("dial tcp: no"), Reason: reason})
		return
	}
	switch what {
	case "connected":
		s.step(v4)
	case "connected in TLS":
		v4.TLS = tls13("")
		s.step(v4)
	case "secured":
		s.step(messages.BackendSecured{Attempt: attempt, TLS: tls13("")})
	case "connected by IPv6":
		v4.Local, v4.Remote = netip.MustParseAddrPort(own6), netip.MustParseAddrPort(back6)
		s.step(v4)
	case "unreachable":
		s.step(messages.BackendUnreachable{Attempt: attempt, Err: errors.New("connection refused")})
	default:
		s.step(messages.BackendLost{Attempt: attempt, Err: lossOf(what)})
	}
}

func (s *script) switched(where string) {
	s.t.Helper()
	switch where {
	case "nowhere":
		s.see(messages.TimeReached{}, s.m.Switch(nil, s.now))
	case "to itself":
		s.see(messages.TimeReached{}, s.m.Stay(s.now))
	default:
		s.see(messages.TimeReached{}, s.m.Switch(&s.other, s.now))
	}
}

// frontOf is news of the client's control connection.
func frontOf(rest string) messages.ToSession {
	switch what, name, _ := strings.Cut(rest, " "); what {
	case "secured":
		return messages.FrontendSecured{TLS: tls13(name)}
	case "insecure":
		return messages.FrontendInsecure{Err: errors.New("remote error: tls: bad certificate")}
	case "cleared":
		return messages.FrontendCleared{}
	}
	return messages.FrontendLost{Err: lossOf(rest)}
}

func tls13(name string) messages.TLSInfo {
	return messages.TLSInfo{Version: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256", Bits: 128, Name: name}
}

// otherServer has the same address and port, but its own names and backends.
func otherServer(cfg Config) Config {
	cfg.ServerNames = []string{"other.example"}
	cfg.AsciiDefault = true
	return cfg
}

func lossOf(how string) error {
	if how == "lost" {
		return io.EOF
	}
	return errors.New("connection reset by peer")
}

func pickOf(t *testing.T, name string) messages.BackendPicked {
	t.Helper()
	if name == "nobody" {
		return messages.BackendPicked{Err: fmt.Errorf("%w: the pool is empty", ErrUnlisted)}
	}
	if name == "none" {
		return messages.BackendPicked{Err: errors.New("no backend is up")}
	}
	if !strings.Contains(name, "://") {
		name = "ftp://" + name
	}
	u, err := backendurl.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	return messages.BackendPicked{Lease: 1, Backend: messages.Backend{URL: u, Endpoints: []netip.AddrPort{netip.MustParseAddrPort(back4)}}}
}

func resolvedOf(what string) messages.DestinationResolved {
	to := netip.MustParseAddrPort(back4)
	switch what {
	case "own":
		return messages.DestinationResolved{Err: &destination.Refused{To: to, Reason: destination.OwnListener}}
	case "forbidden":
		return messages.DestinationResolved{Err: &destination.Refused{To: to, Reason: destination.Metadata}}
	case "nowhere":
		return messages.DestinationResolved{Err: errors.New("no such name")}
	}
	return messages.DestinationResolved{Endpoints: []netip.AddrPort{to}}
}

func listeningOf(rest string) messages.Listening {
	side, port, _ := strings.Cut(rest, " ")
	m := messages.Listening{Side: sideOf(side)}
	n, err := strconv.Atoi(port)
	if err != nil {
		m.Err = errors.New("no port is free")
		return m
	}
	m.Addr = netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(n))
	return m
}

func sideOf(s string) messages.Side {
	if s == "front" {
		return messages.FrontSide
	}
	return messages.BackSide
}

func (s *script) data(rest string) {
	w := strings.SplitN(rest, " ", 4)
	id := s.m.xfers
	if w[0] == "listed" {
		n, _ := strconv.Atoi(w[1])
		s.step(messages.ListingRead{Transfer: id, Directories: n})
		return
	}
	if w[0] == "ended" {
		ev := messages.DataEnded{Transfer: id, Bytes: 42}
		if len(w) > 1 {
			ev.Settle, _ = time.ParseDuration(w[1])
		}
		s.step(ev)
		return
	}
	ev := messages.TransferFinished{Transfer: id, Bytes: 42}
	if rest == "finished empty" {
		ev.Bytes = 0
	}
	if len(w) > 2 {
		stages := map[string]messages.Stage{"open": messages.StageOpen, "secure": messages.StageSecure, "copy": messages.StageCopy,
			"stalled": messages.StageStall, "aborted": messages.StageAbort, "limit": messages.StageLimit}
		ev.Side, ev.Stage, ev.Err, ev.Reason = sideOf(w[1]), stages[w[2]], errors.New("broken"), "Input/output error"
	}
	if len(w) > 3 {
		ev.Reason = w[3]
	}
	s.step(ev)
}

func (s *script) step(ev messages.ToSession) {
	s.t.Helper()
	s.see(ev, s.m.Step(ev, s.now))
}

func (s *script) see(ev messages.ToSession, did []Action) {
	s.t.Helper()
	if err := s.w.saw(s.m, ev, did, s.now); err != nil {
		s.t.Fatalf("%+v led to %v: %v", ev, shownAll(did), err)
	}
	s.did = append(s.did, shownAll(did)...)
	s.wrong = append(s.wrong, misdeeds(did)...)
}
