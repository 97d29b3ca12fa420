package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/bench/peers"
)

func TestCurl(t *testing.T) {
	everyTarget(t, func(t *testing.T, tg target) {
		body := noise(3 << 20)
		t.Run("uploads_and_downloads_unchanged", func(t *testing.T) {
			peers.Curl(t, "-T", local(t, "big", body), tg.url("big")).OK()
			sameBytes(t, "on disk", tg.onDisk(t, "big"), body)
			back := filepath.Join(t.TempDir(), "back")
			peers.Curl(t, "-o", back, tg.url("big")).OK()
			sameBytes(t, "back", read(t, back), body)
		})
		t.Run("active_mode_works_too", func(t *testing.T) {
			tg.put(t, "active", body)
			back := filepath.Join(t.TempDir(), "back")
			peers.Curl(t, "--ftp-port", "127.0.0.1", "-o", back, tg.url("active")).OK()
			sameBytes(t, "back", read(t, back), body)
		})
		t.Run("resumes_a_download", func(t *testing.T) {
			tg.put(t, "resume", body)
			part := local(t, "part", body[:1<<20])
			peers.Curl(t, "-C", "-", "-o", part, tg.url("resume")).OK()
			sameBytes(t, "resumed", read(t, part), body)
		})
		t.Run("resumes_an_upload_with_APPE", func(t *testing.T) {
			tg.put(t, "half", body[:1<<20])
			peers.Curl(t, "-C", "-", "-T", local(t, "whole", body), tg.url("half")).OK()
			sameBytes(t, "on disk", tg.onDisk(t, "half"), body)
		})
		t.Run("makes_directories_on_the_way", func(t *testing.T) {
			peers.Curl(t, "--ftp-create-dirs", "-T", local(t, "leaf", body[:9]), tg.url("a/b/c/leaf")).OK()
			sameBytes(t, "on disk", tg.onDisk(t, "a/b/c/leaf"), body[:9])
		})
		t.Run("learns_of_a_wrong_password", func(t *testing.T) {
			r := peers.Curl(t, "--user", tg.server.User+":wrong", "ftp://"+tg.addr+"/").Wait()
			if r.Code != 67 { // CURLE_LOGIN_DENIED
				t.Fatalf("curl ended with %v", r)
			}
		})
	})
}

func TestLFTP(t *testing.T) {
	everyTarget(t, func(t *testing.T, tg target) {
		body := noise(2 << 20)
		open := fmt.Sprintf("open -u %s,%s ftp://%s\n", tg.server.User, tg.server.Password, tg.addr)
		t.Run("uploads_and_downloads_unchanged", func(t *testing.T) {
			up, back := local(t, "up file", body), filepath.Join(t.TempDir(), "back")
			peers.LFTP(t, fmt.Sprintf("%sput %q -o %q\nget %q -o %q\nls\n", open, up, "lftp file", "lftp file", back)).OK()
			sameBytes(t, "on disk", tg.onDisk(t, "lftp file"), body)
			sameBytes(t, "back", read(t, back), body)
		})
		t.Run("works_with_pipelined_commands", func(t *testing.T) {
			up := local(t, "up", body)
			out := peers.LFTP(t, open+fmt.Sprintf("set ftp:sync-mode no\nmkdir piped\ncd piped\nput %q -o x\nmv x y\nls\nrm y\ncd ..\nrmdir piped\n", up)).OK()
			if !strings.Contains(out, "y") {
				t.Fatalf("listed %q", out)
			}
		})
		t.Run("gets_a_file_in_segments_over_several_sessions", func(t *testing.T) {
			tg.put(t, "segments", body)
			back := filepath.Join(t.TempDir(), "back")
			peers.LFTP(t, fmt.Sprintf("%spget -n 4 segments -o %q\n", open, back)).OK()
			sameBytes(t, "back", read(t, back), body)
		})
	})
}

