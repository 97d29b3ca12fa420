package service

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sourcegraph/conc"
	"golang.org/x/sys/unix"
)

// lowPort is below 1024 and nobody's: address and port are both unusual, so nothing else is bound there.
const lowPort = "127.91.7.3:987"

// report is what a child found out about itself after the drop.
type report struct {
	Standing   Standing
	Err        string
	UIDs       []string // one entry per distinct "Uid:" line of all threads
	GIDs       []string
	Groups     []string
	CapPrm     []string
	CapEff     []string
	CapAmb     []string
	NoNewPrivs []string
	Threads    int
	RootAgain  bool
	LowPort    string // error of binding a low port, "" when it worked
	ProcFD     string // error of listing /proc/self/fd
	Secret     string // error of opening a file that only root may read
	Dumpable   int
}

// runChild plays one role and prints its report. Roles: "limit", and "drop USER GROUP KEEP" where "-"
// is empty.
func runChild(role string) int {
	if role == "limit" {
		return limitChild()
	}
	fields := strings.Split(role, " ")
	for i := range fields {
		if fields[i] == "-" {
			fields[i] = ""
		}
	}
	// Threads that exist before the drop must be dropped as well: pin some down.
	release := make(chan struct{})
	var threads conc.WaitGroup
	pinned := make(chan struct{}, 4)
	for range 4 {
		threads.Go(func() {
			runtime.LockOSThread()
			pinned <- struct{}{}
			<-release
			runtime.UnlockOSThread()
		})
	}
	for range 4 {
		<-pinned
	}
	out := dropAndLook(fields[1], fields[2], fields[3] == "keep")
	close(release)
	threads.Wait()
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		return 1
	}
	return 0
}

func dropAndLook(user, group string, keep bool) (out report) {
	account, err := LookupAccount(user, group)
	if err == nil {
		out.Standing, err = DropPrivileges(account, keep)
	}
	if err != nil {
		out.Err = err.Error()
		return out
	}
	collect(&out)
	out.RootAgain = unix.Setuid(0) == nil || unix.Setresuid(0, 0, 0) == nil
	if listener, err := net.Listen("tcp", lowPort); err != nil {
		out.LowPort = err.Error()
	} else {
		_ = listener.Close()
	}
	if _, err := os.ReadDir("/proc/self/fd"); err != nil {
		out.ProcFD = err.Error()
	}
	if secret, err := os.Open(os.Getenv("SLUICE_TEST_SECRET")); err != nil {
		out.Secret = err.Error()
	} else {
		_ = secret.Close()
	}
	out.Dumpable, _ = unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	return out
}

// collect reads the status of every thread.
func collect(out *report) {
	statuses, _ := filepath.Glob("/proc/self/task/*/status")
	into := map[string]*[]string{
		"Uid:": &out.UIDs, "Gid:": &out.GIDs, "Groups:": &out.Groups, "CapPrm:": &out.CapPrm,
		"CapEff:": &out.CapEff, "CapAmb:": &out.CapAmb, "NoNewPrivs:": &out.NoNewPrivs,
	}
	for _, name := range statuses {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // the thread ended meanwhile
		}
		out.Threads++
		for line := range strings.Lines(string(text)) {
			key, rest, _ := strings.Cut(line, "\t")
			if list := into[strings.TrimSpace(key)]; list != nil {
				if value := strings.Join(strings.Fields(rest), " "); !slices.Contains(*list, value) {
					*list = append(*list, value)
				}
			}
		}
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root has privileges to drop")
	}
}

func child(t *testing.T, role string) report {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(secret, []byte("key"), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "/proc/self/exe")
	command.WaitDelay = 10 * time.Second
	command.Env = append(os.Environ(), childRole+"="+role, "SLUICE_TEST_SECRET="+secret,
		"GORACE=atexit_sleep_ms=0") // the detector otherwise rests a second at every exit
	text, err := command.Output()
	if err != nil {
		t.Fatalf("child %q: %v\n%s", role, err, text)
	}
	var out report
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatalf("child %q: %v\n%s", role, err, text)
	}
	return out
}

