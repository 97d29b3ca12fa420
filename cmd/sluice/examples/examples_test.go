// Package examples_test keeps the example configurations loadable.
package examples_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sluice-gateway/sluice/runtime/config"
)

func TestExamplesLoad(t *testing.T) {
	files, err := filepath.Glob("*.conf")
	if err != nil || len(files) < 2 {
		t.Fatalf("found %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			_, report := config.Load(file, config.Options{Getenv: os.LookupEnv})
			for _, problem := range report.Problems {
				t.Error(problem)
			}
			for _, note := range report.Ignored {
				t.Errorf("%s: %s is ignored: an example should not recommend it", note.Pos, note.Directive)
			}
		})
	}
}
