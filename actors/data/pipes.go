package data

import "sync/atomic"

// Pipes keeps what transfers move their bytes through, for reuse: kernel pipes
// where there is splice(2), buffers elsewhere. All channels share one.
type Pipes struct {
	stock    pipeStock
	buffers  copyBuffers
	copyOnly atomic.Bool // the system has no splice for us
}

// NewPipes returns an empty stock.
func NewPipes() *Pipes { return &Pipes{stock: newPipeStock()} }

// Close closes what lies idle. It comes after the last channel's end.
func (s *Pipes) Close() { s.stock.close() }
