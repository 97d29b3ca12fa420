package e2e

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/peers"
	"github.com/sluice-gateway/sluice/protocols/listing"
)

// shelf is a scripted backend that lists under each name a recorded listing, in the
// verb that it is good for.
func shelf(t *testing.T, verb string) (peers.Script, []recorded) {
	t.Helper()
	all := recordedListings(t)
	show := func(v *peers.Visit) {
		_, path, _ := strings.Cut(" "+v.Arg, "/")
		for _, r := range all {
			if r.name != path {
				continue
			}
			if conn := v.Begin(); conn != nil {
				_, _ = conn.Write(r.list) // the client's view is what the test looks at
				v.CloseData(conn)
				v.Reply("226 listed\r\n")
			}
			return
		}
		v.Reply("550 no such listing\r\n")
	}
	isThere := func(v *peers.Visit) { v.Reply("250-Here\r\n Type=dir; %s\r\n250 End\r\n", v.Arg) }
	return peers.Script{On: handlers{verb: show, "MLST": isThere}, Features: []string{"EPSV", "MLST type*;size*;modify*;"}}, all
}

// TestListingsOfAllFamilies takes the lists of twelve kinds of servers through a running
// gateway, in clear and in TLS.
func TestListingsOfAllFamilies(t *testing.T) {
	t.Parallel()
	peers.RequireGateway(t)
	for _, front := range []leg{plain, explicit} {
		t.Run(string(front), func(t *testing.T) {
			script, all := shelf(t, "LIST")
			s := peers.StartScripted(t, script)
			g, addr := secureGateway(t, []string{s.URL()}, append(frontLines(t, front), byLIST, "ProxyTLSEngine off")...)
			for _, r := range all { // a backend is of one family, and so is a session
				c := greet(t, addr, front, clientConfig(t, peers.TLS13)).Login("bob", "x")
				if front != plain {
					c.Protect("P")
				}
				want := r.golden(t, "mlsd")
				before := r.translated(listing.Options{To: listing.MLSD, Facts: listing.AllFacts, UseSlink: true})
				got := string(c.Fetch(peers.EPSV, "MLSD /%s", r.name))
				after := r.translated(listing.Options{To: listing.MLSD, Facts: listing.AllFacts, UseSlink: true})
				if withoutDates(got) != withoutDates(want) {
					t.Errorf("%s is shown as\n%s, want\n%s", r.name, got, want)
				}
				if got != before && got != after {
					t.Errorf("%s has other dates than the translator gives:\n%s, want\n%s", r.name, got, after)
				}
				c.Must(221, "QUIT")
			}
			if log := g.File("proxy.log"); strings.Contains(log, "nothing in the backend's listing was understood") {
				t.Errorf("the log complains:\n%s", log)
			}
		})
	}
}

// TestListingsFromMLSD takes the other way: MLSD becomes the lists of old clients.
func TestListingsFromMLSD(t *testing.T) {
	t.Parallel()
	peers.RequireGateway(t)
	script, all := shelf(t, "MLSD")
	c, _ := oddBackend(t, script, "ProxyDirectoryListPolicy MLSD")
	for _, r := range all {
		if r.name != "mlsd" {
			continue
		}
		opts := listing.Options{To: listing.LIST, From: listing.FamilyMLSD, All: true}
		before := r.translated(opts)
		if got := string(c.Fetch(peers.EPSV, "LIST -al /mlsd")); got != before && got != r.translated(opts) {
			t.Errorf("LIST is\n%s, want\n%s", got, before)
		}
		var paths strings.Builder
		for line := range strings.Lines(r.golden(t, "nlst")) {
			paths.WriteString("/mlsd/" + line)
		}
		if got := string(c.Fetch(peers.PASV, "NLST /mlsd")); got != paths.String() {
			t.Errorf("NLST is\n%s, want\n%s", got, paths.String())
		}
	}
}

