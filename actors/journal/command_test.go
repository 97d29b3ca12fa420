package journal

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/ftp"
	"github.com/sluice-gateway/sluice/protocols/logformat"
)

func extended(log, words, format string) messages.ExtendedLog {
	var list []logformat.Word
	for w := range strings.FieldsSeq(words) {
		list = append(list, logformat.Word{Name: w})
	}
	wants := logformat.Select(list)
	compiled, _ := logformat.Compile(format, nil)
	return messages.ExtendedLog{Log: log, Wants: &wants, Format: compiled}
}

func (d desk) tell(t *testing.T, verb, arg string, logs ...messages.ExtendedLog) {
	t.Helper()
	d.send(t, messages.RecordCommand{Logs: logs, At: time.Date(2026, 8, 5, 7, 4, 3, 0, time.Local),
		Record: logformat.Record{Command: ftp.Command{Verb: verb, Arg: arg, HasArg: arg != ""}, Reply: ftp.NewReply(200, "OK")}})
}

func content(t *testing.T, log string) string {
	t.Helper()
	text, err := os.ReadFile(log)
	must(t, err)
	return string(text)
}

func TestExtendedLogs(t *testing.T) {
	dir := t.TempDir()
	all, reads := filepath.Join(dir, "all"), filepath.Join(dir, "reads")
	logs := []messages.ExtendedLog{extended(all, "ALL", "%m %J %s"), extended(reads, "READ", `%{%Y-%m-%d %H:%M:%S}t "%r"`)}
	for _, capacity := range []int{-1, 64} {
		t.Run(fmt.Sprintf("capacity_%d", max(capacity, 0)), func(t *testing.T) {
			d := start(t, Config{Capacity: capacity})
			d.tell(t, "RETR", "a\nb", logs...)
			d.tell(t, "PASS", "canary", logs...)
			must(t, d.flushed(t))
			if got := content(t, all); got != "RETR a\\nb 200\nPASS (hidden) 200\n" {
				t.Errorf("all: %q", got)
			}
			if got := content(t, reads); got != "2026-08-05 07:04:03 \"RETR a\\nb\"\n" {
				t.Errorf("reads: %q", got)
			}
			must(t, os.Rename(all, all+".1"))
			must(t, d.reopened(t))
			d.tell(t, "NOOP", "", logs...)
			must(t, d.flushed(t))
			if got := content(t, all); got != "NOOP - 200\n" {
				t.Errorf("after the rotation: %q", got)
			}
			must(t, os.Remove(all))
			must(t, os.Remove(reads))
		})
	}
}

func TestExtendedLogOnAFullDisk(t *testing.T) {
	log := filepath.Join(t.TempDir(), "missing", "log")
	l := extended(log, "ALL", "%J %{microsecs}")
	d := start(t, Config{Retry: 5 * time.Millisecond, Backlog: 40})
	d.tell(t, "CWD", "1", l)
	d.log.await(t, "cannot be written", 1)
	for n := 2; n <= 7; n++ {
		d.tell(t, "CWD", fmt.Sprint(n), l)
	}
	_ = d.flushed(t) // fails; comes back when all was read
	if got := strings.Join(d.log.lines(t, "not in its log", "line"), "|"); got != "6 000000|7 000000" {
		t.Fatalf("beyond the backlog %q went to the system log", got)
	}
	must(t, os.Mkdir(filepath.Dir(log), 0o755))
	d.log.await(t, "can be written again", 1)
	must(t, d.flushed(t))
	if got := content(t, log); !regexp.MustCompile(`^1 0{6}\n2 0{6}\n3 0{6}\n4 0{6}\n5 0{6}\n$`).MatchString(got) {
		t.Errorf("the log has %q", got)
	}
}

func TestTransfersAndCommandsShareAFile(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	d := start(t, Config{})
	d.record(t, log, "/1")
	d.tell(t, "RETR", "/1", extended(log, "ALL", "%r"))
	must(t, d.flushed(t))
	if lines := strings.Split(content(t, log), "\n"); len(lines) != 3 || lines[1] != "RETR /1" {
		t.Errorf("got %q", lines)
	}
}

func TestUnknownSyslogLevel(t *testing.T) {
	d := start(t, Config{})
	d.tell(t, "CWD", "x", extended("syslog:loud", "ALL", "%r"))
	d.log.await(t, "cannot be written", 1)
	d.stop()
	if got := d.log.lines(t, "not in its log", "line"); len(got) != 1 || got[0] != "CWD x" {
		t.Errorf("the system log has %q", got)
	}
}

func BenchmarkCommands(b *testing.B) {
	logs := []messages.ExtendedLog{extended(filepath.Join(b.TempDir(), "log"), "ALL", logformat.Default)}
	j := New(Config{}, zerolog.Nop())
	ctx, cancel := context.WithCancel(b.Context())
	var wg conc.WaitGroup
	wg.Go(func() { _ = j.Run(ctx) }) // returns nil always
	at := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		m := messages.RecordCommand{Logs: logs, At: at, Record: logformat.Record{
			Command: ftp.Command{Verb: ftp.PWD}, Reply: ftp.Reply{Code: 257, Text: `"/" is the current directory`}, User: "alice"}}
		if err := j.Mailbox().Send(ctx, m); err != nil {
			b.Fatal(err)
		}
	}
	cancel()
	wg.Wait()
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
}
