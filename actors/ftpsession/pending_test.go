package ftpsession

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/protocols/ftp"
	"github.com/sluice-gateway/sluice/protocols/logformat"
)

// Words in capitals are commands that come, numbers are replies that go.
func TestRepliesFindTheirCommands(t *testing.T) {
	cases := map[string]struct{ dialogue, want string }{
		"one_after_the_other":                  {"USER 331 PASS 230 PWD 257", "USER=331 PASS=230 PWD=257"},
		"pipelined":                            {"CONNECT USER 220 331 PASS PWD 230 257", "CONNECT=220 USER=331 PASS=230 PWD=257"},
		"a_preliminary_reply_is_not_the_last":  {"RETR 150 226", "RETR=226"},
		"nobody_asked":                         {"421 PWD 257 421", "PWD=257"},
		"commands_wait_behind_a_transfer":      {"RETR 150 PWD CWD 226 257 250", "RETR=226 PWD=257 CWD=250"},
		"ABOR_gets_the_second_reply":           {"RETR 150 ABOR 426 226", "RETR=426 ABOR=226"},
		"ABOR_goes_ahead_of_what_waits":        {"RETR 150 PWD ABOR 426 226 257", "RETR=426 ABOR=226 PWD=257"},
		"a_second_ABOR_waits":                  {"RETR 150 ABOR PWD ABOR 426 226 257 225", "RETR=426 ABOR=226 PWD=257 ABOR=225"},
		"STAT_is_answered_in_mid_transfer":     {"STOR 150 STAT 211 226", "STAT=211 STOR=226"},
		"NOOP_may_be_answered_after_it":        {"STOR 150 NOOP NOOP 226 200 200", "STOR=226 NOOP=200 NOOP=200"},
		"STAT_and_ABOR":                        {"STOR 150 STAT ABOR 211 426 226", "STAT=211 STOR=426 ABOR=226"},
		"STAT_answered_after_ABOR":             {"STOR 150 STAT ABOR 426 226 211", "STOR=426 ABOR=226 STAT=211"},
		"a_refusal_is_the_transfers_own":       {"RETR STAT 530 211", "RETR=530 STAT=211"},
		"ABOR_without_a_transfer":              {"PWD ABOR 257 225", "PWD=257 ABOR=225"},
		"X_forms_and_listings_are_transfers":   {"MLSD 150 PWD ABOR 426 226 257", "MLSD=426 ABOR=226 PWD=257"},
		"what_is_open_at_the_end_stays_so":     {"RETR 150 PWD", ""},
		"a_transfer_that_waits_behind_another": {"RETR 150 RETR ABOR 426 226 150 226", "RETR=426 ABOR=226 RETR=226"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var p pending
			var got []string
			for word := range strings.FieldsSeq(c.dialogue) {
				code := 0
				if _, err := fmt.Sscan(word, &code); err != nil {
					p.push(entry{cmd: ftp.Command{Verb: word}})
					continue
				}
				if e, found := p.take(ftp.Reply{Code: code}); found {
					got = append(got, fmt.Sprintf("%s=%d", e.cmd.Verb, code))
				}
			}
			if d := cmp.Diff(c.want, strings.Join(got, " ")); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestHowATransferEnded(t *testing.T) {
	began := time.Unix(1000, 0)
	refused := errors.New("refused")
	end := func(err error, stage messages.Stage, n int64) *messages.TransferFinished {
		return &messages.TransferFinished{Bytes: n, Err: err, Stage: stage}
	}
	said := func(complete bool, n int64) *dialogue.RecordTransfer {
		return &dialogue.RecordTransfer{Bytes: n, Took: time.Second, Type: 'I', Complete: complete}
	}
	cases := map[string]struct {
		verb    string
		began   bool
		channel *messages.TransferFinished
		said    *dialogue.RecordTransfer
		code    int
		restart bool
		abort   bool
		want    string // status bytes size failure
	}{
		"a_whole_file":                {"RETR", true, end(nil, 0, 9), said(true, 9), 226, false, false, "success 9 9"},
		"the_rest_of_one":             {"RETR", true, end(nil, 0, 9), said(true, 9), 226, true, false, "success 9 -"},
		"what_was_appended":           {"APPE", true, end(nil, 0, 9), said(true, 9), 226, false, false, "success 9 -"},
		"a_listing":                   {"LIST", true, end(nil, 0, 9), nil, 226, false, false, "success 9 -"},
		"data_that_ended_but_no_word": {"RETR", true, end(nil, 0, 9), said(false, 9), 426, false, false, "failed 9 - text"},
		"a_broken_connection":         {"STOR", true, end(refused, messages.StageCopy, 3), said(false, 3), 426, false, false, "failed 3 - copy"},
		"a_stall":                     {"STOR", true, end(refused, messages.StageStall, 3), said(false, 3), 0, false, false, "timeout 3 - stalled"},
		"ABOR":                        {"RETR", true, end(refused, messages.StageAbort, 3), said(false, 3), 426, false, true, "cancelled 3 - aborted"},
		"refused_before_it_began":     {"RETR", false, end(refused, messages.StageAbort, 0), nil, 550, false, false, "failed 0 - text"},
		"without_a_data_connection":   {"RETR", false, nil, nil, 425, false, false, "failed 0 - text"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var p pending
			p.push(entry{cmd: ftp.Command{Verb: c.verb}, at: began, began: c.began})
			if c.abort {
				p.push(entry{cmd: ftp.Command{Verb: "ABOR"}})
			}
			if c.channel != nil {
				p.finished(*c.channel, began.Add(1500*time.Millisecond))
			}
			if c.said != nil {
				p.recorded(*c.said)
			}
			r := ftp.Reply{Code: c.code, Text: "text"}
			e := p.list[0]
			if c.code != 0 {
				e, _ = p.take(r)
				e.settle(r, c.restart)
			}
			size := "-"
			if e.transfer.SizeOK {
				size = fmt.Sprint(e.transfer.FileSize)
			}
			got := strings.TrimSpace(fmt.Sprintf("%v %d %s %s", e.transfer.Status, e.transfer.Bytes, size, e.transfer.Failure))
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if c.channel != nil && c.said == nil && e.transfer.Millis != 1500 || c.said != nil && e.transfer.Millis != 1000 {
				t.Errorf("took %d ms", e.transfer.Millis)
			}
		})
	}
	t.Run("a_listing_is_text", func(t *testing.T) {
		e := entry{cmd: ftp.Command{Verb: ftp.NLST}, transfer: logformat.Transfer{Status: logformat.Success}}
		if e.settle(ftp.Reply{Code: 226}, false); !e.transfer.ASCII {
			t.Error("taken for binary")
		}
	})
}
