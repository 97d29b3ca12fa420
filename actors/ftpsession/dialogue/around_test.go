package dialogue

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/destination"
	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// What surrounds a machine in a world: what its peers may do next, and how its
// backend answers.

type event func() error

// possible lists what could happen now.
func (wd *world) possible() []event {
	can := wd.owing()
	w := wd.w
	if w.picking && w.named {
		can = append(can, func() error { return wd.step(resolvedOf([]string{"nowhere", "own", "forbidden"}[wd.choose(3)])) })
	} else if w.picking {
		can = append(can, func() error {
			return wd.step(messages.BackendPicked{Err: []error{errors.New("none is up"), ErrUnlisted}[wd.choose(2)]})
		})
	}
	if wd.linking {
		can = append(can, wd.unreachable)
	}
	if w.linked {
		can = append(can, wd.lose)
		if !w.tls.linkSecuring {
			can = append(can, wd.partAndLose)
		}
	}
	if w.tls.securing {
		can = append(can, func() error { return wd.step(messages.FrontendInsecure{Err: errors.New("bad certificate")}) })
	}
	if w.reading && w.clientOn {
		can = append(can, wd.leave)
		for _, c := range wd.vocabulary() {
			can = append(can, func() error { return wd.command(c) })
		}
	}
	for _, side := range []messages.Side{messages.FrontSide, messages.BackSide} {
		if w.listens[side] {
			can = append(can, func() error { return wd.step(messages.Listening{Side: side, Err: errors.New("no port is free")}) })
		}
	}
	if wd.loginAsks {
		can = append(can, func() error { wd.loginAsks = false; return wd.step(messages.LoginAnswered{Refusal: "full"}) })
	}
	if wd.checks {
		can = append(can,
			func() error { wd.checks = false; return wd.step(messages.LoginChecked{Reason: "Incorrect password"}) },
			func() error { wd.checks = false; return wd.step(messages.LoginChecked{Err: errors.New("no database")}) },
			func() error {
				wd.checks = false
				return wd.step(messages.LoginChecked{Err: errors.New("too many"), Unheard: true})
			})
	}
	can = append(can, wd.accidents()...)
	if at := wd.m.Deadline(); !at.IsZero() && (!wd.m.late.doubts || len(wd.owed) == 0) {
		can = append(can, wd.wake)
	}
	if !wd.drained {
		can = append(can, func() error { wd.drained = true; return wd.step(messages.DrainRequested{}) })
	}
	return can
}

// owing lists what is bound to happen.
func (wd *world) owing() []event {
	var can []event
	w := wd.w
	if w.picking && w.named {
		can = append(can, func() error { return wd.step(resolvedOf("")) })
	} else if w.picking {
		can = append(can, func() error {
			b := messages.Backend{}
			b.URL.Host, b.URL.Scheme = "b1", wd.scheme()
			return wd.step(messages.BackendPicked{Lease: 1, Backend: b})
		})
	}
	if wd.linking {
		can = append(can, wd.connect)
	}
	if len(wd.owed) > 0 && w.linked && !w.tls.linkSecuring {
		can = append(can, wd.reply)
	}
	can = append(can, wd.handshakes()...)
	for _, side := range []messages.Side{messages.FrontSide, messages.BackSide} {
		if w.listens[side] {
			can = append(can, func() error {
				return wd.step(messages.Listening{Side: side, Addr: netip.MustParseAddrPort("0.0.0.0:6000")})
			})
		}
	}
	if wd.loginAsks {
		can = append(can, func() error { wd.loginAsks = false; return wd.step(messages.LoginAnswered{}) })
	}
	if !wd.m.clock.feintEnds.IsZero() {
		can = append(can, wd.wake)
	}
	if wd.checks {
		can = append(can, func() error { wd.checks = false; return wd.step(messages.LoginChecked{Granted: true, Group: "staff"}) })
	}
	if d := w.data; d != nil && !d.finished {
		switch {
		case d.aborted || d.settled && !wd.clean:
			can = append(can, wd.finish(messages.FrontSide, messages.StageAbort))
		case d.settled:
			can = append(can, wd.finishWell)
		case d.proceed && !d.ended:
			can = append(can, wd.dataEnd)
		}
	}
	return can
}

