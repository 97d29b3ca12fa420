//go:build heavy

package e2e

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// The heavy runs take minutes and gigabytes of disk; task heavy starts them.

// lftp runs a script without the time limit of the quick tests.
func lftp(t *testing.T, script string) {
	t.Helper()
	in, err := peers.Locate("lftp")
	if err != nil {
		peers.GiveUp(t, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	const settings = "set cmd:fail-exit yes\nset net:max-retries 1\nset ftp:ssl-allow no\nset net:timeout 60\n"
	cmd := exec.CommandContext(ctx, in.Binary, "--norc", "-c", settings+script)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LC_ALL=C.UTF-8"}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("lftp: %v\n%s", err, out)
	}
}

func fileSum(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func heavyPair(t *testing.T) (*peers.Server, string) {
	peers.RequireGateway(t)
	s := peers.Start(t, peers.VSFTPD, peers.Options{})
	_, addr := startGateway(t, []string{s.URL()})
	return s, fmt.Sprintf("open -u %s,%s ftp://%s\n", s.User, s.Password, addr)
}

func TestHeavy_four_GiB_up_and_down(t *testing.T) {
	s, open := heavyPair(t)
	dir := t.TempDir()
	up, down := filepath.Join(dir, "up"), filepath.Join(dir, "down")
	f, err := os.Create(up)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	if _, err := io.CopyN(w, rand.NewChaCha8([32]byte{4}), 4<<30); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	f.Close()
	want := fileSum(t, up)

	began := time.Now()
	lftp(t, fmt.Sprintf("%sput %q -o big\n", open, up))
	t.Logf("4 GiB up in %v", time.Since(began).Round(time.Millisecond))
	if got := fileSum(t, filepath.Join(s.Home, "big")); got != want {
		t.Errorf("stored %s, sent %s", got, want)
	}
	began = time.Now()
	lftp(t, fmt.Sprintf("%sget big -o %q\n", open, down))
	t.Logf("4 GiB down in %v", time.Since(began).Round(time.Millisecond))
	if got := fileSum(t, down); got != want {
		t.Errorf("fetched %s, sent %s", got, want)
	}
	t.Logf("sha256 %s three times", want)
}

func TestHeavy_ten_thousand_files_mirrored(t *testing.T) {
	s, open := heavyPair(t)
	source, back := t.TempDir(), filepath.Join(t.TempDir(), "back")
	for i := range 10_000 {
		dir := filepath.Join(source, fmt.Sprintf("d%02d", i%100))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("file %d", i)), noise(i%3000), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	lftp(t, fmt.Sprintf("%smirror -R --parallel=8 --no-perms %q up\n", open, source))
	t.Logf("10,000 files up in %v", time.Since(began).Round(time.Millisecond))
	sameTree(t, "on disk", filepath.Join(s.Home, "up"), source)
	began = time.Now()
	lftp(t, fmt.Sprintf("%smirror --parallel=8 --no-perms up %q\n", open, back))
	t.Logf("10,000 files down in %v", time.Since(began).Round(time.Millisecond))
	sameTree(t, "back", back, source)
	n := 0
	_ = filepath.WalkDir(back, func(p string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasPrefix(d.Name(), "file ") {
			n++
		}
		return err
	})
	if n != 10_000 {
		t.Errorf("%d files came back", n)
	}
}
