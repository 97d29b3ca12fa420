package ftpsession

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/sourcegraph/conc"
	"go.uber.org/goleak"

	"github.com/sluice-gateway/sluice/actors/data"
	"github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/runtime/mailbox"
	"github.com/sluice-gateway/sluice/runtime/readiness"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of a test; it is only used up by a failing one.
const patience = 10 * time.Second

// ledger is a policy actor that keeps books about its leases.
type ledger struct {
	inbox mailbox.Mailbox[messages.ToPolicy]
	// answer decides about the nth pick, from 1; false leaves it unanswered.
	answer func(n int, p messages.PickBackend) (messages.BackendPicked, bool)

	mu       sync.Mutex
	changed  *sync.Cond
	picks    int
	open     map[messages.LeaseID]chan<- messages.BackendPicked
	returned []string // how leases came back
	lost     []error  // of backends that broke off
	bad      []string
}

func newLedger(answer func(int, messages.PickBackend) (messages.BackendPicked, bool)) *ledger {
	l := &ledger{inbox: mailbox.New[messages.ToPolicy](4), answer: answer,
		open: map[messages.LeaseID]chan<- messages.BackendPicked{}}
	l.changed = sync.NewCond(&l.mu)
	return l
}

func (l *ledger) run(ctx context.Context) {
	for {
		select {
		case m := <-l.inbox.C():
			l.handle(m)
		case <-ctx.Done():
			return
		}
	}
}

func (l *ledger) handle(m messages.ToPolicy) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.changed.Broadcast()
	switch m := m.(type) {
	case messages.PickBackend:
		l.picks++
		p, ok := l.answer(l.picks, m)
		if !ok {
			return
		}
		if p.Err == nil {
			p.Lease = messages.LeaseID(l.picks)
			l.open[p.Lease] = m.Reply
		}
		select {
		case m.Reply <- p:
		default:
			l.bad = append(l.bad, "a pick without a free reply channel")
		}
	case messages.ReportConnected:
		if l.open[m.Lease] == nil {
			l.bad = append(l.bad, "a connect reported for a lease that is not open")
		}
	case messages.ReportLost:
		if l.lost = append(l.lost, m.Err); l.open[m.Lease] == nil {
			l.bad = append(l.bad, "a loss reported for a lease that is not open")
		}
	case messages.ReportFailed:
		l.back(m.Lease, "failed")
	case messages.ReleaseLease:
		l.back(m.Lease, "released")
	case messages.WithdrawPick:
		l.returned = append(l.returned, "withdrawn")
		for id, reply := range l.open {
			if reply == m.Reply {
				delete(l.open, id)
			}
		}
	}
}

func (l *ledger) back(id messages.LeaseID, how string) {
	if l.open[id] == nil {
		l.bad = append(l.bad, "a lease "+how+" that is not open")
	}
	delete(l.open, id)
	l.returned = append(l.returned, how)
}

// await waits until the books satisfy a condition.
func (l *ledger) await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	timer := time.AfterFunc(patience, l.changed.Broadcast)
	defer timer.Stop()
	until := time.Now().Add(patience)
	l.mu.Lock()
	defer l.mu.Unlock()
	for !ok() {
		if time.Now().After(until) {
			t.Fatalf("%s did not happen: %d picks, returned %v, open %d", what, l.picks, l.returned, len(l.open))
		}
		l.changed.Wait()
	}
}

// settled checks that every lease came back, in exactly the given ways.
func (l *ledger) settled(t testing.TB, want ...string) {
	t.Helper()
	l.await(t, "the return of "+strings.Join(want, ", "), func() bool { return len(l.returned) >= len(want) })
	l.mu.Lock()
	defer l.mu.Unlock()
	if got := strings.Join(l.returned, " "); got != strings.Join(want, " ") {
		t.Errorf("leases came back as %q, want %q", got, strings.Join(want, " "))
	}
	if len(l.open) > 0 || len(l.bad) > 0 {
		t.Errorf("%d leases are still open; %v", len(l.open), l.bad)
	}
}

// rig is one session between a client and a scripted backend.
type rig struct {
	t       testing.TB
	session *Session
	setup   *Setup
	policy  *ledger
	client  *net.TCPConn
	out     net.Conn // client, or TLS on it
	in      *bufio.Reader
	logs    *logs
	records chan messages.RecordTransfer // the first few
	entries chan messages.RecordCommand  // the first few dozen
	deaf    bool                         // nobody reads what is sent to the journal

	end  context.CancelFunc
	wg   conc.WaitGroup
	done chan struct{}
	err  error
}

