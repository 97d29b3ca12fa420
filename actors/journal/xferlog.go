package journal

import (
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sluice-gateway/sluice/messages"
)

// appendXferlog appends the line of one transfer, xferlog(5):
//
//	Ddd Mmm dd hh:mm:ss YYYY secs client bytes path type _ dir mode user service auth authuser status
//
// The date is the end of the transfer in local time; seconds are whole, rounded down. The special-action
// column is always "_", and since no identity protocol is spoken auth is 0 and authuser "*".
func appendXferlog(b []byte, r messages.RecordTransfer) []byte {
	b = r.Started.Add(r.Took).Local().AppendFormat(b, "Mon Jan 02 15:04:05 2006 ")
	b = strconv.AppendInt(b, int64(max(r.Took, 0)/time.Second), 10)
	b = append(b, ' ')
	switch {
	case r.ClientName != "":
		b = appendColumn(b, r.ClientName)
	default:
		b = appendColumn(b, r.Client.Unmap().String())
	}
	b = append(b, ' ')
	b = strconv.AppendInt(b, max(r.Bytes, 0), 10)
	b = append(b, ' ')
	b = appendColumn(b, r.Path)
	b = append(b, ' ')
	b = append(b, letter(byte(r.Type), 'b'))
	b = append(b, " _ "...)
	b = append(b, letter(byte(r.Direction), 'o'), ' ', letter(byte(r.Mode), 'r'), ' ')
	b = appendColumn(b, r.User)
	b = append(b, ' ')
	b = appendColumn(b, string(r.Service))
	b = append(b, " 0 * "...)
	if r.Complete {
		return append(b, "c\n"...)
	}
	return append(b, "i\n"...)
}

// letter is a one-letter column; a forgotten one must not shift the columns behind it.
func letter(given, otherwise byte) byte {
	if given == 0 {
		return otherwise
	}
	return given
}

// appendColumn appends text as one column: blanks and control characters, which would end the column or
// the line, become "_", and so does nothing at all. Other bytes stay, whatever their encoding.
func appendColumn(b []byte, s string) []byte {
	if s == "" {
		return append(b, '_')
	}
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			b = append(b, '_')
		} else {
			b = append(b, s[i:i+size]...)
		}
		i += size
	}
	return b
}
