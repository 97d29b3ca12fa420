//go:build unix

package target

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/bench/proctree"
)

// greetTimeout bounds the wait for a target's first 220, stopTimeout that for its end when it is asked
// to end.
const (
	greetTimeout = 15 * time.Second
	stopTimeout  = 5 * time.Second
)

// process is a target's program.
type process struct {
	cmd  *exec.Cmd
	log  string // file with what it wrote to its standard output and error
	done chan struct{}
	err  error // of Wait; read it after done

	waiter conc.WaitGroup
}

// start runs a target's program with its output in dir/output.log.
func start(ctx context.Context, spec Spec, dir string, args ...string) (*process, error) {
	p := &process{log: filepath.Join(dir, "output.log"), done: make(chan struct{})}
	out, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer out.Close() // the program has its own descriptor
	// The end of ctx must not kill it: stop does that, with all its children.
	p.cmd = exec.CommandContext(context.WithoutCancel(ctx), spec.Program, args...)
	p.cmd.Env = append(os.Environ(), spec.Env...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // ^C is for the bench, which then stops it
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.waiter.Go(func() { // ends with the program, which stop sees to
		p.err = p.cmd.Wait()
		close(p.done)
	})
	return p, nil
}

// greets waits until somebody who connects is greeted with a 220.
func (p *process) greets(ctx context.Context, at netip.AddrPort) error {
	ctx, stop := context.WithTimeout(ctx, greetTimeout)
	defer stop()
	pace := time.NewTicker(20 * time.Millisecond)
	defer pace.Stop()
	var last error
	for {
		if last = greeted(ctx, at); last == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("it ended before it greeted (%w); its output:\n%s", p.err, p.output())
		case <-ctx.Done():
			return fmt.Errorf("no greeting from %v within %v (%w); its output:\n%s", at, greetTimeout, last, p.output())
		case <-pace.C:
		}
	}
}

func greeted(ctx context.Context, at netip.AddrPort) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", at.String())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return err
	}
	if !strings.HasPrefix(line, "220") {
		return fmt.Errorf("it says %q", line)
	}
	return nil
}

// output is the end of what the program wrote.
func (p *process) output() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(b[max(0, len(b)-2000):]))
}

// stop asks the program to end, then ends what is left of its tree by process id.
func (p *process) stop() error {
	defer p.waiter.Wait()
	tree, err := proctree.Members(p.cmd.Process.Pid)
	if err != nil {
		tree = []int{p.cmd.Process.Pid}
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("ask process %d to end: %w", p.cmd.Process.Pid, err)
	}
	select {
	case <-p.done:
	case <-time.After(stopTimeout):
		_ = p.cmd.Process.Kill()
	}
	for _, pid := range tree[1:] {
		_ = syscall.Kill(pid, syscall.SIGKILL) // most are gone already
	}
	return nil
}
