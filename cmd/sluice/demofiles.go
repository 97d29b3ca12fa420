package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
)

const (
	demoFileSize = 32 << 20
	demoFileName = "river.bin"
)

// demoTexts are the small files that every backend has.
var demoTexts = map[string]string{
	"pub/texts/sluice.txt": "A sluice is a gate for water: it decides how much passes, and where to.\n",
	"pub/texts/weir.txt":   "A weir holds the water back and lets the rest run over.\n",
	"pub/texts/lock.txt":   "A lock takes one ship at a time; this gateway is faster.\n",
	"pub/tree/root.txt":    "the root\n",

	"pub/tree/bough/bark.txt":             "bark\n",
	"pub/tree/bough/branch/twig/leaf.txt": "You found the leaf.\n",
}

// writeSamples fills the directory of one backend. All have the same files,
// but for the README that says whose it is.
func writeSamples(ctx context.Context, dir, name string, progress io.Writer) error {
	texts := map[string]string{
		"README.txt": fmt.Sprintf("This is %s, one of two servers behind the gateway.\n"+
			"The next login may reach the other one.\n", name),
	}
	for path, text := range demoTexts {
		texts[path] = text
	}
	for path, text := range texts {
		full := filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			return err
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "incoming"), 0o755); err != nil {
		return err
	}
	return writeLarge(ctx, filepath.Join(dir, "pub", demoFileName), progress)
}

// writeLarge writes a file of the same noise every time, and its checksum
// beside it in the form that sha256sum reads.
func writeLarge(ctx context.Context, path string, progress io.Writer) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	sum := sha256.New()
	buffered := bufio.NewWriterSize(f, 1<<20)
	out := io.MultiWriter(buffered, sum, progress)
	noise := rand.NewChaCha8([32]byte([]byte("the same river, twice and again.")))
	for left := int64(demoFileSize); left > 0 && err == nil; {
		var n int64
		n, err = io.CopyN(out, noise, min(left, 1<<20))
		left -= n
		err = errors.Join(err, ctx.Err())
	}
	if err = errors.Join(err, buffered.Flush(), f.Close()); err != nil {
		return err
	}
	line := hex.EncodeToString(sum.Sum(nil)) + "  " + demoFileName + "\n"
	return os.WriteFile(path+".sha256", []byte(line), 0o644)
}

// progress shows how far something got: on a terminal while it goes on, else
// with one line at the end.
type progress struct {
	print    *printer
	what     string
	total    int64
	terminal bool
	sofar    int64
	percent  int64
}

func newProgress(p *printer, what string, total int64, terminal bool) *progress {
	return &progress{print: p, what: what, total: total, terminal: terminal, percent: -1}
}

// Write counts; it is a writer so that io.MultiWriter can feed it.
func (p *progress) Write(b []byte) (int, error) {
	p.sofar += int64(len(b))
	if percent := p.sofar * 100 / p.total; p.terminal && percent != p.percent {
		p.percent = percent
		if _, err := fmt.Fprintf(p.print.out, "\r%s: %3d%%", p.what, percent); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

func (p *progress) done() {
	start := ""
	if p.terminal {
		start = "\r"
	}
	p.print.line("%s%s: done, %d MiB.", start, p.what, p.sofar>>20)
}
