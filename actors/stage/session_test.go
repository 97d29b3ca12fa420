package stage

import (
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"
)

// keptSessions are what real visits have stored: by ticket and by ID.
func keptSessions(t testing.TB) (all [][]byte) {
	t.Helper()
	ca := newCA(t, "root")
	cert := ca.make(t, ecKey(t), hosts("ftp.example"))
	for _, version := range versions {
		store := newDrawer()
		client := newClient(t, ClientConfig{NoVerify: true, Sessions: store})
		b := &backend{config: &tls.Config{Certificates: []tls.Certificate{cert.sends()}, MaxVersion: version}}
		v := client.Visit(link(t, "ftp://ftp.example"))
		if _, cerr, serr := b.call(t, controlOf(t, v)); cerr != nil || serr != nil {
			t.Fatal(cerr, serr)
		}
		kept := store.Load("ftp://ftp.example:21")
		o, err := decodeOffer(kept, x509.ParseCertificate)
		if err != nil {
			t.Fatal(err)
		}
		o.id = make([]byte, idSize)
		byID, err := o.encode()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, kept, byID)
	}
	return all
}

func TestSessionEncoding(t *testing.T) {
	for _, b := range keptSessions(t) {
		o, err := decodeOffer(b, x509.ParseCertificate)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := o.encode(); err != nil || string(again) != string(b) {
			t.Errorf("it does not come back as it was: %v", err)
		}
		if len(o.certs) != 1 || o.certs[0].VerifyHostname("ftp.example") != nil {
			t.Errorf("got %d certificates", len(o.certs))
		}
		for n := range len(b) {
			if _, err := decodeOffer(b[:n], x509.ParseCertificate); err == nil {
				t.Fatalf("%d of %d bytes are taken for a session", n, len(b))
			}
		}
	}
}

func FuzzSession(f *testing.F) {
	for _, b := range keptSessions(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := decodeOffer(b, x509.ParseCertificate)
		if err != nil {
			return
		}
		if len(o.certs) == 0 || o.state == nil {
			t.Error("a session without certificates")
		}
	})
}

func FuzzTicket(f *testing.F) {
	k := newGuestKey()
	f.Add(k.seal([]byte("session"), time.Now(), nil))
	f.Add(k.seal([]byte("session"), time.Now(), newSealer(0, 0).share(&k, time.Now())))
	f.Fuzz(func(t *testing.T, b []byte) {
		ticket, ok := parseTicket(b)
		if !ok {
			return
		}
		if len(ticket.header)+len(ticket.sealed) != len(b) {
			t.Error("bytes were lost")
		}
		for _, ring := range []keyring{newCache(time.Minute), newSealer(0, 0), nobody{}} {
			if _, _, ok := ring.find(ticket, time.Now()); ok {
				t.Error("a key was found where there is none")
			}
		}
	})
}

func TestKeyrings(t *testing.T) {
	begin := time.Unix(1_700_000_000, 0)
	parse := func(t *testing.T, k *guestKey, wrapped []byte) ticket {
		t.Helper()
		parsed, ok := parseTicket(k.seal([]byte("session"), begin, wrapped))
		if !ok {
			t.Fatal("not a ticket")
		}
		return parsed
	}
	t.Run("the_cache_is_bounded", func(t *testing.T) {
		c := newCache(time.Hour)
		c.generational = 10
		var keys []guestKey
		for range 100 {
			k := newGuestKey()
			keys = append(keys, k)
			c.share(&k, begin)
		}
		if n := len(c.young) + len(c.old); n > 20 {
			t.Errorf("%d entries", n)
		}
		for i, k := range keys {
			secret, _, ok := c.find(parse(t, &k, nil), begin)
			if ok && secret != k.secret || i >= 90 && !ok || i < 80 && ok {
				t.Errorf("key %d: found: %v", i, ok)
			}
		}
	})
	t.Run("the_cache_forgets", func(t *testing.T) {
		c := newCache(time.Hour)
		k := newGuestKey()
		c.share(&k, begin)
		if _, _, ok := c.find(parse(t, &k, nil), begin.Add(2*time.Hour)); ok || len(c.young)+len(c.old) > 0 {
			t.Error("the key is still there")
		}
	})
	t.Run("keys_of_the_server_change_and_go", func(t *testing.T) {
		s := newSealer(10*time.Hour, 4)
		k := newGuestKey()
		var tickets []ticket
		for hour := range 8 {
			tickets = append(tickets, parse(t, &k, s.share(&k, begin.Add(time.Duration(hour)*time.Hour))))
		}
		if len(s.keys) != 4 {
			t.Errorf("%d keys", len(s.keys))
		}
		for i, ticket := range tickets {
			secret, _, ok := s.find(ticket, begin.Add(8*time.Hour))
			if ok != (i >= 4) || ok && secret != k.secret {
				t.Errorf("ticket of hour %d: opened: %v", i, ok)
			}
		}
		if _, _, ok := s.find(tickets[7], begin.Add(18*time.Hour)); ok || len(s.keys) > 0 {
			t.Error("a key outlives its age")
		}
	})
	t.Run("a_sealed_key_belongs_to_its_guest", func(t *testing.T) {
		s := newSealer(0, 0)
		k, other := newGuestKey(), newGuestKey()
		if _, _, ok := s.find(parse(t, &other, s.share(&k, begin)), begin); ok {
			t.Error("another guest's name opened it")
		}
	})
}

func TestTicketsAreSpent(t *testing.T) {
	v := newClient(t, ClientConfig{}).Visit(link(t, "ftp://ftp.example"))
	former := &offer{state: new(tls.ClientSessionState)}
	v.last = former
	if v.take() != former {
		t.Error("without tickets the earlier visit's is not offered")
	}
	var all []*tls.ClientSessionState
	for _, b := range append(keptSessions(t), keptSessions(t)...) {
		o, err := decodeOffer(b, x509.ParseCertificate)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, o.state)
	}
	l := &leg{visit: v, control: true}
	for _, cs := range append(append(all, all...), all[:3]...) {
		l.Put("", cs)
	}
	if len(v.tickets) != maxTickets {
		t.Errorf("%d tickets are kept", len(v.tickets))
	}
	for i := range maxTickets + 3 {
		n := len(v.tickets)
		want := v.tickets[n-1]
		if o := v.take(); o.state != want || len(v.tickets) != max(1, n-1) {
			t.Errorf("offer %d: %d tickets are left of %d", i, len(v.tickets), n)
		}
	}
	// What a data connection of another session brings is not the control connection's.
	(&leg{visit: v}).Put("", all[2])
	if len(v.tickets) != 1 {
		t.Error("another session's ticket was taken")
	}
	(&leg{visit: v, resumed: true}).Put("", all[2])
	if len(v.tickets) != 2 {
		t.Error("a resumed connection's ticket was not taken")
	}
}
