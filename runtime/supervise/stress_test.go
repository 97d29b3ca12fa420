package supervise_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/runtime/supervise"
)

func TestGroupUnderLoad(t *testing.T) {
	t.Run("every_end_is_reported_once_while_the_parent_listens", func(t *testing.T) {
		for _, capacity := range []int{0, 1, 100} {
			g := supervise.NewGroup(capacity)
			const children = 1000
			for i := range children {
				g.Go(t.Context(), supervise.Func(fmt.Sprint(i), func(context.Context) error {
					switch i % 3 {
					case 0:
						panic(errBroken)
					case 1:
						return errBroken
					}
					return nil
				}))
			}
			seen := map[string]bool{}
			for range children {
				exit := <-g.Exits()
				if seen[exit.Actor.String()] {
					t.Fatalf("%v was reported twice", exit.Actor)
				}
				seen[exit.Actor.String()] = true
			}
			g.Wait()
		}
	})
	t.Run("wait_may_meet_any_number_of_ends", func(t *testing.T) {
		for range 200 {
			g := supervise.NewGroup(1)
			ctx, stop := context.WithCancel(t.Context())
			var running atomic.Int32
			for range 20 {
				running.Add(1)
				g.Go(ctx, supervise.Func("child", func(ctx context.Context) error {
					defer running.Add(-1)
					<-ctx.Done()
					return nil
				}))
			}
			g.Go(ctx, supervise.Func("quick", func(context.Context) error { return nil }))
			var waiters conc.WaitGroup
			waiters.Go(stop)
			for range 3 {
				waiters.Go(func() {
					g.Wait()
					if n := running.Load(); n != 0 {
						t.Errorf("%d children outlived Wait", n)
					}
				})
			}
			select {
			case <-g.Exits():
			default:
			}
			waiters.Wait()
		}
	})
	t.Run("a_goroutine_ended_from_within_is_an_end", func(t *testing.T) {
		g := supervise.NewGroup(1)
		g.Go(t.Context(), supervise.Func("leaver", func(context.Context) error {
			runtime.Goexit()
			return nil
		}))
		select {
		case exit := <-g.Exits():
			if exit.Err == nil || exit.Actor.String() != "leaver" {
				t.Errorf("reported %+v", exit)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("its parent was not told")
		}
		g.Wait()
	})
}

func TestTreeUnderFire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		tree := supervise.NewTree("root", supervise.Options{
			Observe: j.observe,
			Budget:  supervise.Budget{Limit: 1e6, Longest: 50 * time.Millisecond},
		})
		var alive, most atomic.Int32
		for i := range 50 {
			tree.Add(supervise.Child{Actor: supervise.Func(fmt.Sprint(i), func(ctx context.Context) error {
				most.Store(max(most.Load(), alive.Add(1)))
				defer alive.Add(-1)
				select {
				case <-time.After(time.Duration(i+1) * 7 * time.Millisecond):
					if i%2 == 0 {
						panic(errBroken)
					}
					return errBroken
				case <-ctx.Done():
					return nil
				}
			})})
		}
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
		defer stop()
		if err := tree.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if alive.Load() != 0 || most.Load() > 50 {
			t.Errorf("%d alive after the end, at most %d at once", alive.Load(), most.Load())
		}
		if n := len(j.of(supervise.Restarting)); n < 50 {
			t.Errorf("only %d restarts", n)
		}
		ended := j.of(supervise.Ended)
		want := make([]string, 50)
		for i := range want {
			want[i] = fmt.Sprint(49 - i)
		}
		if !slices.Equal(ended, want) {
			t.Errorf("ended in order %v", ended)
		}
	})
}

func TestTreeStops(t *testing.T) {
	t.Run("a_stop_during_a_pause_ends_the_child_at_once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var j journal
			tree := supervise.NewTree("root", supervise.Options{
				Observe: j.observe, Budget: supervise.Budget{First: time.Hour, Longest: time.Hour},
			})
			retired := 0
			tree.Add(supervise.Child{
				Actor:  supervise.Func("weak", func(context.Context) error { return errBroken }),
				Retire: func() { retired++ },
			})
			ctx, stop := context.WithTimeout(t.Context(), time.Second)
			defer stop()
			begin := time.Now()
			if err := tree.Run(ctx); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begin); took != time.Second || retired != 1 {
				t.Errorf("stopped after %v, retired %d times", took, retired)
			}
			if got := j.of(supervise.Ended); !slices.Equal(got, []string{"weak"}) {
				t.Errorf("ended %v", got)
			}
		})
	})
	t.Run("children_learn_why_they_stop", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			why := errors.New("maintenance")
			var heard error
			tree := supervise.NewTree("root", supervise.Options{})
			tree.Add(supervise.Child{Actor: supervise.Func("child", func(ctx context.Context) error {
				<-ctx.Done()
				heard = context.Cause(ctx)
				return nil
			})})
			ctx, stop := context.WithTimeoutCause(t.Context(), time.Second, why)
			defer stop()
			if err := tree.Run(ctx); err != nil || !errors.Is(heard, why) {
				t.Errorf("Run %v, cause %v", err, heard)
			}
		})
	})
}
