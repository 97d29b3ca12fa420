package ftpsession

import (
	"errors"
	"slices"
	"time"

	"github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/ftp"
	"github.com/sluice-gateway/sluice/protocols/logformat"
)

// entry is a command that is not answered yet.
type entry struct {
	cmd      ftp.Command
	of       logformat.Classes
	at       time.Time
	began    bool // a preliminary reply was given
	transfer logformat.Transfer
}

// pending are the open entries, the oldest first. The dialogue bounds how many there can be.
type pending struct{ list []entry }

// transfers are the commands with a data connection; uploads those of them that send to the backend.
var (
	uploads   = map[string]bool{ftp.STOR: true, ftp.STOU: true, ftp.APPE: true}
	transfers = map[string]bool{ftp.STOR: true, ftp.STOU: true, ftp.APPE: true, ftp.RETR: true,
		ftp.LIST: true, ftp.NLST: true, ftp.MLSD: true}
)

// aside tells commands that may be answered before the transfer that they were sent in.
func aside(verb string) bool { return verb == ftp.STAT || verb == ftp.NOOP }

// lineVerb is what is known of a line that is no command.
func lineVerb(err error) (verb string, bad bool) {
	if err == nil {
		return "", false
	}
	var line *ftp.LineError
	if errors.As(err, &line) {
		verb = line.Verb
	}
	return verb, true
}

// push adds a command. The first ABOR in mid transfer is not kept waiting by others.
func (p *pending) push(e entry) {
	at := len(p.list)
	if e.cmd.Verb == ftp.ABOR && p.transferring() {
		first := 1
		for first < at && aside(p.list[first].cmd.Verb) {
			first++
		}
		if first == at || p.list[first].cmd.Verb != ftp.ABOR {
			at = first
		}
	}
	p.list = slices.Insert(p.list, at, e)
}

func (p *pending) transferring() bool {
	return len(p.list) > 0 && transfers[ftp.Canonical(p.list[0].cmd.Verb)]
}

// take finds the command that a reply is the final one of.
func (p *pending) take(r ftp.Reply) (e entry, found bool) {
	if len(p.list) == 0 {
		return entry{}, false
	}
	if r.Preliminary() {
		p.list[0].began = true
		return entry{}, false
	}
	at := p.asked(r.Code)
	e = p.list[at]
	p.list = slices.Delete(p.list, at, at+1)
	if len(p.list) == 0 {
		p.list = nil // an idle session keeps no queue
	}
	return e, true
}

// asked is the place of the command that a code answers: nearly always the first one.
func (p *pending) asked(code int) int {
	if len(p.list) < 2 {
		return 0
	}
	switch first := &p.list[0]; {
	case p.transferring() && first.began && aside(p.list[1].cmd.Verb) && !endsTransfer(code):
		return 1
	case aside(first.cmd.Verb) && endsTransfer(code): // what is left is the second reply to an ABOR
		return max(0, slices.IndexFunc(p.list, func(e entry) bool { return e.cmd.Verb == ftp.ABOR }))
	}
	return 0
}

// endsTransfer reports whether a code is a transfer's last word, RFC 959 section 5.4, rather than the
// answer to STAT or NOOP.
func endsTransfer(code int) bool {
	switch code {
	case 225, 226, 250, 425, 426, 450, 451, 452, 550, 551, 552, 553:
		return true
	}
	return false
}

// finished notes what the data channel says of the transfer under way.
func (p *pending) finished(ev messages.TransferFinished, now time.Time) {
	if !p.transferring() {
		return
	}
	e := &p.list[0]
	t := &e.transfer
	t.Bytes, t.Millis, t.Failure = ev.Bytes, now.Sub(e.at).Milliseconds(), ev.Reason
	switch {
	case ev.Err == nil:
		t.Status = logformat.Success
	case ev.Stage == messages.StageStall:
		t.Status = logformat.TimedOut
	case ev.Stage == messages.StageAbort && len(p.list) > 1 && p.list[1].cmd.Verb == ftp.ABOR:
		t.Status = logformat.Cancelled
	default:
		t.Status = logformat.Failed
	}
	if t.Failure == "" && ev.Err != nil {
		t.Failure = ev.Stage.String()
	}
}

// recorded notes what the dialogue says of a transfer of a file.
func (p *pending) recorded(a dialogue.RecordTransfer) {
	if !p.transferring() {
		return
	}
	t := &p.list[0].transfer
	t.Bytes, t.Millis, t.ASCII = a.Bytes, a.Took.Milliseconds(), a.Type == 'A'
	switch {
	case a.Complete:
		t.Status, t.Failure = logformat.Success, ""
	case t.Status == logformat.Success, t.Status == logformat.NoTransfer:
		t.Status = logformat.Failed
	}
}

// settle concludes what a transfer was, with its final reply. Where none began, the refusal is its failure.
func (e *entry) settle(r ftp.Reply, restarted bool) {
	t := &e.transfer
	if r.Negative() && (t.Status == logformat.Success || t.Status == logformat.NoTransfer || !e.began) {
		t.Status, t.Failure = logformat.Failed, r.Text
	}
	if t.Status == logformat.Failed && t.Failure == "" {
		t.Failure = r.Text
	}
	switch ftp.Canonical(e.cmd.Verb) {
	case ftp.LIST, ftp.NLST, ftp.MLSD:
		t.ASCII = true
	case ftp.RETR, ftp.STOR, ftp.STOU:
		t.FileSize, t.SizeOK = t.Bytes, t.Status == logformat.Success && !restarted && !t.ASCII
	}
}
