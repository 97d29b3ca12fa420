// Package storetest is the contract that every store keeps, as a suite that
// each implementation runs over itself (Run), with a second one for stores that
// several gateways share (RunShared), and benchmarks to compare them by.
package storetest

import (
	"bytes"
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

// Maker makes the stores of one implementation.
type Maker struct {
	// Open returns a new, empty store.
	Open func(t *testing.T) stores.Store
	// Reopen closes s and opens what it left behind; nil for a store that
	// keeps nothing.
	Reopen func(t *testing.T, s stores.Store) stores.Store
}

// Run holds an implementation to the contract.
func Run(t *testing.T, m Maker) {
	for name, claim := range map[string]func(*testing.T, stores.Store){
		"a_new_store_is_empty":                        newIsEmpty,
		"records_of_a_kind_come_back_in_key_order":    keyOrder,
		"the_later_of_two_changes_counts":             laterCounts,
		"deleting_what_is_absent_is_no_error":         deleteAbsent,
		"an_empty_value_is_not_a_delete":              emptyValue,
		"a_bad_change_spoils_its_whole_batch":         atomicity,
		"batches_fit_up_to_the_limits_and_no_further": limits,
		"values_are_copied_on_their_way_in_and_out":   copies,
		"an_ended_context_ends_the_call":              endedContext,
		"a_closed_store_says_so":                      closed,
		"many_writers_do_not_hurt_each_other":         manyWriters,
		"TLS_sessions_come_back_as_they_went":         tlsSessions,
		"assignments_and_health_come_back":            assignments,
		"each_record_of_a_kind_is_visited":            eachVisits,
		"a_visit_ends_early_with_its_own_error":       eachEnds,
		"first_counts_only_while_absent":              firstCounts,
		"a_delete_is_not_first":                       firstDelete,
		"one_of_many_firsts_counts":                   manyFirsts,
	} {
		t.Run(name, func(t *testing.T) {
			s := m.Open(t)
			defer func() { must(t, s.Close()) }()
			claim(t, s)
		})
	}
	if m.Reopen != nil {
		t.Run("records_survive_a_restart", func(t *testing.T) { survives(t, m) })
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func counter(pool, name string) stores.Key {
	return stores.Key{Kind: stores.KindCounters, Pool: pool, Name: name}
}

func session(owner, backend string) stores.Key {
	return stores.Key{Kind: stores.KindTLSSession, Pool: owner, Name: backend}
}

// Dump renders all records of the kinds in use, one line each.
func Dump(t *testing.T, s stores.Loader) []string {
	t.Helper()
	var lines []string
	for _, kind := range stores.Kinds() {
		records, err := s.Load(t.Context(), kind)
		must(t, err)
		for _, r := range records {
			lines = append(lines, fmt.Sprintf("%v = %q", r.Key, r.Value))
		}
	}
	return lines
}

func expect(t *testing.T, s stores.Loader, want ...string) {
	t.Helper()
	if got := Dump(t, s); !cmp.Equal(got, want) {
		t.Fatalf("the store holds something else:\n%s", cmp.Diff(want, got))
	}
}

func newIsEmpty(t *testing.T, s stores.Store) { expect(t, s) }

func keyOrder(t *testing.T, s stores.Store) {
	must(t, s.Apply(t.Context(), []stores.Change{
		stores.Put(counter("p", "b"), []byte("2")),
		stores.Put(counter("pp", "a"), []byte("3")),
		stores.Put(counter("p", "a"), []byte("1")),
		stores.Put(stores.Key{Kind: stores.KindRotation, Pool: "p"}, []byte("0")),
		stores.Put(stores.Key{Kind: 'x', Pool: "p"}, []byte("not asked for")),
		stores.Put(session("p", "a"), []byte("4")),
	}))
	expect(t, s, `rotation of "p" = "0"`, `counters of "a" in "p" = "1"`,
		`counters of "b" in "p" = "2"`, `counters of "a" in "pp" = "3"`, `TLS session of "a" in "p" = "4"`)
}

// tlsSessions puts as many sessions as a gateway keeps, of the usual size, and
// one of the greatest, through the store.
func tlsSessions(t *testing.T, s stores.Store) {
	want := map[stores.Key]stores.TLSSession{}
	keep := func(i, size int) stores.Change {
		k := session("p", fmt.Sprintf("ftp://backend-%04d.example.net:2121", i))
		v := stores.TLSSession{At: time.Unix(int64(i), 0), Session: bytes.Repeat([]byte{byte(i)}, size)}
		want[k] = v
		return stores.Put(k, stores.AppendTLSSession(nil, v))
	}
	for i := range 10 {
		var batch []stores.Change
		for n := range 100 {
			batch = append(batch, keep(100*i+n, 2000))
		}
		must(t, s.Apply(t.Context(), batch))
	}
	must(t, s.Apply(t.Context(), []stores.Change{keep(1000, stores.MaxTLSSession)}))
	must(t, s.Apply(t.Context(), []stores.Change{keep(5, 3000), stores.Delete(session("p", "never"))}))
	records, err := s.Load(t.Context(), stores.KindTLSSession)
	must(t, err)
	for _, r := range records {
		got, err := stores.ParseTLSSession(r.Value)
		if err != nil || !got.At.Equal(want[r.Key].At) || !bytes.Equal(got.Session, want[r.Key].Session) {
			t.Fatalf("%v came back as of %v with %d bytes, %v", r.Key, got.At, len(got.Session), err)
		}
	}
	if len(records) != len(want) {
		t.Fatalf("%d sessions, want %d", len(records), len(want))
	}
}

func laterCounts(t *testing.T, s stores.Store) {
	k := counter("p", "a")
	must(t, s.Apply(t.Context(), []stores.Change{stores.Put(k, []byte("1")), stores.Delete(k), stores.Put(k, []byte("2"))}))
	expect(t, s, `counters of "a" in "p" = "2"`)
	must(t, s.Apply(t.Context(), []stores.Change{stores.Put(k, []byte("3")), stores.Delete(k)}))
	expect(t, s)
}

func deleteAbsent(t *testing.T, s stores.Store) {
	must(t, s.Apply(t.Context(), []stores.Change{stores.Delete(counter("p", "never"))}))
	must(t, s.Apply(t.Context(), nil))
	expect(t, s)
}

func emptyValue(t *testing.T, s stores.Store) {
	must(t, s.Apply(t.Context(), []stores.Change{stores.Put(counter("p", "a"), nil)}))
	expect(t, s, `counters of "a" in "p" = ""`)
}

func atomicity(t *testing.T, s stores.Store) {
	err := s.Apply(t.Context(), []stores.Change{
		stores.Put(counter("p", "good"), []byte("1")),
		stores.Put(counter("p", strings.Repeat("x", 1<<20)), []byte("2")),
	})
	if !errors.Is(err, stores.ErrKey) {
		t.Errorf("got %v, want ErrKey", err)
	}
	expect(t, s)
}

func limits(t *testing.T, s stores.Store) {
	many := make([]stores.Change, 0, stores.MaxBatch+1)
	for i := range stores.MaxBatch {
		many = append(many, stores.Put(counter("p", fmt.Sprintf("ftp://backend-%04d.example.net:2121", i)), make([]byte, 200)))
	}
	must(t, s.Apply(t.Context(), many))
	long := stores.Put(counter("p", "long"), make([]byte, stores.MaxBatchBytes-20))
	must(t, s.Apply(t.Context(), []stores.Change{long}))
	if err := s.Apply(t.Context(), []stores.Change{long, long}); !errors.Is(err, stores.ErrBatch) {
		t.Errorf("too many bytes: %v, want ErrBatch", err)
	}
	if err := s.Apply(t.Context(), append(many, stores.Delete(long.Key))); !errors.Is(err, stores.ErrBatch) {
		t.Errorf("too many changes: %v, want ErrBatch", err)
	}
	if n := len(Dump(t, s)); n != stores.MaxBatch+1 {
		t.Fatalf("%d records, want %d", n, stores.MaxBatch+1)
	}
}

func copies(t *testing.T, s stores.Store) {
	value := []byte("mine")
	must(t, s.Apply(t.Context(), []stores.Change{stores.Put(counter("p", "a"), value)}))
	copy(value, "XXXX")
	records, err := s.Load(t.Context(), stores.KindCounters)
	must(t, err)
	if len(records) != 1 || !bytes.Equal(records[0].Value, []byte("mine")) {
		t.Fatalf("got %q", records)
	}
	copy(records[0].Value, "YYYY")
	expect(t, s, `counters of "a" in "p" = "mine"`)
}

func endedContext(t *testing.T, s stores.Store) {
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if _, err := s.Load(ctx, stores.KindCounters); !errors.Is(err, why) {
		t.Errorf("Load gave %v, want the cause", err)
	}
	if err := s.Each(ctx, stores.KindCounters, func(stores.Record) error { return nil }); !errors.Is(err, why) {
		t.Errorf("Each gave %v, want the cause", err)
	}
	if err := s.Apply(ctx, []stores.Change{stores.Put(counter("p", "a"), nil)}); !errors.Is(err, why) {
		t.Errorf("Apply gave %v, want the cause", err)
	}
	expect(t, s)
}

func closed(t *testing.T, s stores.Store) {
	must(t, s.Close())
	must(t, s.Close())
	if _, err := s.Load(t.Context(), stores.KindCounters); !errors.Is(err, stores.ErrClosed) {
		t.Errorf("Load gave %v, want ErrClosed", err)
	}
	if err := s.Each(t.Context(), stores.KindCounters, func(stores.Record) error { return nil }); !errors.Is(err, stores.ErrClosed) {
		t.Errorf("Each gave %v, want ErrClosed", err)
	}
	if err := s.Apply(t.Context(), nil); !errors.Is(err, stores.ErrClosed) {
		t.Errorf("Apply gave %v, want ErrClosed", err)
	}
	if err := s.Sync(t.Context()); !errors.Is(err, stores.ErrClosed) {
		t.Errorf("Sync gave %v, want ErrClosed", err)
	}
}

func manyWriters(t *testing.T, s stores.Store) {
	var wg conc.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 20 {
				k := counter("p", fmt.Sprintf("%d-%02d", w, i))
				if err := s.Apply(t.Context(), []stores.Change{stores.Put(k, []byte{byte(i)})}); err != nil {
					t.Error(err)
				}
			}
			if err := s.Sync(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(Dump(t, s)); n != 160 {
		t.Fatalf("%d records, want 160", n)
	}
}

func survives(t *testing.T, m Maker) {
	s := m.Open(t)
	defer func() { must(t, s.Close()) }()
	var changes []stores.Change
	for i := range 100 {
		changes = append(changes, stores.Put(counter("p", fmt.Sprintf("%03d", i)), bytes.Repeat([]byte{byte(i)}, i*50)))
	}
	must(t, s.Apply(t.Context(), changes))
	must(t, s.Apply(t.Context(), []stores.Change{stores.Delete(counter("p", "007"))}))
	before := Dump(t, s)
	for range 3 {
		s = m.Reopen(t, s)
		expect(t, s, before...)
	}
}
