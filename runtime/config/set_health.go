package config

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Parsers of ProxyReverseHealthPolicy and ProxyDNSServer.

// Bounds of the health policy: a typo must not ask for a check a millisecond, nor
// take a backend out for a year.
const (
	maxHealthRow      = 1000
	maxHealthTime     = 24 * time.Hour
	maxPasswordFile   = 4 << 10
	maxDNSServers     = 16
	dnsPort           = 53
	defaultDownAfter  = 2
	defaultExpires    = 30 * time.Second
	defaultInterval   = 5 * time.Second
	defaultTimeout    = 2 * time.Second
	defaultRise       = 2
	defaultFall       = 3
	defaultFailures   = 3 // when no line speaks of checks
	healthExpectation = "expected off, PassiveChecks, ActiveChecks, AllDown or SlowStart"
)

func defaultHealth() Health {
	return Health{Passive: PassiveHealth{On: true, Failures: defaultFailures, Expires: defaultExpires}}
}

var healthChecks = keywords[HealthCheck]{
	{"connect", CheckConnect}, {"banner", CheckBanner}, {"login", CheckLogin}, {"tls", CheckTLS}, {"ssh", CheckSSH},
}

func parseHealthPolicy(c *call) effect {
	if !c.need(1) {
		return effect{}
	}
	switch strings.ToLower(c.arg(0)) {
	case "off":
		if len(c.args) > 1 {
			c.errorf(c.at(1), "off stands alone, without '%s'", c.rest(1))
		}
		return set(func(s *Settings) { s.Proxy.Health = Health{ChecksSet: true} })
	case "passivechecks":
		return c.passiveChecks()
	case "activechecks":
		return c.activeChecks()
	case "alldown":
		return c.allDown()
	case "slowstart":
		if !c.need(2) {
			return effect{}
		}
		v, _ := c.healthTime(1, 0)
		c.nothingFrom(2)
		return set(func(s *Settings) { s.Proxy.Health.SlowStart = v })
	}
	c.errorf(c.at(0), "unknown health policy '%s': %s", c.arg(0), healthExpectation)
	return effect{}
}

// checks begins what a line about checks says: the default no longer counts.
func (h *Health) checks() *Health {
	if !h.ChecksSet {
		h.Passive, h.ChecksSet = PassiveHealth{}, true
	}
	return h
}

func (c *call) passiveChecks() effect {
	v := PassiveHealth{On: true, Failures: defaultDownAfter, Expires: defaultExpires}
	c.settings(1, map[string]func(i int){
		"failures": func(i int) { v.Failures, _ = c.integer(i, 1, maxHealthRow) },
		"expires":  func(i int) { v.Expires, _ = c.healthTime(i, time.Second) },
	})
	return set(func(s *Settings) { s.Proxy.Health.checks().Passive = v })
}

func (c *call) activeChecks() effect {
	if !c.need(2) {
		return effect{}
	}
	v := ActiveHealth{On: true, Interval: defaultInterval, Timeout: defaultTimeout, Rise: defaultRise, Fall: defaultFall}
	var known bool
	if v.Check, known = healthChecks.find(c.arg(1)); !known {
		c.errorf(c.at(1), "unknown check '%s': expected one of %s", c.arg(1), healthChecks.list())
	}
	timeoutAt, userAt := 0, 0
	c.settings(2, map[string]func(i int){
		"interval":      func(i int) { v.Interval, _ = c.healthTime(i, time.Second) },
		"timeout":       func(i int) { v.Timeout, _ = c.healthTime(i, time.Second); timeoutAt = i },
		"rise":          func(i int) { v.Rise, _ = c.integer(i, 1, maxHealthRow) },
		"fall":          func(i int) { v.Fall, _ = c.integer(i, 1, maxHealthRow) },
		"user":          func(i int) { v.User, userAt = c.loginName(i), i },
		"password-file": func(i int) { v.Password = c.passwordFile(i) },
	})
	switch {
	case c.bad:
	case timeoutAt == 0:
		v.Timeout = min(v.Timeout, v.Interval)
	case v.Timeout > v.Interval:
		c.errorf(c.at(timeoutAt), "a check of up to %v does not end before the next one begins after %v: write a longer interval", v.Timeout, v.Interval)
	}
	switch {
	case c.bad:
	case v.Check != CheckLogin && (userAt > 0 || v.Password != ""):
		c.errorf(c.at(1), "user and password-file have a meaning for ActiveChecks login only, not for %s", v.Check)
	case v.User != "" && v.Password == "":
		c.errorf(c.at(userAt), "there is no password for '%s': name a password-file", v.User)
	}
	return set(func(s *Settings) { s.Proxy.Health.checks().Active = v })
}

