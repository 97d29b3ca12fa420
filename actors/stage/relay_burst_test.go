package stage

import (
	"crypto/tls"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"
)

// counting is a pace that counts what the kernel took at once.
type counting struct {
	*limit
	moves int
}

func (c *counting) Moved() { c.moves++ }

// burstVersions are what the tests of gathered records go through.
var burstVersions = map[string]uint16{"TLS_1.2": tls.VersionTLS12, "TLS_1.3": tls.VersionTLS13}

// Records are not sent one by one, nor kept back when nothing follows.
func TestManyRecordsLeaveAtOnce(t *testing.T) {
	for name, version := range burstVersions {
		for _, more := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/more_is_%v", name, more), func(t *testing.T) {
				peer, line := relayLine(t, version)
				pace := &counting{limit: newLimit(line.TCP)}
				line.heed(pace)
				content := relayNoise(3, portion)
				n, err := line.TLS.writeAll(content, more, new(Rings))
				if n != portion || err != nil {
					t.Fatalf("%d bytes were written, %v", n, err)
				}
				if pace.moves != 1 {
					t.Errorf("%d records took %d calls of the system", portion/fullRecord, pace.moves)
				}
				got := make([]byte, portion)
				if _, err := io.ReadFull(peer, got); err != nil || string(got) != string(content) {
					t.Errorf("other bytes arrived, or %v", err)
				}
				if line.TLS.wire.out.held != nil {
					t.Error("the buffer was not given back")
				}
			})
		}
	}
}

// After a write that the kernel took in part, the peer waits for the rest of a
// record: whatever came then would not be what it was. What is told of such a
// write is what arrived.
func TestNothingFollowsABrokenBurst(t *testing.T) {
	for name, version := range burstVersions {
		t.Run(name, func(t *testing.T) {
			peer, line := relayLine(t, version)
			pace := newLimit(line.TCP)
			line.heed(pace)
			if err := line.TCP.SetWriteDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			var told int
			var err error
			for content := make([]byte, ringSize); err == nil; { // until the peer's buffers are full
				var n int
				n, err = line.TLS.writeAll(content, true, new(Rings))
				told += n
			}
			var wg sync.WaitGroup
			var got int64
			wg.Go(func() { got, err = io.Copy(io.Discard, peer) })
			if err := line.TLS.Finish(pace); err == nil {
				t.Error("a close_notify was sent after half a record")
			}
			if n, err := line.TLS.writeAll([]byte("more"), false, new(Rings)); n != 0 || err == nil {
				t.Errorf("%d bytes were written after half a record, %v", n, err)
			}
			if err := line.TCP.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			wg.Wait()
			if err == nil {
				t.Error("the peer was told a proper end")
			}
			if lost := int64(told) - got; lost < -64 || lost > fullRecord {
				t.Errorf("told of %d bytes, of which %d arrived in whole records", told, got)
			}
		})
	}
}

func BenchmarkBurst(b *testing.B) {
	for _, size := range []int{fullRecord, portion, ringSize} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			peer, line := relayLine(b, tls.VersionTLS13)
			_ = peer.tcp.SetDeadline(time.Time{}) // fails only on a closed one
			var wg sync.WaitGroup
			wg.Go(func() { _, _ = io.Copy(io.Discard, peer.tcp) }) // the records as they are
			content := make([]byte, size)
			var rings Rings
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := line.TLS.writeAll(content, false, &rings); err != nil {
					b.Fatal(err)
				}
			}
			line.TCP.Close()
			wg.Wait()
		})
	}
}
