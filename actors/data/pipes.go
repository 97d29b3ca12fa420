package data

import (
	"sync/atomic"

	"github.com/sluice-gateway/sluice/actors/stage"
)

// Pipes keeps what transfers move their bytes through, for reuse: kernel pipes
// where there is splice(2), buffers elsewhere and for TLS, and what MODE Z takes. All channels share one.
type Pipes struct {
	// Processors are borrowed while much moves through TLS; nil: nobody lends any.
	// It is set before the first use.
	Processors Processors

	stock     pipeStock
	buffers   copyBuffers
	rings     stage.Rings
	portions  portions
	inflaters inflaters
	deflaters deflaters
	copyOnly  atomic.Bool // the system has no splice for us
}

// Processors are what encryption needs more of than the rest of a gateway, which
// the kernel does most of the work for. Each Borrow has its Return.
type Processors interface {
	Borrow()
	Return()
}

// NewPipes returns an empty stock.
func NewPipes() *Pipes { return &Pipes{stock: newPipeStock()} }

// Close closes what lies idle. It comes after the last channel's end.
func (s *Pipes) Close() { s.stock.close() }
