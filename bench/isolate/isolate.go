// Package isolate gives every measurement a network, a process table and mounts of its own, where the
// system allows it. Sockets that an earlier run left in TIME_WAIT then slow nobody down, and whatever a
// measurement started ends with it, even if it is killed.
package isolate
