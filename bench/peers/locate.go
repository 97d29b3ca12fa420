package peers

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// CacheVariable names the environment variable that moves the cache which .ci/peers fills.
const CacheVariable = "SLUICE_PEERS"

// ErrUnavailable says that a program cannot run here: it was not fetched, or it needs root.
var ErrUnavailable = errors.New("unavailable")

// GiveUp ends a test that cannot get what it needs: it is skipped where err says that a program is
// unavailable, and fails otherwise. Where the variable CI is set nothing may go untested, so that
// it always fails there.
func GiveUp(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("CI") == "" && (errors.Is(err, ErrUnavailable) || errors.Is(err, ErrNoGateway)) {
		t.Skip(err)
	}
	t.Fatal(err)
}

// Install says where a program is and what it needs to run from there.
type Install struct {
	// Name is the name that was asked for.
	Name string
	// Root is the folder the packages were unpacked into; empty for programs of the system.
	Root string
	// Binary is the absolute path of the program.
	Binary string
	// Env holds the variables (NAME=value) to add to the program's environment, among them
	// LD_LIBRARY_PATH for libraries that were unpacked beside it.
	Env []string
	// Modules is the folder of loadable modules (ProFTPD's ModulePath); empty if it has none.
	Modules string
}

// Tool is the absolute path of a further program of the same packages, such as pure-pw.
func (in Install) Tool(name string) string {
	for _, dir := range []string{"usr/sbin", "usr/bin", "sbin", "bin"} {
		path := filepath.Join(in.Root, dir, name)
		if executable(path) {
			return path
		}
	}
	return filepath.Join(filepath.Dir(in.Binary), name)
}

// unpacked lists the programs that .ci/peers unpacks into the cache, by the name of their
// folder there: the Debian packages that hold them and the binary's place.
var unpacked = map[string]struct{ packages, binary string }{
	"vsftpd":   {"vsftpd", "usr/sbin/vsftpd"},
	"proftpd":  {"proftpd-core, proftpd-mod-proxy, proftpd-mod-crypto", "usr/sbin/proftpd"},
	"pureftpd": {"pure-ftpd, pure-ftpd-common", "usr/sbin/pure-ftpd"},
	"haproxy":  {"haproxy", "usr/sbin/haproxy"},
	"dnsmasq":  {"dnsmasq-base", "usr/sbin/dnsmasq"},
	"redis":    {"redis-server, redis-tools", "usr/bin/redis-server"},
}

// installed lists the programs that .ci/peers installs on the system, with their packages.
var installed = map[string]string{
	"lftp": "lftp", "curl": "curl", "python3": "python3", "strace": "strace", "unshare": "util-linux",
	"openssl": "openssl",
}

// Locate finds a server ("vsftpd", "proftpd", "pureftpd", "haproxy", "redis", "dnsmasq") in the cache or a client
// ("lftp", "curl", "python3", "strace", "openssl") on the system. The error names the Debian package to
// get when it is missing.
func Locate(name string) (Install, error) {
	if pack, ok := installed[name]; ok {
		path, err := exec.LookPath(name)
		if err != nil {
			return Install{}, fmt.Errorf("look for %s: %w: not on this machine; run .ci/peers, or install the package %s", name, ErrUnavailable, pack)
		}
		return Install{Name: name, Binary: path}, nil
	}
	entry, ok := unpacked[name]
	if !ok {
		return Install{}, fmt.Errorf("look for %s: no peer of that name is known", name)
	}
	cache, err := cacheDir()
	if err != nil {
		return Install{}, fmt.Errorf("look for %s: %w", name, err)
	}
	root := filepath.Join(cache, name)
	in := Install{Name: name, Root: root, Binary: filepath.Join(root, entry.binary), Env: []string{"LD_LIBRARY_PATH=" + libraryPath(root)}}
	if !executable(in.Binary) {
		return Install{}, fmt.Errorf("look for %s: %w: %s is not there; run .ci/peers, which unpacks the packages %s", name, ErrUnavailable, in.Binary, entry.packages)
	}
	if modules := filepath.Join(root, "usr/lib", name); isDir(modules) {
		in.Modules = modules
	}
	return in, nil
}

// cacheDir is the folder that .ci/peers fills; the script computes it the same way.
func cacheDir() (string, error) {
	if dir := os.Getenv(CacheVariable); dir != "" {
		return dir, nil
	}
	base := os.Getenv("XDG_CACHE_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("find the cache of peers (set %s): %w", CacheVariable, err)
		}
		base = filepath.Join(home, ".cache")
	}
	return filepath.Join(base, "sluice-peers"), nil
}

// libraryPath lists the folders of a peer's own libraries, Debian's multiarch ones first.
func libraryPath(root string) string {
	var dirs []string
	for _, pattern := range []string{"usr/lib/*-linux-gnu*", "lib/*-linux-gnu*"} {
		found, _ := filepath.Glob(filepath.Join(root, pattern)) // the pattern is well formed
		dirs = append(dirs, found...)
	}
	return strings.Join(append(dirs, filepath.Join(root, "usr/lib"), filepath.Join(root, "lib")), ":")
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