// TestMirror sends 200 small files through 8 sessions at once and gets them back.
func TestMirror(t *testing.T) {
	everyTarget(t, func(t *testing.T, tg target) {
		source, back := t.TempDir(), filepath.Join(t.TempDir(), "back")
		for i := range 200 {
			dir := filepath.Join(source, fmt.Sprintf("d%d", i%7))
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("file %d", i)), noise(i*37), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		open := fmt.Sprintf("open -u %s,%s ftp://%s\n", tg.server.User, tg.server.Password, tg.addr)
		peers.LFTP(t, fmt.Sprintf("%smirror -R --parallel=8 --no-perms %q up\n", open, source)).OK()
		sameTree(t, "on disk", tg.home("up"), source)
		peers.LFTP(t, fmt.Sprintf("%smirror --parallel=8 --no-perms up %q\n", open, back)).OK()
		sameTree(t, "back", back, source)
	})
}

const ftplibScript = `
import ftplib, hashlib, io, sys
host, port, user, password, path, kind = sys.argv[1:]
body = open(path, 'rb').read()
with ftplib.FTP() as ftp:
    ftp.connect(host, int(port), timeout=20)
    ftp.login(user, password)
    for passive in (True, False):
        ftp.set_pasv(passive)
        ftp.storbinary('STOR py', io.BytesIO(body))
        got = io.BytesIO()
        ftp.retrbinary('RETR py', got.write)
        assert got.getvalue() == body, (passive, len(got.getvalue()), len(body))
        assert ftp.size('py') == len(body)
        assert 'py' in ftp.nlst(), ftp.nlst()
        lines = []
        ftp.retrlines('LIST', lines.append)
        assert any(line.endswith(' py') for line in lines), lines
    got = io.BytesIO()
    ftp.retrbinary('RETR py', got.write, rest=1000)
    assert got.getvalue() == body[1000:]
    ftp.storlines('STOR text', io.BytesIO(b'one\r\ntwo\r\n'))
    ftp.rename('text', 'text2'); ftp.delete('text2')
    ftp.mkd('pydir'); ftp.cwd('pydir'); assert ftp.pwd() == '/pydir', ftp.pwd()
    ftp.cwd('..'); ftp.rmd('pydir')
    try:
        ftp.size('nothing'); assert False
    except ftplib.error_perm:
        pass
    # an abandoned download: ftplib closes the data connection early and reads the reply
    if kind != 'pureftpd':  # which answers 150 and nothing more
        ftp.voidcmd('TYPE I')
        conn = ftp.transfercmd('RETR py'); conn.recv(1024); conn.close()
        try:
            print('after a hang-up:', ftp.voidresp())
        except (ftplib.error_temp, ftplib.error_perm) as e:
            print('after a hang-up:', e)
    ftp.voidcmd('NOOP')
print('done')
`

func TestFtplib(t *testing.T) {
	everyTarget(t, func(t *testing.T, tg target) {
		host, port := "127.0.0.1", tg.addr[strings.LastIndexByte(tg.addr, ':')+1:]
		out := peers.Python(t, ftplibScript, host, port, tg.server.User, tg.server.Password, local(t, "body", noise(8<<20)), string(tg.server.Kind)).OK()
		if !strings.HasSuffix(out, "done\n") {
			t.Fatalf("the script said %q", out)
		}
	})
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// sameTree compares two directories, names and contents.
func sameTree(t testing.TB, what, got, want string) {
	t.Helper()
	a, b := tree(t, got), tree(t, want)
	if len(a) != len(b) {
		t.Errorf("%s: %d files, want %d", what, len(a), len(b))
	}
	for name, body := range b {
		if other, ok := a[name]; !ok {
			t.Errorf("%s: %s is missing", what, name)
		} else if !bytes.Equal(other, body) {
			t.Errorf("%s: %s has %d bytes that differ from the %d sent", what, name, len(other), len(body))
		}
	}
}

func tree(t testing.TB, root string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		files[name] = read(t, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
