package discovery_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/actors/discovery"
	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/backendfile"
)

// BenchmarkLookUp is what a login waits for where lists are files by user: one
// client after the other, in a pool of 1000 static backends.
func BenchmarkLookUp(b *testing.B) {
	dir, err := filepath.EvalSymlinks(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	for _, size := range []int{1, 10, 100} {
		text := "["
		for i := range size {
			text += fmt.Sprintf(`"ftp://10.0.0.%d:2121",`, i+1)
		}
		path := filepath.Join(dir, fmt.Sprintf("u%d.json", size))
		past := time.Now().Add(-time.Hour)
		if err := errors.Join(os.WriteFile(path, []byte(text[:len(text)-1]+"]"), 0o644), os.Chtimes(path, past, past)); err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("backends=%d", size), func(b *testing.B) {
			lists := backendfile.New(backendfile.Config{})
			h := build(b, discovery.Config{Lists: lists})
			ctx, cancel := context.WithCancel(b.Context())
			ended := make(chan error, 1)
			running := supervised(ctx, h, ended)
			defer func() { cancel(); running.Wait() }()
			var static []string
			for i := range 1000 {
				static = append(static, fmt.Sprintf("ftp://10.1.%d.%d", i/250, i%250+1))
			}
			plan := h.pool("p", static...)
			plan.Files = []stores.Source{lists.Template(filepath.Join(dir, "%U.json"), backendfile.User)}
			h.Adopt([]discovery.Prepared{h.prepare(plan)})
			for h.lookUp("p", fmt.Sprintf("u%d", size)).Err != nil { // until the plan is taken up
				continue
			}
			b.ReportAllocs()
			for b.Loop() {
				if found := h.lookUp("p", fmt.Sprintf("u%d", size)); len(found.Backends) != size {
					b.Fatalf("%+v", found)
				}
			}
		})
	}
}
