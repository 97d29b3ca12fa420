package logfile

import (
	"testing"
	"time"
)

func TestSystemFormatLeavesPartsOut(t *testing.T) {
	at := time.Date(2026, 8, 5, 7, 4, 3, 21e6, time.Local)
	const line = `{"level":"info","server":"ftp.example","client":"1.2.3.4","message":"hello"}`
	cases := []struct {
		name   string
		format SystemFormat
		want   string
	}{
		{"nothing", SystemFormat{Host: "gw", PID: 9}, "2026-08-05 07:04:03,021 gw sluice[9] ftp.example (1.2.3.4[1.2.3.4]): hello\n"},
		{"the_time", SystemFormat{Host: "gw", PID: 9, NoTime: true}, "gw sluice[9] ftp.example (1.2.3.4[1.2.3.4]): hello\n"},
		{"the_host", SystemFormat{PID: 9}, "2026-08-05 07:04:03,021 sluice[9] ftp.example (1.2.3.4[1.2.3.4]): hello\n"},
		{"the_server", SystemFormat{Host: "gw", PID: 9, NoServer: true}, "2026-08-05 07:04:03,021 gw sluice[9] (1.2.3.4[1.2.3.4]): hello\n"},
		{"everything", SystemFormat{PID: 9, NoTime: true, NoServer: true}, "sluice[9] (1.2.3.4[1.2.3.4]): hello\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := string(c.format.Append(nil, []byte(line), at)); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}