// accidents are what may befall a data channel.
func (wd *world) accidents() []event {
	d := wd.w.data
	switch {
	case d == nil || d.finished:
		return nil
	case d.aborted && d.proceed && !d.ended: // crossed with the abort
		return []event{wd.dataEnd}
	case d.settled && wd.clean:
		dst := messages.FrontSide
		if d.upload {
			dst = messages.BackSide
		}
		if d.aborted { // an end that was on its way all the same
			return []event{wd.finishWell}
		}
		return []event{wd.finish(dst, messages.StageCopy)}
	case d.ended || d.settled || d.aborted:
		return nil
	case d.proceed:
		return []event{
			wd.finish(messages.FrontSide, messages.StageOpen), wd.finish(messages.BackSide, messages.StageOpen),
			wd.finish(messages.FrontSide, messages.StageCopy), wd.finish(messages.BackSide, messages.StageCopy),
			wd.finish(messages.BackSide, messages.StageStall), wd.finish(messages.FrontSide, messages.StageLimit),
		}
	}
	return []event{wd.finish(messages.BackSide, messages.StageOpen)}
}

func (wd *world) finish(side messages.Side, stage messages.Stage) event {
	return func() error {
		return wd.step(messages.TransferFinished{Transfer: wd.w.data.id, Err: errors.New("broken"), Reason: "Input/output error", Side: side, Stage: stage})
	}
}

func (wd *world) finishWell() error {
	wd.running.whole = true
	n := int64(42)
	if wd.running.verb == ftp.MLSD {
		n *= int64(wd.running.n % 2) // half of the lists are empty
	}
	return wd.step(messages.TransferFinished{Transfer: wd.w.data.id, Bytes: n})
}

func (wd *world) dataEnd() error {
	wd.running.ended = true
	return wd.step(messages.DataEnded{Transfer: wd.w.data.id, Bytes: 42})
}

func (wd *world) connect() error {
	wd.linking = false
	codes := []int{220, 220, 220, 421, 530}
	wd.owed = []owed{{code: codes[wd.choose(len(codes))], text: "hello"}}
	ev := messages.BackendConnected{Attempt: wd.w.dialled, Local: netip.MustParseAddrPort(own4), Remote: netip.MustParseAddrPort(back4)}
	if wd.implicit {
		ev.TLS = tls13("")
	}
	return wd.step(ev)
}

func (wd *world) unreachable() error {
	wd.linking = false
	return wd.step(messages.BackendUnreachable{Attempt: wd.w.dialled, Err: errors.New("connection refused")})
}

func (wd *world) lose() error {
	wd.owed = nil
	return wd.step(messages.BackendLost{Attempt: wd.w.dialled, Err: io.EOF})
}

// partAndLose is how a backend ends a session in good order.
func (wd *world) partAndLose() error {
	wd.owed = nil
	if err := wd.step(messages.ReplyReceived{Attempt: wd.w.dialled, Reply: ftp.NewReply(421, "bye")}); err != nil || wd.m.Ended() {
		return err
	}
	return wd.lose()
}

func (wd *world) leave() error { return wd.step(messages.FrontendLost{Err: io.EOF}) }

func (wd *world) wake() error {
	if at := wd.m.Deadline(); at.After(wd.now) {
		wd.silent = wd.silent || !wd.settling && at.Sub(wd.now) > 10*time.Second
		wd.now = at
	}
	return wd.step(messages.TimeReached{})
}

