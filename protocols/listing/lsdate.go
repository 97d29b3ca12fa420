package listing

import "bytes"

// The dates of ls:
//
//	Jan 29 03:26          within half a year; the year is the last that fits
//	Apr  8  1994          earlier
//	Jan 29 03:26:11 2026  ls -T
//	29. Jan 03:26         where the day stands first
//	2026-01-29 03:26      long-iso
//	2026-01-29 03:26:11.123456789 +0100
//	01-29 03:26           iso, within half a year
//	2024-01-29            iso, earlier; padded to the width of the other

// lsDate reads the date that begins at the first column, and the byte behind it.
func (p *Parser) lsDate(line []byte, cols []span) (d Date, end int, ok bool) {
	if isDigit(line[cols[0].from]) {
		if d, end, ok = p.isoDate(line, cols); ok {
			return d, end, true
		}
	}
	if len(cols) < 3 {
		return Date{}, 0, false
	}
	first, second := cols[0].of(line), cols[1].of(line)
	m, named := month(first)
	dayWord := second
	if !named {
		m, named = month(second)
		dayWord = first
	}
	day, numbered := small(bytes.TrimSuffix(dayWord, []byte(".")))
	if !named || !numbered || day > 31 {
		return Date{}, 0, false
	}
	d.Month, d.Day = m, day
	third := cols[2].of(line)
	if year, ok := small(third); ok && len(third) == 4 {
		d.Year = year
		return d, cols[2].to, d.valid()
	}
	time, ok := clock(third)
	if !ok {
		return Date{}, 0, false
	}
	d, end = d.at(time), cols[2].to
	if len(third) > len("hh:mm") && len(cols) > 3 {
		word := cols[3].of(line)
		if year, ok := small(word); ok && len(word) == 4 {
			d.Year = year
			return d, cols[3].to, d.valid()
		}
	}
	return p.thisYear(d, end)
}

// isoDate reads the styles that begin with numbers.
func (p *Parser) isoDate(line []byte, cols []span) (d Date, end int, ok bool) {
	word := cols[0].of(line)
	if len(word) == len("mm-dd") && word[2] == '-' && len(cols) > 1 {
		m, okM := small(word[:2])
		day, okD := small(word[3:])
		time, okT := clock(cols[1].of(line))
		d = Date{Month: m, Day: day}.at(time)
		if !okM || !okD || !okT {
			return Date{}, 0, false
		}
		return p.thisYear(d, cols[1].to)
	}
	if len(word) != len("yyyy-mm-dd") || word[4] != '-' {
		return Date{}, 0, false
	}
	if d, ok = numericDate(word); !ok {
		return Date{}, 0, false
	}
	if len(cols) > 1 {
		time, ok := clock(cols[1].of(line))
		if ok {
			d, end = d.at(time), cols[1].to
			if cols[1].to-cols[1].from > len("hh:mm:ss") && len(cols) > 2 {
				d, end = shifted(d, end, cols[2], line)
			}
			return d, end, true
		}
	}
	// The column is as wide as "mm-dd hh:mm".
	end = cols[0].to
	if end+1 < len(line) && isBlank(line[end]) {
		end++
	}
	return d, end, true
}

// shifted applies a zone like +0100, the one thing that a LIST can tell of UTC.
func shifted(d Date, end int, col span, line []byte) (Date, int) {
	zone := col.of(line)
	if len(zone) != len("+hhmm") || zone[0] != '+' && zone[0] != '-' {
		return d, end
	}
	hours, okH := small(zone[1:3])
	minutes, okM := small(zone[3:])
	if !okH || !okM {
		return d, end
	}
	offset := int64(hours*60+minutes) * 60
	if zone[0] == '+' {
		offset = -offset
	}
	return Unix(d.seconds() + offset), col.to
}

// thisYear completes a date without a year. A day that no year near has is no
// date; when nobody says what year it is, the date is left out.
func (p *Parser) thisYear(d Date, end int) (Date, int, bool) {
	if p.Now.IsZero() {
		d.Year = 2000 // a leap year: only to see whether there is such a day
		return Date{}, end, d.valid()
	}
	d, ok := d.inLatestYear(p.Now)
	return d, end, ok
}
