package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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

// TestPrefixesNeverPanic cuts the largest example at every byte: a file that
// is being written must give problems, not a crash.
func TestPrefixesNeverPanic(t *testing.T) {
	src, err := os.ReadFile("testdata/whole.conf")
	if err != nil {
		t.Fatal(err)
	}
	for i := range src {
		loadText(string(src[:i]), nil)
	}
}

// TestLargeFilesTakeLinearTime: four times the text may take a few times as
// long, not sixteen times.
func TestLargeFilesTakeLinearTime(t *testing.T) {
	for name, line := range map[string]string{
		"options":   "ProxyOptions ShowFeatures\n",
		"repeated":  "TimeoutIdle 5\n",
		"servers":   "ProxyReverseServers ftp://a.example.com\n",
		"aliases":   "UserAlias a b\n",
		"unknown":   "Nonsense\n",
		"joined":    "ServerAlias a \\\n",
		"limits":    "<Limit ALL>\nDenyAll\n</Limit>\n",
		"formats":   "LogFormat x y\n",
		"many_args": "ServerAlias" + strings.Repeat(" a", 1000) + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			small, large := strings.Repeat(line, 50_000/len(line)), strings.Repeat(line, 200_000/len(line))
			// A busy machine may disturb a measurement, but not all of them.
			var base, took time.Duration
			for range 5 {
				base, took = loadTime(small), loadTime(large)
				if took <= 10*base+200*time.Millisecond {
					return
				}
			}
			t.Errorf("%v for 50 kB, %v for 200 kB", base, took)
		})
	}
}

func loadTime(src string) time.Duration {
	start := time.Now()
	loadText(src, nil)
	return time.Since(start)
}
