package data

import (
	"bytes"
	"compress/zlib"
	"io"
	"testing"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/messages"
)

// A client that sees the end of its compressed stream may be gone at once, with TLS's
// end unread, and has everything all the same.
func TestAClientThatGoesAtTheEndOfItsStream(t *testing.T) {
	content := noise(13, 50_000)
	for _, m := range []mix{{}, {front: tls13, back: tls13}, {front: tls12}} {
		t.Run(m.String(), func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, m)
			for range 20 { // it is a race who is first
				r := startSecure(t, download, h, zLegs{dest: 6}.on(download))
				var got bytes.Buffer
				var wg conc.WaitGroup
				wg.Go(func() {
					z, err := zlib.NewReader(r.dest)
					if err == nil {
						_, err = io.Copy(&got, z)
					}
					if err != nil {
						t.Error(err)
					}
					hangUp(r.dest.tcp)
				})
				if _, err := r.source.Write(content); err != nil {
					t.Fatal(err)
				}
				_ = r.source.closeWrite()
				hear[messages.DataEnded](t, r.rig)
				r.ch.Settle(true)
				wg.Wait()
				if done := hear[messages.TransferFinished](t, r.rig); done.Err != nil || !bytes.Equal(got.Bytes(), content) {
					t.Fatalf("told %+v, %d bytes arrived", done, got.Len())
				}
			}
		})
	}
}
