//go:build unix

package service

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func mode(t *testing.T, path string) uint32 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		t.Fatal(err)
	}
	return uint32(st.Mode) & 0o7777
}

func TestPrepareStateDir(t *testing.T) {
	t.Run("creates_everything_with_the_modes_of_the_directive", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "a", "b", "proxy")
		old := unix.Umask(0o077) // the modes must not depend on it
		dir, err := PrepareStateDir(path, Account{})
		unix.Umask(old)
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]uint32{dir.Path: 0o755, dir.Empty: 0o111, dir.Store: 0o700} {
			if got := mode(t, path); got != want {
				t.Errorf("%s has mode %04o, want %04o", path, got, want)
			}
		}
		if again, err := PrepareStateDir(path, Account{}); err != nil || again != dir {
			t.Errorf("a second start: %+v, %v", again, err)
		}
	})
	t.Run("gives_what_it_creates_to_the_service_user", func(t *testing.T) {
		if os.Geteuid() != 0 {
			t.Skip("only root gives files away")
		}
		top := t.TempDir()
		who := Account{User: "somebody", UID: 31234, GID: 31235}
		dir, err := PrepareStateDir(filepath.Join(top, "new"), who)
		if err != nil {
			t.Fatal(err)
		}
		wantOwner(t, dir.Path, 31234, 31235)
		wantOwner(t, dir.Store, 31234, 31235)
		wantOwner(t, dir.Empty, 0, 0)

		old, err := PrepareStateDir(top, who)
		if err != nil {
			t.Fatal(err)
		}
		wantOwner(t, old.Path, 0, 0) // was there before: stays whose it was
		wantOwner(t, old.Store, 31234, 31235)
	})
}

func TestStateDirOfAUserWhoCannotEnterIt(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root serves as somebody else")
	}
	who := Account{User: "somebody", UID: 31234, GID: 31235, Groups: []int{31236}}
	for name, c := range map[string]struct {
		uid, gid int
		mode     os.FileMode
		fine     bool
	}{
		"of_root_alone":            {0, 0, 0o700, false},
		"of_root_and_open":         {0, 0, 0o711, true},
		"his_own":                  {31234, 0, 0o700, true},
		"his_own_and_shut_for_him": {31234, 0, 0o077, false},
		"of_his_group":             {0, 31235, 0o710, true},
		"of_another_of_his_groups": {0, 31236, 0o750, true},
		"shut_for_his_group":       {0, 31236, 0o701, false},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "proxy")
			must(t, os.Mkdir(path, 0o700))
			must(t, os.Chown(path, c.uid, c.gid))
			must(t, os.Chmod(path, c.mode&^0o022))
			_, err := PrepareStateDir(path, who)
			if c.fine != (err == nil) || err != nil && !strings.Contains(err.Error(), "user somebody cannot enter it") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func wantOwner(t *testing.T, path string, uid, gid uint32) {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		t.Fatal(err)
	}
	if st.Uid != uid || st.Gid != gid {
		t.Errorf("%s belongs to %d:%d, want %d:%d", path, st.Uid, st.Gid, uid, gid)
	}
}

func TestPrepareStateDirRefuses(t *testing.T) {
	cases := map[string]struct {
		arrange func(t *testing.T, path string)
		want    string
	}{
		"a_file": {func(t *testing.T, path string) { must(t, os.WriteFile(path, nil, 0o600)) }, "is not a directory"},
		"an_empty_that_can_be_listed": {func(t *testing.T, path string) {
			must(t, os.MkdirAll(path+"/empty", 0o755))
			must(t, os.Chmod(path+"/empty", 0o755))
		}, "/empty' has incorrect permissions (0755, not 0111 as required)"},
		"an_empty_with_a_sticky_bit": {func(t *testing.T, path string) {
			must(t, os.MkdirAll(path+"/empty", 0o755))
			must(t, unix.Chmod(path+"/empty", 0o1111))
		}, "(1111, not 0111 as required)"},
		"an_empty_that_is_a_link": {func(t *testing.T, path string) {
			must(t, os.MkdirAll(path+"/real", 0o755))
			must(t, os.Chmod(path+"/real", 0o111))
			must(t, os.Symlink("real", path+"/empty"))
		}, "is a link"},
		"a_directory_open_to_all": {func(t *testing.T, path string) {
			must(t, os.Mkdir(path, 0o755))
			must(t, os.Chmod(path, 0o777))
		}, "everybody may write to it"},
		"a_store_open_to_all": {func(t *testing.T, path string) {
			must(t, os.MkdirAll(path+"/sluice", 0o755))
			must(t, os.Chmod(path+"/sluice", 0o777))
		}, "may be written by others"},
		"a_store_that_is_a_link": {func(t *testing.T, path string) {
			must(t, os.MkdirAll(path, 0o755))
			must(t, os.Symlink("/", path+"/sluice"))
		}, "is a link"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "proxy")
			c.arrange(t, path)
			if _, err := PrepareStateDir(path, Account{}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	t.Run("a_relative_path", func(t *testing.T) {
		if _, err := PrepareStateDir("proxy", Account{}); err == nil || !strings.Contains(err.Error(), "must be a full path") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a_store_of_a_stranger", func(t *testing.T) {
		if os.Geteuid() != 0 {
			t.Skip("only root gives files away")
		}
		path := filepath.Join(t.TempDir(), "proxy")
		must(t, os.MkdirAll(path+"/sluice", 0o700))
		must(t, os.Chown(path+"/sluice", 4242, 4242))
		if _, err := PrepareStateDir(path, Account{}); err == nil || !strings.Contains(err.Error(), "belongs to uid 4242") {
			t.Errorf("got %v", err)
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestDefaultStateDir(t *testing.T) {
	cases := map[string]struct {
		env  map[string]string
		root bool
		want string
	}{
		"systemd_names_it":              {map[string]string{"STATE_DIRECTORY": "/var/lib/a:/var/lib/b"}, true, "/var/lib/a"},
		"root":                          {map[string]string{"HOME": "/root"}, true, "/var/lib/sluice"},
		"xdg":                           {map[string]string{"XDG_STATE_HOME": "/s", "HOME": "/h"}, false, "/s/sluice"},
		"a_relative_xdg_is_ignored":     {map[string]string{"XDG_STATE_HOME": "s", "HOME": "/h"}, false, "/h/.local/state/sluice"},
		"home":                          {map[string]string{"HOME": "/h"}, false, "/h/.local/state/sluice"},
		"nowhere_is_an_error_not_a_cwd": {nil, false, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := DefaultStateDir(func(key string) string { return c.env[key] }, c.root)
			if got != c.want || (err != nil) != (c.want == "") {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
		})
	}
}
