package data

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zlib"
)

// MODE Z (draft-preston-ftpext-deflate-04 section 3): what passes a data connection
// is one zlib stream (RFC 1950) from its first byte to its last. That stream has an
// end of its own, so a cut one is known as such whatever the connection says.
//
// What a stream may inflate to is bounded by MaxStoreFileSize and the disk of the
// receiver only: a thousandfold is legal. Here it never takes more memory.

// errDamaged is what is wrong with a stream in MODE Z that does not hold together.
var errDamaged = errors.New("compressed data connection (MODE Z)")

// inflater reads the content of a zlib stream. Its io.EOF means that the stream is
// complete, and that the source ended properly right after it.
type inflater struct {
	src  witness
	wire *bufio.Reader
	zlib io.ReadCloser // of a stream before, perhaps; nil: there was none
	open bool          // the stream's header has been read
	over bool          // the stream is complete
	err  error
}

// witness remembers what its source said, so that a source that broke off is told
// from one that ended too early or sent something else than zlib.
type witness struct {
	io.Reader
	err error
}

func (w *witness) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if err != nil {
		w.err = err
	}
	return n, err
}

// inflaters keeps what inflating takes, some 80 KiB each. The zero value is ready.
type inflaters struct{ pool sync.Pool }

func (s *inflaters) take(src io.Reader) *inflater {
	z, ok := s.pool.Get().(*inflater)
	if !ok {
		z = &inflater{wire: bufio.NewReaderSize(nil, 32<<10)}
	}
	z.src.Reader = src
	z.wire.Reset(&z.src)
	return z
}

func (s *inflaters) give(z *inflater) {
	z.wire.Reset(nil)
	*z = inflater{wire: z.wire, zlib: z.zlib}
	s.pool.Put(z)
}

// Read returns content as it comes.
func (z *inflater) Read(p []byte) (n int, err error) {
	for n == 0 && z.err == nil {
		switch {
		case !z.open:
			z.err = z.begin()
		case !z.over:
			n, z.err = z.content(p)
		default:
			z.err = z.end()
		}
	}
	if n > 0 {
		return n, nil
	}
	return 0, z.err
}

func (z *inflater) begin() (err error) {
	z.open = true
	if z.zlib == nil {
		z.zlib, err = zlib.NewReader(z.wire)
	} else {
		err = z.zlib.(zlib.Resetter).Reset(z.wire, nil)
	}
	return z.blame(err)
}

func (z *inflater) content(p []byte) (int, error) {
	n, err := z.zlib.Read(p)
	if err == io.EOF {
		z.over = true
		return n, nil
	}
	return n, z.blame(err)
}

// end waits for the source's end: not even one byte may follow.
func (z *inflater) end() error {
	if _, err := z.wire.ReadByte(); err != nil {
		return err
	}
	return fmt.Errorf("%w: bytes after the end of the stream", errDamaged)
}

// blame names what it is that ended or broke a stream.
func (z *inflater) blame(err error) error {
	switch {
	case err == nil:
		return nil
	case z.src.err == nil:
		return fmt.Errorf("%w: the stream is damaged: %w", errDamaged, err)
	case errors.Is(z.src.err, io.EOF):
		return fmt.Errorf("%w: it ended before the stream was complete: %w", errDamaged, io.ErrUnexpectedEOF)
	}
	return z.src.err
}
