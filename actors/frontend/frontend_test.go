package frontend

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sourcegraph/conc"
	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/ftp"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
	"github.com/sluice-gateway/sluice/runtime/readiness"
	"github.com/sluice-gateway/sluice/runtime/sockets/socketstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// rig is a reader between a client and a session that the test plays.
type rig struct {
	t      *testing.T
	reader *Reader
	client net.Conn
	server net.Conn
	inbox  mailbox.Mailbox[messages.ToSession]
	stop   context.CancelFunc
	over   chan struct{}
}

func start(t *testing.T, server, client net.Conn) *rig {
	t.Helper()
	r := &rig{t: t, client: client, server: server, inbox: mailbox.New[messages.ToSession](8), over: make(chan struct{})}
	var err error
	if r.reader, err = New(server, new(readiness.Buffers), r.inbox); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	var wg conc.WaitGroup
	wg.Go(func() {
		defer close(r.over)
		if err := r.reader.Run(ctx); err != nil {
			t.Errorf("Run returned %v", err)
		}
	})
	t.Cleanup(func() { stop(); server.Close(); client.Close(); wg.Wait() })
	return r
}

// piped is for use within a bubble.
func piped(t *testing.T) *rig {
	server, client := net.Pipe()
	return start(t, server, client)
}

func overTCP(t *testing.T) *rig {
	t.Helper()
	client, server := socketstest.Pair(t)
	return start(t, server, client)
}

func (r *rig) send(s string) {
	r.t.Helper()
	if _, err := io.WriteString(r.client, s); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) hear() messages.ToSession {
	r.t.Helper()
	select {
	case m := <-r.inbox.C():
		return m
	case <-time.After(patience):
		r.t.Fatal("nothing was told")
		return nil
	}
}

func (r *rig) wantCommand(verb, arg string) {
	r.t.Helper()
	m := r.hear()
	got, ok := m.(messages.CommandReceived)
	if !ok || got.Err != nil || got.Command.Verb != verb || got.Command.Arg != arg {
		r.t.Fatalf("heard %+v, want %s %s", m, verb, arg)
	}
}

// wantSilence needs a bubble: when all in it wait, nothing more will come.
func (r *rig) wantSilence() {
	r.t.Helper()
	synctest.Wait()
	select {
	case m := <-r.inbox.C():
		r.t.Fatalf("heard %+v without a nod", m)
	default:
	}
}

