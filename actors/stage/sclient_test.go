package stage

import (
	"bufio"
	"context"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// terminal is where an openssl s_client is driven from.
type terminal struct {
	keys io.Writer
	out  *bufio.Reader
	seen strings.Builder
}

func (s *terminal) enter(line string) { _, _ = io.WriteString(s.keys, line+"\n") }

// await reads on until a line has the text in it.
func (s *terminal) await(t *testing.T, text string) {
	t.Helper()
	for {
		line, err := s.out.ReadString('\n')
		s.seen.WriteString(line)
		if strings.Contains(line, text) {
			return
		}
		if err != nil {
			t.Errorf("s_client never said %q, but\n%s", text, s.seen.String())
			return
		}
	}
}

// sClient runs a real openssl s_client on one connection, of which serve is our
// side, and returns what it has printed.
func sClient(t *testing.T, serve func(*net.TCPConn, *terminal), flags ...string) string {
	t.Helper()
	openssl := locateOpenSSL(t)
	ln, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_ = ln.SetDeadline(time.Now().Add(patience))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, openssl, append([]string{"s_client", "-connect", ln.Addr().String()}, flags...)...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &terminal{keys: stdin, out: bufio.NewReader(out)}
	tcp, err := ln.AcceptTCP()
	if err != nil {
		t.Error(err)
	} else {
		serve(tcp, s)
		_ = tcp.Close()
	}
	_ = stdin.Close()
	rest, _ := io.ReadAll(s.out)
	_ = cmd.Wait() // how it liked it is for the tests to say
	return s.seen.String() + string(rest)
}

func TestResumptionByOpenSSL(t *testing.T) {
	for name, flag := range map[string]string{"tls12": "-tls1_2", "tls13": "-tls1_3"} {
		t.Run(name, func(t *testing.T) {
			s := server(t, ServerConfig{})
			g := s.Guest(nil)
			dir := t.TempDir()
			session := filepath.Join(dir, "control")
			serve := func(begin func(*net.TCPConn) (*Conn, error), failure *error) func(*net.TCPConn, *terminal) {
				return func(tcp *net.TCPConn, s *terminal) {
					c, err := begin(tcp)
					if *failure = err; err != nil {
						return
					}
					_ = c.SetDeadline(time.Now().Add(patience))
					s.enter("word")
					_, _ = io.ReadFull(c, make([]byte, len("word\n"))) // by then s_client has our tickets
					_, _ = c.Write([]byte("the end\n"))
					_ = c.CloseNotify()
					_, _ = io.Copy(io.Discard, c)
				}
			}
			var err error
			out := sClient(t, serve(control(t, g), &err), flag, "-sess_out", session)
			if err != nil || !strings.Contains(out, "New, TLSv1") {
				t.Fatalf("control connection: %v\n%s", err, out)
			}
			for i := range 5 {
				out := sClient(t, serve(data(t, g), &err), flag, "-sess_in", session, "-sess_out", session)
				if err != nil || !strings.Contains(out, "Reused, TLSv1") || !strings.Contains(out, "the end") {
					t.Fatalf("data connection %d: %v\n%s", i, err, out)
				}
			}
			if sClient(t, serve(data(t, g), &err), flag); err == nil {
				t.Error("a data connection without a session was accepted")
			}
		})
	}
}

// What a client may do to a running connection: change its keys, and in TLS 1.2
// ask for a new handshake, which is refused.
func TestKeysChangeInTheMiddle(t *testing.T) {
	for name, tt := range map[string]struct {
		flag, command, sign string
		ends                bool
	}{
		"key_update":           {"-tls1_3", "k", "KEYUPDATE", false},
		"key_update_both_ways": {"-tls1_3", "K", "KEYUPDATE", false},
		"renegotiation":        {"-tls1_2", "R", "RENEGOTIATING", true},
	} {
		t.Run(name, func(t *testing.T) {
			sClient(t, func(tcp *net.TCPConn, s *terminal) {
				c, _, err := server(t, ServerConfig{}).Guest(nil).Control(within(t), tcp)
				if err != nil {
					t.Error(err)
					return
				}
				_ = c.SetDeadline(time.Now().Add(patience))
				read := func(want string) error {
					b := make([]byte, len(want))
					n, err := io.ReadFull(c, b)
					if err == nil && string(b) != want {
						t.Errorf("got %q, want %q", b[:n], want)
					}
					return err
				}
				s.enter("before")
				if err := read("before\n"); err != nil {
					t.Error(err)
				}
				s.enter(tt.command)
				s.await(t, tt.sign)
				s.enter("after")
				err = read("after\n")
				if tt.ends {
					if err == nil {
						t.Error("renegotiated")
					}
					return
				}
				if err != nil {
					t.Error(err)
				}
				if _, err := c.Write([]byte("so be it\n")); err != nil {
					t.Error(err)
				}
				s.await(t, "so be it")
			}, tt.flag)
		})
	}
}
