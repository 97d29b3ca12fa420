package seal_test

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/bench/seal"
)

// meddle passes records on from one connection to another, each as change leaves it, nil for not at
// all, and then the end.
func meddle(from, to *net.TCPConn, change func(n int, record []byte) []byte) {
	defer func() { _ = to.CloseWrite() }() // who reads or writes may have had enough
	for n := 0; ; n++ {
		record := make([]byte, 5)
		if _, err := io.ReadFull(from, record); err != nil {
			return
		}
		record = append(record, make([]byte, binary.BigEndian.Uint16(record[3:]))...)
		if _, err := io.ReadFull(from, record[5:]); err != nil {
			return // likewise
		}
		if record = change(n, record); record == nil {
			continue
		}
		if _, err := to.Write(record); err != nil {
			return
		}
	}
}

// What a client sends is, after its three records of handshake, 64 full records of content, a small
// one and the close_notify.
func TestStream_that_was_meddled_with_has_failed(t *testing.T) {
	const first, full = 3, 64
	spoil := func(at int) func(n int, record []byte) []byte {
		return func(n int, record []byte) []byte {
			if n == at {
				record[len(record)-1] ^= 1
			}
			return record
		}
	}
	for claim, c := range map[string]struct {
		change func(n int, record []byte) []byte
		says   string
	}{
		"as it was sent":                    {func(_ int, r []byte) []byte { return r }, ""},
		"the first record is spoilt":        {spoil(first), "open record 0"},
		"the seventeenth record is spoilt":  {spoil(first + 16), "open record 16"},
		"the small record is spoilt":        {spoil(first + full), "open record 64"},
		"the close_notify is spoilt":        {spoil(first + full + 1), "open record 65"},
		"a record is missing":               {func(n int, r []byte) []byte { return map[bool][]byte{false: r}[n == first+5] }, "open record 16"},
		"the close_notify is missing":       {func(n int, r []byte) []byte { return map[bool][]byte{false: r}[n == first+full+1] }, "unexpected EOF"},
		"a record is of no kind of TLS 1.3": {func(n int, r []byte) []byte { r[0] += byte(n / (first + 7)); return r }, "has no place"},
	} {
		t.Run(claim, func(t *testing.T) {
			clients, servers, _ := configs(t)
			client, there := pair(t)
			here, server := pair(t)
			var wg conc.WaitGroup
			defer wg.Wait()
			wg.Go(func() { meddle(there, here, c.change) })
			wg.Go(func() { _, _ = io.Copy(there, here) }) // tickets, until the reader closes
			wg.Go(func() {
				s, err := seal.Client(t.Context(), client, clients)
				if err != nil {
					t.Error(err)
					return
				}
				defer s.Close()
				for left := int64(full<<14 + 100); left > 0; {
					n, err := s.Pour(left)
					if err != nil {
						return // the reader may have had enough
					}
					left -= n
				}
				_ = s.End()
			})
			s, err := seal.Server(t.Context(), server, servers)
			if err != nil {
				t.Fatal(err)
			}
			got := 0
			err = s.Swallow(func(n int) { got += n })
			s.Close()
			_ = there.Close()
			switch {
			case c.says == "" && (err != nil || got != full<<14+100):
				t.Errorf("%d bytes, %v", got, err)
			case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
				t.Errorf("error %v, want one that says %q", err, c.says)
			}
		})
	}
}
