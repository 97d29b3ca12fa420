package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/stores"
)

func watchOthers(t *testing.T, f *fleet) {
	a, b, c := f.join(), f.join(), f.join()
	atA, atB := f.listen(a), f.listen(b)
	k, odd := counter("p", "x"), sticky("p", "u:\x00ÿ\r\n")
	fromA := []stores.Change{stores.Put(k, []byte("1")), stores.Put(odd, nil), stores.Delete(k), stores.PutFirst(k, []byte("2"))}
	must(t, a.Apply(t.Context(), fromA))
	atB.hears(fromA...)
	fromC := []stores.Change{stores.Put(health("p", "y"), make([]byte, 100_000)), stores.Delete(counter("p", "never"))}
	must(t, c.Apply(t.Context(), fromC))
	atA.hears(fromC...) // its own did not come before
	atB.hears(fromC...)
	for i := range 500 {
		one := []stores.Change{stores.Put(k, fmt.Append(nil, i))}
		must(t, c.Apply(t.Context(), one))
		atA.hears(one...)
	}
}

// watchFirst has gateways assign the same clients at one time. In the end each
// believes in what the store holds.
func watchFirst(t *testing.T, f *fleet) {
	const clients = 40
	gateways := []stores.Shared{f.join(), f.join(), f.join()}
	ears := make([]*ear, len(gateways))
	for i, g := range gateways {
		ears[i] = f.listen(g)
	}
	var wg conc.WaitGroup
	for i, g := range gateways {
		wg.Go(func() {
			for c := range clients {
				first := stores.PutFirst(sticky("p", fmt.Sprintf("u:%03d", c)), fmt.Append(nil, i))
				if err := g.Apply(t.Context(), []stores.Change{first}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	end := stores.Put(counter("p", "end"), []byte("end"))
	must(t, f.join().Apply(t.Context(), []stores.Change{end}))
	records, err := gateways[0].Load(t.Context(), stores.KindSticky)
	if err != nil || len(records) != clients {
		t.Fatalf("%d assignments, %v; want %d", len(records), err, clients)
	}
	for i, e := range ears {
		believed := map[stores.Key]string{}
		for c := range clients {
			believed[sticky("p", fmt.Sprintf("u:%03d", c))] = fmt.Sprint(i)
		}
		for n := e.next("the end"); len(n.Records) == 0 || n.Records[0].Key != end.Key; n = e.next("the end") {
			for _, r := range n.Records {
				believed[r.Key] = string(r.Value)
			}
		}
		for _, r := range records {
			if believed[r.Key] != string(r.Value) {
				t.Errorf("gateway %d believes that %v is with %s, the store says %s", i, r.Key, believed[r.Key], r.Value)
			}
		}
	}
}

func outage(t *testing.T, f *fleet) {
	a, b := f.join(), f.join()
	heard := f.listen(b)
	kept := stores.Put(counter("p", "kept"), []byte("1"))
	must(t, a.Apply(t.Context(), []stores.Change{kept}))
	heard.hears(kept)
	beat(t, a, counts{kept.Key: 1}, counts{})
	f.Cut(t, true)
	begun := time.Now()
	for what, err := range map[string]error{
		"Apply": a.Apply(t.Context(), []stores.Change{kept}),
		"Each":  a.Each(t.Context(), stores.KindCounters, func(stores.Record) error { return nil }),
		"Turns": second(a.Turns(t.Context(), "p", 1, 0)),
		"Beat":  second(a.Beat(t.Context(), counts{})),
		"Load":  second(a.Load(t.Context(), stores.KindCounters)),
	} {
		if err == nil || errors.Is(err, stores.ErrClosed) || errors.Is(err, stores.ErrRenewed) {
			t.Errorf("during the outage %s gave %v", what, err)
		}
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("five calls took %v to fail", took)
	}
	f.Cut(t, false)
	after := stores.Put(counter("p", "after"), []byte("2"))
	eventually(t, "write after the outage", func() error { return a.Apply(t.Context(), []stores.Change{after}) })
	heard.lost()
	expect(t, b, `counters of "after" in "p" = "2"`, `counters of "kept" in "p" = "1"`)
	again := stores.Put(counter("p", "again"), []byte("3"))
	must(t, a.Apply(t.Context(), []stores.Change{again}))
	for n := heard.next("the first change after the outage"); len(n.Records) == 0 || n.Records[0].Key != again.Key; {
		n = heard.next("the first change after the outage") // after itself may have come before
	}
	beat(t, a, counts{kept.Key: 5}, counts{})
	beat(t, b, counts{}, counts{kept.Key: 5})
}

func second[T any](_ T, err error) error { return err }

func renewed(t *testing.T, f *fleet) {
	a, b := f.join(), f.join()
	heard := f.listen(b)
	count, assign := stores.Put(counter("p", "x"), []byte("1")), stores.PutFirst(sticky("p", "u:joe"), []byte("2"))
	must(t, a.Apply(t.Context(), []stores.Change{count, assign}))
	heard.hears(count, assign)
	beat(t, a, counts{count.Key: 1}, counts{})
	_, err := a.Turns(t.Context(), "p", 5, 0)
	must(t, err)
	records, err := b.Load(t.Context(), stores.KindCounters) // what a reader knows is lost, too
	if err != nil || len(records) != 1 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	f.Forget(t)
	heard.lost()
	for name, g := range map[string]stores.Shared{"writer": a, "reader": b} {
		for kind, c := range map[string]stores.Change{"counters": count, "assignments": assign} {
			eventually(t, "ErrRenewed", func() error {
				switch err := g.Apply(t.Context(), []stores.Change{c}); {
				case errors.Is(err, stores.ErrRenewed):
					return nil
				case err == nil:
					t.Fatalf("the %s of %s does not hear of the loss", name, kind)
					return nil
				default:
					return err
				}
			})
		}
		must(t, g.Apply(t.Context(), []stores.Change{count, assign}))
	}
	expect(t, b, `counters of "x" in "p" = "1"`, `assignment of "u:joe" in "p" = "2"`)
	if first, err := b.Turns(t.Context(), "p", 1, 3); err != nil || first != 3 {
		t.Errorf("turns go on at %d, %v; want 3", first, err)
	}
	beat(t, a, counts{count.Key: 1}, counts{})
	beat(t, b, counts{}, counts{count.Key: 1})
}

func watchEnds(t *testing.T, f *fleet) {
	for name, end := range map[string]struct {
		by   func(s stores.Shared, cancel context.CancelCauseFunc)
		want error
	}{
		"context": {func(_ stores.Shared, cancel context.CancelCauseFunc) { cancel(errEnough) }, errEnough},
		"store":   {func(s stores.Shared, _ context.CancelCauseFunc) { must(t, s.Close()) }, stores.ErrClosed},
	} {
		for _, away := range []bool{false, true} {
			s := f.join()
			ctx, cancel := context.WithCancelCause(t.Context())
			begun, ended := make(chan struct{}, 1), make(chan error, 1)
			var wg conc.WaitGroup
			wg.Go(func() { ended <- s.Watch(ctx, func(stores.News) { begun <- struct{}{} }) })
			if !away {
				<-begun
			} else {
				f.Cut(t, true)
			}
			at := time.Now()
			end.by(s, cancel)
			if err := <-ended; !errors.Is(err, end.want) {
				t.Errorf("ended by the %s, away %v: %v, want %v", name, away, err, end.want)
			}
			if took := time.Since(at); took > 5*time.Second {
				t.Errorf("ended by the %s, away %v: only after %v", name, away, took)
			}
			wg.Wait()
			cancel(nil)
			if away {
				f.Cut(t, false)
			}
		}
	}
}

var errEnough = errors.New("enough")
