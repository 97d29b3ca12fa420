package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/sourcegraph/conc"
	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/logfile"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second // bounds every wait of these tests

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// systemLog gathers what the journal says to the operator.
type systemLog struct {
	mu   sync.Mutex
	text bytes.Buffer
	said chan struct{} // gets a value with every line
}

func (l *systemLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.said <- struct{}{}:
	default:
	}
	return l.text.Write(p)
}

// lines are the events with that message, in order, each as the value of one field.
func (l *systemLog) lines(t *testing.T, message, field string) (values []string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range bytes.Lines(l.text.Bytes()) {
		var e map[string]any
		must(t, json.Unmarshal(line, &e))
		if strings.Contains(fmt.Sprint(e["message"]), message) {
			values = append(values, fmt.Sprint(e[field]))
		}
	}
	return values
}

// await waits until the log has n lines with that message.
func (l *systemLog) await(t *testing.T, message string, n int) {
	t.Helper()
	end := time.After(patience)
	for len(l.lines(t, message, "log")) < n {
		select {
		case <-l.said:
		case <-end:
			t.Fatalf("no %d lines %q in %s", n, message, l.text.String())
		}
	}
}

// desk is a running journal.
type desk struct {
	*Journal
	log  *systemLog
	stop func()
}

func start(t *testing.T, cfg Config) desk {
	t.Helper()
	log := &systemLog{said: make(chan struct{}, 1)}
	j := New(cfg, zerolog.New(log))
	ctx, cancel := context.WithCancel(t.Context())
	var wg conc.WaitGroup
	wg.Go(func() {
		if err := j.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	var once sync.Once
	stop := func() { once.Do(func() { cancel(); wg.Wait() }) }
	t.Cleanup(func() { stop(); must(t, j.Close()) })
	return desk{Journal: j, log: log, stop: stop}
}

func (d desk) send(t *testing.T, m messages.ToJournal) {
	t.Helper()
	must(t, d.Mailbox().Tell(m, patience))
}

func (d desk) record(t *testing.T, log, path string) {
	t.Helper()
	d.send(t, transfer(func(r *messages.RecordTransfer) { r.Log, r.Path = log, path }))
}

func (d desk) flushed(t *testing.T) error {
	t.Helper()
	done, err := mailbox.Ask(t.Context(), d.Mailbox(), patience, func(reply chan<- messages.LogsFlushed) messages.ToJournal {
		return messages.FlushLogs{Reply: reply}
	})
	must(t, err)
	return done.Err
}

func (d desk) reopened(t *testing.T) error {
	t.Helper()
	done, err := mailbox.Ask(t.Context(), d.Mailbox(), patience, func(reply chan<- messages.LogsReopened) messages.ToJournal {
		return messages.ReopenLogs{Reply: reply}
	})
	must(t, err)
	return done.Err
}

// paths are the recorded paths of a transfer log, one blank apart.
func paths(t *testing.T, log string) string {
	t.Helper()
	text, err := os.ReadFile(log)
	must(t, err)
	return column(t, string(text))
}

func column(t *testing.T, text string) string {
	t.Helper()
	var found []string
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) != 18 || !strings.HasSuffix(line, "\n") {
			t.Fatalf("%q is not a whole line", line)
		}
		found = append(found, fields[8])
	}
	return strings.Join(found, " ")
}

