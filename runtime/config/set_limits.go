package config

import (
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Parsers of directives about clients' number and data connections.

// cap reads `n|none ["message"]` beginning at argument i.
func (c *call) cap(i int, usual string) Cap {
	v := Cap{Message: usual}
	if !strings.EqualFold(c.arg(i), "none") {
		n, err := strconv.Atoi(c.arg(i))
		if err != nil || n < 1 || n > 1<<30 {
			c.errorf(c.at(i), "parameter must be 'none' or a number greater than 0, not '%s'", c.arg(i))
		}
		v.Max = n
	}
	if i+1 < len(c.args) {
		v.Message = c.rest(i + 1)
	}
	return v
}

func clientCap(usual string, field func(*Settings) *Cap) parser {
	return func(c *call) effect {
		if !c.need(1) {
			return effect{}
		}
		v := c.cap(0, usual)
		return set(func(s *Settings) { *field(s) = v })
	}
}

func parseClassCap(c *call) effect {
	if !c.need(2) {
		return effect{}
	}
	v := ClassCap{Class: c.arg(0), Cap: c.cap(1, "Sorry, the maximum number of clients (%m) from your class are already connected.")}
	c.wantClass(0, v.Class)
	return set(func(s *Settings) { s.Limits.MaxClientsPerClass = joined(s.Limits.MaxClientsPerClass, v) })
}

// wantClass warns later, when all classes are known, about one that is not.
func (c *call) wantClass(i int, name string) {
	at := c.at(i)
	c.load.later = append(c.load.later, func() {
		if !slices.ContainsFunc(c.load.classes, func(class *Class) bool { return class.Name == name }) {
			c.warnf(at, "there is no <Class %s>: no client will belong to it", name)
		}
	})
}

func commandCap(field func(*Settings) *[]CmdCap) parser {
	return func(c *call) effect {
		if !c.need(2) {
			return effect{}
		}
		v := CmdCap{Commands: strings.Split(strings.ToUpper(c.arg(0)), ","), Cap: c.cap(1, "")}
		return set(func(s *Settings) { *field(s) = joined(*field(s), v) })
	}
}

var sizeUnits = keywords[int64]{{"B", 1}, {"Kb", 1 << 10}, {"Mb", 1 << 20}, {"Gb", 1 << 30}, {"Tb", 1 << 40}}

// fileSize reads "n unit" or "*".
func fileSize(field func(*Settings) *int64) parser {
	return func(c *call) effect {
		if c.arg(0) == "*" {
			return set(func(s *Settings) { *field(s) = 0 })
		}
		if !c.need(2) {
			return effect{}
		}
		unit, ok := sizeUnits.find(c.arg(1))
		if !ok {
			c.errorf(c.at(1), "unknown unit '%s': expected one of %s", c.arg(1), sizeUnits.list())
			return effect{}
		}
		n, err := strconv.ParseInt(c.arg(0), 10, 64)
		if err != nil || n < 1 || n > math.MaxInt64/unit {
			c.errorf(c.at(0), "expected a number greater than 0, not '%s'", c.arg(0))
		}
		return set(func(s *Settings) { *field(s) = n * unit })
	}
}

func parsePassivePorts(c *call) effect {
	if !c.need(2) {
		return effect{}
	}
	low, ok1 := c.integer(0, 1024, 65535)
	high, ok2 := c.integer(1, 1024, 65535)
	if ok1 && ok2 && low > high {
		c.errorf(c.at(1), "the highest port %d is below the lowest one, %d", high, low)
	}
	return set(func(s *Settings) { s.Data.PassivePorts = PortRange{uint16(low), uint16(high)} })
}

func parseMasquerade(c *call) effect {
	if !c.need(1) {
		return effect{}
	}
	text := c.arg(0)
	if _, err := netip.ParseAddr(text); err != nil && !hostName(text) {
		c.errorf(c.at(0), "'%s' is neither an address, a host name nor a network device", text)
	}
	return set(func(s *Settings) { s.Data.Masquerade = text })
}

func parseForeignAddress(c *call) effect {
	if !c.need(1) {
		return effect{}
	}
	if on, ok := booleans.find(c.arg(0)); ok {
		return set(func(s *Settings) { s.Data.AllowForeign, s.Data.AllowForeignClass, s.Data.ForeignSaid = on, "", true })
	}
	class := c.arg(0)
	c.wantClass(0, class)
	return set(func(s *Settings) {
		s.Data.AllowForeign, s.Data.AllowForeignClass, s.Data.ForeignSaid = false, class, true
	})
}

var rateCommands = []string{"APPE", "RETR", "STOR", "STOU"}

func parseTransferRate(c *call) effect {
	if !c.need(2) {
		return effect{}
	}
	v := Rate{Commands: strings.Split(strings.ToUpper(c.arg(0)), ",")}
	for _, verb := range v.Commands {
		if !slices.Contains(rateCommands, verb) {
			c.errorf(c.at(0), "'%s' cannot be slowed down: expected some of %s", verb, strings.Join(rateCommands, ","))
		}
	}
	rate, free, hasFree := strings.Cut(c.arg(1), ":")
	kb, err := strconv.ParseFloat(rate, 64)
	if err != nil || !(kb >= 0 && kb <= 1<<40) {
		c.errorf(c.at(1), "expected a number of kilobytes per second, not '%s'", rate)
		return effect{}
	}
	v.BytesPerSecond = int64(kb * 1024)
	if hasFree {
		if v.FreeBytes, err = strconv.ParseInt(free, 10, 64); err != nil || v.FreeBytes < 0 {
			c.errorf(c.at(1), "expected a number of bytes after ':', not '%s'", free)
		}
	}
	return set(func(s *Settings) { s.Data.TransferRates = joined(s.Data.TransferRates, v) })
}

func parseSocketOptions(c *call) effect {
	if !c.need(2) {
		return effect{}
	}
	var changes []func(*SocketOptions)
	for i := 0; i < len(c.args); i += 2 {
		if change := c.socketOption(i); change != nil {
			changes = append(changes, change)
		}
	}
	return set(func(s *Settings) {
		for _, change := range changes {
			change(&s.Data.Sockets)
		}
	})
}

func (c *call) socketOption(i int) func(*SocketOptions) {
	if i+1 >= len(c.args) {
		c.errorf(c.at(i), "'%s' has no value: options and values come in pairs", c.arg(i))
		return nil
	}
	switch strings.ToLower(c.arg(i)) {
	case "rcvbuf":
		n, _ := c.integer(i+1, 1024, 1<<30)
		return func(o *SocketOptions) { o.ReceiveBuffer = n }
	case "sndbuf":
		n, _ := c.integer(i+1, 1024, 1<<30)
		return func(o *SocketOptions) { o.SendBuffer = n }
	case "maxseg":
		n, _ := c.integer(i+1, 48, 65535)
		return func(o *SocketOptions) { o.MaxSegment = n }
	case "reuseport":
		c.boolean(i + 1)
		return nil
	case "keepalive":
		return c.keepAlive(i + 1)
	}
	c.errorf(c.at(i), "unknown socket option '%s': expected rcvbuf, sndbuf, maxseg, keepalive or reuseport", c.arg(i))
	return nil
}

// keepAlive reads on, off or idle:count:interval.
func (c *call) keepAlive(i int) func(*SocketOptions) {
	parts := strings.Split(c.arg(i), ":")
	if len(parts) != 3 {
		on, _ := c.boolean(i)
		return func(o *SocketOptions) { o.KeepAlive = on }
	}
	var n [3]int
	for k, p := range parts {
		v, err := strconv.Atoi(p)
		if err != nil || v < 1 || v > 32767 {
			c.errorf(c.at(i), "expected idle:count:interval in numbers, not '%s'", c.arg(i))
			return nil
		}
		n[k] = v
	}
	return func(o *SocketOptions) {
		o.KeepAlive, o.KeepIdle = true, time.Duration(n[0])*time.Second
		o.KeepCount, o.KeepInterval = n[1], time.Duration(n[2])*time.Second
	}
}
