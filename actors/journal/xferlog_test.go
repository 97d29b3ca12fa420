package journal

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/messages"
)

// transfer is a plain download to change in the cases.
func transfer(change func(*messages.RecordTransfer)) messages.RecordTransfer {
	r := messages.RecordTransfer{
		Started: time.Date(2026, 8, 5, 7, 4, 3, 0, time.Local), Took: 2 * time.Second,
		Client: netip.MustParseAddr("192.0.2.7"), Bytes: 1048576, Path: "/pub/file.bin",
		Type: messages.Binary, Direction: messages.Outgoing, Mode: messages.RealUser,
		User: "alice", Service: messages.FTP, Complete: true,
	}
	if change != nil {
		change(&r)
	}
	return r
}

func TestXferlogLine(t *testing.T) {
	cases := []struct {
		name   string
		change func(*messages.RecordTransfer)
		want   string
	}{
		{"a_download", nil,
			"Wed Aug 05 07:04:05 2026 2 192.0.2.7 1048576 /pub/file.bin b _ o r alice ftp 0 * c"},
		{"an_upload_that_broke_off", func(r *messages.RecordTransfer) {
			r.Direction, r.Complete, r.Bytes = messages.Incoming, false, 17
		}, "Wed Aug 05 07:04:05 2026 2 192.0.2.7 17 /pub/file.bin b _ i r alice ftp 0 * i"},
		{"a_deletion_takes_no_time", func(r *messages.RecordTransfer) {
			r.Direction, r.Took, r.Bytes = messages.Deleted, 0, 0
		}, "Wed Aug 05 07:04:03 2026 0 192.0.2.7 0 /pub/file.bin b _ d r alice ftp 0 * c"},
		{"ascii_by_an_anonymous_user", func(r *messages.RecordTransfer) {
			r.Type, r.Mode, r.User = messages.ASCII, messages.Anonymous, "me@example.com"
		}, "Wed Aug 05 07:04:05 2026 2 192.0.2.7 1048576 /pub/file.bin a _ o a me@example.com ftp 0 * c"},
		{"a_guest_over_tls", func(r *messages.RecordTransfer) { r.Mode, r.Service = messages.Guest, messages.FTPS },
			"Wed Aug 05 07:04:05 2026 2 192.0.2.7 1048576 /pub/file.bin b _ o g alice ftps 0 * c"},
		{"sftp", func(r *messages.RecordTransfer) { r.Service = messages.SFTP },
			"Wed Aug 05 07:04:05 2026 2 192.0.2.7 1048576 /pub/file.bin b _ o r alice sftp 0 * c"},
		{"scp_from_an_ipv6_client", func(r *messages.RecordTransfer) {
			r.Service, r.Client = messages.SCP, netip.MustParseAddr("2001:db8::7")
		}, "Wed Aug 05 07:04:05 2026 2 2001:db8::7 1048576 /pub/file.bin b _ o r alice scp 0 * c"},
		{"a_mapped_address_is_shown_as_ipv4", func(r *messages.RecordTransfer) {
			r.Client = netip.MustParseAddr("::ffff:192.0.2.9")
		}, "Wed Aug 05 07:04:05 2026 2 192.0.2.9 1048576 /pub/file.bin b _ o r alice ftp 0 * c"},
		{"the_clients_name_where_it_is_known", func(r *messages.RecordTransfer) { r.ClientName = "c.example" },
			"Wed Aug 05 07:04:05 2026 2 c.example 1048576 /pub/file.bin b _ o r alice ftp 0 * c"},
		{"blanks_and_controls_in_the_path", func(r *messages.RecordTransfer) { r.Path = "/a b\tc\r\nd\x00e\x7f\u00a0\u0085f" },
			"Wed Aug 05 07:04:05 2026 2 192.0.2.7 1048576 /a_b_c__d_e___f b _ o r alice ftp 0 * c"},
		{"other_bytes_stay", func(r *messages.RecordTransfer) { r.Path = "/Übung/\xe4\xff\"'%" },
			"Wed Aug 05 07:04:05 2026 2 192.0.2.7 1048576 /Übung/\xe4\xff\"'% b _ o r alice ftp 0 * c"},
		{"a_user_cannot_shift_the_columns", func(r *messages.RecordTransfer) { r.User = "al ice\n" },
			"Wed Aug 05 07:04:05 2026 2 192.0.2.7 1048576 /pub/file.bin b _ o r al_ice_ ftp 0 * c"},
		{"nothing_is_still_a_column", func(r *messages.RecordTransfer) {
			r.Path, r.User, r.Service, r.Type, r.Direction, r.Mode = "", "", "", 0, 0, 0
		}, "Wed Aug 05 07:04:05 2026 2 192.0.2.7 1048576 _ b _ o r _ _ 0 * c"},
		{"seconds_are_rounded_down", func(r *messages.RecordTransfer) { r.Took = 2999 * time.Millisecond },
			"Wed Aug 05 07:04:05 2026 2 192.0.2.7 1048576 /pub/file.bin b _ o r alice ftp 0 * c"},
		{"more_than_2_gib", func(r *messages.RecordTransfer) { r.Bytes = 5 << 40 },
			"Wed Aug 05 07:04:05 2026 2 192.0.2.7 5497558138880 /pub/file.bin b _ o r alice ftp 0 * c"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := string(appendXferlog([]byte("x"), transfer(c.change))); got != "x"+c.want+"\n" {
				t.Errorf("got  %q\nwant %q", got, "x"+c.want+"\n")
			}
		})
	}
}

func FuzzXferlogLine(f *testing.F) {
	f.Add("/pub/a b", "alice", "c.example")
	f.Add("\x85\u2028\n", "", "\xa0")
	shape := regexp.MustCompile(`^\w{3} \w{3} \d\d \d\d:\d\d:\d\d \d{4} \d+ \S+ \d+ \S+ b _ o r \S+ ftp 0 \* c\n$`)
	f.Fuzz(func(t *testing.T, path, user, name string) {
		line := string(appendXferlog(nil, transfer(func(r *messages.RecordTransfer) {
			r.Path, r.User, r.ClientName = path, user, name
		})))
		if fields := strings.Fields(line); len(fields) != 18 || !shape.MatchString(line) {
			t.Fatalf("%q is not a line of 18 columns", line)
		}
	})
}
