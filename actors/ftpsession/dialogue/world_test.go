package dialogue

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// world is everything around a machine: a client, a backend that answers in
// order what it is asked, data channels, policy and time. It does whatever
// choices say, within what an executor can deliver, and holds the machine to
// what its peers may rely on. Every command of the client carries a number,
// and so does every reply of the backend, so that the world knows who is told
// what.
type world struct {
	m       *Machine
	w       *watch
	now     time.Time
	choices []byte
	taken   []int // how many ways there were at each choice made
	tracing bool
	trace   []string

	commands  []*asked // of the client, in order
	owed      []owed   // replies of the backend that are still to come
	linking   bool     // an attempt is dialling
	implicit  bool     // … and begins in TLS
	greeted   bool     // the client has seen the banner
	loginAsks bool
	checks    bool   // CheckLogin is out
	entered   bool   // the client is logged in
	running   *asked // the last transfer that got a data channel
	clean     bool   // … which was settled as clean
	drained   bool
	silent    bool   // the backend left something unanswered
	reason    string // of the end
	exploring bool   // everything is as likely as anything else
	way       byte   // how the backend answers the last command of the opening
	settling  bool   // all that is owed is arriving
}

// asked is one command of the client.
type asked struct {
	n        int
	verb     string
	answers  int  // final replies the client got
	said     bool // the backend has said its last word
	positive bool // … and it was 2xx
	ended    bool
	clean    bool
	whole    bool // the data channel reported no error
}

// owed is one reply the backend will give.
type owed struct {
	code int
	of   *asked // nil: asked by the machine itself
	text string
}

func (o owed) reply() ftp.Reply {
	if o.code == 211 && o.of == nil { // to our FEAT
		return ftp.NewReply(o.code, "Features:", " MODE Z", " MLST type*;size*;", "End")
	}
	if o.of != nil {
		return ftp.NewReply(o.code, fmt.Sprintf("%s #%d", o.text, o.of.n))
	}
	return ftp.NewReply(o.code, o.text)
}

func newWorld(cfg Config, choices []byte) *world {
	return &world{m: New(cfg, epoch), w: newWatch(cfg), now: epoch, choices: choices}
}

// choose takes one of n ways.
func (wd *world) choose(n int) int {
	if len(wd.choices) == 0 {
		return 0
	}
	c := int(wd.choices[0]) % n
	wd.choices = wd.choices[1:]
	wd.taken = append(wd.taken, n)
	return c
}

// run lets things happen until the choices are used up, then lets everything
// that is owed arrive, and looks at what is left.
func (wd *world) run(opening ...string) error {
	if err := wd.see(nil, wd.m.Begin(wd.now)); err != nil {
		return err
	}
	if err := wd.open(opening); err != nil {
		return err
	}
	for len(wd.choices) > 0 && !wd.m.Ended() {
		can := wd.choosable()
		if wd.exploring {
			can = wd.possible()
		}
		if len(can) == 0 {
			break
		}
		if err := can[wd.choose(len(can))](); err != nil {
			return err
		}
	}
	return wd.settle()
}

// open says commands to which everything goes well, so that a life made of
// chance gets somewhere.
func (wd *world) open(commands []string) error {
	choices := wd.choices
	wd.choices = nil
	for n, c := range commands {
		for can := wd.owing(); len(can) > 0; can = wd.owing() {
			if err := can[0](); err != nil {
				return err
			}
		}
		if wd.m.Ended() { // not everybody is let in
			break
		}
		if n == len(commands)-1 && wd.exploring {
			wd.choices = []byte{wd.way}
		}
		if err := wd.command(c); err != nil {
			return err
		}
	}
	wd.choices, wd.taken = choices, nil
	return nil
}

// choosable leaves out, most of the time, what soon ends everything.
func (wd *world) choosable() []event {
	var can []event
	switch n := wd.choose(16); {
	case n < 6:
		can = wd.owing()
	case n < 11 && wd.w.reading && wd.w.clientOn:
		for _, c := range wd.vocabulary() {
			can = append(can, func() error { return wd.command(c) })
		}
	case n < 12:
		can = wd.accidents()
	case n < 14 && (!wd.m.late.doubts || len(wd.owed) == 0) && !wd.m.Deadline().IsZero() && wd.m.Deadline().Sub(wd.now) < 10*time.Second:
		can = []event{wd.wake}
	}
	if len(can) == 0 {
		return wd.possible()
	}
	return can
}

// settle delivers all that is owed and wakes the machine as it wishes, without
// the client saying anything more.
func (wd *world) settle() error {
	wd.settling = !wd.m.Ended()
	for range 40 {
		for can := wd.owing(); len(can) > 0 && !wd.m.Ended(); can = wd.owing() {
			if err := can[0](); err != nil {
				return err
			}
		}
		if wd.m.Ended() || wd.idle() || wd.m.Deadline().IsZero() {
			break
		}
		if err := wd.wake(); err != nil { // what nobody answers is given up on in time
			return err
		}
	}
	return wd.atRest()
}

func (wd *world) idle() bool {
	return wd.w.reading && wd.m.await == nil && wd.m.xfer == nil && len(wd.m.held) == 0 && !wd.w.picking && wd.m.phase != connecting
}