// logs gathers log lines.
type logs struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// await waits for a line, within bounds.
func (l *logs) await(t testing.TB, line string) {
	t.Helper()
	for until := time.Now().Add(patience); !strings.Contains(l.String(), line); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("the log does not say %q:\n%s", line, l)
		}
	}
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// picking answers every pick with the given addresses, over and over.
func picking(addrs ...netip.AddrPort) func(int, messages.PickBackend) (messages.BackendPicked, bool) {
	return func(n int, _ messages.PickBackend) (messages.BackendPicked, bool) {
		addr := addrs[(n-1)%len(addrs)]
		return messages.BackendPicked{Backend: messages.Backend{
			URL:       backendurl.URL{Scheme: backendurl.FTP, Host: addr.Addr().String(), Port: addr.Port()},
			Endpoints: []netip.AddrPort{addr},
		}}, true
	}
}

// newRig makes a session that waits for start.
func newRig(t testing.TB, answer func(int, messages.PickBackend) (messages.BackendPicked, bool)) *rig {
	r := &rig{t: t, policy: newLedger(answer), logs: &logs{}, done: make(chan struct{}),
		records: make(chan messages.RecordTransfer, 8), entries: make(chan messages.RecordCommand, 64)}
	log := zerolog.New(r.logs).Level(zerolog.DebugLevel)
	r.setup = &Setup{
		Services: &Services{
			Policy: r.policy.inbox, Journal: mailbox.New[messages.ToJournal](4),
			Reception: mailbox.New[messages.ToReception](4),
			Pipes:     data.NewPipes(), Buffers: new(readiness.Buffers),
		},
		Server: "upstairs", Pool: "pool",
		Dialogue:       dialogue.Config{RetryCount: 3, TimeoutConnect: patience, TimeoutLinger: patience, UseIPv6: true},
		ConnectTimeout: patience, Stalled: patience,
		Log: log, ProxyLog: log, TLSLog: log,
	}
	return r
}

// start opens the session; everything is over when the test is.
func (r *rig) start() *rig {
	r.t.Helper()
	if !r.deaf {
		r.serveJournal()
	}
	client, server := pair(r.t)
	r.client, r.out, r.in = client, client, bufio.NewReader(client)
	r.session = New(7, server, addrPort(server.RemoteAddr()), addrPort(server.LocalAddr()), r.setup)
	ctx, end := context.WithCancel(context.Background())
	serviceCtx, endServices := context.WithCancel(context.Background())
	r.end = end
	r.wg.Go(func() { r.policy.run(serviceCtx) })
	r.wg.Go(func() {
		defer close(r.done)
		r.err = supervised(ctx, r.session)
	})
	r.t.Cleanup(func() {
		end()
		<-r.done
		client.Close()
		endServices()
		r.wg.Wait()
		r.setup.Services.Pipes.Close()
	})
	return r
}

// serveJournal takes what is recorded, until the test ends.
func (r *rig) serveJournal() {
	stop := make(chan struct{})
	var wg conc.WaitGroup
	wg.Go(func() {
		for {
			select {
			case m := <-r.setup.Services.Journal.C():
				switch m := m.(type) {
				case messages.RecordTransfer:
					select {
					case r.records <- m:
					default:
					}
				case messages.RecordCommand:
					select {
					case r.entries <- m:
					default:
					}
				}
			case <-stop:
				return
			}
		}
	})
	r.t.Cleanup(func() { close(stop); wg.Wait() })
}

// ended waits for the session's end and returns its error.
func (r *rig) ended() error {
	r.t.Helper()
	select {
	case <-r.done:
	case <-time.After(patience):
		r.t.Fatalf("the session did not end; its log:\n%s", r.logs)
	}
	return r.err
}

func (r *rig) send(text string) {
	r.t.Helper()
	if _, err := io.WriteString(r.out, text); err != nil {
		r.t.Fatal(err)
	}
}

// hear reads one line and checks how it begins.
func (r *rig) hear(prefix string) string {
	r.t.Helper()
	_ = r.client.SetReadDeadline(time.Now().Add(patience))
	line, err := r.in.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, prefix) {
		r.t.Fatalf("the client heard %q, %v, want %q; log:\n%s", line, err, prefix, r.logs)
	}
	return line
}

// hearEnd reads until the connection closes and returns what came.
func (r *rig) hearEnd() (string, error) {
	r.t.Helper()
	_ = r.client.SetReadDeadline(time.Now().Add(patience))
	rest, err := io.ReadAll(r.in)
	return string(rest), err
}

func pair(t testing.TB) (client, server *net.TCPConn) {
	t.Helper()
	ln := listen(t)
	defer ln.Close()
	c, err := net.DialTCP("tcp", nil, ln.Addr().(*net.TCPAddr))
	if err != nil {
		t.Fatal(err)
	}
	s, err := ln.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	return c, s
}

func listen(t testing.TB) *net.TCPListener {
	t.Helper()
	ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	return ln
}
