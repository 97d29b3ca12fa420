package supervise_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/runtime/supervise"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBroken = errors.New("broken")

func TestGroup(t *testing.T) {
	t.Run("reports_a_panic_as_exit_reason_with_name_and_stack", func(t *testing.T) {
		g := supervise.NewGroup(0)
		g.Go(t.Context(), supervise.Func("fragile", func(context.Context) error { panic(errBroken) }))
		exit := <-g.Exits()
		var crash *supervise.Crash
		if !errors.As(exit.Err, &crash) || !errors.Is(exit.Err, errBroken) {
			t.Fatalf("got %v, want a crash that wraps the panic's error", exit.Err)
		}
		if crash.Actor != "fragile" || !strings.Contains(string(crash.Stack), "supervise_test.go") {
			t.Errorf("crash of %q lacks name or the place of the panic:\n%s", crash.Actor, crash.Stack)
		}
		g.Wait()
	})
	t.Run("a_panic_with_a_plain_value_is_a_crash_too", func(t *testing.T) {
		g := supervise.NewGroup(1)
		g.Go(t.Context(), supervise.Func("odd", func(context.Context) error { panic("no error") }))
		if exit := <-g.Exits(); exit.Err == nil || !strings.Contains(exit.Err.Error(), "no error") {
			t.Errorf("got %v", exit.Err)
		}
		g.Wait()
	})
	t.Run("wait_does_not_need_a_reader_of_exits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g := supervise.NewGroup(0)
			for range 10 {
				g.Go(t.Context(), supervise.Func("child", func(context.Context) error { return nil }))
			}
			g.Wait()
			g.Wait()
		})
	})
}

// journal notes what a tree reports, in order.
type journal struct {
	mu     sync.Mutex
	events []supervise.Event
}

func (j *journal) observe(e supervise.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = append(j.events, e)
}

func (j *journal) of(kind supervise.EventKind) (children []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.events {
		if e.Kind == kind {
			children = append(children, e.Child)
		}
	}
	return children
}

func untilStopped(ctx context.Context) error { <-ctx.Done(); return nil }

func TestTree(t *testing.T) {
	t.Run("stops_last_to_first", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var j journal
			tree := supervise.NewTree("root", supervise.Options{Observe: j.observe})
			for _, name := range []string{"policy", "journal", "listener"} {
				tree.Add(supervise.Child{Actor: supervise.Func(name, untilStopped)})
			}
			ctx, stop := context.WithTimeout(t.Context(), time.Second)
			defer stop()
			if err := tree.Run(ctx); err != nil {
				t.Fatal(err)
			}
			if got := j.of(supervise.Ended); !slices.Equal(got, []string{"listener", "journal", "policy"}) {
				t.Errorf("stopped in order %v", got)
			}
		})
	})
	t.Run("restarts_a_permanent_child_whatever_its_end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var j journal
			tree := supervise.NewTree("root", supervise.Options{Observe: j.observe})
			runs := 0
			tree.Add(supervise.Child{Actor: supervise.Func("policy", func(ctx context.Context) error {
				runs++
				switch runs {
				case 1:
					panic("first")
				case 2:
					return errBroken
				case 3:
					return nil
				}
				return untilStopped(ctx)
			})})
			ctx, stop := context.WithTimeout(t.Context(), time.Minute)
			defer stop()
			if err := tree.Run(ctx); err != nil {
				t.Fatal(err)
			}
			if runs != 4 || len(j.of(supervise.Restarting)) != 3 {
				t.Errorf("ran %d times with %d restarts, want 4 and 3", runs, len(j.of(supervise.Restarting)))
			}
		})
	})
	t.Run("gives_up_when_the_budget_is_spent_and_stops_the_rest", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var j journal
			tree := supervise.NewTree("root", supervise.Options{Observe: j.observe, Budget: supervise.Budget{Limit: 3}})
			retired := false
			tree.Add(supervise.Child{Actor: supervise.Func("steady", untilStopped)})
			tree.Add(supervise.Child{
				Actor:  supervise.Func("hopeless", func(context.Context) error { return errBroken }),
				Retire: func() { retired = true },
			})
			if err := tree.Run(t.Context()); !errors.Is(err, errBroken) {
				t.Fatalf("got %v, want the child's error", err)
			}
			if got := j.of(supervise.Ended); !slices.Equal(got, []string{"steady"}) || !retired {
				t.Errorf("ended %v, retired %v", got, retired)
			}
			if n := len(j.of(supervise.Restarting)); n != 3 {
				t.Errorf("restarted %d times, want 3", n)
			}
		})
	})
	t.Run("an_old_failure_no_longer_counts", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			tree := supervise.NewTree("root", supervise.Options{Budget: supervise.Budget{Limit: 2, HalfLife: time.Second}})
			runs := 0
			tree.Add(supervise.Child{Actor: supervise.Func("seldom", func(ctx context.Context) error {
				if runs++; runs > 20 {
					return untilStopped(ctx)
				}
				time.Sleep(10 * time.Second) // within the bubble: a long quiet life, then a failure
				return errBroken
			})})
			ctx, stop := context.WithTimeout(t.Context(), time.Hour)
			defer stop()
			if err := tree.Run(ctx); err != nil {
				t.Fatalf("given up after %d runs: %v", runs, err)
			}
		})
	})
	t.Run("a_temporary_child_is_not_restarted", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var j journal
			tree := supervise.NewTree("root", supervise.Options{Observe: j.observe})
			tree.Add(supervise.Child{
				Actor:   supervise.Func("once", func(context.Context) error { return errBroken }),
				Restart: supervise.Temporary,
			})
			ctx, stop := context.WithTimeout(t.Context(), time.Minute)
			defer stop()
			if err := tree.Run(ctx); err != nil {
				t.Fatal(err)
			}
			if got := j.of(supervise.Started); len(got) != 1 {
				t.Errorf("started %v", got)
			}
		})
	})
	t.Run("a_laggard_is_named_and_does_not_hold_up_the_others", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var j journal
			tree := supervise.NewTree("root", supervise.Options{Observe: j.observe})
			stopped := time.Time{}
			tree.Add(supervise.Child{Actor: supervise.Func("first", func(ctx context.Context) error {
				<-ctx.Done()
				stopped = time.Now()
				return nil
			})})
			tree.Add(supervise.Child{Grace: time.Second, Actor: supervise.Func("slow", func(ctx context.Context) error {
				<-ctx.Done()
				time.Sleep(time.Minute)
				return nil
			})})
			ctx, stop := context.WithTimeout(t.Context(), time.Second)
			defer stop()
			begin := time.Now()
			if err := tree.Run(ctx); err != nil {
				t.Fatal(err)
			}
			if got := j.of(supervise.Lagging); !slices.Equal(got, []string{"slow"}) {
				t.Errorf("lagging: %v", got)
			}
			if took := stopped.Sub(begin); took != 2*time.Second {
				t.Errorf("the other child was stopped after %v, want 2s", took)
			}
		})
	})
}
