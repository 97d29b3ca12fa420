package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/sluice-gateway/sluice/protocols/ftp"
	"github.com/sluice-gateway/sluice/runtime/supervise"
)

// cargo is what one transfer moves.
type cargo interface {
	// move moves all of it and returns nil only when nothing is missing. It
	// sets its own deadlines, each stalled ahead.
	move(conn *net.TCPConn, stalled time.Duration) error
	// settle makes a complete transfer count, and reports why it cannot.
	settle() error
	// release gives back what was held; after settle or instead of it.
	release()
}

// transfer is the actor of one data connection.
type transfer struct {
	verb    string
	hello   ftp.Reply // the 1xx
	done    ftp.Reply // the 2xx
	door    *door
	cargo   cargo
	stalled time.Duration
	opened  chan struct{} // capacity 1: told once the data connection stands
	abort   context.CancelCauseFunc
	asked   bool // ABOR came; owned by the session
}

var (
	errAborted = errors.New("ABOR")
	errOpening = errors.New("no data connection came about")
	errLocal   = errors.New("the file or directory failed")
)

func (t *transfer) String() string { return "transfer " + t.verb }

// Run opens the data connection, moves the cargo and closes the connection:
// properly after success, by a reset otherwise, so that nobody takes the
// beginning of a file for all of it.
func (t *transfer) Run(ctx context.Context) error {
	conn, err := t.door.open(ctx, t.stalled)
	if err != nil {
		return fmt.Errorf("%w: %w", errOpening, err)
	}
	defer func() { _ = conn.Close() }() // an error that matters came with CloseWrite
	t.opened <- struct{}{}
	stop := context.AfterFunc(ctx, func() {
		_ = conn.SetLinger(0)
		_ = conn.Close() // wakes whoever reads or writes, whatever deadline it sets
	})
	defer stop()
	if err = t.cargo.move(conn, t.stalled); err == nil {
		err = conn.CloseWrite() // before the 226: the end is on its way
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = conn.SetLinger(0)
	}
	return err
}

// begin starts a transfer over the door that was agreed.
func (s *session) begin(ctx context.Context, t *transfer) {
	if s.door == nil {
		t.cargo.release()
		s.reply(ftp.NewReply(425, "Use PASV, EPSV, PORT or EPRT first"))
		return
	}
	t.door, s.door = s.door, nil
	t.stalled = s.cfg.Stalled
	t.opened = make(chan struct{}, 1)
	ctx, t.abort = context.WithCancelCause(ctx)
	s.running = t
	s.kids.Go(ctx, t) // ends with its data connection, or by abort
}

// opened is what Run waits on for the 1xx; never, without a transfer.
func (s *session) opened() <-chan struct{} {
	if s.running == nil {
		return nil
	}
	return s.running.opened
}

func (s *session) announce() { s.reply(s.running.hello) }

// transferEnded turns the outcome into the final reply.
func (s *session) transferEnded(err error) {
	t := s.running
	select {
	case <-t.opened:
		s.announce()
	default:
	}
	defer s.abandon()
	s.touch()
	if err == nil && !controlAlive(s.conn) {
		s.over = true // then it was the loss that ended the data, too
		return
	}
	if err == nil {
		err = t.cargo.settle()
	}
	var crash *supervise.Crash
	switch {
	case err == nil:
		s.reply(t.done)
	case t.asked:
		s.reply(ftp.TransferAborted())
	case errors.Is(err, errOpening):
		s.reply(ftp.DataFailed(t.verb, "Unable to build data connection"))
	case errors.Is(err, errLocal), errors.As(err, &crash):
		s.cfg.Log.Error().Err(err).Str("verb", t.verb).Msg("transfer failed here")
		s.reply(ftp.Failed(451, t.verb, "Local error in processing"))
	default:
		s.reply(ftp.TransferAborted())
	}
	if t.asked { // also when the transfer was faster
		s.reply(ftp.NewReply(226, "Abort successful"))
	}
}

// abandon forgets the transfer. What was not settled until now is gone.
func (s *session) abandon() {
	if s.running == nil {
		return
	}
	s.running.abort(nil)
	s.running.cargo.release()
	s.running = nil
}

// cmdAbor breaks a transfer off; the replies come when it has ended.
func (s *session) cmdAbor(context.Context, ftp.Command) {
	if s.running != nil {
		s.running.asked = true
		s.running.abort(errAborted)
		return
	}
	s.dropDoor()
	s.reply(ftp.NewReply(226, "Nothing to abort"))
}
