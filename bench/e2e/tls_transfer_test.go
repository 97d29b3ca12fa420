package e2e

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sourcegraph/conc"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// everySecure runs a case over each real server with TLS on both sides, once with each version.
func everySecure(t *testing.T, run func(*testing.T, target, peers.Versions)) {
	for _, kind := range peers.Kinds() {
		for _, version := range versions {
			t.Run(fmt.Sprintf("%s/%s", kind, version), func(t *testing.T) {
				t.Parallel()
				run(t, secureTarget(t, kind, explicit, explicit, version), version)
			})
		}
	}
}

// TestClaim22_Abort_in_TLS is TestClaim22_Abort over TLS, where no byte can be urgent.
func TestClaim22_Abort_in_TLS(t *testing.T) {
	everySecure(t, func(t *testing.T, tg target, version peers.Versions) {
		tg.put(t, "big", noise(big))
		c := tg.enter(t, explicit, clientConfig(t, version))
		for range 2 {
			d := c.Begin(peers.EPSV, "RETR big")
			if _, err := io.ReadFull(d.Stream(), make([]byte, 64<<10)); err != nil {
				t.Fatal(err)
			}
			c.Send("ABOR")
			// The client reads on: Pure-FTPd looks at its control connection only then.
			var rest int64
			var drain conc.WaitGroup
			drain.Go(func() { rest, _ = io.Copy(io.Discard, d.Stream()) }) // a reset is fine too
			untilAborted(t, tg, c)
			drain.Wait()
			d.Close()
			if rest >= big-64<<10 {
				t.Errorf("the whole file came although the transfer was aborted")
			}
			again(t, tg, c)

			up := c.Begin(peers.EPSV, "STOR aborted")
			if _, err := up.Stream().Write(noise(1 << 20)); err != nil {
				t.Fatal(err)
			}
			c.Send("ABOR")
			untilAborted(t, tg, c)
			up.Close()
			again(t, tg, c)
		}
	})
}

// TestStat_in_mid_transfer_in_TLS is TestStat_in_mid_transfer over TLS, in both directions.
func TestStat_in_mid_transfer_in_TLS(t *testing.T) {
	everySecure(t, func(t *testing.T, tg target, version peers.Versions) {
		body := noise(big)
		tg.put(t, "big", body)
		c := tg.enter(t, explicit, clientConfig(t, version))
		confirmed := func() {
			t.Helper()
			done := false
			for range 2 {
				done = c.Expect(226, 211, 212, 213, 500, 450).Code == 226 || done
			}
			if !done {
				t.Error("the transfer was not confirmed")
			}
		}
		d := c.Begin(peers.EPSV, "RETR big")
		head := make([]byte, 64<<10)
		if _, err := io.ReadFull(d.Stream(), head); err != nil {
			t.Fatal(err)
		}
		c.Send("STAT")
		rest, err := io.ReadAll(d.Stream())
		if err != nil {
			t.Fatal(err)
		}
		d.Finish()
		confirmed()
		sameBytes(t, "the download", append(head, rest...), body)

		up := c.Begin(peers.EPSV, "STOR up")
		if _, err := up.Stream().Write(body[:4<<20]); err != nil {
			t.Fatal(err)
		}
		c.Send("STAT")
		if _, err := up.Stream().Write(body[4<<20:]); err != nil {
			t.Fatal(err)
		}
		up.Finish()
		confirmed()
		sameBytes(t, "the upload", tg.onDisk(t, "up"), body)
		again(t, tg, c)
	})
}

// TestRestart_in_TLS: REST before RETR and STOR, and APPE.
func TestRestart_in_TLS(t *testing.T) {
	everySecure(t, func(t *testing.T, tg target, version peers.Versions) {
		body := noise(400_000)
		tg.put(t, "f", body)
		tg.put(t, "half", body[:150_000])
		c := tg.enter(t, explicit, clientConfig(t, version))
		c.Must(350, "REST 123456")
		sameBytes(t, "RETR", c.Fetch(peers.PASV, "RETR f"), body[123_456:])
		c.Must(350, "REST 150000")
		c.Store(peers.PORT, body[150_000:], "STOR half")
		sameBytes(t, "STOR", tg.onDisk(t, "half"), body)
		c.Store(peers.EPRT, body[:1000], "APPE half")
		sameBytes(t, "APPE", tg.onDisk(t, "half"), append(append([]byte(nil), body...), body[:1000]...))
		c.Store(peers.EPSV, nil, "STOR empty")
		sameBytes(t, "an empty file", tg.onDisk(t, "empty"), nil)
		sameBytes(t, "an empty file back", c.Fetch(peers.EPSV, "RETR empty"), nil)
	})
}

