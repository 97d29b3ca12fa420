package mailbox_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/runtime/mailbox"
)

// Many senders, one reader: what was taken arrives once, in each sender's
// order, and nothing is taken after the reader's last look but what the
// mailbox had room for.
func TestManySenders(t *testing.T) {
	type note struct{ sender, n int }
	const senders, notes, capacity = 16, 2000, 8
	for _, room := range []int{0, 1, capacity} {
		box := mailbox.New[note](room)
		var taken atomic.Int64
		var wg conc.WaitGroup
		for s := range senders {
			wg.Go(func() {
				for n := range notes {
					send := func() error { return box.Send(context.Background(), note{s, n}) }
					if s%4 == 1 {
						send = func() error { return box.Tell(note{s, n}, time.Minute) }
					}
					if err := send(); err != nil {
						if !errors.Is(err, mailbox.ErrGone) {
							t.Errorf("sender %d: %v", s, err)
						}
						return
					}
					taken.Add(1)
				}
			})
		}
		last := [senders]int{}
		read := int64(0)
		for ; read < senders*notes/2; read++ { // then it dies
			m := <-box.C()
			if m.n != last[m.sender] {
				t.Fatalf("sender %d: note %d after %d", m.sender, m.n, last[m.sender])
			}
			last[m.sender]++
		}
		box.Retire()
		wg.Wait() // nobody waits for ever
		// Each sender may have looked just before the retirement.
		if lost := taken.Load() - read; lost > int64(room) {
			t.Errorf("room %d: %d messages vanished", room, lost)
		}
	}
}

func TestGone(t *testing.T) {
	t.Run("tell_says_gone_and_nothing_else", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			box := mailbox.New[int](0)
			var wg conc.WaitGroup
			wg.Go(func() {
				if err := box.Tell(1, time.Minute); err != mailbox.ErrGone {
					t.Errorf("got %v, want ErrGone as it is", err)
				}
			})
			synctest.Wait()
			box.Retire()
			wg.Wait()
		})
	})
	t.Run("an_asker_in_the_queue_hears_of_it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			box := mailbox.New[question](4)
			var wg conc.WaitGroup
			wg.Go(func() {
				if _, err := ask(box, 1); !errors.Is(err, mailbox.ErrGone) {
					t.Errorf("got %v, want ErrGone", err)
				}
			})
			synctest.Wait() // the question is queued, or offered if there is no room
			box.Retire()
			wg.Wait()
		})
	})
	t.Run("an_answer_given_just_before_counts", func(t *testing.T) {
		for range 200 {
			box := mailbox.New[question](0)
			var wg conc.WaitGroup
			wg.Go(func() {
				q := <-box.C()
				q.reply <- 2 * q.n
				box.Retire()
			})
			if n, err := ask(box, 21); n != 42 || err != nil {
				t.Fatalf("got %d, %v", n, err)
			}
			wg.Wait()
		}
	})
}

func TestSendDoesNotAllocate(t *testing.T) {
	box := mailbox.New[int](1)
	if cap(box.C()) == 0 {
		t.Skip("a rendezvous needs two goroutines")
	}
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		if err := box.Send(ctx, 1); err != nil {
			t.Fatal(err)
		}
		<-box.C()
	}); n != 0 {
		t.Errorf("%v allocations per message", n)
	}
}
