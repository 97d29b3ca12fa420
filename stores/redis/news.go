package redis

import (
	"encoding/binary"
	"fmt"

	"github.com/sluice-gateway/sluice/stores"
)

// A message of the channel is
//
//	what (1 byte) | id of the gateway that caused it | changes
//
// and a change, with the numbers in four bytes and big-endian,
//
//	1 if there is a value, or 0 (1 byte) | len field | len value | field | value
//
// where field is the stored key. The scripts write them.
const (
	changed = 'c' // the gateway wrote these records
	late    = 'f' // the gateway's First came too late; this is what is there
	counted = 'n' // the gateway's counts changed; no changes follow
)

// idLen is the length of a gateway's id.
const idLen = 32

// changeHead is the length of a change before its field.
const changeHead = 9

// parseNews reads a message for the gateway called own; false when it is not
// meant for it.
func parseNews(message, own string) (n stores.News, mine bool, err error) {
	if len(message) < 1+idLen {
		return n, false, fmt.Errorf("%w: news of %d bytes", stores.ErrMalformed, len(message))
	}
	from, rest := message[1:1+idLen], message[1+idLen:]
	switch message[0] {
	case changed:
		mine = from != own
	case late:
		mine = from == own
	case counted:
		if rest != "" {
			return n, false, fmt.Errorf("%w: %d bytes after news of counts", stores.ErrMalformed, len(rest))
		}
		mine = from != own
		return stores.News{Counts: mine}, mine, nil
	default:
		return n, false, fmt.Errorf("%w: news of kind %q", stores.ErrVersion, message[0])
	}
	if !mine {
		return n, false, nil
	}
	for rest != "" {
		var c stores.Change
		if c, rest, err = parseChange(rest); err != nil {
			return stores.News{}, false, err
		}
		n.Records = append(n.Records, c)
	}
	return n, true, nil
}

func parseChange(b string) (c stores.Change, rest string, err error) {
	if len(b) < changeHead || b[0] > 1 {
		return c, "", fmt.Errorf("%w: the head of a change is cut off", stores.ErrMalformed)
	}
	field := uint64(binary.BigEndian.Uint32([]byte(b[1:5])))
	value := uint64(binary.BigEndian.Uint32([]byte(b[5:9])))
	put, b := b[0] == 1, b[changeHead:]
	if field+value > uint64(len(b)) || (!put && value > 0) {
		return c, "", fmt.Errorf("%w: a change of %d and %d bytes, %d are left", stores.ErrMalformed, field, value, len(b))
	}
	if c.Key, err = stores.ParseKey([]byte(b[:field])); err != nil {
		return c, "", fmt.Errorf("%w: %w", stores.ErrMalformed, err)
	}
	if put {
		c.Value = []byte(b[field : field+value])
	}
	return c, b[field+value:], nil
}
