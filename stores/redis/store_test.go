package redis_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/bench/certs"
	"github.com/sluice-gateway/sluice/bench/peers"
	"github.com/sluice-gateway/sluice/runtime/logfile/logtest"
	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/redis"
	"github.com/sluice-gateway/sluice/stores/storetest"
)

func TestContract(t *testing.T) {
	server := peers.StartRedis(t, peers.RedisOptions{})
	used := map[stores.Store]string{}
	join := func(t *testing.T, prefix string) stores.Store {
		opt := at(server)
		opt.Prefix = prefix
		s := open(t, opt)
		used[s] = prefix
		return s
	}
	storetest.Run(t, storetest.Maker{
		Open: func(t *testing.T) stores.Store { return join(t, prefix()) },
		Reopen: func(t *testing.T, s stores.Store) stores.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return join(t, used[s])
		},
	})
}

func TestSharedContract(t *testing.T) {
	storetest.RunShared(t, func(t *testing.T) storetest.Fleet {
		server := peers.StartRedis(t, peers.RedisOptions{})
		opt := at(server)
		opt.Prefix = prefix()
		resume := func(t testing.TB) {
			if err := server.Resume(); err != nil {
				t.Fatal(err)
			}
		}
		return storetest.Fleet{
			Join:  func(t testing.TB) stores.Shared { return open(t, opt) },
			Lease: opt.Lease,
			Pass: func(d time.Duration) { // the clock is the server's own
				timer := time.NewTimer(d)
				<-timer.C
			},
			Cut: func(t testing.TB, away bool) {
				if away {
					server.Kill()
				} else {
					resume(t)
				}
			},
			Forget: func(t testing.TB) {
				if err := server.Forget(); err != nil {
					t.Fatal(err)
				}
				resume(t)
			},
		}
	})
}

func TestEveryWayToRedis(t *testing.T) {
	kit, err := certs.NewKit(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	const word = "canary-Pa55"
	for name, tt := range map[string]struct {
		server peers.RedisOptions
		tune   func(*redis.Options)
		fails  string // part of the error of a write
	}{
		"socket":                   {server: peers.RedisOptions{Socket: true}},
		"password":                 {server: peers.RedisOptions{Password: word}, tune: func(o *redis.Options) { o.Password = stores.Secret(word) }},
		"user_and_password":        {server: peers.RedisOptions{Password: word}, tune: func(o *redis.Options) { o.User, o.Password = "default", stores.Secret(word) }},
		"no_password":              {server: peers.RedisOptions{Password: word}, fails: "NOAUTH"},
		"a_wrong_password":         {server: peers.RedisOptions{Password: "another"}, tune: func(o *redis.Options) { o.Password = stores.Secret(word) }, fails: "WRONGPASS"},
		"a_database":               {tune: func(o *redis.Options) { o.DB = 7 }},
		"no_such_database":         {tune: func(o *redis.Options) { o.DB = 1000 }, fails: "DB index is out of range"},
		"TLS":                      {server: peers.RedisOptions{Certificate: kit.ECDSA}, tune: func(o *redis.Options) { o.TLS = &tls.Config{RootCAs: kit.Pool()} }},
		"TLS_for_another_host":     {server: peers.RedisOptions{Certificate: kit.OtherName}, tune: func(o *redis.Options) { o.TLS = &tls.Config{RootCAs: kit.Pool()} }, fails: "127.0.0.1"},
		"TLS_of_unknown_authority": {server: peers.RedisOptions{Certificate: kit.Stranger}, tune: func(o *redis.Options) { o.TLS = &tls.Config{RootCAs: kit.Pool()} }, fails: "unknown authority"},
		"clear_text_to_TLS":        {server: peers.RedisOptions{Certificate: kit.ECDSA}, fails: "Redis at"},
		"full":                     {server: peers.RedisOptions{Extra: []string{"--maxmemory", "1"}}, fails: "OOM"},
		"a_replica_of_nobody":      {server: peers.RedisOptions{Extra: []string{"--replicaof", "127.0.0.1", "1"}}, fails: "READONLY"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := peers.StartRedis(t, tt.server)
			opt := at(server)
			if tt.tune != nil {
				tt.tune(&opt)
			}
			s := open(t, opt)
			err := s.Apply(t.Context(), put("a", "1"))
			if tt.fails == "" {
				if err != nil {
					t.Fatal(err)
				}
				heardBy(t, s, func() { other(t, opt, s) })
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.fails) || !strings.Contains(err.Error(), server.Address) {
				t.Errorf("got %v, want it to say %q and the address", err, tt.fails)
			}
			if text := fmt.Sprintf("%v %+v", err, opt); strings.Contains(text, word) {
				t.Errorf("the password is shown: %s", text)
			}
		})
	}
}

