package logfile

import (
	"bytes"
	"encoding/json"
)

// This file takes zerolog's JSON apart without a general decoder, which would cost more than the rest
// of the rendering together. It reads what an encoder wrote, so it need not find every fault; it must
// only never run past the end, and say so when the text is not what it takes it for.

// cutMember cuts one `"key":value` and the comma behind it off the inside of an object.
func cutMember(b []byte) (key, value, rest []byte, ok bool) {
	key, rest, ok = cutValue(b)
	if !ok || key[0] != '"' {
		return nil, nil, nil, false
	}
	rest = bytes.TrimLeft(rest, " \t")
	if len(rest) == 0 || rest[0] != ':' {
		return nil, nil, nil, false
	}
	value, rest, ok = cutValue(bytes.TrimLeft(rest[1:], " \t"))
	if !ok {
		return nil, nil, nil, false
	}
	rest = bytes.TrimLeft(rest, " \t")
	if len(rest) > 0 {
		if rest[0] != ',' || len(rest) == 1 {
			return nil, nil, nil, false
		}
		rest = rest[1:]
	}
	return key, value, rest, true
}

// cutValue cuts one value off the front: a string, an object, an array or a bare word.
func cutValue(b []byte) (value, rest []byte, ok bool) {
	if len(b) == 0 {
		return nil, nil, false
	}
	size := 0
	switch b[0] {
	case '"':
		size = stringEnd(b)
	case '{', '[':
		size = nestEnd(b)
	default:
		size = bytes.IndexAny(b, ",:}] \t")
		if size < 0 {
			size = len(b)
		}
	}
	if size <= 0 {
		return nil, nil, false
	}
	return b[:size], b[size:], true
}

// stringEnd is where the string at the front of b ends, its quotes included; 0 if it does not.
func stringEnd(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}

// nestEnd is where the object or array at the front of b ends; 0 if it does not.
func nestEnd(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			size := stringEnd(b[i:])
			if size == 0 {
				return 0
			}
			i += size - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

// text is a value as it stands in a line: strings without their quotes and escapes, everything else as
// it is.
func text(value []byte) []byte {
	if len(value) < 2 || value[0] != '"' {
		return value
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return value[1 : len(value)-1]
	}
	var s string
	if json.Unmarshal(value, &s) != nil {
		return value
	}
	return []byte(s)
}
