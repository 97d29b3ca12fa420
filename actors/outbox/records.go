package outbox

import "github.com/sluice-gateway/sluice/stores"

// Records is an outbox of records that are written as they were when they
// changed, the last word about each. How many there can be is the actor's
// affair.
type Records struct {
	*Outbox
	words *words
}

// NewRecords returns one that waits for Open, and changes after that. Those of
// durable keys are synced.
func NewRecords(cfg Config, durable func(stores.Key) bool) *Records {
	w := &words{durable: durable, waiting: map[stores.Key][]byte{}}
	return &Records{New(cfg, w), w}
}

// Change has a record written, or with a nil value deleted. What no store could
// take is left out, because it would keep all others from being written too.
func (r *Records) Change(k stores.Key, value []byte) {
	if _, err := stores.AppendKey(nil, k); err != nil {
		r.cfg.Log.Error().Err(err).Msg("a record does not fit into a store; it is not kept over a restart")
		return
	}
	r.words.waiting[k] = value
	r.Changed()
}

// Waits reports a record that changed and was not handed to the writer since.
func (r *Records) Waits(k stores.Key) bool {
	_, waits := r.words.waiting[k]
	return waits
}

// words is a Source that keeps the last value of each record.
type words struct {
	durable func(stores.Key) bool
	waiting map[stores.Key][]byte // nil: to be deleted
	sent    map[stores.Key][]byte // the batch that the writer has
}

func (w *words) Waiting() int { return len(w.waiting) }

func (w *words) Take() (batch []stores.Change, durable bool) {
	w.sent = map[stores.Key][]byte{}
	size := 0
	for k, value := range w.waiting {
		n := len(k.Pool) + len(k.Name) + len(value) + 16
		if len(batch) > 0 && (len(batch) == stores.MaxBatch || size+n > stores.MaxBatchBytes) {
			break
		}
		size += n
		c := stores.Delete(k)
		if value != nil {
			c = stores.Put(k, value)
		}
		batch = append(batch, c)
		durable = durable || w.durable(k)
		w.sent[k] = value
		delete(w.waiting, k)
	}
	return batch, durable
}

func (w *words) Settle(written bool) {
	for k, value := range w.sent {
		if _, newer := w.waiting[k]; !newer && !written {
			w.waiting[k] = value
		}
	}
	w.sent = nil
}
