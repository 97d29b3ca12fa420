package data

import (
	"context"
	"io"
	"testing"

	"github.com/sluice-gateway/sluice/messages"
)

// A session that has settled a transfer as clean and then has no more use for
// its details aborts it. Which of the two the channel sees first must not
// matter: the end stays an end.
func TestAbortDoesNotUndoASettlement(t *testing.T) {
	eachPath(t, func(t *testing.T, path func(*Config)) {
		for i := range 40 {
			r := start(t, ways()[i%8], path)
			if _, err := r.source.Write([]byte("whole")); err != nil {
				t.Fatal(err)
			}
			if err := r.source.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if _, ok := (<-r.inbox.C()).(messages.DataEnded); !ok {
				t.Fatal("the end of the source was not told")
			}
			r.ch.Settle(true)
			r.abort()
			got, err := io.ReadAll(r.dest)
			if err != nil || string(got) != "whole" {
				t.Fatalf("the destination got %q and %v, want a proper end", got, err)
			}
			if err := r.dest.Close(); err != nil {
				t.Fatal(err)
			}
			if done, ok := (<-r.inbox.C()).(messages.TransferFinished); !ok || done.Err != nil {
				t.Fatalf("told %+v, want a clean finish", done)
			}
		}
	})
}

func TestSettlementComesBeforeAbort(t *testing.T) {
	ctx, abort := context.WithCancel(t.Context())
	abort()
	for range 100 { // both are there when the channel looks
		c := New(Config{})
		c.Settle(true)
		if !c.settledClean(ctx) {
			t.Fatal("an abort undid a settlement")
		}
	}
	if New(Config{}).settledClean(ctx) {
		t.Fatal("an abort alone counts as a settlement")
	}
}
