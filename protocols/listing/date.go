package listing

// Date is a moment on the calendar, in UTC as far as anybody knows: LIST names
// no zone, and nothing is shifted unless the line itself says by how much. The
// zero Date means unknown.
type Date struct {
	Year, Month, Day     int // Month and Day count from 1
	Hour, Minute, Second int
}

const (
	secondsPerDay = 24 * 60 * 60

	// slack is how far in the future a date may lie before it is taken for one
	// of the year before: servers print local time, and clocks go wrong.
	slack = secondsPerDay

	// recent is how long LIST shows the time of day instead of the year; ls
	// takes half a mean year.
	recent = 31556952 / 2
)

// IsZero says that the date is not known.
func (d Date) IsZero() bool { return d == Date{} }

// valid says that the calendar has such a moment. A leap second counts.
func (d Date) valid() bool {
	return d.Year >= 1 && d.Year <= 9999 && d.Month >= 1 && d.Month <= 12 &&
		d.Day >= 1 && d.Day <= daysIn(d.Year, d.Month) &&
		d.Hour >= 0 && d.Hour < 24 && d.Minute >= 0 && d.Minute < 60 && d.Second >= 0 && d.Second <= 60
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// days counts from 1 March of the year 0: with the leap day last in a year,
// months have a regular pattern of 153 days in five.
func days(year, month, day int) int {
	month -= 3
	if month < 0 {
		month += 12
		year--
	}
	return 365*year + year/4 - year/100 + year/400 + (153*month+2)/5 + day - 1
}

// epoch is 1970-01-01 in days.
const epoch = 719468

// seconds since 1970, negative before.
func (d Date) seconds() int64 {
	return int64(days(d.Year, d.Month, d.Day)-epoch)*secondsPerDay + int64(d.Hour)*3600 + int64(d.Minute)*60 + int64(d.Second)
}

// Unix is the date so many seconds after 1970 (EPLF counts like that). Seconds
// beyond the years 1 to 9999 give the zero Date.
func Unix(sec int64) Date {
	first, last := Date{Year: 1, Month: 1, Day: 1}.seconds(), Date{Year: 9999, Month: 12, Day: 31}.seconds()
	if sec < first || sec >= last+secondsPerDay {
		return Date{}
	}
	since := sec + epoch*secondsPerDay // never negative here
	day, rest := int(since/secondsPerDay), int(since%secondsPerDay)
	year := day * 400 / 146097 // within one of the truth
	for days(year+1, 3, 1) <= day {
		year++
	}
	for days(year, 3, 1) > day {
		year--
	}
	day -= days(year, 3, 1)
	month := (5*day + 2) / 153
	day -= (153*month + 2) / 5
	if month += 3; month > 12 {
		month -= 12
		year++
	}
	return Date{year, month, day + 1, rest / 3600, rest / 60 % 60, rest % 60}
}

// inLatestYear gives a date without a year the last one in which it is not in
// the future of now. In January that is last year for a date in December; on New
// Year's Eve it may be next year, for a server further east. A leap day finds its
// leap year. ok is false when no year near now has such a day.
func (d Date) inLatestYear(now Date) (dated Date, ok bool) {
	for d.Year = now.Year + 1; d.Year >= now.Year-8; d.Year-- {
		if d.valid() && d.seconds() <= now.seconds()+slack {
			return d, true
		}
	}
	return Date{}, false
}

// fullYear reads what old systems print for a year: all of it, its last two
// digits (1969 to 2068, as strptime has it), or the years since 1900.
func fullYear(n, digits int) int {
	switch {
	case digits == 3 || n >= 100 && n < 200:
		return 1900 + n
	case digits > 2:
		return n
	case n >= 69:
		return 1900 + n
	}
	return 2000 + n
}

// isRecent says that LIST shows this date with its time of day.
func (d Date) isRecent(now Date) bool {
	age := now.seconds() - d.seconds()
	return age < recent && age > -slack
}
