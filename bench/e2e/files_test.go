package e2e

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/bench/peers"
)

func TestResume(t *testing.T) {
	everyTarget(t, func(t *testing.T, tg target) {
		body := noise(300_000)
		t.Run("REST_resumes_a_download", func(t *testing.T) {
			tg.put(t, "down", body)
			c := tg.login(t)
			c.Must(350, "REST 123456")
			sameBytes(t, "the rest", c.Fetch(peers.EPSV, "RETR down"), body[123456:])
			sameBytes(t, "the offset is used once", c.Fetch(peers.EPSV, "RETR down"), body)
		})
		t.Run("REST_resumes_an_upload", func(t *testing.T) {
			c := tg.login(t)
			c.Store(peers.EPSV, body[:100_000], "STOR up")
			c.Must(350, "REST 100000")
			c.Store(peers.EPSV, body[100_000:], "STOR up")
			sameBytes(t, "the file", tg.onDisk(t, "up"), body)
		})
		t.Run("APPE_appends", func(t *testing.T) {
			c := tg.login(t)
			c.Store(peers.EPSV, body[:1000], "STOR grow")
			c.Store(peers.EPSV, body[1000:2500], "APPE grow")
			sameBytes(t, "the file", tg.onDisk(t, "grow"), body[:2500])
		})
	})
}

func TestFiles(t *testing.T) {
	everyTarget(t, func(t *testing.T, tg target) {
		body := noise(300_000)
		t.Run("STOU_invents_a_name", func(t *testing.T) {
			before := names(t, tg)
			tg.login(t).Store(peers.EPSV, body[:777], "STOU")
			for _, name := range names(t, tg) {
				if before[name] == "" {
					sameBytes(t, name, tg.onDisk(t, name), body[:777])
					return
				}
			}
			t.Fatal("no new file appeared")
		})
		t.Run("files_are_renamed_and_deleted", func(t *testing.T) {
			c := tg.login(t)
			c.Store(peers.EPSV, []byte("x"), "STOR old")
			c.Must(350, "RNFR old")
			c.Must(250, "RNTO new")
			c.Must(550, "SIZE old")
			c.Must(250, "DELE new")
			c.Must(550, "DELE new")
		})
		t.Run("directories_are_made_entered_left_and_removed", func(t *testing.T) {
			c := tg.login(t)
			c.Must(257, "MKD box")
			c.Must(250, "CWD box")
			if r := c.Must(257, "PWD"); !strings.Contains(r.Text(), `"/box"`) {
				t.Fatalf("PWD says %q", r)
			}
			c.Store(peers.EPSV, []byte("x"), "STOR inside")
			c.Must(250, "CDUP")
			c.Must(550, "RMD box") // not empty
			c.Must(250, "DELE box/inside")
			c.Must(250, "RMD box")
			c.Must(550, "CWD box")
		})
		t.Run("SIZE_and_MDTM_tell_the_truth", func(t *testing.T) {
			tg.put(t, "facts", body)
			c := tg.login(t)
			if r := c.Must(213, "SIZE facts"); r.Text() != fmt.Sprint(len(body)) {
				t.Fatalf("SIZE says %q", r)
			}
			if r := c.Must(213, "MDTM facts"); !regexp.MustCompile(`^\d{14}(\.\d+)?$`).MatchString(r.Text()) {
				t.Fatalf("MDTM says %q", r)
			}
		})
		t.Run("a_missing_file_is_550_and_the_session_goes_on", func(t *testing.T) {
			c := tg.login(t)
			d := c.Data(peers.EPSV)
			d.Open()
			c.Send("RETR not-there")
			c.Expect(550)
			c.Must(257, "PWD")
			tg.put(t, "there", body[:10])
			sameBytes(t, "there", c.Fetch(peers.EPSV, "RETR there"), body[:10])
		})
	})
}

func TestNames(t *testing.T) {
	everyTarget(t, func(t *testing.T, tg target) {
		body := noise(5000)
		t.Run("an_empty_file_goes_up_and_down", func(t *testing.T) {
			c := tg.login(t)
			c.Store(peers.EPSV, nil, "STOR empty")
			if got := tg.onDisk(t, "empty"); len(got) != 0 {
				t.Fatalf("stored %d bytes", len(got))
			}
			if got := c.Fetch(peers.EPSV, "RETR empty"); len(got) != 0 {
				t.Fatalf("got %d bytes", len(got))
			}
		})
		for _, name := range []string{"with some spaces .txt", "Grüße-日本語.bin", `quote"and'semi;colon`, "-dash and % percent"} {
			t.Run("the_name_"+name+"_goes_through_unchanged", func(t *testing.T) {
				c := tg.login(t)
				c.Store(peers.EPSV, body, "STOR %s", name)
				sameBytes(t, "on disk", tg.onDisk(t, name), body)
				sameBytes(t, "back", c.Fetch(peers.EPSV, "RETR %s", name), body)
				c.Must(250, "DELE %s", name)
			})
		}
	})
}

func TestListings(t *testing.T) {
	everyTarget(t, func(t *testing.T, tg target) {
		tg.put(t, "one.txt", []byte("1"))
		tg.put(t, "two.txt", []byte("22"))
		if err := os.Mkdir(tg.home("sub"), 0o777); err != nil {
			t.Fatal(err)
		}
		has := func(t *testing.T, listing string, wants ...string) {
			t.Helper()
			for _, want := range wants {
				if !strings.Contains(listing, want) {
					t.Errorf("the listing lacks %q:\n%s", want, listing)
				}
			}
		}
		t.Run("LIST_shows_names_and_sizes", func(t *testing.T) {
			has(t, string(tg.login(t).Fetch(peers.EPSV, "LIST")), "one.txt\r\n", "two.txt\r\n", "sub\r\n", "-rw-", "drwx")
		})
		t.Run("NLST_shows_names_alone", func(t *testing.T) {
			listing := string(tg.login(t).Fetch(peers.EPSV, "NLST"))
			has(t, listing, "one.txt\r\n", "two.txt\r\n")
			if strings.Contains(listing, "-rw-") {
				t.Errorf("NLST shows more than names:\n%s", listing)
			}
		})
		t.Run("LIST_of_a_path_shows_that_path", func(t *testing.T) {
			listing := string(tg.login(t).Fetch(peers.EPSV, "LIST two.txt"))
			has(t, listing, "two.txt")
			if strings.Contains(listing, "one.txt") {
				t.Errorf("too much is listed:\n%s", listing)
			}
		})
		t.Run("MLSD_and_MLST_show_facts_where_the_server_has_them", func(t *testing.T) {
			c := tg.login(t)
			if tg.server.Kind == peers.VSFTPD {
				c.Must(500, "MLST one.txt")
				return
			}
			listing := strings.ToLower(string(c.Fetch(peers.EPSV, "MLSD")))
			has(t, listing, "type=file;", "type=dir;", " two.txt\r\n", "modify=")
			if r := c.Must(250, "MLST two.txt"); !strings.Contains(strings.ToLower(r.String()), "size=2;") {
				t.Errorf("MLST says %q", r)
			}
		})
	})
}

// names lists the home directory, each name as its own value.
func names(t *testing.T, tg target) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(tg.server.Home)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, entry := range entries {
		found[entry.Name()] = entry.Name()
	}
	return found
}
