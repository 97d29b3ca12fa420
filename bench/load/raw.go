//go:build unix

package load

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sluice-gateway/sluice/bench/bulk"
	"github.com/sluice-gateway/sluice/bench/reactor"
	"github.com/sluice-gateway/sluice/bench/wire"
)

// RawStreams moves files as Transfers does, but over the backend's raw port: for peers that relay bytes
// and know nothing of FTP. Limit and Block are not looked at, and what is stored is always endless.
func RawStreams(ctx context.Context, job Job, files Files) (Tally, error) {
	source, err := bulk.NewSource()
	if err != nil {
		return Tally{}, err
	}
	defer source.Close()
	return run(ctx, job, func(loop *reactor.Loop, clients int) crew {
		w := &rawCrew{loop: loop, to: job.Raw, files: files, source: source, sink: bulk.NewSink()}
		for range clients {
			w.streams = append(w.streams, &rawStream{crew: w, fd: -1})
		}
		return w
	})
}

type rawCrew struct {
	loop    *reactor.Loop
	to      netip.AddrPort
	files   Files
	source  *bulk.Source
	sink    *bulk.Sink
	streams []*rawStream

	closing bool
	moving  int
	count   int64
	bytes   int64
}

func (w *rawCrew) prepare(context.Context) error { return nil }

func (w *rawCrew) measure(ctx context.Context, until time.Time) error {
	for _, s := range w.streams {
		if err := s.begin(); err != nil {
			return err
		}
	}
	if err := w.loop.Run(ctx, until); err != nil {
		return err
	}
	w.closing = true
	if !w.files.Store {
		return nil
	}
	for _, s := range w.streams {
		if err := s.enough(); err != nil {
			return err
		}
	}
	return w.finish(ctx)
}

func (w *rawCrew) finish(ctx context.Context) error {
	if w.moving == 0 {
		return nil
	}
	if err := w.loop.Run(ctx, time.Now().Add(finishTimeout)); err != nil {
		return err
	}
	if w.moving > 0 {
		return fmt.Errorf("%d streams had no end within %v", w.moving, finishTimeout)
	}
	return nil
}

func (w *rawCrew) tally(t *Tally) {
	t.Count += w.count
	t.Bytes += w.bytes
}

func (w *rawCrew) close() {
	for _, s := range w.streams {
		s.close()
	}
	w.loop.Close()
}

// rawStream is one connection: it sends its request when it stands, then bytes flow one way.
type rawStream struct {
	crew    *rawCrew
	fd      int
	asked   bool
	ended   bool // a stored stream whose end is sent; its receipt is awaited
	moved   int64
	receipt strings.Builder
}

func (s *rawStream) begin() (err error) {
	s.asked, s.moved = false, 0
	s.crew.moving++
	if s.fd, err = wire.Dial(s.crew.to); err != nil {
		return err
	}
	return s.crew.loop.Watch(s.fd, reactor.Writable, s)
}

// Ready takes the next step.
func (s *rawStream) Ready() error {
	switch {
	case s.fd < 0:
		return nil
	case !s.asked:
		return s.ask()
	case s.ended:
		return s.readReceipt()
	case s.crew.files.Store:
		return s.pour()
	}
	return s.drain()
}

func (s *rawStream) ask() error {
	s.asked = true
	request := "STOR\n"
	if !s.crew.files.Store {
		request = "RETR " + s.crew.files.Name + "\n"
	}
	if _, err := unix.Write(s.fd, []byte(request)); err != nil {
		return fmt.Errorf("ask for a raw stream: %w", err)
	}
	if s.crew.files.Store {
		return nil
	}
	return s.turn()
}

// turn watches for bytes to read instead of room to write.
func (s *rawStream) turn() error {
	s.crew.loop.Forget(s.fd)
	return s.crew.loop.Watch(s.fd, reactor.Readable, s)
}

func (s *rawStream) pour() error {
	n, err := s.crew.source.Send(s.fd, s.moved, 1<<30)
	if err != nil && !wire.Again(err) {
		return fmt.Errorf("store: the raw stream broke after %d bytes: %w", s.moved, err)
	}
	s.moved += n
	return nil
}

// enough ends a stored stream; the backend then tells how much of it arrived.
func (s *rawStream) enough() error {
	if !s.asked {
		return fmt.Errorf("connect a raw stream to %v: it did not stand in time", s.crew.to)
	}
	s.ended = true
	if err := unix.Shutdown(s.fd, unix.SHUT_WR); err != nil {
		return fmt.Errorf("end a raw stream: %w", err)
	}
	return s.turn()
}

func (s *rawStream) readReceipt() error {
	var b [64]byte
	n, err := unix.Read(s.fd, b[:])
	if wire.Again(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the receipt of a raw stream: %w", err)
	}
	s.receipt.Write(b[:max(n, 0)])
	if n > 0 {
		return nil
	}
	if want := fmt.Sprintf("226 %d\n", s.moved); s.receipt.String() != want {
		return fmt.Errorf("store: sent a raw stream of %d bytes and got the receipt %q", s.moved, s.receipt.String())
	}
	s.crew.bytes += s.moved
	return s.done()
}

func (s *rawStream) drain() error {
	n, err := s.crew.sink.Discard(s.fd)
	if wire.Again(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("fetch: the raw stream broke after %d bytes: %w", s.moved, err)
	}
	s.moved += n
	s.crew.bytes += n
	if n > 0 {
		return nil
	}
	if s.moved != s.crew.files.Size {
		return fmt.Errorf("fetch: a raw stream of %d bytes ended after %d", s.crew.files.Size, s.moved)
	}
	return s.done()
}

func (s *rawStream) done() error {
	s.close()
	s.crew.moving--
	s.crew.count++
	if !s.crew.closing {
		return s.begin()
	}
	if s.crew.moving == 0 {
		s.crew.loop.Stop()
	}
	return nil
}

func (s *rawStream) close() {
	if s.fd >= 0 {
		s.crew.loop.Forget(s.fd)
		wire.Close(&s.fd)
	}
}