// atRest is the end of every story: over, or listening with all answered.
func (wd *world) atRest() error {
	if wd.m.Ended() {
		if !wd.silent && strings.Contains(wd.reason, "timeout") && wd.settling {
			return fmt.Errorf("%s, although everything was answered", wd.reason)
		}
		return nil
	}
	if !wd.idle() {
		return fmt.Errorf("stuck: reading %t, awaiting %t, transfer %t, held %d", wd.w.reading, wd.m.await != nil, wd.m.xfer != nil, len(wd.m.held))
	}
	if wd.drained {
		return fmt.Errorf("idle, but not drained")
	}
	for _, c := range wd.commands {
		if c.answers != 1 {
			return fmt.Errorf("%s #%d has %d answers", c.verb, c.n, c.answers)
		}
	}
	return nil
}

func (wd *world) step(ev messages.ToSession) error {
	return wd.see(ev, wd.m.Step(ev, wd.now))
}

func (wd *world) see(ev messages.ToSession, did []Action) error {
	if wd.tracing {
		wd.trace = append(wd.trace, name(ev))
		for _, a := range did {
			if _, quiet := a.(Note); !quiet {
				wd.trace = append(wd.trace, "    "+shown(a))
			}
		}
	}
	if err := wd.w.saw(wd.m, ev, did, wd.now); err != nil {
		return err
	}
	for _, a := range did {
		if err := wd.did(a); err != nil {
			return fmt.Errorf("%s: %w", shown(a), err)
		}
	}
	return nil
}

func name(ev messages.ToSession) string {
	switch ev := ev.(type) {
	case messages.CommandReceived:
		return "C: " + ev.Command.String()
	case messages.ReplyReceived:
		return "B: " + ev.Reply.String()
	case messages.TransferFinished:
		return fmt.Sprintf("data finished %v %v %v", ev.Side, ev.Stage, ev.Err)
	}
	return fmt.Sprintf("%T", ev) // <nil> is the beginning
}

// did takes one action into the world.
func (wd *world) did(a Action) error {
	switch a := a.(type) {
	case SendClient:
		return wd.told(a.Reply)
	case SendBackend:
		return wd.sent(a.Command)
	case SendAbort:
		return wd.sent(ftp.Command{Verb: ftp.ABOR, Arg: "urgent", HasArg: true})
	case DialBackend:
		wd.linking, wd.implicit = true, a.Implicit
	case SwitchServer:
		return wd.moved()
	case DropBackend:
		wd.linking, wd.owed = false, nil
	case AskLogin:
		wd.loginAsks = true
	case CheckLogin:
		wd.checks = true
	case LoggedIn:
		wd.entered = true
	case StartData:
		wd.running, wd.clean = wd.next(a.Verb), false
	case SettleData:
		wd.clean = a.Clean
		if a.Clean && !wd.w.data.upload && !wd.running.positive {
			return fmt.Errorf("without a positive last word")
		}
		wd.running.clean = a.Clean
	case RecordTransfer:
		if c := wd.running; a.Complete && !c.succeeded() {
			return fmt.Errorf("a broken transfer is recorded as complete")
		}
	case End:
		wd.reason = a.Reason
	}
	return nil
}

// next is the oldest command of a verb that is not answered.
func (wd *world) next(verbs ...string) *asked {
	for _, c := range wd.commands {
		if c.answers == 0 && slices.Contains(verbs, c.verb) {
			return c
		}
	}
	return nil
}

// succeeded reports whether a transfer may be told as complete.
func (c *asked) succeeded() bool { return c.positive && c.ended && c.clean && c.whole }

// told checks what the client hears: once for each command, in order, and a
// success only of what succeeded.
func (wd *world) told(r ftp.Reply) error {
	if r.Preliminary() || r.Code == 421 || !wd.greeted {
		wd.greeted = wd.greeted || !r.Preliminary()
		return nil
	}
	c, err := wd.whose(r)
	if err != nil {
		return err
	}
	if c == nil {
		return nil
	}
	if c.answers++; c.answers > 1 {
		return fmt.Errorf("a second answer to %s #%d", c.verb, c.n)
	}
	if r.Positive() && moves(c.verb) && !c.succeeded() {
		return fmt.Errorf("%s #%d is told as complete: said %t, ended %t, clean %t, whole %t",
			c.verb, c.n, c.positive, c.ended, c.clean, c.whole)
	}
	if ahead(c.verb) {
		return nil
	}
	for _, before := range wd.commands {
		if before.n < c.n && before.answers == 0 && !ahead(before.verb) {
			return fmt.Errorf("answered #%d before #%d", c.n, before.n)
		}
	}
	return nil
}

// whose finds the command that a reply answers: by its number, or, if it is
// the machine's own, the one whose turn it is.
func (wd *world) whose(r ftp.Reply) (*asked, error) {
	ours := strings.HasSuffix(r.Text, "logged in") // to PASS, with the name of USER
	if _, tail, ok := strings.Cut(r.Text, "#"); ok && !ours {
		var n int
		if _, err := fmt.Sscanf(tail, "%d", &n); err == nil {
			if n >= len(wd.commands) {
				return nil, fmt.Errorf("an answer to nothing")
			}
			return wd.commands[n], nil
		}
	}
	for _, c := range wd.commands {
		aborting := r.Text == "Abort successful"
		if c.answers == 0 && (c.verb == ftp.ABOR) == aborting && (aborting || !ahead(c.verb) || wd.running == nil) {
			return c, nil
		}
	}
	return nil, fmt.Errorf("an answer, but nothing is asked")
}

// ahead are the verbs that need not wait for a running transfer.
func ahead(verb string) bool { return verb == ftp.ABOR || verb == ftp.NOOP || verb == ftp.STAT }

func moves(verb string) bool {
	switch verb {
	case ftp.RETR, ftp.STOR, ftp.LIST, ftp.NLST, ftp.MLSD:
		return true
	}
	return false
}
