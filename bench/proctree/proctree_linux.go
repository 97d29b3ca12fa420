package proctree

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// tick is the unit of processor times in /proc: USER_HZ, which is 100 on every Linux that Go runs on.
const tick = time.Second / 100

// process is one line of /proc/<pid>/stat (proc_pid_stat(5)).
type process struct {
	pid, parent int
	cpu         time.Duration // its own and that of children it has waited for
}

// CPU is the user and system time that the tree below root (inclusive) has used so far. Children that
// ended count through their parent, which has waited for them.
func CPU(root int) (time.Duration, error) {
	var sum time.Duration
	tree, err := tree(root)
	for _, p := range tree {
		sum += p.cpu
	}
	return sum, err
}

// PSS is the proportional set size of the tree in bytes: memory that n processes share counts 1/n in
// each, so that the sum is what the tree really takes.
func PSS(root int) (int64, error) {
	tree, err := tree(root)
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, p := range tree {
		n, err := pss(p.pid)
		if err != nil && !gone(err) {
			return 0, fmt.Errorf("read the memory of process %d: %w", p.pid, err)
		}
		sum += n
	}
	return sum, nil
}

// Members lists the tree's process ids.
func Members(root int) ([]int, error) {
	tree, err := tree(root)
	var pids []int
	for _, p := range tree {
		pids = append(pids, p.pid)
	}
	return pids, err
}

func tree(root int) ([]process, error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	children := map[int][]process{}
	var found []process
	for _, p := range all {
		children[p.parent] = append(children[p.parent], p)
		if p.pid == root {
			found = append(found, p)
		}
	}
	if found == nil {
		return nil, fmt.Errorf("look at process %d: it is gone", root)
	}
	for i := 0; i < len(found); i++ {
		found = append(found, children[found[i].pid]...)
	}
	return found, nil
}

func processes() ([]process, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	all := make([]process, 0, len(dirs))
	for _, dir := range dirs {
		b, err := os.ReadFile(dir + "/stat")
		if gone(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read a process: %w", err)
		}
		p, err := parseStat(b)
		if err != nil {
			return nil, fmt.Errorf("read %s/stat: %w", dir, err)
		}
		all = append(all, p)
	}
	return all, nil
}

func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH)
}

var errStat = errors.New("not a line of process status")

// parseStat reads a line; the name in parentheses may hold anything, parentheses too.
func parseStat(b []byte) (process, error) {
	open, shut := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 0 || shut < open {
		return process{}, errStat
	}
	rest := bytes.Fields(b[shut+1:]) // state is field 3 of the manual, hence rest[0]
	if len(rest) < 15 {
		return process{}, errStat
	}
	pid, err := strconv.Atoi(string(bytes.TrimSpace(b[:open])))
	if err != nil {
		return process{}, errStat
	}
	parent, err := strconv.Atoi(string(rest[1]))
	if err != nil {
		return process{}, errStat
	}
	p := process{pid: pid, parent: parent}
	for _, field := range rest[11:15] { // utime, stime, cutime, cstime
		n, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			return process{}, errStat
		}
		p.cpu += time.Duration(n) * tick
	}
	return p, nil
}

func pss(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	return parsePSS(b)
}

// parsePSS reads the line "Pss:  <n> kB" of a smaps_rollup; a process that is ending has none.
func parsePSS(b []byte) (int64, error) {
	for line := range bytes.Lines(b) {
		if rest, ok := bytes.CutPrefix(line, []byte("Pss:")); ok {
			kb, err := strconv.ParseInt(string(bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte("kB")))), 10, 64)
			return kb << 10, err
		}
	}
	return 0, nil
}
