//go:build unix

package accounts

import "syscall"

// nonblock keeps opening a pipe in a file's place from waiting for its writer.
const nonblock = syscall.O_NONBLOCK
