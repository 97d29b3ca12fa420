package peers

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"syscall"
)

// A test process that is killed, or that panics on its time limit, runs no cleanup, and the
// kernel's own parent-death signal is lost when a daemon changes its user. So one shell per test
// process keeps a list of the process groups in use; the end of its standard input means that the
// test process is gone, and the groups still on the list go with it.
const guardScript = `groups=
while read -r sign group; do
	case $sign in
	+) groups="$groups $group" ;;
	-) kept=; for g in $groups; do [ "$g" = "$group" ] || kept="$kept $g"; done; groups=$kept ;;
	esac
done
for g in $groups; do kill -s KILL -- "-$g" 2>/dev/null; done`

// guard is the shell's standard input, opened with the first child.
var guard = sync.OnceValues(func() (*guardLine, error) {
	cmd := exec.CommandContext(context.Background(), "sh", "-c", guardScript)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt from the keyboard is not for it
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the guard of child processes: %w", err)
	}
	return &guardLine{in: in}, nil
})

type guardLine struct {
	mu sync.Mutex
	in io.Writer
}

// note tells the guard that a process group came (+) or went (-).
func (g *guardLine) note(sign string, group int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, err := fmt.Fprintf(g.in, "%s %d\n", sign, group)
	return err
}
