package dns

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	// lookEvery is the longest time that a change of the system's files goes unseen.
	lookEvery = 5 * time.Second
	maxResolv = 64 << 10
	maxHosts  = 8 << 20
)

// files is what the system's files say; it is replaced, never changed.
type files struct {
	servers []netip.AddrPort
	conf    *dns.ClientConfig // search list and ndots
	hosts   map[string][]netip.Addr
	names   map[netip.Addr]string // that hosts has for an address, the first of its lines
	trouble error                 // why not all of it could be read
}

// system holds files and when they were read.
type system struct {
	now           *files
	looked        time.Time
	resolv, hosts stamp
}

// stamp tells one state of a file from another.
type stamp struct {
	size int64
	at   time.Time
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{size: -1}
	}
	return stamp{info.Size(), info.ModTime()}
}

// files reads what has changed.
func (r *Resolver) files() *files {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &r.system
	if s.now != nil && time.Since(s.looked) < lookEvery {
		return s.now
	}
	s.looked = time.Now()
	resolv, hosts := stampOf(r.cfg.Resolv), stampOf(r.cfg.Hosts)
	if s.now == nil || resolv != s.resolv || hosts != s.hosts {
		s.now = readFiles(r.cfg)
		s.resolv, s.hosts = resolv, hosts
	}
	return s.now
}

// readFiles reads both. A file that is not there says nothing; one that cannot
// be read is told to whoever finds no answer.
func readFiles(cfg Config) *files {
	conf, errConf := readResolv(cfg.Resolv)
	hosts, names, errHosts := readHosts(cfg.Hosts)
	f := &files{servers: cfg.Servers, conf: conf, hosts: hosts, names: names, trouble: errors.Join(errConf, errHosts)}
	if len(f.servers) == 0 {
		for _, s := range conf.Servers {
			if a, err := netip.ParseAddr(s); err == nil {
				f.servers = append(f.servers, netip.AddrPortFrom(a, 53))
			}
		}
	}
	if len(f.servers) == 0 { // resolv.conf(5): the name server of this machine
		f.servers = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:53")}
	}
	f.servers = f.servers[:min(len(f.servers), maxServers)]
	return f
}

func readResolv(path string) (*dns.ClientConfig, error) {
	text, err := read(path, maxResolv)
	conf, broken := dns.ClientConfigFromReader(bytes.NewReader(text))
	if broken != nil {
		conf, _ = dns.ClientConfigFromReader(strings.NewReader("")) // nothing to stumble over
		err = fmt.Errorf("reading %s: %w", path, broken)
	}
	return conf, err
}

func readHosts(path string) (map[string][]netip.Addr, map[netip.Addr]string, error) {
	text, err := read(path, maxHosts)
	hosts, names, broken := parseHosts(text)
	if broken != nil {
		err = fmt.Errorf("reading %s: %w", path, broken)
	}
	return hosts, names, err
}

// parseHosts reads hosts(5): an address and its names on each line, the first of
// which is the one that it is known by.
func parseHosts(text []byte) (map[string][]netip.Addr, map[netip.Addr]string, error) {
	hosts, names := map[string][]netip.Addr{}, map[netip.Addr]string{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		a, err := netip.ParseAddr(fields[0])
		if err != nil {
			continue // as every reader of this file does
		}
		if at := a.Unmap().WithZone(""); names[at] == "" {
			names[at] = hostKey(fields[1])
		}
		for _, name := range fields[1:] {
			key := hostKey(name)
			if len(hosts[key]) < maxAddresses {
				hosts[key] = append(hosts[key], a.Unmap())
			}
		}
	}
	return hosts, names, lines.Err()
}

func hostKey(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// lookUp finds a name in the hosts file. RFC 6761 gives localhost away for ever.
func (f *files) lookUp(name string) []netip.Addr {
	key := hostKey(name)
	if addrs := f.hosts[key]; len(addrs) > 0 {
		return addrs
	}
	if key == "localhost" || strings.HasSuffix(key, ".localhost") {
		return []netip.Addr{netip.IPv6Loopback(), netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	}
	return nil
}

func read(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if int64(len(text)) > limit {
		return nil, errors.New(path + " is larger than " + strconv.FormatInt(limit, 10) + " bytes")
	}
	return text, err
}
