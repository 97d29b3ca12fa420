package backendurl

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// maxURL bounds one URL. Names are at most 253 bytes, credentials rarely
// longer than a hundred.
const maxURL = 2048

// Limits of the parameters.
const (
	MaxWeight = 1000
	maxMax    = 1_000_000
)

// Parse reads one backend. Errors never quote the text, which may hold a
// password; they say which part is wrong.
func Parse(s string) (URL, error) {
	u := URL{Weight: 1}
	if err := checkText(s); err != nil {
		return URL{}, err
	}
	scheme, rest, found := strings.Cut(s, "://")
	if !found {
		return URL{}, errors.New("missing '://': expected scheme://host[:port], such as ftp://ftp1.example.com:2121")
	}
	if err := u.parseScheme(scheme); err != nil {
		return URL{}, err
	}
	rest, params, hasParams := cutParams(rest)
	if hasParams {
		if err := u.parseParams(params); err != nil {
			return URL{}, err
		}
	}
	if err := u.parseAuthority(rest); err != nil {
		return URL{}, err
	}
	return u, nil
}

func checkText(s string) error {
	if s == "" {
		return errors.New("empty URL")
	}
	if len(s) > maxURL {
		return fmt.Errorf("longer than %d bytes", maxURL)
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return errors.New("blanks and control characters are not allowed in a URL")
		}
	}
	return nil
}

func (u *URL) parseScheme(s string) error {
	name, how, discovery := strings.Cut(s, "+")
	switch Scheme(name) {
	case FTP, FTPS, SFTP:
		u.Scheme = Scheme(name)
	default:
		return fmt.Errorf("unknown scheme %q: expected ftp, ftps or sftp in lower case, optionally with +srv or +txt", clip(s))
	}
	switch {
	case !discovery:
	case how == "srv":
		u.Discovery = DiscoverSRV
	case how == "txt":
		u.Discovery = DiscoverTXT
	default:
		return fmt.Errorf("unknown discovery %q: expected +srv or +txt", clip("+"+how))
	}
	return nil
}

// cutParams splits at the "?" that follows the host. A "?" in the userinfo
// belongs to the password, as nothing is percent-encoded.
func cutParams(s string) (before, params string, found bool) {
	host := strings.LastIndexByte(s, '@') + 1
	before, params, found = strings.Cut(s[host:], "?")
	return s[:host] + before, params, found
}

func (u *URL) parseAuthority(s string) error {
	if strings.Contains(s, "%") {
		return errors.New("'%' is not allowed: nothing is percent-decoded in a backend URL")
	}
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		// Userinfo without ":" is ignored as a whole, as the peer does.
		if user, password, ok := strings.Cut(s[:at], ":"); ok {
			if user == "" {
				return errors.New("empty user name before ':'")
			}
			u.HasUser, u.User, u.Password = true, user, password
		}
		s = s[at+1:]
	}
	host, port, err := splitHost(s)
	if err != nil {
		return err
	}
	u.Host = host
	return u.parsePort(port)
}

// splitHost separates host and what follows it.
func splitHost(s string) (host, rest string, err error) {
	if strings.HasPrefix(s, "[") {
		host, rest, found := strings.Cut(s[1:], "]")
		if !found {
			return "", "", errors.New("missing ']' after an IPv6 address")
		}
		a, err := netip.ParseAddr(host)
		if err != nil || !a.Is6() {
			return "", "", errors.New("only an IPv6 address may stand in brackets")
		}
		return host, rest, nil
	}
	i := strings.IndexByte(s, ':')
	if i < 0 {
		i = len(s)
	}
	return s[:i], s[i:], checkName(s[:i])
}

// checkName accepts IPv4 addresses and DNS names. Underscores occur in the
// names of SRV records.
func checkName(host string) error {
	if host == "" {
		return errors.New("missing host name")
	}
	if len(host) > 253 {
		return errors.New("host name longer than 253 bytes")
	}
	if strings.Contains(host, "/") {
		return errors.New("a path is allowed only after an explicit port: write host:port/path, or leave the path out")
	}
	for i := range len(host) {
		c := host[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
		digit := c >= '0' && c <= '9'
		if !letter && !digit && c != '-' && c != '.' && c != '_' {
			return fmt.Errorf("character %q is not allowed in a host name", c)
		}
	}
	return nil
}

// parsePort reads ":port[/ignored]" or nothing.
func (u *URL) parsePort(s string) error {
	u.Port = u.Scheme.DefaultPort()
	if s == "" {
		return nil
	}
	digits, ok := strings.CutPrefix(s, ":")
	if !ok {
		return errors.New("expected ':' and a port after the host")
	}
	digits, _, _ = strings.Cut(digits, "/")
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return errors.New("the port must be digits only; IPv6 addresses must be enclosed in [ ]")
		}
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || n == 0 {
		return errors.New("the port must be a number from 1 to 65535")
	}
	u.Port, u.ExplicitPort = uint16(n), true
	u.Implicit = u.Scheme == FTPS && n == 990 && u.Discovery == DiscoverNone
	return nil
}

// parseParams reads "weight=3&max=200&backup".
func (u *URL) parseParams(s string) error {
	seen := map[string]bool{}
	for item := range strings.SplitSeq(s, "&") {
		key, value, _ := strings.Cut(item, "=")
		if seen[key] {
			return fmt.Errorf("parameter %q is given twice", clip(key))
		}
		seen[key] = true
		var err error
		switch key {
		case "weight":
			u.Weight, err = number(item, value, 1, MaxWeight)
		case "max":
			u.Max, err = number(item, value, 1, maxMax)
		case "backup":
			if u.Backup = true; item != "backup" {
				err = errors.New("parameter \"backup\" takes no value")
			}
		default:
			err = fmt.Errorf("unknown parameter %q: expected weight=N, max=N or backup", clip(key))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func number(item, value string, low, high int) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < low || n > high || strings.HasPrefix(value, "+") {
		return 0, fmt.Errorf("parameter %q: expected a number from %d to %d", clip(item), low, high)
	}
	return n, nil
}

// clip bounds what an error quotes.
func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
