package config

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Parsers of mod_ban and mod_redis.

var banEvents = []string{
	"AnonRejectPasswords", "BadProtocol", "ClientConnectRate", "EmptyPassword", "MaxClientsPerClass",
	"MaxClientsPerHost", "MaxClientsPerUser", "MaxCommandRate", "MaxConnectionsPerHost", "MaxHostsPerUser",
	"MaxLoginAttempts", "MaxLoginAttemptsFromUser", "RootLogin", "TimeoutIdle", "TimeoutLogin",
	"TimeoutNoTransfer", "TLSHandshake", "UnhandledCommand",
}

func parseBanOnEvent(c *call) effect {
	if !c.need(3) {
		return effect{}
	}
	i := slices.IndexFunc(banEvents, func(e string) bool { return strings.EqualFold(e, c.arg(0)) })
	if i < 0 {
		c.errorf(c.at(0), "unknown event '%s'%s", c.arg(0), nearestOf(c.arg(0), banEvents))
		return effect{}
	}
	switch banEvents[i] {
	case "AnonRejectPasswords", "MaxCommandRate":
		c.warnf(c.at(0), "%s never happens at this gateway, which has no directive of that name", banEvents[i])
	}
	count, window, ok := strings.Cut(c.arg(1), "/")
	n, err := strconv.Atoi(count)
	within, ok2 := parseDuration(window)
	if !ok || err != nil || n < 1 || !ok2 || within == 0 {
		c.errorf(c.at(1), "badly formatted frequency '%s': expected count/hh:mm:ss, such as 3/00:10:00", c.arg(1))
	}
	length, ok := parseDuration(c.arg(2))
	if !ok {
		c.errorf(c.at(2), "badly formatted time '%s': expected hh:mm:ss", c.arg(2))
	}
	v := BanEvent{Event: banEvents[i], Count: n, Window: within, Ban: length, Message: c.rest(3)}
	return set(func(s *Settings) { s.Ban.Events = joined(s.Ban.Events, v) })
}

func parseRedisServer(c *call) effect {
	if !c.need(1) {
		return effect{}
	}
	v := Redis{Server: c.arg(0)}
	if !strings.HasPrefix(v.Server, "/") {
		if _, port, err := net.SplitHostPort(v.Server); err != nil || port == "" {
			c.errorf(c.at(0), "'%s' is not an address: expected host:port or the path of a socket", v.Server)
		}
	}
	var words []string
	for i := 1; i < len(c.args); i++ {
		key, value, isPair := strings.Cut(c.arg(i), ":")
		switch n, err := strconv.Atoi(c.arg(i)); {
		case isPair && strings.HasPrefix(strings.ToLower(key), "ssl"):
			v.TLS = v.TLS || strings.EqualFold(value, "true")
		case err == nil && n >= 0 && n < 1024 && i == len(c.args)-1:
			v.DB = n
		case c.arg(i) != "":
			words = append(words, c.arg(i))
		}
	}
	switch len(words) {
	case 0:
	case 1:
		v.Password = words[0]
	case 2:
		v.User, v.Password = words[0], words[1]
	default:
		c.errorf(c.at(1), "wrong number of parameters: expected RedisServer %s", c.row.Syntax)
	}
	return set(func(s *Settings) {
		s.Redis.Server, s.Redis.User, s.Redis.Password, s.Redis.DB, s.Redis.TLS = v.Server, v.User, v.Password, v.DB, v.TLS
	})
}

func parseRedisTimeouts(c *call) effect {
	if !c.need(2) {
		return effect{}
	}
	connect, _ := c.integer(0, 1, 600_000)
	answer, _ := c.integer(1, 1, 600_000)
	v := []time.Duration{time.Duration(connect) * time.Millisecond, time.Duration(answer) * time.Millisecond}
	return set(func(s *Settings) { s.Redis.Timeouts = v })
}
