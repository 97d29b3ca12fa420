package redis

import "github.com/redis/go-redis/v9"

// Raw is the connection below a store, for tests that meddle.
func Raw(s *Store) *redis.Client { return s.client }

// Prefix is the one of its keys.
func Prefix(s *Store) string { return s.opt.Prefix }

// What the fuzz targets are about.
var (
	ParseNews    = parseNews
	ParseCounts  = parseCounts
	AppendCounts = appendCounts
)