// TestListingWithoutOptions has a backend that knows no options of LIST.
func TestListingWithoutOptions(t *testing.T) {
	t.Parallel()
	peers.RequireGateway(t)
	for _, tt := range []struct {
		code    int
		refusal string
		way     string // of the backend's data connections
	}{
		{501, "options are not understood", "passive"}, {504, "not for that parameter", "active"},
		{550, "-al: no such file", "PASV"}, {450, "-al: no such file", "PORT"},
	} {
		t.Run(fmt.Sprint(tt.code), func(t *testing.T) {
			c, s := oddBackend(t, peers.Script{On: handlers{"LIST": func(v *peers.Visit) {
				if strings.HasPrefix(v.Arg, "-") {
					v.Reply("%d %s\r\n", tt.code, tt.refusal)
					return
				}
				v.Default()
			}}}, byLIST, "ProxyDataTransferPolicy "+tt.way)
			for _, mode := range peers.Modes() {
				if got := string(c.Fetch(mode, "MLSD")); !strings.HasSuffix(got, ";type=file;UNIX.groupname=group;UNIX.mode=0644;UNIX.ownername=owner; hello\r\n") {
					t.Errorf("MLSD is %q", got)
				}
			}
			c.Must(221, "QUIT")
			if asked := strings.Count(s.History(), `"LIST -al"`); asked != 1 {
				t.Errorf("it was asked with options %d times:\n%s", asked, s.History())
			}
		})
	}
}

// TestClaim21_TruncatedListing: half a list is never a whole one, whatever became of
// its lines.
func TestClaim21_TruncatedListing(t *testing.T) {
	t.Parallel()
	const half = "-rw-r--r--   1 a b 5 Jan 01 00:00 one\r\n-rw-r--r--   1 a b 5 Jan 01 00:00 tw"
	for name, finish := range map[string]func(v *peers.Visit, cut, reset func()){
		"data_closed_then_426":             func(v *peers.Visit, cut, _ func()) { cut(); v.Reply("426 broken\r\n") },
		"data_closed_then_451":             func(v *peers.Visit, cut, _ func()) { cut(); v.Reply("451 disk trouble\r\n") },
		"data_closed_then_control_closed":  func(v *peers.Visit, cut, _ func()) { cut(); v.Close() },
		"data_reset_then_226_all_the_same": func(v *peers.Visit, _, reset func()) { reset(); v.Reply("226 all is well\r\n") },
		"control_reset_then_data_closed":   func(v *peers.Visit, cut, _ func()) { v.Reset(); cut() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := oddBackend(t, peers.Script{On: handlers{"LIST": func(v *peers.Visit) {
				if conn := v.Begin(); conn != nil {
					_, _ = io.WriteString(conn, half) // the client's view is what the test looks at
					finish(v, func() { v.CloseData(conn) }, func() { v.ResetData(conn) })
				}
			}}}, byLIST)
			d := c.Begin(peers.EPSV, "MLSD")
			_, err := io.Copy(io.Discard, d.Open())
			d.Close()
			if err == nil {
				t.Error("the data connection was closed as after a whole list")
			}
			switch r, err := c.ReplyErr(20 * time.Second); {
			case isTimeout(err):
				t.Fatal("no answer within 20 s")
			case err == nil && r.Code < 400:
				t.Fatalf("half a list was confirmed with %q", r)
			}
		})
	}
}

