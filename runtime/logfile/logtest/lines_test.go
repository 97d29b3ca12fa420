package logtest_test

import (
	"fmt"
	"testing"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/runtime/logfile/logtest"
)

func TestManyWriteAndRead(t *testing.T) {
	var (
		l  logtest.Lines
		wg conc.WaitGroup
	)
	for i := range 8 {
		wg.Go(func() {
			fmt.Fprintf(&l, "line %d of a few\n", i)
			l.Having("few")
		})
	}
	wg.Wait()
	if got := l.Having("line 7"); len(got) != 1 || got[0] != "line 7 of a few\n" {
		t.Errorf("having line 7: %q", got)
	}
	if n := l.Count("few"); n != 8 {
		t.Errorf("%d of 8 lines are kept: %q", n, l.String())
	}
}
