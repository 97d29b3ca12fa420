package ftpsession

import "golang.org/x/sys/unix"

// inputQueue asks how many bytes wait to be read.
const inputQueue = unix.TIOCINQ