// TestClients_in_TLS has real clients move more than one buffer full, resume and mirror.
func TestClients_in_TLS(t *testing.T) {
	everySecure(t, func(t *testing.T, tg target, version peers.Versions) {
		body := noise(3 << 20)
		open := peers.TrustLFTP(certificates(t).CA) + "set ssl:priority NORMAL:-VERS-ALL:+VERS-" + strings.Replace(string(version), "TLSv", "TLS", 1) +
			fmt.Sprintf("\nopen -u %s,%s ftp://%s\n", tg.server.User, tg.server.Password, tg.addr)
		t.Run("lftp", func(t *testing.T) {
			up, back := local(t, "up file", body), filepath.Join(t.TempDir(), "back")
			peers.LFTP(t, fmt.Sprintf("%sput %q -o %q\npget -n 4 %q -o %q\nls\n", open, up, "lftp file", "lftp file", back)).OK()
			sameBytes(t, "on disk", tg.onDisk(t, "lftp file"), body)
			sameBytes(t, "back", read(t, back), body)
		})
		if version == peers.TLS12 {
			return // over that curl has nothing to resume, see secureCell.lenient
		}
		t.Run("curl", func(t *testing.T) {
			c := secureCell{front: explicit, prot: "P", version: version, mode: peers.EPSV}
			args := curlArguments(t, tg, c)
			peers.Curl(t, append(args, "-T", local(t, "big", body), tg.bare("big"))...).OK()
			sameBytes(t, "on disk", tg.onDisk(t, "big"), body)
			part := local(t, "part", body[:1<<20])
			peers.Curl(t, append(args, "-C", "-", "-o", part, tg.bare("big"))...).OK()
			sameBytes(t, "resumed", read(t, part), body)
		})
	})
}

const ftplibTLSScript = `
import ftplib, io, ssl, sys
port, user, password, path, ca, low = sys.argv[1:]
body = open(path, 'rb').read()
context = ssl.create_default_context(cafile=ca)
version = {'TLSv1.2': ssl.TLSVersion.TLSv1_2, 'TLSv1.3': ssl.TLSVersion.TLSv1_3}[low]
context.minimum_version = context.maximum_version = version
with ftplib.FTP_TLS(context=context) as ftp:
    ftp.connect('127.0.0.1', int(port), timeout=20)
    ftp.auth()
    ftp.login(user, password)
    for protect in (ftp.prot_p, ftp.prot_c, ftp.prot_p):
        protect()
        for passive in (True, False):
            ftp.set_pasv(passive)
            ftp.storbinary('STOR py', io.BytesIO(body))
            got = io.BytesIO()
            ftp.retrbinary('RETR py', got.write)
            assert got.getvalue() == body, (passive, len(got.getvalue()), len(body))
            lines = []
            ftp.retrlines('LIST', lines.append)
            assert any(line.endswith(' py') for line in lines), lines
    ftp.ccc()
    assert ftp.pwd() == '/', ftp.pwd()
    print('done')
    ftp.quit()
`

// TestFtplib_in_TLS: Python's ftplib ends the TLS of its data connections in the proper way, reading to
// the end. It never resumes a session on them, so it needs NoSessionReuseRequired; without, it is refused.
func TestFtplib_in_TLS(t *testing.T) {
	for _, kind := range peers.Kinds() {
		for _, version := range versions {
			t.Run(fmt.Sprintf("%s/%s", kind, version), func(t *testing.T) {
				t.Parallel()
				tg := lenientTarget(t, kind, explicit)
				tg.ftplib(t, version, local(t, "body", noise(2<<20)), true)
			})
		}
	}
	t.Run("is_refused_where_it_must_resume", func(t *testing.T) {
		tg := secureTarget(t, peers.ProFTPD, explicit, explicit, peers.TLS13)
		tg.ftplib(t, peers.TLS13, local(t, "body", noise(1000)), false)
	})
}

func (tg target) ftplib(t *testing.T, version peers.Versions, body string, ok bool) {
	t.Helper()
	port := tg.addr[strings.LastIndexByte(tg.addr, ':')+1:]
	r := peers.Python(t, ftplibTLSScript, port, tg.server.User, tg.server.Password, body, certificates(t).CA, string(version)).Wait()
	if got := r.Code == 0 && strings.HasSuffix(r.Stdout, "done\n"); got != ok {
		t.Fatalf("the script ended with %v", r)
	}
}
