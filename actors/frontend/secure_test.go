package frontend

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/messages"
)

// veiled is a connection whose bytes are inverted, which takes no handshake to
// agree on. It stands for TLS where its end is of no interest.
type veiled struct{ net.Conn }

func (v veiled) Read(p []byte) (int, error) {
	n, err := v.Conn.Read(p)
	for i := range p[:n] {
		p[i] ^= 0xff
	}
	return n, err
}

func veil(_ context.Context, tcp *net.TCPConn) (net.Conn, messages.TLSInfo, error) {
	return veiled{tcp}, messages.TLSInfo{Version: "veiled"}, nil
}

func inverted(s string) string {
	b := []byte(s)
	for i := range b {
		b[i] ^= 0xff
	}
	return string(b)
}

func TestUpgrade(t *testing.T) {
	t.Run("goes_on_with_the_other_layer_after_a_nod", func(t *testing.T) {
		r := overTCP(t)
		r.reader.Resume()
		r.send("AUTH TLS\r\n")
		r.wantCommand("AUTH", "TLS")
		r.send(inverted("USER x\r\n")) // behind it, but not read yet
		r.reader.Upgrade(veil)
		m, ok := r.hear().(messages.FrontendSecured)
		if _, wrapped := m.Conn.(veiled); !ok || !wrapped || m.TLS.Version != "veiled" {
			t.Fatalf("heard %+v", m)
		}
		select {
		case m := <-r.inbox.C():
			t.Fatalf("without a nod came %+v", m)
		case <-time.After(20 * time.Millisecond):
		}
		r.reader.Resume()
		r.wantCommand("USER", "x")
	})
	t.Run("can_come_first_of_all", func(t *testing.T) {
		r := overTCP(t)
		r.send(inverted("USER x\r\n"))
		r.reader.Upgrade(veil)
		if m, ok := r.hear().(messages.FrontendSecured); !ok {
			t.Fatalf("heard %+v", m)
		}
		r.reader.Resume()
		r.wantCommand("USER", "x")
	})
	for _, sent := range []string{"AUTH TLS\r\nUSER x\r\n", "AUTH TLS\r\nU", "AUTH TLS\r\n\xff"} {
		t.Run("does_not_take_what_was_read_in_clear", func(t *testing.T) {
			r := overTCP(t)
			r.reader.Resume()
			r.send(sent)
			r.wantCommand("AUTH", "TLS")
			r.reader.Upgrade(func(context.Context, *net.TCPConn) (net.Conn, messages.TLSInfo, error) {
				t.Error("there was a handshake all the same")
				return nil, messages.TLSInfo{}, errors.ErrUnsupported
			})
			if m, ok := r.hear().(messages.FrontendInsecure); !ok || !errors.Is(m.Err, ErrPlaintextBehindAuth) {
				t.Errorf("heard %+v", m)
			}
			<-r.over
		})
	}
	t.Run("that_fails_ends_the_reader", func(t *testing.T) {
		r := overTCP(t)
		no := errors.New("no")
		r.reader.Upgrade(func(context.Context, *net.TCPConn) (net.Conn, messages.TLSInfo, error) {
			return nil, messages.TLSInfo{}, no
		})
		if m, ok := r.hear().(messages.FrontendInsecure); !ok || m.Err != no {
			t.Errorf("heard %+v", m)
		}
		<-r.over
	})
	t.Run("ends_with_the_context", func(t *testing.T) {
		r := overTCP(t)
		begun := make(chan struct{})
		r.reader.Upgrade(func(ctx context.Context, _ *net.TCPConn) (net.Conn, messages.TLSInfo, error) {
			close(begun)
			<-ctx.Done()
			return nil, messages.TLSInfo{}, context.Cause(ctx)
		})
		<-begun
		r.stop()
		<-r.over
		select {
		case m := <-r.inbox.C():
			t.Errorf("its end was told as %+v", m)
		default:
		}
	})
	bubbled(t, "needs_TCP", func(t *testing.T) {
		r := piped(t)
		r.reader.Upgrade(veil)
		if m, ok := r.hear().(messages.FrontendInsecure); !ok || m.Err == nil {
			t.Errorf("heard %+v", m)
		}
	})
}

// ending is a connection whose layer ends as it is told.
type ending struct {
	net.Conn
	err error
}

func (e ending) Read(p []byte) (int, error) {
	if e.err == nil {
		p[0] = 'P'
		return 1, nil
	}
	_, _ = e.Conn.Read(make([]byte, 1)) // the record
	return 0, e.err
}

func TestClear(t *testing.T) {
	lost := errors.New("cut off")
	for name, c := range map[string]struct {
		behind string // CCC
		end    error
		want   error // nil: cleared
	}{
		"after_a_close_notify":            {"\x15", io.EOF, nil},
		"without_one":                     {"P", lost, nil},
		"not_with_more_of_TLS_behind":     {"\x17", nil, errBehindCCC},
		"not_where_TLS_breaks_off":        {"\x15", lost, lost},
		"not_with_a_byte_that_is_neither": {"\x00", lost, lost},
	} {
		t.Run(name, func(t *testing.T) {
			r := overTCP(t)
			r.reader.Upgrade(func(_ context.Context, tcp *net.TCPConn) (net.Conn, messages.TLSInfo, error) {
				return ending{tcp, c.end}, messages.TLSInfo{}, nil
			})
			r.hear()
			r.reader.Clear()
			r.send(c.behind)
			switch m := r.hear().(type) {
			case messages.FrontendCleared:
				if m.Conn != r.server || c.want != nil {
					t.Errorf("heard %+v, want %v", m, c.want)
				}
				r.reader.Resume()
				r.send("WD\r\n")
				if verb := map[string]string{"P": "PWD", "\x15": "WD"}[c.behind]; verb != "" {
					r.wantCommand(verb, "")
				}
			case messages.FrontendLost:
				if !errors.Is(m.Err, c.want) {
					t.Errorf("lost by %v, want %v", m.Err, c.want)
				}
				<-r.over
			default:
				t.Errorf("heard %+v", m)
			}
		})
	}
	t.Run("not_with_commands_behind_it", func(t *testing.T) {
		r := overTCP(t)
		r.reader.Resume()
		r.send("CCC\r\nPWD\r\n")
		r.wantCommand("CCC", "")
		r.reader.Clear()
		if m, ok := r.hear().(messages.FrontendLost); !ok || !errors.Is(m.Err, errBehindCCC) {
			t.Errorf("heard %+v", m)
		}
		<-r.over
	})
}
