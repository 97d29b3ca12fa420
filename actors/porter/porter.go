// Package porter is the actor that authenticates clients at the gateway itself.
//
// Its rules:
//   - Who is refused learns nothing from it: neither from the answer nor from
//     its time. Every login that is refused cost a look-up and a hash in every
//     source that would be asked for a name of nobody.
//   - Work is bounded: so many logins wait, so many are worked on, so many hashes
//     are computed at a time, and every login is answered within a set time. What
//     is too much is turned away, first of all from a client that asks for much,
//     and at once where it is plain that its turn would come too late.
//   - A source that fails or panics refuses; it never lets anybody in, and never
//     ends the porter.
//   - Passwords are in no log line and no error, not even in those of a source.
package porter

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
	"github.com/sluice-gateway/sluice/runtime/supervise"
)

// Reasons why a login was not looked at.
var (
	ErrBusy   = errors.New("too many logins at once: this one was turned away unheard")
	ErrEnding = errors.New("the gateway is ending")
	ErrNoBook = errors.New("no accounts are configured for this server")
)

// Config is what the actor needs. Zero values mean the defaults.
type Config struct {
	Hashes    int           // computed at a time; 0 means half of what the scheduler uses when New is called, at least 1
	Checks    int           // logins worked on at a time; 0 means 32
	Queue     int           // logins that wait; 0 means 512
	PerClient int           // of them from one address; 0 means an eighth of Queue
	Within    time.Duration // from asking to the answer, at most; 0 means 10 s
	Mailbox   int           // capacity; 0 means 64
	Now       func() time.Time
	Log       zerolog.Logger

	// Processors are borrowed while hashes are computed or waited for; nil: none.
	// With a scheduler of one processor a hash holds up everything else, a command
	// of another session for 40 ms instead of 13 µs: so who lends should not wait
	// to see how busy it gets.
	Processors Processors
}

// Processors lends processors of the machine that the scheduler does not use
// as a rule.
type Processors interface {
	Borrow()
	Return()
}

// homely lends nothing.
type homely struct{}

func (homely) Borrow() {}
func (homely) Return() {}

func (c Config) withDefaults() Config {
	c.Hashes = cmp.Or(c.Hashes, max(1, runtime.GOMAXPROCS(0)/2))
	c.Checks = cmp.Or(c.Checks, 32)
	c.Queue = cmp.Or(c.Queue, 512)
	c.PerClient = cmp.Or(c.PerClient, max(1, c.Queue/8))
	c.Within = cmp.Or(c.Within, 10*time.Second)
	c.Mailbox = cmp.Or(c.Mailbox, 64)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Processors == nil {
		c.Processors = homely{}
	}
	return c
}

// Porter is the actor. Run may be called again after it ended, never twice at a
// time.
type Porter struct {
	// immutable
	cfg   Config
	log   zerolog.Logger
	box   mailbox.Mailbox[messages.ToPorter]
	slots chan struct{} // one for each hash that is computed

	// shared
	mu    sync.Mutex
	shelf *shelf // the books in force

	// owned by the loop
	queue  *queue
	pace   pace
	kids   *supervise.Group
	busy   int // checks that run
	sweep  *time.Timer
	armed  bool
	turned uint64    // logins turned away since the start
	unsaid int       // of them, not logged yet
	said   time.Time // when that was logged last
}

// New returns a porter that waits for Run. It refuses everybody until it has
// books.
func New(cfg Config) *Porter {
	cfg = cfg.withDefaults()
	p := &Porter{
		cfg:   cfg,
		box:   mailbox.New[messages.ToPorter](cfg.Mailbox),
		slots: make(chan struct{}, cfg.Hashes),
		shelf: newShelf(nil),
		queue: newQueue(cfg.Queue, cfg.PerClient),
	}
	p.log = cfg.Log.With().Str("actor", p.String()).Logger()
	return p
}

func (p *Porter) String() string { return "porter" }

// Mailbox is where the actor is spoken to. Its supervisor retires it.
func (p *Porter) Mailbox() mailbox.Mailbox[messages.ToPorter] { return p.box }

