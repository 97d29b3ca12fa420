package accounts_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/accounts"
)

func TestChangesCount(t *testing.T) {
	ann := "ann:" + md5Hash + ":1:1::/:/bin/sh"
	start := func(t *testing.T) (*room, *accounts.Files) {
		r := newRoom(t)
		r.write("passwd", ann)
		return r, r.open(r.config(accounts.File{Path: "passwd"}))
	}
	t.Run("a_new_account_is_there", func(t *testing.T) {
		r, f := start(t)
		r.write("passwd", ann, "bob:"+md5Hash+":2:2::/:/bin/sh")
		if _, ok := look(t, f, "bob"); ok {
			t.Error("the file was looked at before its time")
		}
		r.later()
		if _, ok := look(t, f, "bob"); !ok {
			t.Error("bob is not there")
		}
		r.write("passwd", "bob:"+md5Hash+":2:2::/:/bin/sh")
		r.later()
		if _, ok := look(t, f, "ann"); ok {
			t.Error("ann is still there")
		}
	})
	for claim, spoil := range map[string]func(*room){
		"gone":            func(r *room) { _ = os.Remove(r.path("passwd")) },
		"open_to_others":  func(r *room) { r.write("passwd", "bob:"+md5Hash+":2:2::/:/x"); r.chmod("passwd", 0o644) },
		"nonsense":        func(r *room) { r.write("passwd", "what is this") },
		"a_directory":     func(r *room) { _ = os.Remove(r.path("passwd")); _ = os.Mkdir(r.path("passwd"), 0o700) },
		"a_writable_room": func(r *room) { r.chmod(".", 0o777) },
	} {
		t.Run("for_the_worse_they_do_not_"+claim, func(t *testing.T) {
			r, f := start(t)
			spoil(r)
			for range 3 {
				r.later()
				if _, ok := look(t, f, "ann"); !ok {
					t.Fatal("what the file said last is forgotten")
				}
				if _, ok := look(t, f, "bob"); ok {
					t.Fatal("a bad file counts")
				}
			}
			if n := strings.Count(r.log.String(), "changed for the worse"); n != 1 {
				t.Errorf("said %d times:\n%s", n, r.log.String())
			}
			r.chmod(".", 0o750)
			_ = os.Remove(r.path("passwd"))
			r.write("passwd", "bob:"+md5Hash+":2:2::/:/bin/sh")
			r.later()
			if _, ok := look(t, f, "bob"); !ok {
				t.Error("a good file does not count again")
			}
			r.wantLog("in order again")
		})
	}
	t.Run("one_within_the_tick_of_the_file_system_is_seen", func(t *testing.T) {
		r, _ := start(t)
		r.now = time.Now()
		f := r.open(r.config(accounts.File{Path: "passwd"}))
		info, err := os.Stat(r.path("passwd"))
		if err != nil {
			t.Fatal(err)
		}
		// The same size, the same date, the same file: only its content differs.
		if err := os.WriteFile(r.path("passwd"), []byte(strings.Replace(ann, "ann", "bob", 1)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(r.path("passwd"), info.ModTime(), info.ModTime()); err != nil {
			t.Fatal(err)
		}
		r.later()
		if _, ok := look(t, f, "bob"); !ok {
			t.Error("the change was not seen")
		}
	})
	t.Run("many_may_ask_while_it_changes", func(t *testing.T) {
		r, f := start(t)
		var wg conc.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 200 {
					r.later()
					if _, err := f.Lookup(context.Background(), stores.AccountQuery{Name: "ann"}); err != nil {
						t.Errorf("ann: %v", err)
						return
					}
				}
			})
		}
		for i := range 20 {
			r.write("passwd", ann, fmt.Sprintf("u%d:%s:2:2::/:/bin/sh", i, md5Hash))
		}
		wg.Wait()
	})
}