// other is a second gateway that changes something; opt has no prefix yet.
func other(t *testing.T, opt redis.Options, s *redis.Store) {
	t.Helper()
	opt.Prefix = redis.Prefix(s)
	if err := open(t, opt).Apply(t.Context(), put("from the other", "x")); err != nil {
		t.Error(err)
	}
}

// heardBy expects that s hears what f has another gateway do.
func heardBy(t *testing.T, s *redis.Store, f func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var wg conc.WaitGroup
	defer wg.Wait()
	news := make(chan stores.News, 10)
	wg.Go(func() { _ = s.Watch(ctx, func(n stores.News) { news <- n }) }) // ends with ctx
	for begun := false; ; {
		select {
		case n := <-news:
			if len(n.Records) > 0 {
				cancel()
				return
			}
			if !begun {
				begun = true
				f()
			}
		case <-ctx.Done():
			t.Fatal("the other's change was not told")
		}
	}
}

func TestBadOptions(t *testing.T) {
	for name, opt := range map[string]redis.Options{
		"an_address_without_port": {Address: "redis.example", Prefix: "p."},
		"an_empty_port":           {Address: "redis.example:", Prefix: "p."},
		"no_prefix":               {Address: "127.0.0.1:6379"},
		"a_negative_database":     {Prefix: "p.", DB: -1},
		"a_negative_time":         {Prefix: "p.", Lease: -time.Second},
	} {
		if s, err := redis.Open(opt); err == nil {
			t.Errorf("%s: opened %v", name, s)
			_ = s.Close()
		}
	}
}

// A batch that meets something else in the place of its records changes
// nothing, whatever comes first.
func TestAForeignKeySpoilsItsWholeBatch(t *testing.T) {
	server := peers.StartRedis(t, peers.RedisOptions{})
	opt := at(server)
	opt.Prefix = prefix()
	s := open(t, opt)
	if err := redis.Raw(s).Set(t.Context(), opt.Prefix+"records:h", "a text", 0).Err(); err != nil {
		t.Fatal(err)
	}
	err := s.Apply(t.Context(), append(put("a", "1"), stores.Put(stores.Key{Kind: stores.KindHealth, Pool: "p"}, []byte("2"))))
	if err == nil || !strings.Contains(err.Error(), "WRONGTYPE") {
		t.Errorf("got %v, want WRONGTYPE", err)
	}
	records, err := s.Load(t.Context(), stores.KindCounters)
	if err != nil || len(records) != 0 {
		t.Errorf("%d records were written, %v", len(records), err)
	}
}

func TestAForeignFieldIsLeftOut(t *testing.T) {
	server := peers.StartRedis(t, peers.RedisOptions{})
	var log logtest.Lines
	opt := at(server)
	opt.Prefix, opt.Log = prefix(), zerolog.New(&log)
	s := open(t, opt)
	if err := s.Apply(t.Context(), put("a", "1")); err != nil {
		t.Fatal(err)
	}
	if err := redis.Raw(s).HSet(t.Context(), opt.Prefix+"records:c", "", "x", "c\xff", "y", "s\x01pname", "z").Err(); err != nil {
		t.Fatal(err)
	}
	records, err := s.Load(t.Context(), stores.KindCounters)
	if err != nil || len(records) != 1 || records[0].Key != counter("a") {
		t.Errorf("got %v, %v", records, err)
	}
	if n := log.Count("none of the gateway's"); n != 3 {
		t.Errorf("%d lines say that something was left out, want 3", n)
	}
}

// A Redis that takes connections and answers nothing costs one deadline.
func TestAFrozenRedis(t *testing.T) {
	server := peers.StartRedis(t, peers.RedisOptions{})
	opt := at(server)
	opt.CallTimeout = 200 * time.Millisecond
	s := open(t, opt)
	if err := s.Apply(t.Context(), put("a", "1")); err != nil {
		t.Fatal(err)
	}
	if err := server.Freeze(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Thaw(); err != nil {
			t.Error(err)
		}
	}()
	for _, name := range []string{"on a connection that stands", "on a new one"} {
		begun := time.Now()
		err := s.Apply(t.Context(), put("a", "2"))
		if err == nil || !strings.Contains(err.Error(), "no answer in time") {
			t.Errorf("%s: got %v, want it to say that there was no answer", name, err)
		}
		if took := time.Since(begun); took > 5*opt.CallTimeout {
			t.Errorf("%s: took %v", name, took)
		}
	}
}

// Nobody is at the address: opening is no error, each call is.
func TestNobodyThere(t *testing.T) {
	port, err := peers.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, redis.Options{Address: fmt.Sprintf("127.0.0.1:%d", port)})
	if err := s.Apply(t.Context(), put("a", "1")); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Apply(t.Context(), put("a", "1")); !errors.Is(err, stores.ErrClosed) {
		t.Errorf("closed, it gave %v", err)
	}
}
