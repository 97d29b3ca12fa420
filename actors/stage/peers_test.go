package stage

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/bench/certs"
	"github.com/sluice-gateway/sluice/bench/peers"
)

// dialogue is a bare FTP client over a visit.
type dialogue struct {
	t     *testing.T
	visit *Visit
	conn  net.Conn
	lines *bufio.Reader
}

func (d *dialogue) use(conn net.Conn) {
	_ = conn.SetDeadline(time.Now().Add(3 * patience))
	d.conn, d.lines = conn, bufio.NewReader(conn)
}

// hear reads a reply that must begin with the code.
func (d *dialogue) hear(code string) string {
	d.t.Helper()
	for {
		line, err := d.lines.ReadString('\n')
		if err != nil {
			d.t.Fatalf("waiting for %s: %q, %v", code, line, err)
		}
		if len(line) > 3 && line[3] == ' ' && line[0] >= '1' && line[0] <= '5' {
			if !strings.HasPrefix(line, code) {
				d.t.Fatalf("got %q, want %s", line, code)
			}
			return line
		}
	}
}

func (d *dialogue) say(command, code string) string {
	d.t.Helper()
	if _, err := fmt.Fprintf(d.conn, "%s\r\n", command); err != nil {
		d.t.Fatal(err)
	}
	return d.hear(code)
}

// begin starts a transfer.
func (d *dialogue) begin(command string) *Conn {
	d.t.Helper()
	reply := d.say("EPSV", "229")
	var port int
	if _, err := fmt.Sscanf(reply[strings.Index(reply, "("):], "(|||%d|)", &port); err != nil {
		d.t.Fatal(reply, err)
	}
	host, _, err := net.SplitHostPort(d.conn.RemoteAddr().String())
	if err != nil {
		d.t.Fatal(err)
	}
	tcp, err := net.DialTimeout("tcp", net.JoinHostPort(host, fmt.Sprint(port)), patience)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { tcp.Close() })
	d.say(command, "1")
	c, err := d.visit.Data(within(d.t), tcp.(*net.TCPConn))
	if err != nil {
		d.t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	return c
}

// breakOff cuts a download off in the middle, and has the server say so.
func (d *dialogue) breakOff(command string) {
	d.t.Helper()
	c := d.begin(command)
	if _, err := c.Read(make([]byte, 1000)); err != nil {
		d.t.Fatal(err)
	}
	_ = c.TCP().SetLinger(0)
	_ = c.Close()
	d.hear("4")
}

// transfer moves one file and says whether its connection resumed.
func (d *dialogue) transfer(command string, upload []byte) (got []byte, resumed bool) {
	d.t.Helper()
	c := d.begin(command)
	var err error
	if upload != nil {
		if _, err := c.Write(upload); err != nil {
			d.t.Fatal(err)
		}
		if err := c.CloseNotify(); err != nil {
			d.t.Fatal(err)
		}
		_ = c.TCP().CloseWrite()
		_, _ = io.Copy(io.Discard, c) // so that its tickets are read
	} else if got, err = io.ReadAll(c); err != nil {
		d.t.Fatal(err)
	} else {
		_ = c.CloseNotify()
	}
	_ = c.Close()
	d.hear("226")
	return got, c.State().DidResume
}

// The servers of this world, as they are by default: each wants its data
// connections to resume.
func TestRealServers(t *testing.T) {
	if testing.Short() {
		t.Skip("real daemons and many transfers: run without -short")
	}
	kit, err := certs.NewKit(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ca := file(t, kit.Authority.PEM())
	const transfers = 100
	for _, tt := range []struct {
		kind     peers.Kind
		versions peers.Versions
		tickets  bool // ProFTPD gives tickets
		none     bool // NoSessionTickets
		again    bool // the next session resumes
		never    bool // the server gives nothing to resume by
	}{
		{peers.ProFTPD, peers.TLS12, false, false, false, false},
		{peers.ProFTPD, peers.TLS12, false, true, false, false},
		{peers.ProFTPD, peers.TLS12, true, false, true, false},
		{peers.ProFTPD, peers.TLS13, false, false, false, false},
		{peers.ProFTPD, peers.TLS13, true, false, true, false},
		{peers.VSFTPD, peers.TLS12, false, false, false, false},
		{peers.VSFTPD, peers.TLS12, false, true, false, false},
		{peers.VSFTPD, peers.TLS13, false, false, false, false},
		{peers.PureFTPd, peers.TLS12, false, false, false, false},
		{peers.PureFTPd, peers.TLS13, false, false, false, true},
	} {
		name := fmt.Sprintf("%s/%s/tickets_%v/none_%v", tt.kind, tt.versions, tt.tickets, tt.none)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := peers.Start(t, tt.kind, peers.Options{TLS: &peers.TLS{
				Certificate: kit.ECDSA, Versions: tt.versions, Tickets: tt.tickets, Demand: peers.Private,
			}})
			client := newClient(t, ClientConfig{Authorities: Authorities{CAFile: ca}, Sessions: newDrawer(), NoSessionTickets: tt.none})
			for session := range 2 {
				tcp, err := net.DialTimeout("tcp", s.Addr(), patience)
				if err != nil {
					t.Fatal(err)
				}
				defer tcp.Close()
				d := &dialogue{t: t, visit: client.Visit(link(t, s.URL()))}
				d.use(tcp)
				d.hear("220")
				d.say("AUTH TLS", "234")
				c, info, err := d.visit.Control(within(t), tcp.(*net.TCPConn))
				if err != nil {
					t.Fatal(err)
				}
				d.use(c)
				t.Logf("session %d: %+v", session, info)
				d.say("USER "+s.User, "331")
				d.say("PASS "+s.Password, "230")
				d.say("PBSZ 0", "200")
				d.say("PROT P", "200")
				d.say("TYPE I", "200")
				resumed := 0
				for i := range transfers {
					body := []byte(fmt.Sprintf("file %d\n", i))
					var did bool
					switch i % 3 {
					case 0:
						_, did = d.transfer("STOR file", body)
					case 1:
						var got []byte
						if got, did = d.transfer("RETR file", nil); string(got) != fmt.Sprintf("file %d\n", i-1) {
							t.Errorf("got %q", got)
						}
					case 2:
						_, did = d.transfer("LIST", nil)
					}
					if did {
						resumed++
					}
				}
				if want := transfers; resumed != want && !tt.never {
					t.Errorf("session %d: %d of %d data connections resumed", session, resumed, transfers)
				}
				// One that breaks off must not spoil the next. Pure-FTPd does not answer then.
				d.transfer("STOR large", make([]byte, 16<<20))
				for range 3 {
					if tt.kind == peers.PureFTPd {
						break
					}
					d.breakOff("RETR large")
					if _, did := d.transfer("RETR file", nil); !did && !tt.never {
						t.Errorf("session %d: after a break the next data connection did not resume", session)
					}
				}
				d.say("QUIT", "221")
				_ = c.CloseNotify()
				_ = c.Close()
			}
		})
	}
}