// Run serves until ctx ends; who waits then is refused. It returns nil for that
// proper end.
func (p *Porter) Run(ctx context.Context) error {
	work, stop := context.WithCancelCause(context.WithoutCancel(ctx)) // so that a check hears why it ends
	p.kids = supervise.NewGroup(p.cfg.Checks)
	defer p.kids.Wait() // second: a hash that is being computed is finished
	defer stop(ErrEnding)
	p.busy, p.armed, p.pace = 0, false, pace{}
	p.sweep = time.NewTimer(time.Hour)
	p.sweep.Stop()
	defer p.sweep.Stop()
	defer p.dismiss()
	if p.queue.length > 0 { // left by an earlier life
		p.arm()
	}
	for {
		p.serve(work)
		select {
		case m := <-p.box.C():
			p.handle(m)
		case exit := <-p.kids.Exits():
			p.finished(exit)
		case <-p.sweep.C:
			p.tidy()
		case <-ctx.Done():
			p.box.Drain(p.handle) // to be dismissed
			return nil
		}
	}
}

func (p *Porter) handle(m messages.ToPorter) {
	switch m := m.(type) {
	case messages.CheckLogin:
		p.admit(m)
	case messages.DescribePorter:
		m.Reply <- messages.PorterDescribed{Waiting: p.queue.length, Running: p.busy, Turned: p.turned}
	default:
		p.log.Error().Type("message", m).Msg("a message that the porter does not know; it is dropped")
	}
}

// admit puts a login into the queue.
func (p *Porter) admit(m messages.CheckLogin) {
	c := &check{porter: p, m: m, until: p.cfg.Now().Add(p.cfg.Within)}
	ahead := p.queue.ahead(m.Client) + p.busy
	if p.pace.hopeless(ahead, p.cfg.Within, p.cfg.Now()) || !p.queue.push(c) {
		p.late(c)
		return
	}
	p.arm()
}

// serve starts the logins that there is room for.
func (p *Porter) serve(ctx context.Context) {
	defer func() { p.pace.full(p.busy == p.cfg.Checks, p.cfg.Now()) }()
	for p.busy < p.cfg.Checks {
		c := p.queue.pop()
		if c == nil {
			return
		}
		if !p.cfg.Now().Before(c.until) {
			p.late(c)
			continue
		}
		p.busy++
		p.kids.Go(ctx, c) // ends by itself: its waits end with c.until or ctx
	}
}

// finished books the end of a check, which has answered.
func (p *Porter) finished(exit supervise.Exit) {
	p.busy--
	p.pace.ended(p.cfg.Now())
	c, ok := exit.Actor.(*check)
	if !ok || exit.Err == nil {
		return
	}
	p.log.Error().Err(hide(exit.Err, c.m.Password)).Msg("a login ended in a crash; the client is refused")
}

// late turns a login away whose turn comes too late.
func (p *Porter) late(c *check) {
	p.turned++
	p.unsaid++
	p.overfull()
	c.answer(messages.LoginChecked{Reason: busy.text, Err: ErrBusy, Unheard: true})
}

// overfull says that logins are turned away: at once, then once in a second.
func (p *Porter) overfull() {
	now := p.cfg.Now()
	if p.unsaid == 0 || now.Sub(p.said) < time.Second {
		return
	}
	p.log.Warn().Int("turned_away", p.unsaid).Int("waiting", p.queue.length).
		Msg("too many logins at once; some are refused unheard")
	p.unsaid, p.said = 0, now
}

// arm has the queue looked through after a while.
func (p *Porter) arm() {
	if !p.armed {
		p.armed = true
		p.sweep.Reset(max(p.cfg.Within/8, time.Millisecond))
	}
}

// tidy answers those whose time is up.
func (p *Porter) tidy() {
	p.armed = false
	for _, c := range p.queue.expired(p.cfg.Now()) {
		p.late(c)
	}
	p.overfull()
	if p.queue.length > 0 || p.unsaid > 0 {
		p.arm()
	}
}

// dismiss refuses all who wait, at the end.
func (p *Porter) dismiss() {
	for c := p.queue.pop(); c != nil; c = p.queue.pop() {
		c.answer(messages.LoginChecked{Reason: ending.text, Err: ErrEnding, Unheard: true})
	}
	p.said = time.Time{}
	p.overfull()
}
