package listing

import "bytes"

// span is a column: the bytes from:to of a line.
type span struct{ from, to int }

func (s span) of(line []byte) []byte { return line[s.from:s.to] }

// maxColumns is more than any family has before the name.
const maxColumns = 20

// columns appends the words of line from byte at on, until room is full.
func columns(line []byte, at int, room []span) []span {
	for len(room) < cap(room) {
		at = skipBlanks(line, at)
		if at == len(line) {
			break
		}
		end := wordEnd(line, at)
		room = append(room, span{at, end})
		at = end
	}
	return room
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func skipBlanks(line []byte, at int) int {
	for at < len(line) && isBlank(line[at]) {
		at++
	}
	return at
}

func wordEnd(line []byte, at int) int {
	for at < len(line) && !isBlank(line[at]) {
		at++
	}
	return at
}

// afterOne is what follows exactly one blank at byte at: a name, with the blanks
// that are its own.
func afterOne(line []byte, at int) []byte {
	if at >= len(line) || !isBlank(line[at]) {
		return nil
	}
	return line[at+1:]
}

// padded is a name after a column that is width wide and starts at from, when
// blanks fill it up; otherwise it is what follows the blanks at byte at, where the
// word in the column ends. Words are narrower than their columns.
func padded(line []byte, from, width, at int) []byte {
	begin := skipBlanks(line, at)
	if from+width < begin {
		begin = from + width
	}
	return line[begin:]
}

// number reads digits and nothing else; at most 18 of them, which is more than
// any file has octets.
func number(word []byte) (n uint64, ok bool) {
	if len(word) == 0 || len(word) > 18 {
		return 0, false
	}
	for _, c := range word {
		if !isDigit(c) {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, true
}

// small reads a number of at most four digits.
func small(word []byte) (n int, ok bool) {
	if len(word) > 4 {
		return 0, false
	}
	u, ok := number(word)
	return int(u), ok
}

// octal reads a mode or the like.
func octal(word []byte) (n uint16, ok bool) {
	if len(word) == 0 || len(word) > 8 {
		return 0, false
	}
	for _, c := range word {
		if c < '0' || c > '7' || n > 0o7777 {
			return 0, false
		}
		n = n<<3 | uint16(c-'0')
	}
	return n, n <= 0o7777
}

// clock reads "hh:mm", "hh:mm:ss" with or without a fraction, and AM or PM (also
// A and P) right behind; "." may stand for ":" between them.
func clock(word []byte) (d Date, ok bool) {
	if n := len(word); n > 0 && word[n-1]|0x20 == 'm' {
		word = word[:n-1]
	}
	half := byte(0)
	if n := len(word); n > 0 && (word[n-1]|0x20 == 'a' || word[n-1]|0x20 == 'p') {
		half, word = word[n-1]|0x20, word[:n-1]
	}
	if d, ok = clockFace(word); !ok {
		return Date{}, false
	}
	switch {
	case half != 0 && (d.Hour < 1 || d.Hour > 12):
		return Date{}, false
	case half == 'a' && d.Hour == 12:
		d.Hour = 0
	case half == 'p' && d.Hour < 12:
		d.Hour += 12
	}
	return d, d.Hour < 24 && d.Minute < 60 && d.Second <= 60
}

// clockFace reads the numbers of a time, whatever they are.
func clockFace(word []byte) (d Date, ok bool) {
	at := bytes.IndexAny(word, ":.")
	if at < 1 || at > 2 || len(word) < at+3 {
		return Date{}, false
	}
	var hour, minute, second bool
	d.Hour, hour = small(word[:at])
	d.Minute, minute = small(word[at+1 : at+3])
	second = len(word) == at+3
	if len(word) >= at+6 && word[at+3] == word[at] {
		d.Second, second = small(word[at+4 : at+6])
		if fraction := word[at+6:]; len(fraction) > 0 {
			_, digits := number(fraction[1:])
			second = second && fraction[0] == '.' && digits
		}
	}
	return d, hour && minute && second
}

// numericDate reads three numbers between "-", "/", "." or ",". A number of four
// digits, or one beyond 31, that stands first is the year; otherwise the month
// stands first, except between dots, or where it cannot be a month.
func numericDate(word []byte) (d Date, ok bool) {
	first := bytes.IndexAny(word, "-/.,")
	if first < 1 {
		return Date{}, false
	}
	second := bytes.IndexByte(word[first+1:], word[first])
	if second < 1 {
		return Date{}, false
	}
	second += first + 1
	a, okA := small(word[:first])
	b, okB := small(word[first+1 : second])
	c, okC := small(word[second+1:])
	switch {
	case !okA || !okB || !okC:
		return Date{}, false
	case first >= 3 || a > 31:
		d.Year, d.Month, d.Day = fullYear(a, first), b, c
	case word[first] == '.' || a > 12:
		d.Year, d.Month, d.Day = fullYear(c, len(word)-second-1), b, a
	default:
		d.Year, d.Month, d.Day = fullYear(c, len(word)-second-1), a, b
	}
	return d, d.valid()
}

// dayMonthYear reads "8-SEP-1996", or with two digits for the year.
func dayMonthYear(word []byte) (d Date, ok bool) {
	dash := bytes.IndexByte(word, '-')
	if dash < 1 || dash > 2 || len(word) < dash+len("-mmm-yy") || word[dash+4] != '-' {
		return Date{}, false
	}
	var day, mon, year bool
	d.Day, day = small(word[:dash])
	d.Month, mon = month(word[dash+1 : dash+4])
	digits := word[dash+5:]
	d.Year, year = small(digits)
	d.Year = fullYear(d.Year, len(digits))
	return d, day && mon && year && d.valid()
}

// at puts a time of day to a day.
func (d Date) at(time Date) Date {
	d.Hour, d.Minute, d.Second = time.Hour, time.Minute, time.Second
	return d
}