// vocabulary is what the client may say.
func (wd *world) vocabulary() []string {
	var said []string
	switch {
	case wd.exploring:
		return []string{"ABOR", "NOOP", "QUIT"}
	case wd.m.phase != loggedIn:
		said = []string{"USER", "PASS", "QUIT", "CWD", "PASV", "RETR"}
	default:
		said = []string{"RETR", "STOR", "PASV", "EPSV", "PORT 192,0,2,7,19,136", "ABOR", "NOOP", "STAT", "CWD", "QUIT", "LIST", "NLST", "MLSD", "MLSD a ", "OPTS MLST size;", "HOST", "REST", "MODE Z", "REIN"}
	}
	if wd.m.cfg.TLS.Enabled {
		said = append(said, "AUTH TLS", "AUTH SSL", "PBSZ 0", "PROT P", "PROT C", "CCC", "HOST other.example")
	}
	if wd.m.cfg.Selection != AtConnect {
		said = append(said, "TYPE I", "ACCT", "HOST other.example")
	}
	return said
}

func (wd *world) command(line string) error {
	verb, arg, _ := strings.Cut(line, " ")
	c := &asked{n: len(wd.commands), verb: verb}
	wd.commands = append(wd.commands, c)
	if arg == "" || verb == ftp.OPTS || arg == "a " {
		arg += fmt.Sprintf("#%d", c.n)
	}
	if verb == ftp.USER && wd.m.forwards() && wd.m.cfg.Forward.Method != destination.UserAtSNI && wd.m.journey.guest == nil ||
		verb == ftp.USER && wd.m.forwards() && wd.m.cfg.Forward.Method == destination.ProxyUserThenUserAtHost {
		arg += "@b1"
	}
	return wd.step(messages.CommandReceived{Command: ftp.Command{Verb: verb, Arg: arg, HasArg: true}})
}

// reply delivers the next reply of the backend.
func (wd *world) reply() error {
	o := wd.owed[0]
	wd.owed = wd.owed[1:]
	if o.of != nil && moves(o.of.verb) && o.code >= 200 {
		o.of.said, o.of.positive = true, o.code < 300
	}
	if err := wd.step(messages.ReplyReceived{Attempt: wd.w.dialled, Reply: o.reply()}); err != nil || o.code != 221 || wd.m.Ended() {
		return err
	}
	return wd.lose()
}

// sent has the backend make up its mind about a command.
func (wd *world) sent(c ftp.Command) error {
	of := wd.author(c)
	running := wd.m.xfer != nil
	if !running || !ahead(c.Verb) {
		for _, o := range wd.owed {
			if o.of == nil || o.of.answers == 0 && o.of != of {
				return fmt.Errorf("the backend still owes %v", o.reply())
			}
		}
	}
	if c.Verb == ftp.ABOR && c.Arg == "urgent" {
		wd.abort(of)
		return nil
	}
	if wd.m.cfg.Direct.On && moves(c.Verb) { // the backend's word is all there is
		wd.running = of
		of.ended, of.clean, of.whole = true, true, true
	}
	ways := answers[c.Verb]
	if moves(c.Verb) && !running { // silence is for those who wait for data
		ways = transfers[:len(transfers)-2]
	}
	way := ways[wd.choose(len(ways))]
	var said []owed
	for _, code := range way {
		said = append(said, owed{code: code, of: of, text: textOf(code)})
	}
	wd.silent = wd.silent || len(way) == 0 || way[len(way)-1] < 200
	at := len(wd.owed)
	if running && ahead(c.Verb) && at > 0 && wd.choose(2) == 0 { // in front of the transfer's last word
		if last := wd.owed[at-1]; last.of == wd.running && (at > 1 || wd.m.xfer.proceeding) {
			at--
		}
	}
	wd.owed = slices.Insert(wd.owed, at, said...)
	return nil
}

