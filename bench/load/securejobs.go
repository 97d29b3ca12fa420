//go:build unix

package load

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/sluice-gateway/sluice/bench/seal"
)

// SecureLogins counts whole sessions over TLS: connect, banner, AUTH TLS, handshake, PBSZ, PROT, USER,
// PASS, QUIT and its 221. Every handshake is a full one, as that of a client who comes for the first
// time. Failed logins are counted and borne as Logins does. The counting begins once there were as many
// logins as there are clients: who starts together also ends together, and with a slow gateway the first
// of them would be a good part of the Span.
func SecureLogins(ctx context.Context, job Job) (Tally, error) {
	var good, failed, goodBefore, failedBefore atomic.Int64
	paced := make(chan struct{})
	return runSecured(ctx, job, duty{
		abandon: true, steady: paced,
		begun: func() {
			goodBefore.Store(good.Load())
			failedBefore.Store(failed.Load())
		},
		work: func(ctx context.Context, c *secured) error {
			for {
				err := c.login(ctx)
				c.hangUp()
				switch {
				case ctx.Err() != nil:
					return context.Cause(ctx)
				case err == nil:
					if good.Add(1) == int64(job.Clients) {
						close(paced)
					}
				case failed.Add(1) > patience+good.Load():
					return fmt.Errorf("%d logins failed and %d were completed; the last failure: %w", failed.Load(), good.Load(), err)
				}
			}
		},
		count: func(t *Tally) {
			t.Count += good.Load() - goodBefore.Load()
			t.Failed += failed.Load() - failedBefore.Load()
		},
	})
}

func (c *secured) login(ctx context.Context) error {
	if err := c.connect(ctx, nil); err != nil {
		return err
	}
	for _, script := range [][]step{private, signIn, {{"QUIT", 221}}} {
		if err := c.follow(script); err != nil {
			return err
		}
	}
	return nil
}

// SecureIdle is Idle over TLS.
func SecureIdle(ctx context.Context, job Job) (Tally, error) {
	return runSecured(ctx, job, duty{
		door: true, abandon: true,
		count: func(t *Tally) { t.Count += int64(job.Clients) },
	})
}

// SecureTransfers is Transfers over TLS, with private data connections. Limit and Block are not looked
// at, and what is stored is always endless.
func SecureTransfers(ctx context.Context, job Job, files Files) (Tally, error) {
	m := &mover{files: files}
	return runSecured(ctx, job, duty{
		door: true, work: m.work, whole: files.Store,
		enough: func() { m.over.Store(true) },
		count: func(t *Tally) {
			t.Count += m.count.Load()
			t.Bytes += m.bytes.Load()
		},
	})
}

// mover is what the clients of SecureTransfers have in common.
type mover struct {
	files        Files
	over         atomic.Bool // begin no further file
	count, bytes atomic.Int64
}

func (m *mover) work(ctx context.Context, c *secured) error {
	defer c.hangUp()
	for {
		if err := m.move(ctx, c); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return err
		}
		m.count.Add(1)
		if m.over.Load() {
			return nil
		}
	}
}

// move is one transfer over a fresh passive data connection.
func (m *mover) move(ctx context.Context, c *secured) error {
	line, err := c.ask("PASV", 227)
	if err != nil {
		return err
	}
	to, err := passiveAddr([]byte(line))
	if err != nil {
		return err
	}
	tcp, err := c.dial(ctx, to)
	if err != nil {
		return fmt.Errorf("open a data connection: %w", err)
	}
	defer c.open.drop(tcp)
	verb := "RETR "
	if m.files.Store {
		verb = "STOR "
	}
	if _, err := c.ask(verb+m.files.Name, 150, 125); err != nil {
		return err
	}
	moved, err := m.carry(ctx, tcp, c)
	if err != nil {
		return fmt.Errorf("%s%s: the data connection broke after %d bytes: %w", verb, m.files.Name, moved, err)
	}
	if _, err := c.hear(verb+m.files.Name, 226, 250); err != nil {
		return err
	}
	if m.files.Store {
		m.bytes.Add(moved)
	}
	return nil
}

// carry moves the bytes of one file and ends the connection cleanly.
func (m *mover) carry(ctx context.Context, tcp *net.TCPConn, c *secured) (moved int64, err error) {
	s, err := seal.Client(ctx, tcp, c.config)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	if !m.files.Store {
		err := s.Swallow(func(n int) {
			moved += int64(n)
			m.bytes.Add(int64(n))
		})
		if err == nil && moved != m.files.Size {
			err = fmt.Errorf("a file of %d bytes ended there", m.files.Size)
		}
		return moved, err
	}
	for !m.over.Load() {
		n, err := s.Pour(1 << 30)
		if err != nil {
			return moved, err
		}
		moved += n
	}
	if err := s.End(); err != nil {
		return moved, err
	}
	if err := tcp.SetReadDeadline(time.Now().Add(finishTimeout)); err != nil {
		return moved, err
	}
	s.Drain()
	return moved, nil
}