func TestJournal(t *testing.T) {
	for _, capacity := range []int{-1, 1, 64} {
		t.Run(fmt.Sprintf("capacity_%d", max(capacity, 0)), func(t *testing.T) {
			t.Run("every_server_has_its_own_log", func(t *testing.T) {
				a, b := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
				file, err := logfile.Open(a, logfile.Rules{})
				must(t, err)
				d := start(t, Config{Capacity: capacity, Files: []*logfile.File{file}})
				d.record(t, a, "/1")
				d.record(t, b, "/2")
				d.record(t, a, "/3")
				must(t, d.flushed(t))
				if paths(t, a) != "/1 /3" || paths(t, b) != "/2" {
					t.Errorf("a has %q, b has %q", paths(t, a), paths(t, b))
				}
			})
			t.Run("what_was_sent_before_the_end_is_written", func(t *testing.T) {
				log := filepath.Join(t.TempDir(), "log")
				d := start(t, Config{Capacity: capacity})
				var senders conc.WaitGroup
				for range 4 {
					senders.Go(func() {
						for range 250 {
							d.record(t, log, "/x")
						}
					})
				}
				senders.Wait()
				d.stop()
				if got := strings.Count(paths(t, log), "/x"); got != 1000 {
					t.Errorf("%d lines, want 1000", got)
				}
			})
			t.Run("a_rotation_parts_the_lines_where_it_was_asked_for", func(t *testing.T) {
				log := filepath.Join(t.TempDir(), "log")
				other, err := logfile.Open(filepath.Join(t.TempDir(), "proxy.log"), logfile.Rules{})
				must(t, err)
				defer other.Close()
				d := start(t, Config{Capacity: capacity, Others: []*logfile.File{other}})
				d.record(t, log, "/old")
				must(t, d.flushed(t))
				must(t, os.Rename(log, log+".1"))
				must(t, os.Rename(other.Path(), other.Path()+".1"))
				d.record(t, log, "/old2")
				must(t, d.reopened(t))
				d.record(t, log, "/new")
				must(t, d.flushed(t))
				if paths(t, log+".1") != "/old /old2" || paths(t, log) != "/new" {
					t.Errorf("old %q, new %q", paths(t, log+".1"), paths(t, log))
				}
				if _, err := os.Stat(other.Path()); err != nil {
					t.Error("the other log was not reopened:", err)
				}
			})
		})
	}
}

func TestOpenAhead(t *testing.T) {
	d := start(t, Config{})
	open := func(log string) error {
		answer, err := mailbox.Ask(t.Context(), d.Mailbox(), patience, func(reply chan<- messages.TransferLogOpened) messages.ToJournal {
			return messages.OpenTransferLog{Log: log, Reply: reply}
		})
		must(t, err)
		return answer.Err
	}
	good := filepath.Join(t.TempDir(), "log")
	must(t, open(good))
	must(t, open(good))
	if _, err := os.Stat(good); err != nil {
		t.Error("not created:", err)
	}
	if err := open("/nowhere/log"); err == nil || !strings.Contains(err.Error(), "/nowhere/log") {
		t.Errorf("got %v", err)
	}
}

func TestFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full")
	}
	log := filepath.Join(t.TempDir(), "log")
	must(t, os.Symlink("/dev/full", log))
	d := start(t, Config{Retry: 5 * time.Millisecond, Backlog: 400,
		Open: func(path string) (*logfile.File, error) {
			return logfile.Open(path, logfile.Rules{AllowSymlinks: true})
		}})
	d.record(t, log, "/1")
	d.log.await(t, "cannot be written", 1)
	if err := d.flushed(t); err == nil || !strings.Contains(err.Error(), "no space left on device") {
		t.Errorf("flushing: %v", err)
	}
	const fit = 6 // lines of 70 bytes until the backlog of 400 is reached
	for n := 2; n <= fit+2; n++ {
		d.record(t, log, fmt.Sprintf("/%d", n))
	}
	_ = d.flushed(t) // fails as above; comes back when all was read
	if got := d.log.lines(t, "cannot be written", "log"); len(got) != 1 {
		t.Errorf("the trouble was reported %d times", len(got))
	}
	if got := column(t, strings.Join(d.log.lines(t, "not in its log", "line"), "\n")+"\n"); got != "/7 /8" {
		t.Errorf("beyond the backlog %q went to the system log, want /7 /8", got)
	}
	must(t, os.Remove(log))
	must(t, os.WriteFile(log, nil, 0o600))
	must(t, d.reopened(t))
	must(t, d.flushed(t))
	if got := paths(t, log); got != "/1 /2 /3 /4 /5 /6" {
		t.Errorf("after the repair: %q", got)
	}
	if got := d.log.lines(t, "can be written again", "log"); len(got) != 1 || got[0] != log {
		t.Errorf("the repair was reported for %q", got)
	}
}

