package discovery_test

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/actors/discovery"
	"github.com/sluice-gateway/sluice/bench/peers"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/runtime/logfile/logtest"
	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/backendfile"
	"github.com/sluice-gateway/sluice/stores/dns"
)

// shelf is a set of files in memory, whose changes a test makes and tells.
type shelf struct {
	mu      sync.Mutex
	files   map[string][]backendurl.URL
	errs    map[string]error
	reads   int
	watches [][]string // paths of each Watch
	tell    chan string
	fail    chan error // ends a Watch
}

func newShelf() *shelf {
	return &shelf{files: map[string][]backendurl.URL{}, errs: map[string]error{}, tell: make(chan string), fail: make(chan error)}
}

func (s *shelf) put(path string, err error, list []backendurl.URL) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[path], s.errs[path] = list, err
}

func (s *shelf) Read(path string) ([]backendurl.URL, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if errors.Is(s.errs[path], errPanic) {
		panic("file")
	}
	return s.files[path], s.errs[path]
}

func (s *shelf) Watch(ctx context.Context, paths []string, changed func(string)) error {
	s.mu.Lock()
	s.watches = append(s.watches, paths)
	s.mu.Unlock()
	for _, p := range paths {
		changed(p)
	}
	for {
		select {
		case p := <-s.tell:
			changed(p)
		case err := <-s.fail:
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

func (h *house) filePool(id, path string, list ...string) discovery.PoolPlan {
	return discovery.PoolPlan{ID: messages.PoolID(id), Static: []discovery.List{{URLs: urls(h.t, "ftp://192.0.2.1")}, {URLs: urls(h.t, list...), File: path}}}
}

func TestFilesAreReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		h := build(t, discovery.Config{Lists: s}).open()
		defer h.stop()
		change := func(err error, list ...string) {
			t.Helper()
			s.put("/f", err, urls(t, list...))
			s.tell <- "/f"
			time.Sleep(time.Second)
		}
		h.world.put("a.test", time.Hour, "10.0.0.1")
		h.world.put("b.test", time.Hour, "10.0.0.2")
		s.put("/f", nil, urls(t, "ftp://a.test"))
		h.adopt(h.filePool("p", "/f", "ftp://a.test"), h.filePool("q", "/f", "ftp://a.test"), h.pool("r", "ftp://a.test"))
		h.want()
		const first = "ftp://192.0.2.1 192.0.2.1:21, "
		both := func(list string) {
			t.Helper()
			got := h.said()
			slices.Sort(got)
			if want := []string{"p: " + first + list, "q: " + first + list}; !slices.Equal(got, want) {
				t.Errorf("policy was told %q, want %q", got, want)
			}
		}
		change(nil, "ftp://b.test?weight=2", "ftp://a.test")
		both("ftp://b.test?weight=2 10.0.0.2:21, ftp://a.test 10.0.0.1:21")
		change(nil, "ftp://b.test?weight=2", "ftp://a.test")
		h.want()
		change(nil, "ftp://b.test?weight=3", "ftp://a.test")
		both("ftp://b.test?weight=3 10.0.0.2:21, ftp://a.test 10.0.0.1:21")

		// What cannot be used leaves the old list, and is said once for each reason.
		for _, err := range []error{errors.New("unable to use world-writable"), errors.New("unable to use world-writable"), errPanic, nil} {
			change(err)
		}
		h.want()
		if n := h.log.Count("unable to use world-writable"); n != 2 { // one for each pool
			t.Errorf("said %d times:\n%s", n, h.log)
		}
		if n := h.log.Count("it is empty"); n != 2 {
			t.Errorf("said %d times that it is empty:\n%s", n, h.log)
		}
		change(nil, "ftp://b.test?weight=3", "ftp://a.test")
		h.want()
		if n := h.log.Count("can be used again"); n != 2 {
			t.Errorf("said %d times that it is well:\n%s", n, h.log)
		}
		// A name that is new is resolved before policy hears of it, and has its place when it cannot be.
		h.world.mu.Lock()
		h.world.takes = 4 * time.Second
		h.world.mu.Unlock()
		h.world.put("c.test", time.Hour, "10.0.0.3")
		change(nil, "ftp://c.test", "ftp://lost.test")
		h.want()
		time.Sleep(10 * time.Second)
		both("ftp://c.test 10.0.0.3:21, ftp://lost.test")
		h.world.put("lost.test", time.Hour, "10.0.0.4")
		time.Sleep(2 * time.Minute)
		both("ftp://c.test 10.0.0.3:21, ftp://lost.test 10.0.0.4:21")
		if n := h.world.times("a.test"); n != 1 {
			t.Errorf("a name that stayed was asked for %d times", n)
		}
	})
}

