package embedded

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/protocols/ftp"
	"github.com/sluice-gateway/sluice/runtime/sockets/socketstest"
)

// active accepts the data connection of a command.
func (c *client) active(ln net.Listener, command string) string {
	c.t.Helper()
	c.send(command)
	if err := ln.(*net.TCPListener).SetDeadline(time.Now().Add(patience)); err != nil {
		c.t.Fatal(err)
	}
	data, err := ln.Accept()
	if err != nil {
		c.t.Fatal(err)
	}
	defer data.Close()
	c.expect(150)
	got, err := io.ReadAll(data)
	if err != nil {
		c.t.Fatal(err)
	}
	c.expect(226)
	return string(got)
}

// noise is content in which nothing repeats.
func noise(n int) string {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b) // never fails
	return string(b)
}

func TestRetr(t *testing.T) {
	s, dir := serve(t, nil)
	big := noise(3*step + 17)
	for name, content := range map[string]string{"big": big, "even": big[:2*step], "empty": "", "lines": "a\nb\r\nc"} {
		put(t, dir, name, content)
	}
	c := login(t, s)
	for _, name := range []string{"big", "even", "empty"} {
		if got := c.fetch("RETR " + name); got != read(t, dir, name) {
			t.Errorf("%s: %d bytes came, which differ", name, len(got))
		}
	}
	c.do("REST 300000", 350)
	if got := c.fetch("RETR big"); got != big[300000:] {
		t.Errorf("after REST: %d bytes came, want %d", len(got), len(big)-300000)
	}
	if got := c.fetch("RETR big"); got != big {
		t.Error("REST held for a second transfer")
	}
	c.do("REST 1", 350)
	c.do("RETR empty", 554)
	c.do("TYPE A", 200)
	if got := c.fetch("RETR lines"); got != "a\r\nb\r\nc" {
		t.Errorf("TYPE A: %q", got)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c.do("TYPE I", 200)
	arg, err := ftp.FormatPORT(addrPort(ln.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	c.do("PORT "+arg, 200)
	if got := c.active(ln, "RETR big"); got != big {
		t.Error("by PORT: content differs")
	}
}

func TestStor(t *testing.T) {
	s, dir := serve(t, nil)
	c := login(t, s)
	big := noise(2*step + 5)
	c.store("STOR f", big)
	if read(t, dir, "f") != big {
		t.Error("STOR: content differs")
	}
	c.store("APPE f", "tail")
	if read(t, dir, "f") != big+"tail" {
		t.Error("APPE: content differs")
	}
	c.do("REST 10", 350)
	c.store("STOR f", "resumed")
	if got := read(t, dir, "f"); got != big[:10]+"resumed" {
		t.Errorf("REST and STOR: %d bytes", len(got))
	}
	c.do("REST 999", 350)
	c.do("STOR f", 554)
	c.store("STOR empty", "")
	c.do("TYPE A", 200)
	c.store("STOR lines", "a\r\nb\r\n\r")
	if got := read(t, dir, "lines"); got != "a\nb\n\r" {
		t.Errorf("TYPE A: %q", got)
	}
	c.do("TYPE I", 200)
	text := c.store("STOU", "unique").Text
	name := strings.TrimSuffix(text[strings.LastIndexByte(text, ' ')+1:], ")")
	if got := read(t, dir, name); got != "unique" {
		t.Errorf("STOU: %q in %s", got, name)
	}
	c.do("MKD d", 257)
	for _, where := range []string{"d", "no/f", "/", unfinished + "x"} {
		c.do("STOR "+where, 553)
	}
	if got := len(entries(t, dir)); got != 5 { // f, empty, lines, the unique one, d
		t.Errorf("%d entries are left: %v", got, entries(t, dir))
	}
}

// What did not arrive properly must not stand under the file's name.
func TestBrokenUpload(t *testing.T) {
	for claim, breakOff := range map[string]func(c *client, data *net.TCPConn){
		"the_data_connection_is_reset": func(c *client, data *net.TCPConn) {
			_ = data.SetLinger(0)
			data.Close()
			c.expect(426)
		},
		"the_control_connection_is_lost_first": func(c *client, data *net.TCPConn) {
			c.conn.Close()
			if _, err := data.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
				c.t.Errorf("the data connection ended with %v, want a reset", err)
			}
		},
		"both_end_together": func(c *client, data *net.TCPConn) {
			c.conn.Close()
			data.Close()
		},
		"ABOR": func(c *client, data *net.TCPConn) {
			c.send(ftp.AbortUrgent + strings.TrimSuffix(ftp.AbortLine, "\r\n"))
			c.expect(426)
			c.expect(226)
			c.do("NOOP", 200)
		},
		"the_client_stalls": func(c *client, data *net.TCPConn) {
			c.expect(426)
		},
	} {
		t.Run(claim, func(t *testing.T) {
			s, dir := serve(t, func(c *Config) {
				if claim == "the_client_stalls" {
					c.Stalled = 100 * time.Millisecond
				}
			})
			put(t, dir, "f", "the old one")
			c := login(t, s)
			data := c.passive()
			c.do("STOR f", 150)
			if _, err := io.WriteString(data, "half of the new"); err != nil {
				t.Fatal(err)
			}
			breakOff(c, data)
			// Round trips of another session pace the looks at the directory.
			other := login(t, s)
			deadline := time.Now().Add(patience)
			for len(entries(t, dir)) > 1 && time.Now().Before(deadline) {
				other.do("NOOP", 200)
			}
			if got := entries(t, dir); len(got) != 1 || read(t, dir, "f") != "the old one" {
				t.Errorf("entries %v, content %q", got, read(t, dir, "f"))
			}
		})
	}
}

func TestBrokenDownload(t *testing.T) {
	s, dir := serve(t, func(c *Config) { c.Stalled = 2 * time.Second })
	size := int64(64 << 20)
	put(t, dir, "big", "")
	if err := os.Truncate(filepath.Join(dir, "big"), size); err != nil {
		t.Fatal(err)
	}
	c := login(t, s)
	data := c.passive()
	c.do("RETR big", 150)
	c.do("STAT", 211)
	c.send("NOOP", "ABOR") // the first waits, the second does not
	c.expect(426)
	c.expect(226)
	c.expect(200)
	n, err := io.Copy(io.Discard, data)
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("after %d bytes the data connection ended with %v, want a reset", n, err)
	}
	if n >= size {
		t.Error("everything came all the same")
	}
}

func TestDoors(t *testing.T) {
	t.Run("nobody_comes", func(t *testing.T) {
		s, dir := serve(t, func(c *Config) { c.Stalled = 50 * time.Millisecond })
		put(t, dir, "f", "x")
		c := login(t, s)
		c.do("PASV", 227)
		c.do("RETR f", 425)
		c.do("RETR f", 425) // the door was for one transfer
	})
	t.Run("nobody_is_there", func(t *testing.T) {
		s, dir := serve(t, nil)
		put(t, dir, "f", "x")
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := addrPort(ln.Addr()).Port()
		ln.Close()
		c := login(t, s)
		c.do(fmt.Sprintf("EPRT |1|127.0.0.1|%d|", port), 200)
		c.do("RETR f", 425)
	})
	t.Run("a_stranger_is_turned_away", func(t *testing.T) {
		s, dir := serve(t, nil)
		put(t, dir, "f", "x")
		c := login(t, s)
		ap, err := ftp.ParsePASVReply(c.do("PASV", 227).Text)
		if err != nil {
			t.Fatal(err)
		}
		d := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}}
		stranger, err := d.Dial("tcp", ap.String())
		if err != nil {
			socketstest.GiveUp(t, "there is no second loopback address here: "+err.Error())
		}
		defer stranger.Close()
		c.send("RETR f")
		_ = stranger.SetReadDeadline(time.Now().Add(patience))
		if n, _ := stranger.Read(make([]byte, 8)); n != 0 {
			t.Error("the stranger got the file")
		}
		data := c.dial(ap)
		c.expect(150)
		if got, err := io.ReadAll(data); string(got) != "x" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		c.expect(226)
	})
}

func TestCurl(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		socketstest.GiveUp(t, "there is no curl here")
	}
	s, dir := serve(t, func(c *Config) { c.Accounts = map[string]string{"anna": "pw"} })
	big := noise(1 << 20)
	put(t, dir, "sub/big", big)
	local := t.TempDir()
	put(t, local, "up", big)
	base := "ftp://anna:pw@" + s.Addr().String()
	run := func(args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), curl, append([]string{"-sS", "--max-time", "20"}, args...)...).Output()
		if err != nil {
			t.Fatalf("curl %v: %v", args, err)
		}
		return string(out)
	}
	if got := run(base + "/sub/big"); got != big {
		t.Error("download differs")
	}
	if got := run("-P", "-", base+"/sub/big"); got != big {
		t.Error("active download differs")
	}
	if got := run("-C", "1000", base+"/sub/big"); got != big[1000:] {
		t.Error("resumed download differs")
	}
	run("--ftp-create-dirs", "-T", filepath.Join(local, "up"), base+"/new/dir/up")
	if read(t, dir, "new/dir/up") != big {
		t.Error("upload differs")
	}
	if got := run(base + "/"); !strings.Contains(got, " sub") {
		t.Errorf("list: %q", got)
	}
}
