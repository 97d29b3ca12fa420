package accounts_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/accounts"
)

const (
	md5Hash    = "$1$openssl$WADKixAsEAmO6GNrWEvsG/" // all three of "secret"
	shaHash    = "$5$opensslsalt$28YgC4.tAowV13jNxqzLnOO0f1mtdYEDqrNBYLuRao/"
	bcryptHash = "$2b$05$a5Rwg0d/hi9PgDJXuJxmZeLOEy8X6D7CFALdLibGEXEne6GsBXcGm"
)

// room is a directory of files and a clock that the files are looked at by.
type room struct {
	t   testing.TB
	dir string
	mu  sync.Mutex
	now time.Time
	log bytes.Buffer
}

func newRoom(t testing.TB) *room {
	dir := filepath.Join(t.TempDir(), "etc")
	if err := os.Mkdir(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	return &room{t: t, dir: dir, now: time.Now().Add(time.Hour)} // files are old then
}

func (r *room) path(name string) string { return filepath.Join(r.dir, name) }

func (r *room) write(name string, lines ...string) {
	r.t.Helper()
	p := r.path(name)
	if err := os.WriteFile(p+".new", []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Rename(p+".new", p); err != nil {
		r.t.Fatal(err)
	}
}

func (r *room) chmod(name string, mode os.FileMode) {
	r.t.Helper()
	if err := os.Chmod(filepath.Join(r.dir, name), mode); err != nil {
		r.t.Fatal(err)
	}
}

func (r *room) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

// later lets the time for another look come.
func (r *room) later() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(time.Minute)
}

func (r *room) config(users ...accounts.File) accounts.Config {
	for i := range users {
		users[i].Path = r.path(users[i].Path)
	}
	return accounts.Config{Users: users, Now: r.clock, Log: zerolog.New(&r.log)}
}

func (r *room) open(cfg accounts.Config) *accounts.Files {
	r.t.Helper()
	f, err := accounts.Open(cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	return f
}

func (r *room) wantLog(texts ...string) {
	r.t.Helper()
	for _, text := range texts {
		if !strings.Contains(r.log.String(), text) {
			r.t.Errorf("the log says nothing of %q:\n%s", text, r.log.String())
		}
	}
	for _, secret := range []string{md5Hash, shaHash, bcryptHash} {
		if strings.Contains(r.log.String(), secret[8:]) {
			r.t.Errorf("the log shows a hash:\n%s", r.log.String())
		}
	}
}

func look(t testing.TB, s stores.Accounts, name string) (stores.Account, bool) {
	t.Helper()
	a, err := s.Lookup(context.Background(), stores.AccountQuery{Name: name})
	if err != nil && !errors.Is(err, stores.ErrNoAccount) {
		t.Fatal(err)
	}
	return a, err == nil
}

func opens(t testing.TB, s stores.Credential, password string) bool {
	t.Helper()
	ok, err := s.Verify(context.Background(), password)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}