// TestClaim21_AbortedListing: a client that aborts a translated list hears of two ends,
// neither of them of a whole list, and can go on.
func TestClaim21_AbortedListing(t *testing.T) {
	t.Parallel()
	first := true
	c, _ := oddBackend(t, peers.Script{On: handlers{"LIST": func(v *peers.Visit) {
		if !first {
			v.Default()
			return
		}
		first = false
		conn := v.Begin()
		if conn == nil {
			return
		}
		_, _ = io.WriteString(conn, "-rw-r--r--   1 a b 5 Jan 01 00:00 one\r\n-rw-r--r--   1 a b 5 Jan 01 00:00 tw")
		if line, ok := v.Next(20 * time.Second); !ok || !strings.HasSuffix(line, "ABOR") {
			v.Close() // the client's view is what the test looks at
			return
		}
		v.ResetData(conn)
		v.Reply("426 aborted\r\n226 ABOR done\r\n")
	}}}, byLIST)
	d := c.Begin(peers.EPSV, "MLSD")
	conn := d.Open()
	var begun [10]byte
	if _, err := io.ReadFull(conn, begun[:]); err != nil {
		t.Fatalf("the list does not begin: %v", err)
	}
	c.Send("ABOR")
	rest, err := io.ReadAll(conn)
	if err == nil || strings.Contains(string(rest), "tw") {
		t.Errorf("the data connection ended as after a whole list: %v, %q", err, rest)
	}
	d.Close()
	c.Expect(426)
	c.Expect(226)
	if got := string(c.Fetch(peers.EPSV, "MLSD")); !strings.HasSuffix(got, "; hello\r\n") {
		t.Errorf("the next list is %q", got)
	}
	c.Must(221, "QUIT")
}

// TestListingCompressed has a list translated and deflated on its way.
func TestListingCompressed(t *testing.T) {
	t.Parallel()
	script, all := shelf(t, "LIST")
	c, _ := oddBackend(t, script, byLIST, "DeflateEngine on")
	c.Must(200, "MODE Z")
	for _, r := range all {
		if r.name != "unix-ls" {
			continue
		}
		z, err := zlib.NewReader(bytes.NewReader(c.Fetch(peers.EPSV, "MLSD /%s", r.name)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(z)
		if err != nil || withoutDates(string(got)) != withoutDates(r.golden(t, "mlsd")) {
			t.Errorf("%v, inflated to\n%s", err, got)
		}
	}
	c.Must(221, "QUIT")
}

// TestListingThatNobodyUnderstands is told to the operator.
func TestListingThatNobodyUnderstands(t *testing.T) {
	t.Parallel()
	peers.RequireGateway(t)
	lists := map[string]string{"empty": "total 0\r\n", "strange": "+++ three things +++\r\nfoo\r\nbar\r\n"}
	g, _, addr := oddGateway(t, peers.Script{On: handlers{"LIST": func(v *peers.Visit) {
		if conn := v.Begin(); conn != nil {
			_, name, _ := strings.Cut(v.Arg, " ")
			_, _ = io.WriteString(conn, lists[name]) // the client's view is what the test looks at
			v.CloseData(conn)
			v.Reply("226 listed\r\n")
		}
	}}}, byLIST)
	const complaint = "nothing in the backend's listing was understood"
	c := peers.Dial(t, addr).Login("bob", "x")
	if got := c.Fetch(peers.EPSV, "MLSD empty"); len(got) > 0 {
		t.Errorf("an empty directory is %q", got)
	}
	c.Must(200, "NOOP")
	if log := g.File("proxy.log"); strings.Contains(log, complaint) {
		t.Errorf("the log complains of an empty directory:\n%s", log)
	}
	if got := c.Fetch(peers.EPSV, "MLSD strange"); len(got) > 0 {
		t.Errorf("a strange list is %q", got)
	}
	eventually(t, 20*time.Second, "a warning", func() bool { return strings.Contains(g.File("proxy.log"), complaint) })
	c.Must(221, "QUIT")
}

// TestListingFactsInTLS asks real servers over TLS on both sides.
func TestListingFactsInTLS(t *testing.T) {
	t.Parallel()
	for _, kind := range []peers.Kind{peers.VSFTPD, peers.ProFTPD} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			tg := secureTarget(t, kind, explicit, explicit, peers.TLS13, byLIST)
			furnish(t, tg.server.Home)
			c := tg.enter(t, explicit, clientConfig(t, peers.TLS13))
			for _, path := range []string{"", "sub dir"} {
				sameFacts(t, mlsdFacts(t, c.Fetch(peers.EPSV, "%s", strings.TrimSuffix("MLSD "+path, " "))), factsOnDisk(t, tg.home(path)))
			}
			c.Must(221, "QUIT")
		})
	}
}
