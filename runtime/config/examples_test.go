package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestExamples loads the configurations of testdata, which follow the
// examples of mod_proxy's manual, twice each.
func TestExamples(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.conf")
	if err != nil || len(paths) < 10 {
		t.Fatalf("%d examples: %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			src, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			first, r := loadText(string(src), nil)
			if first == nil {
				t.Fatalf("not accepted:\n%s", describe(r))
			}
			second, again := loadText(string(src), nil)
			if d := cmp.Diff(first, second, compareAll); d != "" {
				t.Errorf("reading it twice differs: %s", d)
			}
			if d := cmp.Diff(r, again); d != "" {
				t.Errorf("the reports differ: %s", d)
			}
		})
	}
}

func FuzzLoad(f *testing.F) {
	paths, _ := filepath.Glob("testdata/*.conf")
	for _, path := range paths {
		if src, err := os.ReadFile(path); err == nil {
			f.Add(string(src))
		}
	}
	f.Add("<Class c>\nFrom !10.1.* .x all\n</Class>\n<IfClass regex ^c>\nProxyReverseServers file:/backends.json\n</IfClass>")
	f.Fuzz(func(t *testing.T, src string) {
		c, r := loadText(src, nil)
		if (c == nil) != (r.Errors() > 0) {
			t.Fatalf("configuration: %v, %d errors", c != nil, r.Errors())
		}
		if c == nil {
			return
		}
		for _, s := range c.Servers {
			if s.Settings("") == nil || s.Settings("no such class") == nil {
				t.Fatal("a server without settings")
			}
		}
	})
}
