//go:build !mailbox0

package mailbox

func effective(capacity int) int { return max(capacity, 0) }
