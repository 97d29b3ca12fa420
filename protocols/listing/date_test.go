package listing

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func fromTime(t time.Time) Date {
	t = t.UTC()
	return Date{t.Year(), int(t.Month()), t.Day(), t.Hour(), t.Minute(), t.Second()}
}

func TestDatesAreThoseOfTheCalendar(t *testing.T) {
	first, last := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix()
	for _, sec := range []int64{first, last, 0, -1, 951782399, 951782400, 4107542400} {
		sameMoment(t, sec)
	}
	if !Unix(first-1).IsZero() || !Unix(last+1).IsZero() {
		t.Error("a date outside the years 1 to 9999")
	}
	rapid.Check(t, func(t *rapid.T) { sameMoment(t, rapid.Int64Range(first, last).Draw(t, "seconds")) })
}

func sameMoment(t interface{ Errorf(string, ...any) }, sec int64) {
	d, want := Unix(sec), fromTime(time.Unix(sec, 0))
	if d != want || d.seconds() != sec || !d.valid() {
		t.Errorf("%d is %+v (%d), want %+v", sec, d, d.seconds(), want)
	}
}

func TestYearOfADateWithoutOne(t *testing.T) {
	for name, tt := range map[string]struct {
		now, date Date
		want      int
	}{
		"this year":                       {Date{2026, 6, 15, 12, 0, 0}, Date{Month: 6, Day: 14, Hour: 9}, 2026},
		"December in January is last":     {Date{2026, 1, 2, 0, 0, 0}, Date{Month: 12, Day: 30, Hour: 9}, 2025},
		"an hour ago on New Year":         {Date{2026, 1, 1, 0, 30, 0}, Date{Month: 12, Day: 31, Hour: 23, Minute: 30}, 2025},
		"a server further east, New Year": {Date{2025, 12, 31, 20, 0, 0}, Date{Month: 1, Day: 1, Hour: 6}, 2026},
		"a server further east, any day":  {Date{2026, 6, 15, 20, 0, 0}, Date{Month: 6, Day: 16, Hour: 6}, 2026},
		"two days ahead is last year":     {Date{2026, 6, 15, 20, 0, 0}, Date{Month: 6, Day: 17, Hour: 21}, 2025},
		"a leap day finds its year":       {Date{2026, 1, 15, 0, 0, 0}, Date{Month: 2, Day: 29}, 2024},
		"a leap day over 1900":            {Date{1903, 1, 15, 0, 0, 0}, Date{Month: 2, Day: 29}, 1896},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := tt.date.inLatestYear(tt.now)
			if !ok || got.Year != tt.want {
				t.Errorf("%+v, %v; want %d", got, ok, tt.want)
			}
		})
	}
	if d, ok := (Date{Month: 2, Day: 30}).inLatestYear(today); ok {
		t.Errorf("30 February is %+v", d)
	}
}

// A file of the last half year is shown with its time of day, and read back as
// of the right year on any day of any year.
func TestYearSurvivesOnAnyDay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := Unix(rapid.Int64Range(0, 4102444800).Draw(t, "now"))
		d := Unix(now.seconds() - rapid.Int64Range(-slack+60, 182*secondsPerDay).Draw(t, "age"))
		d.Second = 0
		e := Entry{Name: []byte("x"), Modify: d}
		p := Parser{Now: now}
		line := e.AppendLIST(nil, now)
		got, ok := p.Parse(line[:len(line)-2])
		if !ok || got.Modify != d {
			t.Fatalf("%q on %+v is of %+v, want %+v", line, now, got.Modify, d)
		}
	})
}

func TestYearsOfTwoAndThreeDigits(t *testing.T) {
	for word, want := range map[string]int{"01-02-69": 1969, "01-02-68": 2068, "01-02-00": 2000, "01-02-99": 1999, "01-02-103": 2003, "01-02-2103": 2103, "99-01-02": 1999, "2021-01-02": 2021, "13.02.05": 2005, "02.01.26": 2026} {
		if d, ok := numericDate([]byte(word)); !ok || d.Year != want {
			t.Errorf("%s is of %d, %v; want %d", word, d.Year, ok, want)
		}
	}
}
