package data

import (
	"net"
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/actors/stage"
)

// outlet writes to the destination of a shaped transfer.
type outlet struct {
	conn  *net.TCPConn
	tls   *stage.Conn // nil: in clear
	clock *stallClock // of a plain one; a TLS one's tells its limit only
	dog   *watchdog   // of a TLS one; nil: nothing can stall
	moved int64       // bytes that the kernel took
}

// record is what a TLS record holds at most (RFC 8446 section 5.1).
const record = 16 << 10

func newOutlet(conn *net.TCPConn, tls *stage.Conn, clock *stallClock) *outlet {
	o := &outlet{conn: conn, tls: tls, clock: clock}
	if tls == nil {
		clock.dst = conn
	} else if clock.limit > 0 {
		o.dog = newWatchdog(conn, clock.limit)
	}
	return o
}

// write hands all of p to the kernel.
func (o *outlet) write(p []byte) error {
	if o.tls == nil {
		o.clock.Restart()
		n, err := writeAll(o.conn, p, o.clock)
		o.moved += int64(n)
		return err
	}
	for len(p) > 0 {
		if o.clock.over() {
			return ErrAborted
		}
		o.dog.watch()
		n, err := o.tls.Write(p[:min(len(p), record)])
		o.dog.rest()
		o.moved += int64(n)
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// halt ends a write under way, and all to come. Any goroutine may call it.
func (o *outlet) halt() {
	o.clock.Halt()
	_ = o.conn.SetWriteDeadline(past) // fails only on a closed one
}

// watchdog does for writes in TLS what stallClock does for plain ones. A write
// deadline that passes is the end of a crypto/tls connection, even if the peer
// was but slow. So none is set, and somebody looks at the socket from time to
// time instead, who sets one that has passed when nothing moves any more.
type watchdog struct {
	conn  *net.TCPConn
	limit time.Duration

	mu       sync.Mutex
	watching bool
	since    time.Time // when something moved
	unsent   int       // what the kernel held then
	timer    *time.Timer
}

func newWatchdog(conn *net.TCPConn, limit time.Duration) *watchdog {
	d := &watchdog{conn: conn, limit: limit}
	d.timer = time.AfterFunc(time.Hour, d.look)
	d.timer.Stop()
	return d
}

// round is how often it looks.
func (d *watchdog) round() time.Duration { return max(d.limit/8, time.Millisecond) }

func (d *watchdog) watch() {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.watching, d.since, d.unsent = true, time.Now(), unknown
	d.timer.Reset(d.round())
}

// rest ends a watch; a look that has begun has no effect any more.
func (d *watchdog) rest() {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.watching = false
	d.timer.Stop()
}

func (d *watchdog) look() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.watching {
		return
	}
	if now := unsentBytes(d.conn); now != d.unsent {
		if d.unsent != unknown {
			d.since = time.Now()
		}
		d.unsent = now
	}
	if time.Since(d.since) >= d.limit {
		_ = d.conn.SetWriteDeadline(past) // fails only on a closed one
		return
	}
	d.timer.Reset(d.round())
}