func (c *call) allDown() effect {
	if !c.need(2) {
		return effect{}
	}
	v, ok := keywords[AllDownPolicy]{{"try", AllDownTry}, {"refuse", AllDownRefuse}}.find(c.arg(1))
	if !ok {
		c.errorf(c.at(1), "unknown value '%s' of AllDown: expected try or refuse", c.arg(1))
	}
	c.nothingFrom(2)
	return set(func(s *Settings) { s.Proxy.Health.AllDown = v })
}

// settings reads pairs of a name and a value from argument i on, in any order.
func (c *call) settings(i int, known map[string]func(value int)) {
	seen := map[string]bool{}
	for ; i < len(c.args); i += 2 {
		name := strings.ToLower(c.arg(i))
		read, ok := known[name]
		switch {
		case !ok:
			c.errorf(c.at(i), "unknown setting '%s' of %s: expected %s", c.arg(i), c.arg(0), someOf(known))
			return // what follows may be its value, or the next name
		case seen[name]:
			c.errorf(c.at(i), "'%s' is given twice", c.arg(i))
		case i+1 == len(c.args):
			c.errorf(c.at(i), "'%s' has no value", c.arg(i))
		default:
			read(i + 1)
		}
		seen[name] = true
	}
}

func someOf(known map[string]func(int)) string {
	var names []string
	for name := range known {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func (c *call) nothingFrom(i int) {
	if i < len(c.args) {
		c.errorf(c.at(i), "'%s' is too much here: expected %s %s", c.rest(i), c.row.Name, c.row.Syntax)
	}
}

// healthTime reads a length of time between low and a day.
func (c *call) healthTime(i int, low time.Duration) (time.Duration, bool) {
	d, ok := c.duration(i)
	if ok && (d < low || d > maxHealthTime) {
		c.errorf(c.at(i), "expected a time from %v to %v, not '%s'", low, maxHealthTime, c.arg(i))
		return 0, false
	}
	return d, ok
}

func (c *call) loginName(i int) string {
	name := c.arg(i)
	if name == "" || strings.ContainsFunc(name, isControl) {
		c.errorf(c.at(i), "expected the name of an account")
	}
	return name
}

// passwordFile reads a password that nobody but the file's owner may see.
func (c *call) passwordFile(i int) HealthPassword {
	info, ok := c.keyInfo(i)
	if !ok {
		return ""
	}
	if c.private(i, info); c.bad {
		return ""
	}
	raw, err := c.load.files.ReadFile(c.arg(i), maxPasswordFile)
	if err != nil {
		c.errorf(c.at(i), "'%s' cannot be read: %v", c.arg(i), err)
		return ""
	}
	password, err := onlyLine(string(raw))
	if err != nil {
		c.errorf(c.at(i), "'%s' holds no password: %v", c.arg(i), err)
		return ""
	}
	return HealthPassword(password)
}

// onlyLine takes the end of a file's only line off. Errors do not quote it.
func onlyLine(text string) (string, error) {
	text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	switch {
	case text == "":
		return "", errors.New("it is empty")
	case strings.ContainsFunc(text, isControl):
		return "", errors.New("expected one line without control characters")
	}
	return text, nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

func parseDNSServers(c *call) effect {
	if !c.need(1) {
		return effect{}
	}
	var servers []netip.AddrPort
	for _, a := range c.args {
		server, err := dnsServer(a.Text)
		if err != nil {
			c.errorf(a.Pos, "'%s' is no address of a DNS server: %v", a.Text, err)
			continue
		}
		servers = append(servers, server)
	}
	if len(servers) > maxDNSServers {
		c.errorf(c.at(maxDNSServers), "more than %d servers: a name that none of them knows would take too long", maxDNSServers)
	}
	return set(func(p *Process) { p.DNSServers = joined(p.DNSServers, servers...) })
}

func dnsServer(text string) (netip.AddrPort, error) {
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	server := netip.AddrPortFrom(addr, dnsPort)
	if err != nil {
		if server, err = netip.ParseAddrPort(text); err != nil {
			return server, errors.New("expected an IP address, or one with a port such as 192.0.2.53:5353 or [2001:db8::53]:5353")
		}
	}
	if server.Addr().IsUnspecified() || server.Addr().IsMulticast() || server.Port() == 0 {
		return server, errors.New("nobody can be asked there")
	}
	return netip.AddrPortFrom(server.Addr().Unmap(), server.Port()), nil
}
