package badger_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/badger"
)

func child(ctx context.Context, role, dir string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), "SLUICE_STORE_ROLE="+role, "SLUICE_STORE_DIR="+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

// writeUntilKilled applies numbered batches for ever and says each number
// that is synced.
func writeUntilKilled(dir string) int {
	s, err := badger.Open(dir, zerolog.Nop())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for i := 1; ; i++ {
		if err := s.Apply(context.Background(), batch(i)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		if i%10 == 0 {
			if err := s.Sync(context.Background()); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			fmt.Println(i)
		}
	}
}

func TestKilledWriterLeavesAConsistentStore(t *testing.T) {
	dir := t.TempDir()
	synced := 0
	for round := range 5 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		cmd := child(ctx, "writer", dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		scan := bufio.NewScanner(out)
		for n := 0; n < 5+20*round && scan.Scan(); n++ {
			if synced, err = strconv.Atoi(scan.Text()); err != nil {
				t.Fatal(err)
			}
		}
		if err := cmd.Process.Kill(); err != nil { // SIGKILL, between any two instructions
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed: the error says just that
		cancel()
		if synced == 0 {
			t.Fatal("the writer never got to a sync")
		}
		consistentSince(t, dir, synced)
	}
}

// consistentSince holds the store to one whole batch, the synced one or later.
func consistentSince(t *testing.T, dir string, synced int) {
	t.Helper()
	s, log := open(t, dir)
	records, err := s.Load(t.Context(), stores.KindCounters)
	if err != nil || len(records) != 5 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	var seen []uint64
	for _, r := range records {
		c, err := stores.ParseCounters(r.Value)
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, c.Connects)
	}
	if slices.Min(seen) != slices.Max(seen) || seen[0] < uint64(synced) {
		t.Errorf("batches %v came back, want one whole batch, %d or later", seen, synced)
	}
	if aside := movedAside(t, dir); aside != "" || len(log.errors()) > 0 {
		t.Errorf("a kill was taken for damage: %q %q", aside, log.errors())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// memory is what of this process is resident, in KiB: anonymous and mapped.
func memory() (anonymous, total int) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(status)) {
		name, rest, _ := strings.Cut(line, ":")
		n, _ := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
		switch name {
		case "RssAnon":
			anonymous = n
		case "VmRSS":
			total = n
		}
	}
	return anonymous, total
}

// reportMemory opens a store of 1000 backends, idles and prints what it costs.
func reportMemory(dir string) int {
	debug.FreeOSMemory()
	anonBefore, allBefore := memory()
	goroutines := runtime.NumGoroutine()
	s, err := badger.Open(dir, zerolog.Nop())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for i := range 20 {
		var changes []stores.Change
		for n := range 1000 {
			changes = append(changes, stores.Put(
				stores.Key{Kind: stores.KindCounters, Pool: "p", Name: fmt.Sprintf("ftp://backend-%04d.example:21", n)},
				stores.AppendCounters(nil, stores.Counters{Connects: uint64(i)})))
		}
		if err := s.Apply(context.Background(), changes); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	debug.FreeOSMemory()
	anon, all := memory()
	fmt.Println(anon-anonBefore, all-allBefore, runtime.NumGoroutine()-goroutines)
	return 0
}

func TestAnOpenStoreIsSmall(t *testing.T) {
	if _, all := memory(); all == 0 {
		t.Skip("no /proc to measure with")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dir := t.TempDir()
	out, err := child(ctx, "idle", dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	var anon, all, goroutines int
	if _, err := fmt.Sscan(string(out), &anon, &all, &goroutines); err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	t.Logf("an open store with 1000 backends and 20,000 writes behind it adds %d KiB of memory (%d KiB with mapped files) and %d goroutines",
		anon, all, goroutines)
	limit := 16 << 10
	if raceEnabled {
		limit *= 8 // its shadow memory counts too
	}
	if anon > limit {
		t.Errorf("%d KiB, want at most %d", anon, limit)
	}
	if _, err := os.Stat(filepath.Join(dir, "badger", "MANIFEST")); err != nil {
		t.Error(err)
	}
}
