package journal

import (
	"time"

	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/logformat"
)

// recordCommand adds a line to the book of each log that wants the record. Here, and not in the session,
// is where the line is made: sessions have something better to do.
func (j *Journal) recordCommand(r *messages.RecordCommand) {
	r.Record.At = moment(r.At)
	for i := range r.Logs {
		log := &r.Logs[i]
		if !log.Wants.Wants(&r.Record) {
			continue
		}
		b := j.book(log.Log)
		if j.overflows(b) {
			j.spill(log.Log, append(log.Format.Append(nil, &r.Record), '\n'))
			continue
		}
		b.pending = append(log.Format.Append(b.pending, &r.Record), '\n')
		j.writeMuch(b)
	}
}

// moment breaks a time down in the zone of this machine.
func moment(t time.Time) logformat.Moment {
	t = t.Local()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	zone, offset := t.Zone()
	return logformat.Moment{
		Unix: t.Unix(), Nanos: t.Nanosecond(), Year: year, Month: int(month), Day: day,
		Hour: hour, Minute: minute, Second: second, Weekday: int(t.Weekday()), YearDay: t.YearDay(),
		Offset: offset, Zone: zone,
	}
}