func TestLogThatCannotBeOpenedYet(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later")
	log := filepath.Join(dir, "log")
	d := start(t, Config{Retry: 5 * time.Millisecond})
	d.record(t, log, "/1")
	d.log.await(t, "cannot be written", 1)
	d.record(t, log, "/2")
	must(t, os.Mkdir(dir, 0o755))
	d.log.await(t, "can be written again", 1)
	must(t, d.flushed(t))
	if got := paths(t, log); got != "/1 /2" {
		t.Errorf("got %q", got)
	}
}

func TestEndWithALogThatDoesNotWork(t *testing.T) {
	log := filepath.Join(t.TempDir(), "missing", "log")
	d := start(t, Config{})
	d.record(t, log, "/1")
	d.record(t, log, "/2")
	d.stop()
	if got := column(t, strings.Join(d.log.lines(t, "not in its log", "line"), "\n")+"\n"); got != "/1 /2" {
		t.Errorf("the system log has %q", got)
	}
}

// TestTornWrite makes a pipe take a part of the lines, in the middle of one, and later the rest.
func TestTornWrite(t *testing.T) {
	log := filepath.Join(t.TempDir(), "pipe")
	must(t, syscall.Mkfifo(log, 0o600))
	reader, err := os.OpenFile(log, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	must(t, err)
	defer reader.Close()
	d := start(t, Config{Capacity: 4096, Retry: time.Second})
	const lines = 3000 // 220 kB; a pipe holds 64 kB
	want := make([]string, lines)
	for n := range lines {
		want[n] = fmt.Sprintf("/%04d", n)
		d.record(t, log, want[n])
	}
	d.log.await(t, "cannot be written", 1)
	must(t, reader.SetReadDeadline(time.Now().Add(patience)))
	var text bytes.Buffer
	for part := make([]byte, 4096); bytes.Count(text.Bytes(), []byte("\n")) < lines; {
		n, err := reader.Read(part)
		must(t, err)
		text.Write(part[:n])
	}
	if got := column(t, text.String()); got != strings.Join(want, " ") {
		t.Error("lines are missing, doubled, torn or out of order")
	}
}

func TestSpillingATornLine(t *testing.T) {
	log := &systemLog{said: make(chan struct{}, 1)}
	j := New(Config{}, zerolog.New(log))
	b := &book{path: "p", pending: []byte("one\ntwo\nthree\n")}
	b.taken(5) // "one\nt" is in the file
	if string(b.torn) != "t" || string(b.pending) != "wo\nthree\n" {
		t.Fatalf("torn %q, pending %q", b.torn, b.pending)
	}
	b.taken(1)
	j.spillBook(b)
	if got := log.lines(t, "not in its log", "line"); fmt.Sprint(got) != "[two three]" {
		t.Errorf("spilled %q", got)
	}
	if string(b.pending) != "\n" || len(b.torn) != 0 {
		t.Errorf("pending %q, torn %q: the half line in the file must be ended", b.pending, b.torn)
	}
	j.spillBook(b)
	if got := log.lines(t, "not in its log", "line"); len(got) != 2 {
		t.Errorf("spilled %q again", got)
	}
}

func BenchmarkJournal(b *testing.B) {
	log := filepath.Join(b.TempDir(), "log")
	j := New(Config{}, zerolog.Nop())
	ctx, cancel := context.WithCancel(b.Context())
	var wg conc.WaitGroup
	wg.Go(func() { _ = j.Run(ctx) }) // returns nil always
	r := transfer(func(r *messages.RecordTransfer) { r.Log = log })
	b.ReportAllocs()
	for b.Loop() {
		if err := j.Mailbox().Send(ctx, r); err != nil {
			b.Fatal(err)
		}
	}
	cancel()
	wg.Wait()
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
}