func TestDropPrivileges(t *testing.T) {
	needRoot(t)
	nobody, err := LookupAccount("nobody", "")
	if err != nil {
		t.Skip("this machine has no user nobody:", err)
	}
	daemon, err := LookupAccount("nobody", "daemon")
	if err != nil {
		t.Skip("this machine has no group daemon:", err)
	}
	const netBind = "0000000000000400" // bit 10, CAP_NET_BIND_SERVICE
	const none = "0000000000000000"
	cases := []struct {
		name, role string
		gid        int
		caps       string
		lowPorts   bool
	}{
		{"every_thread_becomes_the_user_without_capabilities", "drop nobody - no", nobody.GID, none, false},
		{"the_group_directive_replaces_the_primary_group", "drop nobody daemon no", daemon.GID, none, false},
		{"numbers_name_accounts_too", fmt.Sprintf("drop %d - no", nobody.UID), nobody.GID, none, false},
		{"only_the_right_to_low_ports_is_kept", "drop nobody - keep", nobody.GID, netBind, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := child(t, c.role)
			if got.Err != "" {
				t.Fatal(got.Err)
			}
			wantIDs := func(what string, got []string, id int) {
				if want := strings.TrimSpace(strings.Repeat(fmt.Sprintf("%d ", id), 4)); !slices.Equal(got, []string{want}) {
					t.Errorf("%s of the threads: %q, want %q on all", what, got, want)
				}
			}
			wantIDs("uids", got.UIDs, nobody.UID)
			wantIDs("gids", got.GIDs, c.gid)
			if got.Threads < 5 {
				t.Errorf("saw %d threads, want the pinned ones too", got.Threads)
			}
			if want := strings.Trim(fmt.Sprint(nobodyGroups(t, c.role)), "[]"); !slices.Equal(got.Groups, []string{want}) {
				t.Errorf("supplementary groups %q, want %q: root's must be gone", got.Groups, want)
			}
			if !slices.Equal(got.CapPrm, []string{c.caps}) || !slices.Equal(got.CapEff, []string{c.caps}) {
				t.Errorf("capabilities %q/%q, want %q", got.CapPrm, got.CapEff, c.caps)
			}
			if !slices.Equal(got.CapAmb, []string{none}) || !slices.Equal(got.NoNewPrivs, []string{"1"}) {
				t.Errorf("ambient %q, no_new_privs %q", got.CapAmb, got.NoNewPrivs)
			}
			if got.RootAgain {
				t.Error("the child took root back")
			}
			if got.Secret == "" {
				t.Error("the child can read root's files")
			}
			if got.ProcFD != "" || got.Dumpable != 1 {
				t.Errorf("listing /proc/self/fd: %q, dumpable %d", got.ProcFD, got.Dumpable)
			}
			if got.Standing.LowPorts != c.lowPorts || got.Standing.UID != nobody.UID || got.Standing.Warning != "" {
				t.Errorf("standing %+v", got.Standing)
			}
			if unprivilegedPorts(t) > 987 && (got.LowPort == "") != c.lowPorts {
				t.Errorf("binding %s: %q, want success %v", lowPort, got.LowPort, c.lowPorts)
			}
		})
	}
}

// nobodyGroups is what the supplementary groups must be for a role.
func nobodyGroups(t *testing.T, role string) []int {
	t.Helper()
	fields := strings.Fields(role)
	account, err := LookupAccount(fields[1], strings.Trim(fields[2], "-"))
	if err != nil {
		t.Fatal(err)
	}
	return account.Groups
}

func unprivilegedPorts(t *testing.T) (first int) {
	t.Helper()
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	if err != nil {
		return 1024
	}
	if _, err := fmt.Sscan(string(text), &first); err != nil {
		t.Fatal(err)
	}
	return first
}

func TestStayingRootIsSaidLoudly(t *testing.T) {
	needRoot(t)
	for name, role := range map[string]string{
		"without_a_user": "drop - - no", "with_root_as_the_user": "drop root - no", "with_a_group_alone": "drop - daemon no",
	} {
		t.Run(name, func(t *testing.T) {
			got := child(t, role)
			if got.Err != "" || got.Standing.UID != 0 || !strings.Contains(got.Standing.Warning, "RUNNING AS ROOT") {
				t.Errorf("got %+v, %s", got.Standing, got.Err)
			}
		})
	}
}

func TestUnknownAccountsAreNamed(t *testing.T) {
	for name, c := range map[string]struct{ user, group, want string }{
		"an_unknown_user":   {"no-such-user-here", "", "User no-such-user-here: there is no such user"},
		"an_unknown_number": {"3999999999", "", "User 3999999999: there is no such user"},
		"an_unknown_group":  {"root", "no-such-group-here", "Group no-such-group-here: there is no such group"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := LookupAccount(c.user, c.group); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func limitChild() int {
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 64, Max: 4096}); err != nil {
		return 1
	}
	limit, err := RaiseFileLimit()
	var now unix.Rlimit
	_ = unix.Getrlimit(unix.RLIMIT_NOFILE, &now)
	fmt.Printf("%d %d %d %v\n", limit.Before, limit.Reached, now.Cur, err)
	return 0
}

func TestRaiseFileLimit(t *testing.T) {
	command := exec.CommandContext(t.Context(), "/proc/self/exe")
	command.Env = append(os.Environ(), childRole+"=limit")
	text, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	var before, reached, now uint64
	var problem string
	if _, err := fmt.Sscan(string(text), &before, &reached, &now, &problem); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	want := uint64(4096)
	if os.Geteuid() == 0 {
		want = max(want, reached) // where root may lift the hard limit it goes further
	}
	if before != 64 || reached != want || now != reached || problem != "<nil>" {
		t.Errorf("before %d, reached %d, now %d, error %s; want 64 and %d", before, reached, now, problem, want)
	}
}

func TestFileLimitCheck(t *testing.T) {
	limit := FileLimit{Reached: 256 + 8*100}
	if got := limit.Sessions(); got != 100 {
		t.Errorf("carries %d sessions, want 100", got)
	}
	for sessions, warn := range map[int]bool{0: false, -1: false, 100: false, 101: true} {
		if err := limit.Check(sessions); (err != nil) != warn {
			t.Errorf("%d sessions: %v", sessions, err)
		}
	}
	if err := (FileLimit{Reached: 10}).Check(1); err == nil || !strings.Contains(err.Error(), "raise it to 264") {
		t.Errorf("got %v, want the number to raise to", err)
	}
}
