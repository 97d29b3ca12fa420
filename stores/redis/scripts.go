package redis

import "github.com/redis/go-redis/v9"

// Each script is one step that nobody sees the half of. They may be run by
// Redis 5 and later, since they write after looking at the clock.

// applyScript does a batch.
//
//	KEYS  epoch, stamp, then one hash for each kind in the batch
//	ARGV  epoch expected (empty: any), epoch to begin if there is none,
//	      own stamp at least expected, stamp's life in ms, channel, id;
//	      then for each change: index of its hash in KEYS, p(ut) f(irst) or
//	      d(elete), field, value
//	gives epoch and own stamp, or epoch and 0 when nothing was written because
//	      the store is not the one that was expected
//
// HLEN comes first because an error, of a key that is no hash, would leave what
// was written before it.
var applyScript = redis.NewScript(`
for i = 3, #KEYS do redis.call('HLEN', KEYS[i]) end
local epoch = redis.call('GET', KEYS[1])
if not epoch then
	epoch = ARGV[2]
	redis.call('SET', KEYS[1], epoch)
end
local stamp = tonumber(redis.call('GET', KEYS[2]) or '0')
if (ARGV[1] ~= '' and ARGV[1] ~= epoch) or stamp < tonumber(ARGV[3]) then
	return {epoch, 0}
end
local function piece(field, value)
	if not value then return struct.pack('>BI4I4', 0, #field, 0) .. field end
	return struct.pack('>BI4I4', 1, #field, #value) .. field .. value
end
local done, late = {}, {}
for i = 7, #ARGV, 4 do
	local hash, op, field, value = KEYS[tonumber(ARGV[i])], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
	if op == 'd' then
		redis.call('HDEL', hash, field)
		done[#done + 1] = piece(field)
	elseif op == 'p' then
		redis.call('HSET', hash, field, value)
		done[#done + 1] = piece(field, value)
	elseif redis.call('HSETNX', hash, field, value) == 1 then
		done[#done + 1] = piece(field, value)
	else
		late[#late + 1] = {hash, field}
	end
end
stamp = redis.call('INCR', KEYS[2])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
if #done > 0 then
	redis.call('PUBLISH', ARGV[5], 'c' .. ARGV[6] .. table.concat(done))
end
if #late > 0 then
	for i, at in ipairs(late) do late[i] = piece(at[2], redis.call('HGET', at[1], at[2])) end
	redis.call('PUBLISH', ARGV[5], 'f' .. ARGV[6] .. table.concat(late))
end
return {epoch, stamp}
`)

// turnsScript takes turns.
//
//	KEYS  hash of the next turn by pool
//	ARGV  pool, how many, at least; the last turn there is
//	gives the first as text: numbers of an answer would lose their end
var turnsScript = redis.NewScript(`
local first = math.max(tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0'), tonumber(ARGV[3]))
local n = tonumber(ARGV[2])
if first > tonumber(ARGV[4]) - n then
	return redis.error_reply('ERR turns end at ' .. ARGV[4])
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', first + n))
return string.format('%.0f', first)
`)

// beatScript renews a lease.
//
//	KEYS  sorted set of leases by their ends in ms, hash of versions by gateway,
//	      hash of counts by gateway
//	ARGV  id, lease in ms, channel, version of its counts, 1 if they follow or
//	      0 if they should be there, the counts;
//	      then for each other gateway known: id, version
//	gives false when they should be there and are not; else for each other
//	      gateway: id, version, and its counts, or false where they are known
//
// All three keys go when nobody beats any more.
var beatScript = redis.NewScript(`
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
	redis.call('ZREM', KEYS[1], id)
	redis.call('HDEL', KEYS[2], id)
	redis.call('HDEL', KEYS[3], id)
end
local id, version = ARGV[1], ARGV[4]
local had = redis.call('HGET', KEYS[2], id)
if ARGV[5] == '1' then
	redis.call('HSET', KEYS[2], id, version)
	redis.call('HSET', KEYS[3], id, ARGV[6])
	if had ~= version and (had or ARGV[6] ~= '') then
		redis.call('PUBLISH', ARGV[3], 'n' .. id)
	end
elseif had ~= version then
	return false
end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[2]), id)
for i = 1, 3 do redis.call('PEXPIRE', KEYS[i], 10 * ARGV[2]) end
local known = {}
for i = 7, #ARGV, 2 do known[ARGV[i]] = ARGV[i + 1] end
local out, versions = {}, redis.call('HGETALL', KEYS[2])
for i = 1, #versions, 2 do
	local other, v = versions[i], versions[i + 1]
	if other ~= id then
		out[#out + 1] = other
		out[#out + 1] = v
		out[#out + 1] = known[other] ~= v and redis.call('HGET', KEYS[3], other)
	end
end
return out
`)

// leaveScript gives a lease up.
//
//	KEYS  as beatScript
//	ARGV  id, channel
var leaveScript = redis.NewScript(`
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
if redis.call('HDEL', KEYS[2], ARGV[1]) == 1 then
	redis.call('PUBLISH', ARGV[2], 'n' .. ARGV[1])
end
return 1
`)