func TestWhatIsWatchedFollowsThePlan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		h := build(t, discovery.Config{Lists: s}).open()
		defer h.stop()
		s.put("/f", nil, urls(t, "ftp://10.0.0.1"))
		s.put("/g", nil, urls(t, "ftp://10.0.0.2"))
		h.adopt(h.filePool("p", "/f", "ftp://10.0.0.1"), h.filePool("q", "/f", "ftp://10.0.0.1"))
		// The file changed after the configuration was read, and before it was adopted.
		s.put("/f", nil, urls(t, "ftp://10.0.0.3"))
		h.adopt(h.filePool("p", "/f", "ftp://10.0.0.1"))
		h.want("p: ftp://192.0.2.1 192.0.2.1:21, ftp://10.0.0.3 10.0.0.3:21")
		h.adopt(h.filePool("p", "/f", "ftp://10.0.0.3"), h.filePool("q", "/g", "ftp://10.0.0.2"))
		h.want()
		s.fail <- errors.New("inotify is gone")
		s.put("/g", nil, urls(t, "ftp://10.0.0.4"))
		time.Sleep(time.Minute)
		h.want("q: ftp://192.0.2.1 192.0.2.1:21, ftp://10.0.0.4 10.0.0.4:21")
		if h.log.Count("inotify is gone") != 1 {
			t.Errorf("nobody heard of it:\n%s", h.log)
		}
		h.adopt(h.pool("p", "ftp://192.0.2.1"))
		if want := [][]string{{"/f"}, {"/f", "/g"}, {"/f", "/g"}}; !slices.EqualFunc(s.watches, want, slices.Equal) {
			t.Errorf("watched %q, want %q", s.watches, want)
		}
	})
}

// await waits, in real time, until policy was told something.
func (h *house) await(t *testing.T, want string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		h.mu.Lock()
		told := slices.Clone(h.toPolicy)
		h.mu.Unlock()
		if slices.Contains(told, want) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("policy was not told %q within 20s, but %q", want, told)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestTheRealWorld: a real DNS server whose records change, and a real file.
func TestTheRealWorld(t *testing.T) {
	server := peers.StartDNS(t, peers.DNSRecords{TTL: 1, Lines: []string{
		"srv-host=_ftp._tcp.test,one.test,2121,10,60", "host-record=one.test,127.0.0.1", "host-record=two.test,127.0.0.2",
		"txt-record=txt.test,ftp://one.test:2122",
	}})
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "b.json")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(path, []byte(`["ftp://two.test"]`), 0o644),
		os.WriteFile(filepath.Join(dir, "joe.json"), []byte(`["ftp+srv://joe:pw@_ftp._tcp.test"]`), 0o644)); err != nil {
		t.Fatal(err)
	}
	log := &logtest.Lines{}
	files := backendfile.New(backendfile.Config{Log: zerolog.New(log), Settle: 20 * time.Millisecond})
	h := build(t, discovery.Config{
		Resolver: dns.New(dns.Config{Servers: []netip.AddrPort{netip.MustParseAddrPort(server.Addr)}, Resolv: "/dev/null", Hosts: "/dev/null"}),
		Lists:    files,
	}).open()
	defer h.stop()
	plan := discovery.PoolPlan{
		ID:     "p",
		Static: []discovery.List{{URLs: urls(t, "ftp+srv://_ftp._tcp.test", "ftp+txt://txt.test")}, {URLs: urls(t, "ftp://two.test"), File: path}},
		Files:  []stores.Source{files.Template(filepath.Join(dir, "%U.json"), backendfile.User)},
	}
	prepared := h.prepare(plan)
	if got, want := shown(prepared.Backends), "ftp://one.test:2121 127.0.0.1:2121, ftp://one.test:2122 127.0.0.1:2122, ftp://two.test 127.0.0.2:21"; got != want {
		t.Fatalf("prepared %s, want %s", got, want)
	}
	h.Adopt([]discovery.Prepared{prepared})

	server.Set(t, peers.DNSRecords{TTL: 1, Lines: []string{
		"srv-host=_ftp._tcp.test,two.test,2129,20,0", "host-record=one.test,127.0.0.1", "host-record=two.test,127.0.0.3",
		"txt-record=txt.test,ftp://two.test:2123",
	}})
	h.await(t, "p: ftp://two.test:2129 127.0.0.3:2129, ftp://two.test:2123 127.0.0.3:2123, ftp://two.test 127.0.0.3:21")
	if err := os.WriteFile(path, []byte(`["ftp://127.0.0.9", "ftp://127.0.0.8"]`), 0o644); err != nil {
		t.Fatal(err)
	}
	const now = "p: ftp://two.test:2129 127.0.0.3:2129, ftp://two.test:2123 127.0.0.3:2123, ftp://127.0.0.9 127.0.0.9:21, ftp://127.0.0.8 127.0.0.8:21"
	h.await(t, now)

	server.Stop() // everything stays as it was
	for _, c := range []struct {
		user, want string
		refused    bool
	}{
		{"joe", "ftp://joe:pw@two.test:2129 127.0.0.3:2129", false}, // what was known of the name
		{"nobody", "", false},
		{"../joe", "", true},
	} {
		found := h.lookUp("p", c.user)
		if shown(found.Backends) != c.want || (found.Err != nil) != c.refused {
			t.Errorf("%s: %s, %v", c.user, shown(found.Backends), found.Err)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if last := h.toPolicy[len(h.toPolicy)-1]; last != now {
		t.Errorf("policy was told %q when the DNS server was away", last)
	}
}
