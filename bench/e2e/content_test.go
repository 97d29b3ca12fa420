package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// noise is n bytes that no compression, conversion or repetition leaves unchanged by chance;
// the same n gives the same bytes.
func noise(n int) []byte {
	body := make([]byte, n)
	source := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16), 's', 'l', 'u', 'i', 'c', 'e'})
	_, _ = source.Read(body) // never fails, by its contract
	return body
}

func sum(body []byte) string {
	digest := sha256.Sum256(body)
	return hex.EncodeToString(digest[:])
}

// sameBytes compares two files by digest, so that a failure stays readable.
func sameBytes(t testing.TB, what string, got, want []byte) {
	t.Helper()
	if sum(got) != sum(want) {
		t.Fatalf("%s: %d bytes %.12s…, want %d bytes %.12s…", what, len(got), sum(got), len(want), sum(want))
	}
}

// local writes a file into the test's own directory and returns its path.
func local(t testing.TB, name string, body []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, body, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// eventually polls a condition of the outside world (a file, a log, a port) that cannot be
// waited for, and fails with what after limit.
func eventually(t testing.TB, limit time.Duration, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !condition(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not happen within %v", what, limit)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func statFile(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
