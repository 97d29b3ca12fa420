package mailbox_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sourcegraph/conc"
	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/runtime/mailbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type question struct {
	n     int
	reply chan<- int
}

// doubler answers every question with twice its number until ctx ends.
func doubler(ctx context.Context, box mailbox.Mailbox[question]) {
	defer box.Retire()
	for {
		select {
		case q := <-box.C():
			q.reply <- 2 * q.n
		case <-ctx.Done():
			return
		}
	}
}

func ask(box mailbox.Mailbox[question], n int) (int, error) {
	return mailbox.Ask(context.Background(), box, time.Second, func(r chan<- int) question {
		return question{n, r}
	})
}

func TestAsk(t *testing.T) {
	for _, capacity := range []int{0, 1, 64} {
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			box := mailbox.New[question](capacity)
			var wg conc.WaitGroup
			wg.Go(func() { doubler(ctx, box) })

			var askers conc.WaitGroup
			for n := range 100 {
				askers.Go(func() {
					if got, err := ask(box, n); err != nil || got != 2*n {
						t.Errorf("capacity %d: asked %d, got %d, %v", capacity, n, got, err)
					}
				})
			}
			askers.Wait()
			stop()
			wg.Wait()

			if _, err := ask(box, 1); !errors.Is(err, mailbox.ErrGone) {
				t.Errorf("capacity %d: asking a gone actor gave %v, want ErrGone", capacity, err)
			}
		})
	}
}

func TestSend(t *testing.T) {
	t.Run("waits_for_room_until_the_context_ends", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			box := mailbox.New[int](0)
			why := errors.New("given up")
			ctx, stop := context.WithTimeoutCause(t.Context(), time.Minute, why)
			defer stop()
			if err := box.Send(ctx, 1); !errors.Is(err, why) {
				t.Fatalf("got %v, want the context's cause", err)
			}
		})
	})
	t.Run("a_waiting_sender_hears_of_the_end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			box := mailbox.New[int](0)
			var wg conc.WaitGroup
			wg.Go(func() {
				if err := box.Send(t.Context(), 1); !errors.Is(err, mailbox.ErrGone) {
					t.Errorf("got %v, want ErrGone", err)
				}
			})
			synctest.Wait()
			box.Retire()
			box.Retire()
			wg.Wait()
		})
	})
	t.Run("nothing_vanishes_into_a_retired_mailbox_with_room", func(t *testing.T) {
		box := mailbox.New[int](8)
		box.Retire()
		for range 50 {
			if err := box.Send(t.Context(), 1); !errors.Is(err, mailbox.ErrGone) {
				t.Fatalf("got %v, want ErrGone", err)
			}
		}
		if err := box.TrySend(1); !errors.Is(err, mailbox.ErrGone) {
			t.Fatalf("TrySend got %v, want ErrGone", err)
		}
	})
	t.Run("try_send_never_waits", func(t *testing.T) {
		box := mailbox.New[int](0)
		if err := box.TrySend(1); !errors.Is(err, mailbox.ErrFull) {
			t.Fatalf("got %v, want ErrFull", err)
		}
	})
	t.Run("tell_gives_up_after_its_time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			box := mailbox.New[int](0)
			before := time.Now()
			if err := box.Tell(1, 3*time.Second); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("got %v, want a deadline error", err)
			}
			if took := time.Since(before); took != 3*time.Second {
				t.Fatalf("gave up after %v, want 3s", took)
			}
		})
	})
}

func TestDrain(t *testing.T) {
	box := mailbox.New[int](8)
	sent := 0
	for n := range 20 {
		if box.TrySend(n) == nil {
			sent++
		}
	}
	var got []int
	box.Drain(func(n int) {
		got = append(got, n)
		_ = box.TrySend(-1) // one that goes on talking does not keep it
	})
	if len(got) != sent || sent > 0 && (got[0] != 0 || got[sent-1] != sent-1) {
		t.Errorf("drained %v of %d", got, sent)
	}
}

func TestAskGivesUpOnASilentActor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := mailbox.New[question](0)
		var wg conc.WaitGroup
		wg.Go(func() { <-box.C() }) // takes the question, never answers
		if _, err := ask(box, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v, want a deadline error", err)
		}
		wg.Wait()
	})
}

func BenchmarkSendReceive(b *testing.B) {
	box := mailbox.New[int](16)
	ctx := b.Context()
	var wg conc.WaitGroup
	wg.Go(func() {
		for range b.N {
			<-box.C()
		}
	})
	b.ReportAllocs()
	for n := range b.N {
		if err := box.Send(ctx, n); err != nil {
			b.Fatal(err)
		}
	}
	wg.Wait()
}
