package logformat

import "strconv"

var (
	days   = [...]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
	months = [...]string{"January", "February", "March", "April", "May", "June", "July", "August", "September",
		"October", "November", "December"}
)

// commonTime is the time of %t, that of web servers' logs.
const commonTime = "[%d/%b/%Y:%H:%M:%S %z]"

// appendTime appends a time as strftime(3) would in the C locale. A conversion that it does not know
// stands as it is written.
func appendTime(b []byte, layout string, m *Moment) []byte {
	for i := 0; i < len(layout); i++ {
		if layout[i] != '%' || i+1 == len(layout) {
			b = append(b, layout[i])
			continue
		}
		i++
		if c := layout[i]; (c == 'E' || c == 'O') && i+1 < len(layout) { // modifiers for other locales
			i++
		}
		b = appendConversion(b, layout[i], m)
	}
	return b
}

// shorthand are conversions that stand for others.
var shorthand = [256]string{
	'c': "%a %b %e %H:%M:%S %Y", 'D': "%m/%d/%y", 'x': "%m/%d/%y", 'F': "%Y-%m-%d",
	'R': "%H:%M", 'T': "%H:%M:%S", 'X': "%H:%M:%S", 'r': "%I:%M:%S %p", 'h': "%b",
}

func appendConversion(b []byte, c byte, m *Moment) []byte {
	if long := shorthand[c]; long != "" {
		return appendTime(b, long, m)
	}
	switch c {
	case 'a':
		return append(b, name(days[:], m.Weekday, 3)...)
	case 'A':
		return append(b, name(days[:], m.Weekday, 0)...)
	case 'b':
		return append(b, name(months[:], m.Month-1, 3)...)
	case 'B':
		return append(b, name(months[:], m.Month-1, 0)...)
	case 'p':
		return append(b, name([]string{"AM", "PM"}, m.Hour/12, 0)...)
	case 'z':
		return appendOffset(b, m.Offset, false)
	case 'Z':
		return append(b, m.Zone...)
	case 's':
		return strconv.AppendInt(b, m.Unix, 10)
	case 'n', 't':
		return append(b, ' ') // a line stays one
	case '%':
		return append(b, '%')
	}
	if n, width, fill := number(c, m); width > 0 {
		return pad(b, n, width, fill)
	}
	return append(b, '%', c)
}

// number is what a conversion to digits means; width 0: it is none.
func number(c byte, m *Moment) (n, width int, fill byte) {
	switch c {
	case 'Y':
		return m.Year, 4, '0'
	case 'C':
		return m.Year / 100, 2, '0'
	case 'y':
		return m.Year % 100, 2, '0'
	case 'm':
		return m.Month, 2, '0'
	case 'd':
		return m.Day, 2, '0'
	case 'e':
		return m.Day, 2, ' '
	case 'H':
		return m.Hour, 2, '0'
	case 'k':
		return m.Hour, 2, ' '
	case 'I':
		return (m.Hour+11)%12 + 1, 2, '0'
	case 'l':
		return (m.Hour+11)%12 + 1, 2, ' '
	case 'M':
		return m.Minute, 2, '0'
	case 'S':
		return m.Second, 2, '0'
	case 'j':
		return m.YearDay, 3, '0'
	case 'u':
		return (m.Weekday+6)%7 + 1, 1, '0'
	case 'w':
		return m.Weekday, 1, '0'
	}
	return 0, 0, 0
}

// name is one of a list, or its first letters; nothing for a Moment that is none.
func name(list []string, i, letters int) string {
	if i < 0 || i >= len(list) {
		return ""
	}
	if letters > 0 {
		return list[i][:letters]
	}
	return list[i]
}

// appendOffset appends a distance from UTC as +hhmm or +hh:mm.
func appendOffset(b []byte, seconds int, colon bool) []byte {
	sign := byte('+')
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	b = pad(append(b, sign), seconds/3600, 2, '0')
	if colon {
		b = append(b, ':')
	}
	return pad(b, seconds/60%60, 2, '0')
}

// pad appends a number in at least so many columns.
func pad(b []byte, n, width int, fill byte) []byte {
	digits := 1
	for rest := n / 10; rest > 0; rest /= 10 {
		digits++
	}
	for ; digits < width; digits++ {
		b = append(b, fill)
	}
	return strconv.AppendInt(b, int64(n), 10)
}
