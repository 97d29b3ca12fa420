package peers

import "syscall"

// childAttributes puts a child at the head of its own process group, and has the kernel end it
// should the test process be killed without a chance to clean up.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
