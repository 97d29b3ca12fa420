package stage

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/messages"
)

// wallet is a client's session cache that the tests can look into: whatever the
// name, it offers what it is told to.
type wallet struct {
	mu    sync.Mutex
	all   []*tls.ClientSessionState
	offer *tls.ClientSessionState
}

func (w *wallet) Get(string) (*tls.ClientSessionState, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.offer, w.offer != nil
}

func (w *wallet) Put(_ string, cs *tls.ClientSessionState) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if cs != nil {
		w.all = append(w.all, cs)
	}
}

func (w *wallet) use(i int) { w.offer = w.all[i] }
func (w *wallet) last()     { w.use(len(w.all) - 1) }

func client(version uint16, w *wallet) *tls.Config {
	c := &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version}
	if w != nil {
		c.ClientSessionCache = w
	}
	return c
}

func server(t testing.TB, config ServerConfig) *Server {
	t.Helper()
	if config.KeyPairs == nil {
		config.KeyPairs = []KeyPair{pair(t, (*authority)(nil).make(t, ecKey(t), named("gateway")))}
	}
	s, err := NewServer(config)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// greet does a control connection that has to succeed.
func greet(t testing.TB, g *Guest, config *tls.Config) tls.ConnectionState {
	t.Helper()
	state, cerr, serr := hello(t, config, control(t, g))
	if cerr != nil || serr != nil {
		t.Fatalf("control connection: client %v, server %v", cerr, serr)
	}
	return state
}

func TestDataConnections(t *testing.T) {
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			t.Run("resume_their_control_connection_many_times_over", func(t *testing.T) {
				w := &wallet{}
				g := server(t, ServerConfig{}).Guest(nil)
				greet(t, g, client(version, w))
				for i := range 20 {
					if i%2 == 0 {
						w.use(0) // some clients keep to the first ticket
					} else {
						w.last() // some take what came with the last data connection
					}
					state, cerr, serr := hello(t, client(version, w), data(t, g))
					if cerr != nil || serr != nil || !state.DidResume {
						t.Fatalf("data connection %d: client %v, server %v, resumed: %v", i, cerr, serr, state.DidResume)
					}
				}
				if len(w.all) < 21 {
					t.Errorf("%d tickets came with 21 connections", len(w.all))
				}
			})
			t.Run("are_refused_without_a_session", func(t *testing.T) {
				g := server(t, ServerConfig{}).Guest(nil)
				greet(t, g, client(version, &wallet{}))
				_, cerr, serr := hello(t, client(version, nil), data(t, g))
				if !errors.Is(serr, ErrNotResumed) || cerr == nil {
					t.Errorf("server %v, client %v", serr, cerr)
				}
			})
			t.Run("are_refused_with_another_guests_session", func(t *testing.T) {
				s := server(t, ServerConfig{})
				mine, other := &wallet{}, &wallet{}
				g, h := s.Guest(nil), s.Guest(nil)
				greet(t, g, client(version, mine))
				greet(t, h, client(version, other))
				other.last()
				if _, cerr, serr := hello(t, client(version, other), data(t, g)); !errors.Is(serr, ErrNotResumed) || cerr == nil {
					t.Errorf("server %v, client %v", serr, cerr)
				}
				if _, cerr, serr := hello(t, client(version, other), data(t, h)); serr != nil || cerr != nil {
					t.Errorf("with its own guest: server %v, client %v", serr, cerr)
				}
			})
			t.Run("need_no_session_where_none_is_required", func(t *testing.T) {
				g := server(t, ServerConfig{NoSessionReuseRequired: true}).Guest(nil)
				greet(t, g, client(version, &wallet{}))
				if _, cerr, serr := hello(t, client(version, nil), data(t, g)); serr != nil || cerr != nil {
					t.Errorf("server %v, client %v", serr, cerr)
				}
			})
			t.Run("resume_however_long_the_session_lasts", func(t *testing.T) {
				for kind, config := range map[string]ServerConfig{"cached": {}, "sealed": {Tickets: true}, "nothing_kept": {CacheLifetime: -1}} {
					t.Run(kind, func(t *testing.T) {
						var c clock
						config.now = c.now
						w := &wallet{}
						g := server(t, config).Guest(nil)
						greet(t, g, client(version, w))
						c.advance(100 * time.Hour)
						w.use(0)
						state, cerr, serr := hello(t, client(version, w), data(t, g))
						if cerr != nil || serr != nil || !state.DidResume {
							t.Errorf("client %v, server %v, resumed: %v", cerr, serr, state.DidResume)
						}
					})
				}
			})
		})
	}
	t.Run("bring_a_ticket_each_for_clients_that_use_one_once", func(t *testing.T) {
		w := &wallet{}
		g := server(t, ServerConfig{}).Guest(nil)
		greet(t, g, client(tls.VersionTLS13, w))
		for i := range 5 {
			w.last()
			if state, cerr, serr := hello(t, client(tls.VersionTLS13, w), data(t, g)); cerr != nil || serr != nil || !state.DidResume {
				t.Fatalf("client %v, server %v, resumed: %v", cerr, serr, state.DidResume)
			}
			if len(w.all) != i+2 {
				t.Fatalf("%d tickets after %d data connections", len(w.all), i+1)
			}
		}
	})
	t.Run("of_clients_without_tickets_are_refused_with_advice", func(t *testing.T) {
		g := server(t, ServerConfig{}).Guest(nil)
		greet(t, g, client(tls.VersionTLS12, nil))
		_, _, serr := hello(t, client(tls.VersionTLS12, nil), data(t, g))
		if !errors.Is(serr, ErrNotResumed) || !strings.Contains(serr.Error(), "takes no session tickets") {
			t.Errorf("got %v", serr)
		}
	})
	t.Run("need_a_control_connection_first", func(t *testing.T) {
		g := server(t, ServerConfig{}).Guest(nil)
		if _, _, serr := hello(t, client(tls.VersionTLS13, nil), data(t, g)); !errors.Is(serr, ErrNoControl) {
			t.Errorf("got %v", serr)
		}
	})
}

