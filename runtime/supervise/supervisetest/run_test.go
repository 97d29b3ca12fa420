package supervisetest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-gateway/sluice/runtime/supervise"
	"github.com/sluice-gateway/sluice/runtime/supervise/supervisetest"
)

func TestAnActorIsRunAgainAndRetired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs, restarts, retired := 0, 0, 0
		a := supervise.Func("clerk", func(ctx context.Context) error {
			if runs++; runs == 1 {
				return errors.New("slipped")
			}
			<-ctx.Done()
			return nil
		})
		stop := supervisetest.Run(t, a, func() { retired++ }, func(e supervise.Event) {
			if e.Kind == supervise.Restarting {
				restarts++
			}
		})
		time.Sleep(time.Minute) // of the bubble's clock
		stop()
		stop()
		if runs != 2 || restarts != 1 || retired != 1 {
			t.Errorf("%d runs, %d restarts, retired %d times", runs, restarts, retired)
		}
	})
}
