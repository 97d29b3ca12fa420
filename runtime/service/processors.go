package service

import "runtime"

// ShareProcessors leaves half of the processors to the kernel, which does most
// of a plain gateway's work: it moves the bytes of transfers from socket to
// socket and carries every line through the TCP stack, in calls that need no
// processor of the Go scheduler while they wait or splice. With all of them, the
// scheduler keeps waking threads that find nothing to do: on two processors a
// relayed command cost a fifth more, and eight uploads at a time a fifth, too.
//
// A choice of the administrator ($GOMAXPROCS, as getenv reports it) is left
// alone. What is in force is returned.
func ShareProcessors(getenv func(string) string) int {
	if getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(max(1, runtime.GOMAXPROCS(0)/2))
	}
	return runtime.GOMAXPROCS(0)
}