func TestControlConnectionsResume(t *testing.T) {
	type try struct {
		config  ServerConfig
		later   time.Duration
		resumed bool
	}
	for name, tt := range map[string]try{
		"from_the_cache":                    {ServerConfig{}, 299 * time.Second, true},
		"not_beyond_the_caches_time":        {ServerConfig{}, 301 * time.Second, false},
		"within_the_time_that_was_set":      {ServerConfig{CacheLifetime: time.Hour}, 59 * time.Minute, true},
		"not_without_a_cache":               {ServerConfig{CacheLifetime: -1}, 0, false},
		"from_sealed_tickets":               {ServerConfig{Tickets: true}, 11 * time.Hour, true},
		"not_beyond_the_age_of_the_keys":    {ServerConfig{Tickets: true}, 13 * time.Hour, false},
		"not_beyond_the_age_that_was_set":   {ServerConfig{Tickets: true, TicketKeyAge: time.Minute}, 61 * time.Second, false},
		"from_sealed_tickets_without_cache": {ServerConfig{Tickets: true, CacheLifetime: -1}, time.Hour, true},
	} {
		for v, version := range versions {
			t.Run(name+"/"+v, func(t *testing.T) {
				var c clock
				tt.config.now = c.now
				w := &wallet{}
				s := server(t, tt.config)
				greet(t, s.Guest(nil), client(version, w))
				c.advance(tt.later)
				w.last()
				g := s.Guest(nil)
				if state := greet(t, g, client(version, w)); state.DidResume != tt.resumed {
					t.Fatalf("resumed: %v", state.DidResume)
				}
				// Its data connections resume, with the new ticket, and with the one
				// that the control connection itself has resumed by.
				for i := range w.all {
					w.use(i)
					own := i > 0 || tt.resumed
					_, _, serr := hello(t, client(version, w), data(t, g))
					if (serr == nil) != own {
						t.Errorf("data connection with ticket %d: %v", i, serr)
					}
				}
			})
		}
	}
	t.Run("not_with_another_server", func(t *testing.T) {
		w := &wallet{}
		greet(t, server(t, ServerConfig{Tickets: true}).Guest(nil), client(tls.VersionTLS13, w))
		w.last()
		if greet(t, server(t, ServerConfig{Tickets: true}).Guest(nil), client(tls.VersionTLS13, w)).DidResume {
			t.Error("resumed")
		}
	})
}

