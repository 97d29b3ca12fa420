//go:build unix

package load

import (
	"context"
	"fmt"
	"time"

	"github.com/sluice-gateway/sluice/bench/bulk"
	"github.com/sluice-gateway/sluice/bench/reactor"
)

// Files says what the clients of Transfers move.
type Files struct {
	Store bool   // STOR instead of RETR
	Name  string // a name that is a size, such as 1k
	Size  int64  // that size in bytes; 0 with Store: one endless file for each client, until Span is over
	Limit int64  // end after so many transfers instead of after Span; 0: no limit
	Block int64  // with Limit: tell the rate of each block of so many transfers
}

// Transfers lets logged-in clients move one file after the other, each over a fresh passive data
// connection. Fetched bytes are counted where they arrive; stored ones when their 226 is there.
func Transfers(ctx context.Context, job Job, files Files) (Tally, error) {
	source, err := bulk.NewSource()
	if err != nil {
		return Tally{}, err
	}
	defer source.Close()
	return run(ctx, job, func(loop *reactor.Loop, clients int) crew {
		w := &movingCrew{sessions: sessions{loop: loop, addr: job.Control}, files: files, source: source, sink: bulk.NewSink()}
		for range clients {
			w.guests = append(w.guests, &movingClient{visitor: visitor{home: &w.sessions}, crew: w, data: pipe{fd: -1}})
		}
		return w
	})
}

type movingCrew struct {
	sessions
	files  Files
	source *bulk.Source
	sink   *bulk.Sink

	closing bool // begin no further file
	moving  int  // transfers under way
	count   int64
	bytes   int64
	mark    time.Time // when the current block began
	blocks  []float64
}

func (w *movingCrew) endless() bool { return w.files.Store && w.files.Size == 0 }

func (w *movingCrew) measure(ctx context.Context, until time.Time) error {
	w.mark = time.Now()
	for _, g := range w.guests {
		if err := g.(*movingClient).offer(); err != nil {
			return err
		}
	}
	if err := w.loop.Run(ctx, until); err != nil {
		return err
	}
	if w.files.Limit > 0 && w.count < w.files.Limit {
		return fmt.Errorf("%d of %d transfers were done in time", w.count, w.files.Limit)
	}
	w.closing = true
	if !w.endless() {
		return nil
	}
	for _, g := range w.guests {
		g.(*movingClient).data.enough()
	}
	return w.finish(ctx)
}

// finish waits for the transfers that are under way.
func (w *movingCrew) finish(ctx context.Context) error {
	w.closing = true
	if w.moving == 0 {
		return nil
	}
	if err := w.loop.Run(ctx, time.Now().Add(finishTimeout)); err != nil {
		return err
	}
	if w.moving > 0 {
		return fmt.Errorf("%d transfers had no end within %v", w.moving, finishTimeout)
	}
	return nil
}

func (w *movingCrew) tally(t *Tally) {
	t.Count += w.count
	t.Bytes += w.bytes
	t.Blocks = append(t.Blocks, w.blocks...)
}

// done counts one transfer whose 226 and last byte are both there.
func (w *movingCrew) done() {
	w.moving--
	w.count++
	if w.files.Block > 0 && w.count%w.files.Block == 0 {
		now := time.Now()
		w.blocks = append(w.blocks, float64(w.files.Block)/now.Sub(w.mark).Seconds())
		w.mark = now
	}
	if w.files.Limit > 0 && w.count >= w.files.Limit {
		w.closing = true
	}
	if w.closing && w.moving == 0 {
		w.loop.Stop()
	}
}

type movingClient struct {
	visitor
	crew      *movingCrew
	data      pipe
	confirmed bool // the final 226 is there
}

// offer asks for a data connection, the first step of a transfer.
func (c *movingClient) offer() error {
	c.crew.moving++
	c.confirmed = false
	return c.say("PASV")
}

func (c *movingClient) heard(code int, text []byte) error {
	if mine, err := c.comeIn(code, text); mine || err != nil {
		return err
	}
	switch code {
	case 227:
		return c.begin(text)
	case 125, 150:
		return c.data.start()
	case 226, 250:
		c.confirmed = true
		return c.settle()
	}
	return c.refused(code, text)
}

func (c *movingClient) begin(text []byte) error {
	to, err := passiveAddr(text)
	if err != nil {
		return err
	}
	c.data = pipe{owner: c, crew: c.crew, fd: -1}
	if err := c.data.dial(to); err != nil {
		return err
	}
	if c.crew.files.Store {
		return c.say("STOR " + c.crew.files.Name)
	}
	return c.say("RETR " + c.crew.files.Name)
}

// settle ends a transfer when both of its ends are there, and begins the next.
func (c *movingClient) settle() error {
	if !c.confirmed || !c.data.over {
		return nil
	}
	if want := c.crew.files.Size; !c.crew.endless() && c.data.moved != want {
		return fmt.Errorf("a transfer of %d bytes was confirmed after %d", want, c.data.moved)
	}
	if c.crew.files.Store {
		c.crew.bytes += c.data.moved
	}
	c.crew.done()
	if c.crew.closing {
		return nil
	}
	return c.offer()
}

func (c *movingClient) hangUp() {
	c.data.close()
	c.control.hangUp()
}
