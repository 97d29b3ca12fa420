package peers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sourcegraph/conc"
)

// process is one child that leads its own process group, with everything it prints kept in a
// file. Its waiter is the only goroutine; stop waits for it.
type process struct {
	name   string
	cmd    *exec.Cmd
	output string // path of the file that holds stdout and stderr
	waiter conc.WaitGroup
	done   chan struct{} // closed once the child was reaped
}

// startProcess runs binary in dir. env is added to this process's own environment.
func startProcess(name, binary, dir string, env []string, args ...string) (*process, error) {
	output := filepath.Join(dir, name+".out")
	file, err := os.OpenFile(output, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("start %s: open its output file: %w", name, err)
	}
	defer file.Close() // the child holds its own copy
	cmd := exec.CommandContext(context.Background(), binary, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = file, file
	cmd.SysProcAttr = childAttributes()
	watch, err := guard()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	_ = watch.note("+", cmd.Process.Pid) // without its guard a child is still stopped by cleanup
	p := &process{name: name, cmd: cmd, output: output, done: make(chan struct{})}
	p.waiter.Go(func() {
		_ = cmd.Wait() // the state tells the same, and more
		close(p.done)
	})
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// fate is how the child ended; only once it has.
func (p *process) fate() string { return p.cmd.ProcessState.String() }

// exited tells whether the child is gone already.
func (p *process) exited() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// signal sends sig to the child alone, not to its group.
func (p *process) signal(sig syscall.Signal) error {
	if p.exited() {
		return fmt.Errorf("signal %s with %s: it has exited already (%s)", p.name, sig, p.fate())
	}
	return p.cmd.Process.Signal(sig)
}

// wait reports whether the child ended within limit.
func (p *process) wait(limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.done:
		return true
	case <-timer.C:
		return false
	}
}

// stop asks the child to end with SIGTERM, waits up to grace, then kills what is left of it:
// its process group, and descendants that left the group. It is safe to call twice.
func (p *process) stop(grace time.Duration) {
	family := kin(p.pid())
	if !p.exited() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have exited just now
		p.wait(grace)
	}
	_ = syscall.Kill(-p.pid(), syscall.SIGKILL) // ESRCH: nobody left
	for _, member := range family {
		member.kill()
	}
	<-p.done
	p.waiter.Wait()
	if watch, err := guard(); err == nil {
		_ = watch.note("-", p.pid()) // likewise
	}
	for _, member := range family {
		member.awaitEnd(time.Second)
	}
}

// printed is everything the child wrote to stdout and stderr so far.
func (p *process) printed() string { return readAll(p.output) }

func readAll(path string) string {
	body, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Sprintf("(read %s: %v)", path, err)
	}
	return string(body)
}

// relative is one process, told by its start time from a later one with the same id.
type relative struct {
	pid   int
	birth string
}

// kin lists the descendants of a process.
func kin(pid int) []relative {
	var family []relative
	for _, child := range descendants(pid) {
		if st, ok := stat(child); ok {
			family = append(family, relative{child, st.birth})
		}
	}
	return family
}

func (r relative) alive() bool {
	st, ok := stat(r.pid)
	return ok && st.birth == r.birth && st.state != "Z"
}

func (r relative) kill() {
	if r.alive() {
		_ = syscall.Kill(r.pid, syscall.SIGKILL) // ESRCH: it has just ended
	}
}

// awaitEnd polls, since an orphan is reaped by a process that tells nobody.
func (r relative) awaitEnd(limit time.Duration) {
	for deadline := time.Now().Add(limit); r.alive() && time.Now().Before(deadline); {
		time.Sleep(2 * time.Millisecond)
	}
}

type procStat struct {
	state  string
	parent int
	birth  string // clock ticks since boot
}

// stat reads what the kernel tells of a process; ok is false when it is gone.
func stat(pid int) (procStat, bool) {
	body, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return procStat{}, false
	}
	// pid (name that may hold anything) state ppid … starttime is field 22 of proc(5)
	text := string(body)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 {
		return procStat{}, false
	}
	parent, _ := strconv.Atoi(fields[1]) // the kernel writes decimal numbers here
	return procStat{state: fields[0], parent: parent, birth: fields[19]}, true
}

// descendants lists children, grandchildren and so on of a process, parents first. Empty
// where there is no /proc.
func descendants(pid int) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	children := map[int][]int{}
	for _, entry := range entries {
		child, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if st, ok := stat(child); ok {
			children[st.parent] = append(children[st.parent], child)
		}
	}
	var family []int
	for queue := []int{pid}; len(queue) > 0; queue = queue[1:] {
		family = append(family, children[queue[0]]...)
		queue = append(queue, children[queue[0]]...)
	}
	return family
}

// ReadBytes is how many bytes a process has moved into its own memory with read-like calls
// since it started (rchar of /proc/PID/io); splice(2) does not count there. Linux only.
func ReadBytes(pid int) (int64, error) {
	body, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return 0, fmt.Errorf("count bytes read by process %d: %w", pid, err)
	}
	for line := range strings.Lines(string(body)) {
		if value, ok := strings.CutPrefix(line, "rchar: "); ok {
			return strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		}
	}
	return 0, fmt.Errorf("count bytes read by process %d: no rchar line", pid)
}
