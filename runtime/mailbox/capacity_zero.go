//go:build mailbox0

package mailbox

// Under the build tag mailbox0 every mailbox is a rendezvous: an actor that
// only works because a queue had slack deadlocks in the suite, not at night.
func effective(int) int { return 0 }
