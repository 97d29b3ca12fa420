package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/stores"
)

func sticky(pool, client string) stores.Key {
	return stores.Key{Kind: stores.KindSticky, Pool: pool, Name: client}
}

func health(pool, backend string) stores.Key {
	return stores.Key{Kind: stores.KindHealth, Pool: pool, Name: backend}
}

func assignments(t *testing.T, s stores.Store) {
	assigned := stores.Sticky{Backend: "ftp://b.example:21", Since: time.UnixMilli(1_790_000_000_123), Seen: time.Unix(86400, 0)}
	stands := stores.Health{State: 2, Mode: 1, Since: time.UnixMilli(1), Until: time.UnixMilli(2), Failures: 3, Reason: "refused\x00ÿ"}
	must(t, s.Apply(t.Context(), []stores.Change{
		stores.PutFirst(sticky("p", "u:joe\x00ÿ"), stores.AppendSticky(nil, assigned)),
		stores.Put(health("p", "ftp://b.example:21"), stores.AppendHealth(nil, stands)),
	}))
	records, err := s.Load(t.Context(), stores.KindSticky)
	must(t, err)
	if len(records) != 1 || records[0].Key != sticky("p", "u:joe\x00ÿ") {
		t.Fatalf("assignments came back as %v", records)
	}
	if got, err := stores.ParseSticky(records[0].Value); err != nil || !cmp.Equal(got, assigned) {
		t.Errorf("the assignment came back as %+v, %v", got, err)
	}
	records, err = s.Load(t.Context(), stores.KindHealth)
	must(t, err)
	if len(records) != 1 {
		t.Fatalf("health came back as %v", records)
	}
	if got, err := stores.ParseHealth(records[0].Value); err != nil || !cmp.Equal(got, stands) {
		t.Errorf("health came back as %+v, %v", got, err)
	}
}

// People puts n assignments into a store.
func People(t testing.TB, s stores.Store, n int) {
	t.Helper()
	var batch []stores.Change
	for i := range n {
		a := stores.Sticky{Backend: fmt.Sprintf("ftp://backend-%03d.example.net:21", i%500), Since: time.UnixMilli(int64(i)), Seen: time.Unix(86400, 0)}
		batch = append(batch, stores.Put(sticky("main", fmt.Sprintf("u:user-%07d", i)), stores.AppendSticky(nil, a)))
		if len(batch) == stores.MaxBatch || i == n-1 {
			if err := s.Apply(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
			batch = batch[:0]
		}
	}
}

func eachVisits(t *testing.T, s stores.Store) {
	const n = 5000
	People(t, s, n)
	must(t, s.Apply(t.Context(), []stores.Change{
		stores.Put(counter("main", "a"), []byte("another kind")), stores.Put(sticky("main", "u:empty"), nil),
	}))
	seen := map[stores.Key]bool{}
	must(t, s.Each(t.Context(), stores.KindSticky, func(r stores.Record) error {
		seen[r.Key] = true
		if r.Value == nil {
			return fmt.Errorf("%v: a nil value, which means deleted", r.Key)
		}
		if r.Key == sticky("main", "u:empty") && len(r.Value) == 0 {
			return nil
		}
		got, err := stores.ParseSticky(r.Value)
		if want := fmt.Sprintf("u:user-%07d", got.Since.UnixMilli()); err == nil && r.Key != sticky("main", want) {
			err = fmt.Errorf("%v has the record of %s", r.Key, want)
		}
		return err
	}))
	if len(seen) != n+1 {
		t.Errorf("visited %d records, want %d", len(seen), n+1)
	}
	must(t, s.Each(t.Context(), stores.KindHealth, func(r stores.Record) error { return fmt.Errorf("%v is not there", r.Key) }))
}

func eachEnds(t *testing.T, s stores.Store) {
	People(t, s, 3000)
	why := errors.New("enough")
	visits := 0
	err := s.Each(t.Context(), stores.KindSticky, func(stores.Record) error {
		if visits++; visits == 5 {
			return why
		}
		return nil
	})
	if !errors.Is(err, why) || visits != 5 {
		t.Errorf("%d visits, then %v; want 5 and the visitor's error", visits, err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	visits = 0
	err = s.Each(ctx, stores.KindSticky, func(stores.Record) error {
		if visits++; visits == 5 {
			cancel(why)
		}
		return nil
	})
	if !errors.Is(err, why) || visits == 3000 {
		t.Errorf("%d visits, then %v; want it to end with the context's cause", visits, err)
	}
	// A visitor's trouble is no damage to the store.
	records, err := s.Load(t.Context(), stores.KindSticky)
	if err != nil || len(records) != 3000 {
		t.Errorf("%d records are left, %v", len(records), err)
	}
}

func firstCounts(t *testing.T, s stores.Store) {
	k := counter("p", "a")
	put, first, remove := stores.Put, stores.PutFirst, stores.Delete
	for _, step := range []struct {
		claim string
		batch []stores.Change
		want  string // the record's value; "-": there is none
	}{
		{"absent", []stores.Change{first(k, []byte("1"))}, "1"},
		{"present", []stores.Change{first(k, []byte("2"))}, "1"},
		{"deleted before", []stores.Change{remove(k), first(k, []byte("3"))}, "3"},
		{"put before", []stores.Change{remove(k), put(k, []byte("4")), first(k, []byte("5"))}, "4"},
		{"put after", []stores.Change{remove(k), first(k, []byte("6")), put(k, []byte("7"))}, "7"},
		{"twice", []stores.Change{remove(k), first(k, []byte("8")), first(k, []byte("9"))}, "8"},
		{"deleted after", []stores.Change{first(k, []byte("10")), remove(k)}, "-"},
		{"an empty value", []stores.Change{first(k, nil)}, ""},
		{"an empty value is one", []stores.Change{first(k, []byte("11"))}, ""},
	} {
		other := counter("p", "b "+step.claim)
		must(t, s.Apply(t.Context(), append([]stores.Change{put(other, []byte("x"))}, step.batch...)))
		got := "-"
		rest := false
		records, err := s.Load(t.Context(), stores.KindCounters)
		must(t, err)
		for _, r := range records {
			if r.Key == k {
				got = string(r.Value)
			}
			rest = rest || r.Key == other
		}
		if got != step.want || !rest {
			t.Errorf("%s: the record is %q (the rest of the batch there: %v), want %q", step.claim, got, rest, step.want)
		}
	}
}

func firstDelete(t *testing.T, s stores.Store) {
	gone := stores.Delete(counter("p", "a"))
	gone.First = true
	err := s.Apply(t.Context(), []stores.Change{stores.Put(counter("p", "b"), nil), gone})
	if !errors.Is(err, stores.ErrBatch) {
		t.Errorf("got %v, want ErrBatch", err)
	}
	expect(t, s)
}

func manyFirsts(t *testing.T, s stores.Store) {
	var wg conc.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 20 {
				c := stores.PutFirst(counter("p", fmt.Sprintf("%02d", i)), fmt.Appendf(nil, "writer %d", w))
				if err := s.Apply(t.Context(), []stores.Change{c}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	before := Dump(t, s)
	if len(before) != 20 || !strings.Contains(before[0], "writer") {
		t.Fatalf("the store holds %q", before)
	}
	for i := range 20 {
		must(t, s.Apply(t.Context(), []stores.Change{stores.PutFirst(counter("p", fmt.Sprintf("%02d", i)), []byte("late"))}))
	}
	expect(t, s, before...)
}