// Who knows how tickets look makes one with keys that a guest may have left at zero.
func TestForgedTickets(t *testing.T) {
	w := &wallet{}
	s := server(t, ServerConfig{})
	g := s.Guest(nil)
	greet(t, g, client(tls.VersionTLS13, w))
	real, state, err := w.all[0].ResumptionState()
	if err != nil {
		t.Fatal(err)
	}
	session, err := state.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	var zero guestKey
	named := newGuestKey()
	copy(named.name[:], real[1:])
	bent := append([]byte(nil), real...)
	bent[len(bent)-1] ^= 1
	for name, forged := range map[string][]byte{
		"zero_key":           zero.seal(session, time.Now(), nil),
		"zero_key_sealed":    zero.seal(session, time.Now(), make([]byte, wrapSize)),
		"the_guests_name":    named.seal(session, time.Now(), nil),
		"a_flipped_bit":      bent,
		"cut_off":            real[:len(real)-1],
		"header_only":        real[:1+nameSize],
		"nothing":            {},
		"an_unknown_kind":    append([]byte{3}, real[1:]...),
		"the_other_kind":     append([]byte{sealedTicket}, real[1:]...),
		"the_other_kind_old": append(append([]byte{sealedTicket}, real[1:]...), make([]byte, 100)...),
	} {
		t.Run(name, func(t *testing.T) {
			for _, g := range []*Guest{g, s.Guest(nil)} { // data, control
				if state, err := g.unwrap(forged, tls.ConnectionState{}); state != nil || err != nil {
					t.Errorf("got a session: %v, %v", state != nil, err)
				}
			}
		})
	}
	if state, err := g.unwrap(real, tls.ConnectionState{}); state == nil || err != nil {
		t.Errorf("the real one: %v, %v", state, err)
	}
}

func TestNames(t *testing.T) {
	site := func(cn string) *Server {
		return server(t, ServerConfig{KeyPairs: []KeyPair{pair(t, (*authority)(nil).make(t, ecKey(t), named(cn)))}})
	}
	first, a, b := site("first"), site("a"), site("b")
	choose := func(name string) (*Server, error) {
		switch name {
		case "a.example":
			return a, nil
		case "b.example":
			return b, nil
		case "same.example":
			return nil, nil
		}
		return nil, errors.New("nobody of that name")
	}
	for _, tt := range []struct {
		claim, sni, cn string
		choose         func(string) (*Server, error)
		ignore         bool
	}{
		{"a_name_chooses", "a.example", "a", choose, false},
		{"another_name_chooses_another", "b.example", "b", choose, false},
		{"no_name_stays", "", "first", choose, false},
		{"a_name_may_stay", "same.example", "first", choose, false},
		{"an_unknown_name_is_refused", "c.example", "", choose, false},
		{"any_name_will_do_where_there_are_none", "c.example", "first", nil, false},
		{"names_can_be_ignored", "c.example", "first", choose, true},
	} {
		for v, version := range versions {
			t.Run(tt.claim+"/"+v, func(t *testing.T) {
				s := first
				if tt.ignore {
					s = server(t, ServerConfig{IgnoreSNI: true, KeyPairs: first.config.KeyPairs})
				}
				g := s.Guest(tt.choose)
				w := &wallet{}
				config := client(version, w)
				config.ServerName = tt.sni
				var info messages.TLSInfo
				state, cerr, serr := hello(t, config, func(c *net.TCPConn) (conn *Conn, err error) {
					conn, info, err = g.Control(within(t), c)
					return conn, err
				})
				if tt.cn == "" {
					if !errors.Is(serr, ErrUnknownName) || cerr == nil || !strings.Contains(cerr.Error(), "unrecognized name") {
						t.Errorf("server %v, client %v, want ErrUnknownName and unrecognized_name", serr, cerr)
					}
					return
				}
				if serr != nil || cerr != nil {
					t.Fatalf("server %v, client %v", serr, cerr)
				}
				if got := state.PeerCertificates[0].Subject.CommonName; got != tt.cn || info.Name != tt.sni {
					t.Errorf("got the certificate of %q and name %q", got, info.Name)
				}
				// Data connections stay with that server, whatever name they give.
				w.last()
				config.ServerName = "z.example"
				if _, cerr, serr := hello(t, config, data(t, g)); serr != nil || cerr != nil {
					t.Errorf("data connection: server %v, client %v", serr, cerr)
				}
			})
		}
	}
}

func TestALPN(t *testing.T) {
	for _, tt := range []struct {
		claim   string
		off     bool
		offered []string
		got     string
		refused bool
	}{
		{"ftp_is_spoken", false, []string{"x", "ftp"}, "ftp", false},
		{"who_says_nothing_is_welcome", false, nil, "", false},
		{"http_is_not_ftp", false, []string{"h2", "http/1.1"}, "", true},
		{"smtp_is_not_ftp", false, []string{"smtp"}, "", true},
		{"without_alpn_nobody_minds", true, []string{"http/1.1"}, "", false},
	} {
		for v, version := range versions {
			t.Run(tt.claim+"/"+v, func(t *testing.T) {
				config := client(version, nil)
				config.NextProtos = tt.offered
				state, cerr, serr := hello(t, config, control(t, server(t, ServerConfig{NoALPN: tt.off}).Guest(nil)))
				if (serr != nil) != tt.refused || (cerr != nil) != tt.refused || state.NegotiatedProtocol != tt.got {
					t.Errorf("server %v, client %v, got %q", serr, cerr, state.NegotiatedProtocol)
				}
			})
		}
	}
}
