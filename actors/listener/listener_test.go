package listener

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
	"github.com/sluice-gateway/sluice/runtime/supervise"
)

// childVariable makes the test binary play a process with few descriptors.
const childVariable = "SLUICE_LISTENER_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(starve())
	}
	goleak.VerifyTestMain(m)
}

const patience = 10 * time.Second

type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// post is a listener with the mailbox it reports to.
type post struct {
	t      *testing.T
	l      *Listener
	socket *net.TCPListener
	box    mailbox.Mailbox[messages.ToReception]
	log    *log
	group  *supervise.Group
	cancel context.CancelFunc
}

func newPost(t *testing.T) *post {
	t.Helper()
	socket, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	p := &post{t: t, socket: socket, box: mailbox.New[messages.ToReception](4), log: &log{}}
	p.l = New("127.0.0.1:21", socket, p.box, zerolog.New(p.log))
	return p
}

func (p *post) run() {
	p.group = supervise.NewGroup(1)
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	p.group.Go(ctx, p.l)
	p.t.Cleanup(func() { cancel(); p.group.Wait() })
}

// ended waits for the end of Run.
func (p *post) ended() error {
	p.t.Helper()
	select {
	case exit := <-p.group.Exits():
		return exit.Err
	case <-time.After(patience):
		p.t.Fatal("the listener did not end")
		return nil
	}
}

func (p *post) dial() net.Conn {
	p.t.Helper()
	c, err := net.Dial("tcp", p.socket.Addr().String())
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { c.Close() })
	return c
}

// admitted is the next client that the listener hands over.
func (p *post) admitted() messages.AdmitClient {
	p.t.Helper()
	select {
	case m := <-p.box.C():
		a := m.(messages.AdmitClient)
		p.t.Cleanup(func() { a.Conn.Close() })
		return a
	case <-time.After(patience):
		p.t.Fatalf("no client was handed over; log:\n%s", p.log)
		return messages.AdmitClient{}
	}
}

func TestListener_hands_clients_over_with_their_addresses(t *testing.T) {
	p := newPost(t)
	p.run()
	c := p.dial()
	a := p.admitted()
	if a.Listener != "127.0.0.1:21" || a.Remote.String() != c.LocalAddr().String() || a.Local.String() != c.RemoteAddr().String() {
		t.Errorf("handed over as %+v", a)
	}
}

// The next client waits in the backlog until the reception has nodded.
func TestListener_accepts_only_after_the_nod(t *testing.T) {
	p := newPost(t)
	p.run()
	p.dial()
	p.dial()
	first := p.admitted()
	select {
	case <-p.box.C():
		t.Fatal("a second client was accepted before the nod")
	case <-time.After(100 * time.Millisecond): // the claim is that nothing happens
	}
	first.Nod <- struct{}{}
	p.admitted()
}

func TestListener_goes_on_without_a_nod_in_the_end(t *testing.T) {
	p := newPost(t)
	p.l.limit = 50 * time.Millisecond
	p.run()
	p.dial()
	p.dial()
	first := p.admitted()
	second := p.admitted()
	if !strings.Contains(p.log.String(), "does not nod") {
		t.Errorf("nothing is said about it:\n%s", p.log)
	}
	// Nods that come late after all do not upset it, nor block the reception.
	for _, a := range []messages.AdmitClient{first, second} {
		select {
		case a.Nod <- struct{}{}:
		default:
		}
	}
	p.dial()
	p.admitted()
}

func TestListener_stops(t *testing.T) {
	for name, prepare := range map[string]func(*post){
		"while_it_accepts":          func(*post) {},
		"while_it_waits_for_a_nod":  func(p *post) { p.dial(); p.admitted() },
		"while_the_mailbox_is_full": func(p *post) { p.box = mailbox.New[messages.ToReception](0); p.l.admit = p.box },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPost(t)
			if strings.Contains(name, "full") {
				prepare(p)
				p.run()
				p.dial()
			} else {
				p.run()
				prepare(p)
			}
			p.cancel()
			if err := p.ended(); err != nil {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}

func TestListener_restart_keeps_the_socket(t *testing.T) {
	p := newPost(t)
	p.run()
	p.dial()
	p.admitted()
	p.cancel()
	if err := p.ended(); err != nil {
		t.Fatal(err)
	}
	waiting := p.dial() // in the backlog, with nobody accepting
	p.run()
	if a := p.admitted(); a.Remote.String() != waiting.LocalAddr().String() {
		t.Errorf("%v was handed over, want %v", a.Remote, waiting.LocalAddr())
	}
}

func TestListener_without_a_reception_closes_the_client_and_says_so(t *testing.T) {
	p := newPost(t)
	p.box.Retire()
	p.run()
	c := p.dial()
	if err := p.ended(); !errors.Is(err, mailbox.ErrGone) {
		t.Errorf("it ended with %v", err)
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if n, err := c.Read(make([]byte, 1)); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the client's connection is still open: %d, %v", n, err)
	}
}

func TestListener_ends_with_a_broken_socket(t *testing.T) {
	p := newPost(t)
	p.socket.Close()
	p.run()
	if err := p.ended(); !errors.Is(err, net.ErrClosed) || !strings.Contains(err.Error(), "127.0.0.1:21") {
		t.Errorf("it ended with %v", err)
	}
}

// A process without descriptors pauses, says so once, and serves the clients
// that waited as soon as it has some again.
func TestListener_weathers_a_lack_of_descriptors(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), childVariable+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
}

// starve plays the process with few descriptors; 0 is success.
func starve() int {
	if err := starved(); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func starved() error {
	socket, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return err
	}
	lines := &log{}
	box := mailbox.New[messages.ToReception](1)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	group := supervise.NewGroup(1)
	group.Go(ctx, New("child", socket, box, zerolog.New(lines)))
	c, err := net.Dial("tcp", socket.Addr().String()) // opens what the runtime needs
	if err != nil {
		return err
	}
	first := (<-box.C()).(messages.AdmitClient)
	// A second client connects, then no descriptor is left before the nod.
	second, err := net.Dial("tcp", socket.Addr().String())
	if err != nil {
		return err
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	few := limit
	few.Cur = 3
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		return err
	}
	first.Nod <- struct{}{}
	for until := time.Now().Add(patience); !strings.Contains(lines.String(), "cannot accept, pausing"); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			return fmt.Errorf("no word about the lack; log: %s", lines)
		}
	}
	select {
	case <-box.C():
		return errors.New("a client was accepted without a descriptor")
	case exit := <-group.Exits():
		return fmt.Errorf("the listener gave up: %w", exit.Err)
	case <-time.After(200 * time.Millisecond):
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	select {
	case m := <-box.C():
		if got := m.(messages.AdmitClient).Remote.String(); got != second.LocalAddr().String() {
			return fmt.Errorf("%s was served after the lack, want %s", got, second.LocalAddr())
		}
	case <-time.After(patience):
		return fmt.Errorf("nobody was served after the lack; log: %s", lines)
	}
	if n := strings.Count(lines.String(), "cannot accept"); n != 1 {
		return fmt.Errorf("it was said %d times: %s", n, lines)
	}
	cancel()
	group.Wait()
	return errors.Join(c.Close(), second.Close())
}