// answers are the ways in which a backend may answer; an end on 1xx means that
// the last word never comes.
var answers = map[string][][]int{
	ftp.FEAT: {{211}, {500}, {421}}, ftp.HOST: {{220}, {504}},
	ftp.USER: {{331}, {230}, {530}, {332}, {500}, {421}}, ftp.PASS: {{230}, {530}, {120, 230}, {332}, {503}},
	ftp.ACCT: {{230}, {530}}, ftp.TYPE: {{200}, {504}},
	ftp.RETR: transfers, ftp.STOR: transfers, ftp.LIST: transfers, ftp.NLST: transfers, ftp.MLSD: transfers,
	ftp.MLST: {{250}, {550}, {500}}, ftp.OPTS: {{200}, {501}},
	ftp.PASV: {{227}, {227}, {425}, {550}}, ftp.EPSV: {{229}, {500}, {425}},
	ftp.PORT: {{200}, {500}}, ftp.EPRT: {{200}, {500}},
	ftp.CWD: {{250}, {550}}, ftp.PWD: {{257}, {550}}, ftp.QUIT: {{221}},
	ftp.SIZE: {{213}, {550}, {500}}, ftp.REST: {{350}, {350}, {501}}, ftp.MODE: {{200}, {504}}, ftp.REIN: {{220}, {502}},
	ftp.NOOP: {{200}}, ftp.STAT: {{211}}, ftp.ABOR: {{226}, {225}},
	ftp.AUTH: {{234}, {234}, {500}, {334}, {421}}, ftp.PBSZ: {{200}, {500}}, ftp.PROT: {{200}, {200}, {536}},
}

var transfers = [][]int{{150, 226}, {150, 226}, {150, 250}, {150, 426}, {150, 451}, {150, 550}, {550}, {530}, {226}, {150}, {}}

func textOf(code int) string {
	switch code {
	case 213:
		return "7"
	case 250:
		return "List\n type=dir; x\nEnd"
	case 257:
		return `"/" is here`
	case 227:
		return "(198,51,100,5,19,136)"
	case 229:
		return "(|||5000|)"
	}
	return "text"
}

// abort is how a backend takes an urgent ABOR.
func (wd *world) abort(of *asked) {
	last := func(code int) owed { return owed{code, wd.running, "text"} }
	mine := func(code int) owed { return owed{code, of, "text"} }
	unsaid := slices.IndexFunc(wd.owed, func(o owed) bool { return o.of == wd.running })
	if unsaid < 0 && wd.running.said { // it had said all
		wd.owed = append(wd.owed, mine(225))
		return
	}
	ways := [][]owed{{last(426), mine(226)}, {last(226), mine(225)}, {last(426), mine(502)}, {last(426)}, {}}
	n := wd.choose(len(ways))
	wd.silent = wd.silent || n >= 3
	wd.owed = slices.DeleteFunc(wd.owed, func(o owed) bool { return o.of == wd.running && o.code >= 200 })
	wd.owed = append(wd.owed, ways[n]...)
}

// author is the client's command behind one that the backend hears.
func (wd *world) author(c ftp.Command) *asked {
	switch c.Verb {
	case ftp.PASV, ftp.EPSV, ftp.PORT, ftp.EPRT:
		return wd.next(ftp.PASV, ftp.EPSV, ftp.PORT)
	case ftp.ABOR:
		return wd.next(ftp.ABOR)
	case ftp.LIST:
		if !strings.Contains(c.Arg, "#") { // of where the backend is on a visit
			return wd.next(ftp.MLSD)
		}
	case ftp.SIZE, ftp.MLST: // nobody but the machine asks
		return nil
	case ftp.USER:
		if wd.m.cfg.Selection == AtPass { // it is said again; PASS waits for the answer
			return nil
		}
	case ftp.PROT:
		if wd.m.asked.Verb == ftp.PROT {
			return wd.next(ftp.PROT)
		}
	}
	var n int
	_, number, _ := strings.Cut(c.Arg, "#")
	if _, err := fmt.Sscan(number, &n); err != nil || n >= len(wd.commands) {
		return nil
	}
	if of := wd.commands[n]; c.Verb != ftp.CWD || of.verb == ftp.CWD { // else it looks into a list
		return of
	}
	return nil
}
