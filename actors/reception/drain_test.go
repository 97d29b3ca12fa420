package reception_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/messages"
)

// size of a file that no socket buffers hold.
const size = 64 << 20

func TestDrain_lets_idle_sessions_go_at_once(t *testing.T) {
	h := open(t, time.Minute, nil)
	clients := []*client{h.knock(), h.knock().login(), h.knock().login()}
	clients[0].hear("220")
	clients[2].say("PWD", "257")
	began := time.Now()
	h.stop()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	for i, c := range clients {
		if got := c.last(); got != "421 Service is being restarted, please connect again" {
			t.Errorf("client %d heard %q", i, got)
		}
	}
	drained(t, h, "waited for 3 sessions, cut off 0")
}

func drained(t *testing.T, h *house, want string) {
	t.Helper()
	if !strings.Contains(h.logs.String(), "drained: "+want) {
		t.Errorf("the log does not say %q:\n%s", want, h.logs)
	}
	if strings.Contains(h.logs.String(), "giving back the lease") {
		t.Errorf("a lease was lost:\n%s", h.logs)
	}
}

func TestDrain_waits_for_a_transfer(t *testing.T) {
	h := open(t, time.Minute, nil)
	h.file("big", size)
	c := h.knock().login()
	d := c.retrieve("big")
	if _, err := io.ReadFull(d, make([]byte, 1<<16)); err != nil {
		t.Fatal(err)
	}
	idle := h.knock().login()
	var wg conc.WaitGroup
	wg.Go(h.stop)
	if got := idle.last(); !strings.HasPrefix(got, "421 ") { // the drain has begun
		t.Errorf("the idle client heard %q", got)
	}
	late := h.knock() // a listener may still hold one
	if got := late.last(); got != "" {
		t.Errorf("a client during the drain heard %q, want a close", got)
	}
	rest, err := io.Copy(io.Discard, d)
	if err != nil || rest+1<<16 != size {
		t.Errorf("the transfer brought %d bytes, %v", rest+1<<16, err)
	}
	c.hear("226")
	if got := c.last(); !strings.HasPrefix(got, "421 ") {
		t.Errorf("after its transfer the client heard %q", got)
	}
	wg.Wait()
	drained(t, h, "waited for 2 sessions, cut off 0")
}

func TestDrain_cuts_off_who_takes_too_long(t *testing.T) {
	h := open(t, 300*time.Millisecond, nil)
	h.file("big", size)
	c := h.knock().login()
	d := c.retrieve("big")
	h.knock().login()
	began := time.Now()
	h.stop()
	if took := time.Since(began); took < 300*time.Millisecond || took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	if n, err := io.Copy(io.Discard, d); err == nil {
		t.Errorf("the cut off transfer looks complete after %d bytes", n)
	}
	c.hear("421 Service is shutting down")
	drained(t, h, "waited for 2 sessions, cut off 1")
}

func TestDrain_answers_who_asks(t *testing.T) {
	h := open(t, time.Minute, nil)
	h.file("big", size)
	c := h.knock().login()
	d := c.retrieve("big")
	idle := h.knock().login()
	var wg conc.WaitGroup
	wg.Go(h.stop)
	idle.last()
	until(t, "the idle session's end", func() bool { return h.describe().Open == 1 })
	reply := make(chan messages.LoginAnswered, 1)
	if err := h.r.Mailbox().Tell(messages.AskLogin{Session: 99, Reply: reply}, patience); err != nil {
		t.Fatal(err)
	}
	if got := <-reply; got.Refusal == "" {
		t.Error("a login was permitted during the drain")
	}
	_, _ = io.Copy(io.Discard, d)
	wg.Wait()
}