func bubbled(t *testing.T, name string, test func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

func TestNods(t *testing.T) {
	bubbled(t, "nothing_is_read_before_the_first", func(t *testing.T) {
		r := piped(t)
		var wg conc.WaitGroup
		wg.Go(func() { r.send("NOOP\r\n") })
		r.wantSilence()
		r.reader.Resume()
		r.wantCommand("NOOP", "")
		wg.Wait()
	})
	bubbled(t, "each_lets_one_command_of_a_segment_through", func(t *testing.T) {
		r := piped(t)
		r.reader.Resume()
		r.send("USER anne\r\nPASS x\r\nPWD\r\n")
		r.wantCommand("USER", "anne")
		r.wantSilence()
		r.reader.Resume()
		r.wantCommand("PASS", "x")
		r.wantSilence()
		r.reader.Resume()
		r.wantCommand("PWD", "")
		r.reader.Resume()
		r.wantSilence()
		r.send("QUIT\r\n")
		r.wantCommand("QUIT", "")
	})
	bubbled(t, "at_most_one_runs_ahead", func(t *testing.T) {
		r := piped(t)
		synctest.Wait() // until the reader takes the first at once
		r.reader.Resume()
		r.reader.Resume()
		r.reader.Resume()
		r.send("A\r\nB\r\nC\r\nD\r\n")
		r.wantCommand("A", "")
		r.wantCommand("B", "")
		r.wantSilence()
	})
	bubbled(t, "a_command_in_pieces_needs_one", func(t *testing.T) {
		r := piped(t)
		r.reader.Resume()
		for _, piece := range []string{"R", "ET", "R a", " b", "\r", "\n"} {
			r.wantSilence()
			r.send(piece)
		}
		r.wantCommand("RETR", "a b")
	})
	bubbled(t, "a_bad_line_uses_one_and_the_next_is_whole", func(t *testing.T) {
		r := piped(t)
		r.reader.Resume()
		var wg conc.WaitGroup
		wg.Go(func() { r.send(strings.Repeat("x", 3*readiness.BufferSize) + "\r\nPWD\r\n") })
		m, ok := r.hear().(messages.CommandReceived)
		if !ok || !errors.Is(m.Err, ftp.ErrLineTooLong) {
			t.Fatalf("heard %+v", m)
		}
		r.wantSilence()
		r.reader.Resume()
		r.wantCommand("PWD", "")
		wg.Wait()
	})
}

func TestTheEnd(t *testing.T) {
	bubbled(t, "a_client_that_closes_is_told_as_eof", func(t *testing.T) {
		r := piped(t)
		r.reader.Resume()
		r.send("RETR half a li")
		r.client.Close()
		if m, ok := r.hear().(messages.FrontendLost); !ok || m.Err != io.EOF {
			t.Errorf("heard %+v", m)
		}
		<-r.over
	})
	t.Run("a_client_that_resets_is_told_as_that", func(t *testing.T) {
		r := overTCP(t)
		r.reader.Resume()
		_ = r.client.(*net.TCPConn).SetLinger(0)
		r.client.Close()
		if m, ok := r.hear().(messages.FrontendLost); !ok || !errors.Is(m.Err, syscall.ECONNRESET) {
			t.Errorf("heard %+v", m)
		}
		<-r.over
	})
	t.Run("commands_before_the_end_are_told_first", func(t *testing.T) {
		r := overTCP(t)
		r.send("PWD\r\nQUIT\r\n")
		r.client.Close()
		r.reader.Resume()
		r.wantCommand("PWD", "")
		r.reader.Resume()
		r.wantCommand("QUIT", "")
		r.reader.Resume()
		if m, ok := r.hear().(messages.FrontendLost); !ok || m.Err != io.EOF {
			t.Errorf("heard %+v", m)
		}
	})
	t.Run("closing_the_connection_ends_the_reader", func(t *testing.T) {
		r := overTCP(t)
		r.reader.Resume()
		r.server.Close()
		if m, ok := r.hear().(messages.FrontendLost); !ok || !errors.Is(m.Err, net.ErrClosed) {
			t.Errorf("heard %+v", m)
		}
		<-r.over
	})
	bubbled(t, "the_context_ends_a_wait_for_a_nod", func(t *testing.T) {
		r := piped(t)
		synctest.Wait()
		r.stop()
		<-r.over
	})
	bubbled(t, "the_context_ends_a_wait_for_the_session", func(t *testing.T) {
		r := piped(t)
		for r.inbox.TrySend(messages.TimeReached{}) == nil { // full; with no slack it always is
		}
		r.reader.Resume()
		r.send("PWD\r\n")
		synctest.Wait()
		r.stop()
		<-r.over
	})
	bubbled(t, "a_session_that_is_gone_ends_the_reader", func(t *testing.T) {
		r := piped(t)
		r.inbox.Retire()
		r.reader.Resume()
		r.send("PWD\r\n")
		<-r.over
	})
}

// A buffer is held while a command waits for its nod only if more than that
// command came with it.
func TestTheBufferIsGivenBack(t *testing.T) {
	for sent, held := range map[string]bool{
		"PWD\r\n":        false,
		"PWD\r\nQUIT":    true,
		"PWD\r\n\xff":    true,
		"PWD\r\nCWD\r\n": true,
	} {
		t.Run(sent, func(t *testing.T) {
			near, far := net.Pipe()
			defer near.Close()
			defer far.Close()
			var wg conc.WaitGroup
			wg.Go(func() { _, _ = io.WriteString(far, sent) })
			inbox := mailbox.New[messages.ToSession](0)
			reader, err := New(near, new(readiness.Buffers), inbox)
			if err != nil {
				t.Fatal(err)
			}
			reader.Resume()
			ctx, stop := context.WithCancel(t.Context())
			wg.Go(func() { _ = reader.Run(ctx) })
			<-inbox.C() // it rests now, until a nod or the end
			if got := reader.in.Borrowed(); got != held {
				t.Errorf("a buffer is held: %v, want %v", got, held)
			}
			stop()
			wg.Wait()
			if reader.in.Borrowed() {
				t.Error("a buffer is held after the end")
			}
		})
	}
}
