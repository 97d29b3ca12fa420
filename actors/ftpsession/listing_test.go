package ftpsession

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"
	"github.com/sluice-gateway/sluice/protocols/listing"
)

// translated has a session translate lists by one policy, before a backend that
// behaves as on says.
func translated(t *testing.T, policy dialogue.ListPolicy, on map[string]func(*visit, string)) *rig {
	t.Helper()
	on["FEAT"] = func(v *visit, _ string) { v.say("211-Features:\r\n EPSV\r\n MLST type*;size*;\r\n211 End") }
	s := serve(t, on)
	r := newRig(t, picking(s.addr()))
	r.setup.Dialogue.Listings = dialogue.Listings{Policy: policy, Choice: listing.AllFacts, Facts: listing.FactType | listing.FactSize | listing.FactModify}
	r.start()
	r.hear("220 ")
	r.send("USER joe\r\nPASS x\r\n")
	r.hear("331 ")
	r.hear("230 ")
	return r
}

// lists answers with lines.
func lists(text string) func(*visit, string) {
	return func(v *visit, _ string) {
		v.transfer(func(conn net.Conn) error {
			_, err := io.WriteString(conn, text)
			return err
		})
	}
}

// fetched runs a command on a passive data connection and returns what came, and how
// the data connection ended.
func (r *rig) fetched(command string) (string, error) {
	r.t.Helper()
	r.send("EPSV\r\n")
	_, port, _ := strings.Cut(r.hear("229 "), "(|||")
	port, _, _ = strings.Cut(port, "|")
	conn, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		r.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	r.send(command + "\r\n")
	body, err := io.ReadAll(conn)
	return string(body), err
}

func TestMLSDFromList(t *testing.T) {
	yesterday := time.Now().UTC().Add(-24 * time.Hour)
	line := fmt.Sprintf("-rw-r--r--   1 joe staff 5 %s two words", yesterday.Format("Jan _2 15:04"))
	r := translated(t, dialogue.ListByLIST, map[string]func(*visit, string){
		"LIST": func(v *visit, arg string) {
			if arg != "-aln ./-x" {
				v.say("550 asked for %q", arg)
				return
			}
			lists("total 1\r\ndrwxr-xr-x 2 joe staff 5 Jan  1  2020 .\r\n"+line)(v, arg)
		},
	})
	got, err := r.fetched("MLSD -x")
	want := "modify=20200101000000;type=cdir; .\r\nmodify=" + yesterday.Format("200601021504") + "00;size=5;type=file; two words\r\n"
	if got != want || err != nil {
		t.Errorf("MLSD is %q, %v, want %q; log:\n%s", got, err, want, r.logs)
	}
	r.hear("150 ")
	r.hear("226 ")
	r.logs.await(t, `"family":"Unix","entries":2,"skipped":1,"too-long":0,"message":"listing translated"`)
}

// What the backend calls a list and nobody understands is worth a warning.
func TestListNobodyUnderstands(t *testing.T) {
	r := translated(t, dialogue.ListByLIST, map[string]func(*visit, string){"LIST": lists("foo\r\nbar\r\n")})
	if got, err := r.fetched("MLSD"); got != "" || err != nil {
		t.Errorf("MLSD is %q, %v", got, err)
	}
	r.hear("150 ")
	r.hear("226 ")
	r.logs.await(t, "nothing in the backend's listing was understood")
	if !strings.Contains(r.logs.String(), `"level":"warn"`) {
		t.Errorf("that is no warning:\n%s", r.logs)
	}
}

// A file is no directory, whatever the backend says: its list lacks what the one of the
// root had.
func TestListOfAFile(t *testing.T) {
	const file = "-rw-r--r-- 1 a b 5 Jan  1  2020 f\r\n"
	r := translated(t, dialogue.ListByLIST, map[string]func(*visit, string){"LIST": func(v *visit, arg string) {
		if arg == "-aln" {
			lists("drwxr-xr-x 2 a b 5 Jan  1  2020 .\r\n"+file)(v, arg)
			return
		}
		lists(file)(v, arg)
	}})
	for _, c := range []struct{ command, answer string }{{"MLSD", "226 "}, {"MLSD f", "550 "}, {"MLSD", "226 "}} {
		if _, err := r.fetched(c.command); err != nil {
			t.Error(err)
		}
		r.hear("150 ")
		r.hear(c.answer)
	}
}

// A list that breaks off stays broken, however much of it was translated, and leaves
// nothing behind for the next one.
func TestListThatBreaksOff(t *testing.T) {
	broken := true
	r := translated(t, dialogue.ListByLIST, map[string]func(*visit, string){
		"LIST": func(v *visit, arg string) {
			if !broken {
				lists("-rw-r--r-- 1 a b 5 Jan  1  2020 whole\r\n")(v, arg)
				return
			}
			broken = false
			conn, err := v.pasv.Accept()
			if err != nil {
				v.say("425 %v", err)
				return
			}
			v.say("150 here")
			_, _ = io.WriteString(conn, "-rw-r--r-- 1 a b 5 Jan  1  2020 one\r\n-rw-r--r-- 1 a b 5 Jan  1  2020 ha")
			conn.Close()
			v.say("451 the disk broke")
		},
	})
	if got, err := r.fetched("MLSD"); err == nil {
		t.Errorf("the data connection ended as after a whole list: %q", got)
	}
	r.hear("150 ")
	r.hear("451 ")
	if got, err := r.fetched("MLSD"); got != "modify=20200101000000;size=5;type=file; whole\r\n" || err != nil {
		t.Errorf("the next list is %q, %v", got, err)
	}
	r.hear("150 ")
	r.hear("226 ")
}

// What MLSD was refused for comes as the client asked for it, and untouched.
func TestListThatIsNoMLSDAfterAll(t *testing.T) {
	const own = "whatever it is\r\n\xff\xfeof this backend\n"
	r := translated(t, dialogue.ListByMLSD, map[string]func(*visit, string){
		"MLSD": func(v *visit, _ string) { v.say("502 not implemented") },
		"LIST": lists(own),
	})
	for range 2 {
		if got, err := r.fetched("LIST -la"); got != own || err != nil {
			t.Errorf("LIST is %q, %v", got, err)
		}
		r.hear("150 ")
		r.hear("226 ")
	}
}

// An interpreter that is told to leave a list alone does, in whatever pieces it comes.
func TestInterpreterAsIs(t *testing.T) {
	i := newInterpreter(dialogue.Shape{Translate: dialogue.ListFromMLSD, Listing: listing.Options{To: listing.LIST, From: listing.FamilyMLSD}})
	i.asIs = true
	in := strings.Repeat("type=file; x\r\nhalf a", 2000)
	var out []byte
	for part := range bytes.Lines([]byte(in)) {
		i.Feed(part)
		out = i.Append(out)
	}
	if out = i.End(out); string(out) != in {
		t.Errorf("%d bytes became %d", len(in), len(out))
	}
}
