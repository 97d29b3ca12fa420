package stage

import (
	"crypto/tls"
	"errors"
	"io"
	"testing"
)

// Lax lets one kind of end pass that is none by itself, and no other.
func TestLax(t *testing.T) {
	bare := func(p relayPeer) { _ = p.tcp.CloseWrite() }
	within := func(p relayPeer) {
		_, _ = p.tcp.Write([]byte{23, 3, 3, 1, 0, 'h', 'a', 'l', 'f'})
		_ = p.tcp.CloseWrite()
	}
	proper := func(p relayPeer) { _ = p.Conn.(*tls.Conn).CloseWrite() }
	for name, tc := range map[string]struct {
		lax      bool
		end      func(relayPeer)
		want     error
		unproven bool
	}{
		"without_close_notify":                     {true, bare, io.EOF, true},
		"without_close_notify_and_without_Lax":     {false, bare, ErrNoCloseNotify, false},
		"within_a_record":                          {true, within, io.ErrUnexpectedEOF, true},
		"with_close_notify":                        {true, proper, io.EOF, false},
		"with_close_notify_as_without_Lax":         {false, proper, io.EOF, false},
		"within_a_record_without_Lax_is_cut_short": {false, within, ErrNoCloseNotify, false},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(name+"/"+tls.VersionName(version), func(t *testing.T) {
				far, near := relayLine(t, version)
				near.TLS.Lax(tc.lax)
				if _, err := far.Write([]byte("all")); err != nil {
					t.Fatal(err)
				}
				tc.end(far)
				got, err := io.ReadAll(unending{near.TLS})
				if string(got) != "all" || !errors.Is(err, tc.want) {
					t.Errorf("read %q and %v, want %v", got, err, tc.want)
				}
				if near.TLS.Unproven() != tc.unproven {
					t.Errorf("Unproven() = %t, want %t", near.TLS.Unproven(), tc.unproven)
				}
			})
		}
	}
}

// unending keeps io.ReadAll from swallowing io.EOF.
type unending struct{ io.Reader }

func (u unending) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = properEnd{}
	}
	return n, err
}

type properEnd struct{}

func (properEnd) Error() string        { return "the end" }
func (properEnd) Is(target error) bool { return target == io.EOF }
